//! JSON with the spaces that Python's `json.dumps` puts in, which templates were written against.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

/// Writes a value on one line, or with an indent if that is not zero; fails beyond `limit` bytes.
pub(super) fn spaced(value: &impl Serialize, indent: usize, limit: usize) -> serde_json::Result<String> {
    let mut bytes = Bounded { bytes: Vec::new(), limit };
    if indent == 0 {
        value.serialize(&mut Serializer::with_formatter(&mut bytes, Spaced))?;
    } else {
        let spaces = vec![b' '; indent];
        value.serialize(&mut Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(&spaces)))?;
    }
    Ok(String::from_utf8(bytes.bytes).expect("JSON is UTF-8"))
}

/// Takes bytes up to a limit.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.limit - self.bytes.len() {
            return Err(io::Error::other(format!("it has more than {} bytes", self.limit)));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_longer_than_the_limit_is_not_written() {
        assert_eq!(spaced(&[1, 2], 0, 6).unwrap(), "[1, 2]");
        assert!(spaced(&[1, 2], 0, 5).is_err());
        assert!(spaced(&[1, 2], 16, 30).is_err());
    }

    #[test]
    fn values_are_spaced_as_python_does() {
        for (value, line, lines) in [
            (json!(null), "null", "null"),
            (json!([]), "[]", "[]"),
            (json!({}), "{}", "{}"),
            (json!([1, "a", true]), "[1, \"a\", true]", "[\n 1,\n \"a\",\n true\n]"),
            (json!({"a": {"b": [1.5]}}), "{\"a\": {\"b\": [1.5]}}", "{\n \"a\": {\n  \"b\": [\n   1.5\n  ]\n }\n}"),
            (json!("<\u{e9}\n\">"), "\"<\u{e9}\\n\\\">\"", "\"<\u{e9}\\n\\\">\""),
        ] {
            assert_eq!(spaced(&value, 0, 1000).unwrap(), line);
            assert_eq!(spaced(&value, 1, 1000).unwrap(), lines);
            assert!(spaced(&value, 0, line.len() - 1).is_err());
        }
    }
}
