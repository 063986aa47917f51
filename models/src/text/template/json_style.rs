//! JSON as Python's `json.dumps` writes it, which templates were written against.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{
    Value,
    ser::{CharEscape, Formatter, Serializer},
};

use super::repr::python_float;

/// Arguments of `json.dumps`.
#[derive(Clone, Debug, Default)]
pub(super) struct JsonStyle {
    /// Indent of a level; on one line without.
    pub(super) indent: Option<String>,
    /// Separators behind an item and behind a key, where they are not the usual ones.
    pub(super) separators: Option<(String, String)>,
    /// True if characters beyond ASCII are escaped.
    pub(super) ascii: bool,
    /// True if keys are sorted.
    pub(super) sorted: bool,
}

impl JsonStyle {
    /// Writes a value; fails beyond `limit` bytes.
    pub(super) fn write(&self, value: &impl Serialize, limit: usize) -> serde_json::Result<String> {
        if !self.sorted {
            return self.write_as_it_is(value, limit);
        }
        // Within the limit as it is, so it may be copied.
        let plain = Self { sorted: false, ..Self::default() }.write_as_it_is(value, limit)?;
        self.write_as_it_is(&sorted(serde_json::from_str(&plain)?), limit)
    }

    fn write_as_it_is(&self, value: &impl Serialize, limit: usize) -> serde_json::Result<String> {
        let mut bytes = Bounded { bytes: Vec::new(), limit };
        value.serialize(&mut Serializer::with_formatter(&mut bytes, Python { style: self, depth: 0, empty: false }))?;
        Ok(String::from_utf8(bytes.bytes).expect("JSON is UTF-8"))
    }
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Object(entries) => {
            let mut entries: Vec<(String, Value)> = entries.into_iter().collect();
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(entries.into_iter().map(|(key, value)| (key, sorted(value))).collect())
        }
        other => other,
    }
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

struct Python<'a> {
    style: &'a JsonStyle,
    depth: usize,
    /// True if the innermost container has no item yet.
    empty: bool,
}

impl Python<'_> {
    fn open<W: ?Sized + Write>(&mut self, writer: &mut W, sign: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.empty = true;
        writer.write_all(sign)
    }

    fn close<W: ?Sized + Write>(&mut self, writer: &mut W, sign: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if !self.empty {
            self.line(writer)?;
        }
        self.empty = false;
        writer.write_all(sign)
    }

    fn item<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.empty = false;
        if !first {
            let usual = if self.style.indent.is_some() { "," } else { ", " };
            writer.write_all(self.style.separators.as_ref().map_or(usual, |(item, _)| item).as_bytes())?;
        }
        self.line(writer)
    }

    fn line<W: ?Sized + Write>(&self, writer: &mut W) -> io::Result<()> {
        let Some(indent) = &self.style.indent else { return Ok(()) };
        writer.write_all(b"\n")?;
        (0..self.depth).try_for_each(|_| writer.write_all(indent.as_bytes()))
    }
}

impl Formatter for Python<'_> {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.item(writer, first)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.item(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(self.style.separators.as_ref().map_or(": ", |(_, key)| key).as_bytes())
    }

    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(python_float(value).as_bytes())
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if !self.style.ascii {
            return writer.write_all(fragment.as_bytes());
        }
        for character in fragment.chars() {
            if character.is_ascii() && character != '\u{7f}' {
                write!(writer, "{character}")?;
            } else {
                let mut halves = [0; 2];
                character.encode_utf16(&mut halves).iter().try_for_each(|half| write!(writer, "\\u{half:04x}"))?;
            }
        }
        Ok(())
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        let sign: &[u8] = match escape {
            CharEscape::Quote => b"\\\"",
            CharEscape::ReverseSolidus => b"\\\\",
            CharEscape::Solidus => b"/",
            CharEscape::Backspace => b"\\b",
            CharEscape::FormFeed => b"\\f",
            CharEscape::LineFeed => b"\\n",
            CharEscape::CarriageReturn => b"\\r",
            CharEscape::Tab => b"\\t",
            CharEscape::AsciiControl(code) => return write!(writer, "\\u{code:04x}"),
        };
        writer.write_all(sign)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn style(indent: Option<&str>) -> JsonStyle {
        JsonStyle { indent: indent.map(str::to_owned), ..JsonStyle::default() }
    }

    #[test]
    fn what_is_longer_than_the_limit_is_not_written() {
        assert_eq!(style(None).write(&[1, 2], 6).unwrap(), "[1, 2]");
        assert!(style(None).write(&[1, 2], 5).is_err());
        assert!(style(Some("                ")).write(&[1, 2], 30).is_err());
        assert!(JsonStyle { sorted: true, ..style(None) }.write(&[1, 2], 5).is_err());
    }

    #[test]
    fn values_are_spaced_as_python_does() {
        for (value, line, lines) in [
            (json!(null), "null", "null"),
            (json!([]), "[]", "[]"),
            (json!({}), "{}", "{}"),
            (json!([[], {}]), "[[], {}]", "[\n [],\n {}\n]"),
            (json!([1, "a", true]), "[1, \"a\", true]", "[\n 1,\n \"a\",\n true\n]"),
            (json!({"a": {"b": [1.5]}}), "{\"a\": {\"b\": [1.5]}}", "{\n \"a\": {\n  \"b\": [\n   1.5\n  ]\n }\n}"),
            (json!("<\u{e9}\n\">\u{1}/"), "\"<\u{e9}\\n\\\">\\u0001/\"", "\"<\u{e9}\\n\\\">\\u0001/\""),
            (
                json!([1e16, 1e-5, 0.1, 1e15, -2.5e-7]),
                "[1e+16, 1e-05, 0.1, 1000000000000000.0, -2.5e-07]",
                "[\n 1e+16,\n 1e-05,\n 0.1,\n 1000000000000000.0,\n -2.5e-07\n]",
            ),
        ] {
            assert_eq!(style(None).write(&value, 1000).unwrap(), line);
            assert_eq!(style(Some(" ")).write(&value, 1000).unwrap(), lines);
            assert!(style(None).write(&value, line.len() - 1).is_err());
        }
    }

    #[test]
    fn arguments_change_what_they_change_in_python() {
        let inner = minijinja::Value::from_pairs([("d", 1), ("c", 2)]);
        let list = minijinja::Value::from(vec![minijinja::Value::from("\u{e9}\u{1f600}\u{7f}"), 1.into()]);
        let value = minijinja::Value::from_pairs([("b", list), ("a", inner)]);
        let tight = JsonStyle { separators: Some((",".to_owned(), ":".to_owned())), ..style(None) };
        assert_eq!(tight.write(&value, 1000).unwrap(), "{\"b\":[\"\u{e9}\u{1f600}\u{7f}\",1],\"a\":{\"d\":1,\"c\":2}}");
        let sorted = JsonStyle { sorted: true, ..tight.clone() };
        assert_eq!(
            sorted.write(&value, 1000).unwrap(),
            "{\"a\":{\"c\":2,\"d\":1},\"b\":[\"\u{e9}\u{1f600}\u{7f}\",1]}"
        );
        let ascii = JsonStyle { ascii: true, ..style(None) };
        assert_eq!(ascii.write(&json!(["\u{e9}\u{1f600}"]), 1000).unwrap(), "[\"\\u00e9\\ud83d\\ude00\"]");
        let tabs = JsonStyle { separators: tight.separators, ..style(Some("\t")) };
        assert_eq!(tabs.write(&json!([1, {"a": 2}]), 1000).unwrap(), "[\n\t1,\n\t{\n\t\t\"a\":2\n\t}\n]");
    }
}
