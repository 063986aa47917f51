//! Values as Python writes them where the library writes them otherwise: floating-point numbers with an exponent (below 1e-4
//! and from 1e16 on), and characters in quoted texts that are not printable.

use std::fmt::Write as _;

use minijinja::{
    Error, Output, State, Value,
    value::{Tuple, ValueKind},
};

/// Deepest nesting of lists that is looked at for what is written otherwise.
const DEEPEST: usize = 32;
/// Values looked at for one unit of fuel.
const LOOKS: usize = 16;
/// Bytes of a text that count as one value looked at.
const BYTES: usize = 4;

/// Python's text of a floating-point number.
pub(super) fn python_float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    // The same digits as Python's, but for the way to write an exponent.
    let text = format!("{number:?}");
    match text.split_once('e') {
        None => text,
        Some((digits, exponent)) => {
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
            format!("{digits}e{sign}{exponent:0>2}")
        }
    }
}

/// True for a character that Python writes as it is; others are escaped within quotes.
pub(super) fn is_printable(character: char) -> bool {
    // The standard library escapes the same categories (C and Z but for the blank); behind a letter, marks are none of them.
    let mut letters = [0; 4];
    let behind = format!("a{}", character.encode_utf8(&mut letters));
    matches!(character, '\'' | '"' | '\\') || behind.escape_debug().eq(behind.chars())
}

/// The float of a value, if Python would write it with an exponent.
fn with_exponent(value: &Value) -> Option<f64> {
    if value.kind() != ValueKind::Number || value.is_integer() {
        return None;
    }
    let number = f64::try_from(value.clone()).ok()?;
    (number != 0.0 && !(1e-4..1e16).contains(&number.abs())).then_some(number)
}

/// True if a value, or something in it, is written otherwise by the library; counts the values that were looked at.
fn differs(value: &Value, levels: usize, looks: &mut usize) -> bool {
    *looks += 1;
    if levels == 0 {
        return false;
    }
    if let Some(text) = value.as_str() {
        *looks += text.len() / BYTES;
        return has_unprintable(text);
    }
    let mut part = |part: &Value| differs(part, levels - 1, looks);
    match value.kind() {
        ValueKind::Number => with_exponent(value).is_some(),
        ValueKind::Seq => value.try_iter().is_ok_and(|mut items| items.any(|item| part(&item))),
        ValueKind::Map => value
            .try_iter()
            .is_ok_and(|mut keys| keys.any(|key| part(&key) || value.get_item(&key).is_ok_and(|item| part(&item)))),
        _ => false,
    }
}

fn has_unprintable(text: &str) -> bool {
    !text.is_ascii() && text.chars().any(|character| !character.is_ascii() && !is_printable(character))
}

/// A text in the quotes that Python chooses.
fn quoted(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for character in text.chars() {
        let code = u32::from(character);
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            _ if character == quote => out.extend(['\\', quote]),
            _ if is_printable(character) => out.push(character),
            _ => escaped(out, code),
        }
    }
    out.push(quote);
}

/// The escape of a character.
fn escaped(out: &mut String, code: u32) {
    let written = match code {
        0..=0xff => write!(out, "\\x{code:02x}"),
        0x100..=0xffff => write!(out, "\\u{code:04x}"),
        _ => write!(out, "\\U{code:08x}"),
    };
    written.expect("a string takes everything");
}

/// Python's text of a value inside of a container.
fn write_inner(out: &mut String, value: &Value, levels: usize) {
    if levels == 0 || !differs(value, levels, &mut 0) {
        // Alone in a list, a text is in quotes.
        let listed = Value::from(vec![value.clone()]).to_string();
        out.push_str(&listed[1..listed.len() - 1]);
        return;
    }
    if let Some(text) = value.as_str() {
        return quoted(out, text);
    }
    if let Some(number) = with_exponent(value) {
        out.push_str(&python_float(number));
        return;
    }
    let tuple = value.downcast_object_ref::<Tuple>().is_some();
    let (open, close) = match (value.kind(), tuple) {
        (ValueKind::Map, _) => ('{', '}'),
        (_, true) => ('(', ')'),
        (_, false) => ('[', ']'),
    };
    out.push(open);
    let mut count = 0;
    for item in value.try_iter().into_iter().flatten() {
        if count > 0 {
            out.push_str(", ");
        }
        count += 1;
        write_inner(out, &item, levels - 1);
        if value.kind() == ValueKind::Map {
            out.push_str(": ");
            write_inner(out, &value.get_item(&item).unwrap_or_default(), levels - 1);
        }
    }
    if tuple && count == 1 {
        out.push(',');
    }
    out.push(close);
}

/// Python's text of a value where it differs from the library's; pays for looking at all of it.
pub(super) fn python_text(state: &State<'_, '_>, value: &Value) -> Result<Option<String>, Error> {
    if value.as_str().is_some() {
        return Ok(None);
    }
    let mut looks = 0;
    let found = differs(value, DEEPEST, &mut looks);
    state.consume_fuel((looks / LOOKS) as u64)?;
    Ok(found.then(|| text(value)))
}

/// Python's text of a number, a truth value or none.
pub(super) fn plain(value: &Value) -> String {
    with_exponent(value).map_or_else(|| value.to_string(), python_float)
}

/// Python's `repr` of a text or a number.
pub(super) fn repr(value: &Value) -> String {
    text(value)
}

/// Python's `ascii` of a text or a number.
pub(super) fn ascii(value: &Value) -> String {
    let mut out = String::new();
    for character in text(value).chars() {
        match character.is_ascii() {
            true => out.push(character),
            false => escaped(&mut out, character.into()),
        }
    }
    out
}

fn text(value: &Value) -> String {
    let mut text = String::new();
    write_inner(&mut text, value, DEEPEST);
    text
}

/// Writes a value that a template puts out.
pub(super) fn write(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match python_text(state, value)? {
        Some(text) => out.write_str(&text).map_err(Error::from),
        None => minijinja::escape_formatter(out, state, value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_have_exponents_where_they_have_them_in_python() {
        for (number, expected) in [
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (-2.5e-7, "-2.5e-07"),
            (5e-324, "5e-324"),
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(python_float(number), expected);
        }
    }

    #[test]
    fn containers_are_written_with_them() {
        for value in [
            Value::from(1.5),
            Value::from(1_u64 << 60),
            Value::from("1e22"),
            Value::from("it's \u{e9} a\u{301}"),
            Value::from(vec![0.5, 0.0]),
        ] {
            assert!(!differs(&value, DEEPEST, &mut 0), "{value}");
        }
        let mixed = Value::from(vec![Value::from("it's"), Value::from(1e22), Value::from(1)]);
        assert_eq!(text(&mixed), "[\"it's\", 1e+22, 1]");
        assert_eq!(text(&Value::from(Tuple::from([Value::from(1e-5)]))), "(1e-05,)");
        let hidden = Value::from(vec!["\u{200b}'\n", "\u{a0}", "\u{e000}\u{e0001}", "\u{e9}", "\0"]);
        assert_eq!(text(&hidden), r#"["\u200b'\n", '\xa0', '\ue000\U000e0001', 'é', '\x00']"#);
        assert_eq!(ascii(&Value::from("\u{e9}\u{1f600}a")), r"'\xe9\U0001f600a'");
    }
}
