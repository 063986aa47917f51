//! JSON with the spaces that Python's `json.dumps` puts in, which templates were written against.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

/// Writes a value on one line, or with an indent if that is not zero.
pub(super) fn spaced(value: &impl Serialize, indent: usize) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    if indent == 0 {
        value.serialize(&mut Serializer::with_formatter(&mut bytes, Spaced))?;
    } else {
        let spaces = vec![b' '; indent];
        value.serialize(&mut Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(&spaces)))?;
    }
    Ok(String::from_utf8(bytes).expect("JSON is UTF-8"))
}

struct Spaced;

impl Spaced {
    fn separate<W: ?Sized + Write>(writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }
}

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        Self::separate(writer, first)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        Self::separate(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}
