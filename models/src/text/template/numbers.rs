//! Floating-point numbers as Python writes them: with an exponent below 1e-4 and from 1e16 on.

use minijinja::{
    Error, Output, State, Value,
    value::{Tuple, ValueKind},
};

/// Deepest nesting of lists that is looked at for numbers.
const DEEPEST: usize = 32;
/// Values looked at for one unit of fuel.
const LOOKS: usize = 16;

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

/// The float of a value, if Python would write it with an exponent.
fn with_exponent(value: &Value) -> Option<f64> {
    if value.kind() != ValueKind::Number || value.is_integer() {
        return None;
    }
    let number = f64::try_from(value.clone()).ok()?;
    (number != 0.0 && !(1e-4..1e16).contains(&number.abs())).then_some(number)
}

/// True if a value, or something in it, is such a float; counts the values that were looked at.
fn has_exponent(value: &Value, levels: usize, looks: &mut usize) -> bool {
    *looks += 1;
    if levels == 0 {
        return false;
    }
    let mut part = |part: &Value| has_exponent(part, levels - 1, looks);
    match value.kind() {
        ValueKind::Number => with_exponent(value).is_some(),
        ValueKind::Seq => value.try_iter().is_ok_and(|mut items| items.any(|item| part(&item))),
        ValueKind::Map => value
            .try_iter()
            .is_ok_and(|mut keys| keys.any(|key| part(&key) || value.get_item(&key).is_ok_and(|item| part(&item)))),
        _ => false,
    }
}

/// Python's text of a value inside of a container.
fn write_inner(out: &mut String, value: &Value, levels: usize) {
    if levels == 0 || !has_exponent(value, levels, &mut 0) {
        // Alone in a list, a text is in quotes.
        let listed = Value::from(vec![value.clone()]).to_string();
        out.push_str(&listed[1..listed.len() - 1]);
        return;
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
    let mut looks = 0;
    let found = has_exponent(value, DEEPEST, &mut looks);
    state.consume_fuel((looks / LOOKS) as u64)?;
    Ok(found.then(|| text(value)))
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
        for value in [Value::from(1.5), Value::from(1_u64 << 60), Value::from("1e22"), Value::from(vec![0.5, 0.0])] {
            assert!(!has_exponent(&value, DEEPEST, &mut 0), "{value}");
        }
        let mixed = Value::from(vec![Value::from("it's"), Value::from(1e22), Value::from(1)]);
        assert_eq!(text(&mixed), "[\"it's\", 1e+22, 1]");
        assert_eq!(text(&Value::from(Tuple::from([Value::from(1e-5)]))), "(1e-05,)");
    }
}
