//! Validation of plain data that comes out of a guest as JSON text.

use serde_json::Value;

/// Largest nesting depth of plain data.
pub const DEEPEST: usize = 96;

/// Reason for which a text is not plain data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PlainError {
    /// Not JSON, or nested beyond what the reader accepts.
    #[error("not JSON: {0}")]
    Json(String),
    /// JSON that no guest writes.
    #[error("{0} is not a form of plain data")]
    Form(String),
}

/// Parses and validates plain data; the caller has bounded the length.
///
/// # Errors
/// If the text is not JSON or has a form that no guest writes.
pub(crate) fn read(bytes: &[u8]) -> Result<Value, PlainError> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| PlainError::Json(error.to_string()))?;
    check(&value)?;
    Ok(value)
}

fn check(value: &Value) -> Result<(), PlainError> {
    match value {
        Value::Array(items) => items.iter().try_for_each(check),
        Value::Object(map) => match map.iter().find(|(key, _)| key.starts_with('$')) {
            None => map.values().try_for_each(check),
            Some((tag, item)) if map.len() == 1 && is_form(tag, item) => match item {
                Value::Array(items) => items.iter().try_for_each(check),
                _ => Ok(()),
            },
            Some((tag, _)) => Err(PlainError::Form(format!("an object with {tag:?}"))),
        },
        _ => Ok(()),
    }
}

fn is_form(tag: &str, item: &Value) -> bool {
    match (tag, item) {
        ("$int", Value::String(text)) => {
            let digits = text.strip_prefix('-').unwrap_or(text).strip_prefix("0x");
            digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        }
        ("$float", Value::String(text)) => matches!(text.as_str(), "nan" | "inf" | "-inf"),
        ("$bytes", Value::String(text)) => text.len() % 2 == 0 && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
        ("$tuple" | "$set" | "$frozenset", Value::Array(_)) => true,
        ("$dict", Value::Array(pairs)) => pairs.iter().all(|pair| pair.as_array().is_some_and(|pair| pair.len() == 2)),
        ("$complex", Value::Array(parts)) => parts.len() == 2 && parts.iter().all(is_float),
        _ => false,
    }
}

fn is_float(value: &Value) -> bool {
    match value {
        Value::Number(_) => true,
        Value::Object(map) => map.len() == 1 && map.get("$float").is_some_and(|item| is_form("$float", item)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_text(text: &str, accepted: bool) {
        assert_eq!(read(text.as_bytes()).is_ok(), accepted, "{text}");
    }

    #[test]
    fn every_form_of_the_table_is_read() {
        for text in [
            "null",
            "[1,-2,18446744073709551615]",
            "1.0",
            r#"{"a":{"$tuple":[1,{"$set":[]}]}}"#,
            r#"{"$int":"-0xff"}"#,
            r#"{"$float":"nan"}"#,
            r#"{"$dict":[[1,2],["$a",3]]}"#,
            r#"{"$bytes":"00ff"}"#,
            r#"{"$complex":[1.0,{"$float":"inf"}]}"#,
        ] {
            check_text(text, true);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "{",
            "NaN",
            "\"\\ud800\"",
            r#"{"$int":"1"}"#,
            r#"{"$int":"0x"}"#,
            r#"{"$float":"1.0"}"#,
            r#"{"$tuple":1}"#,
            r#"{"$tuple":[],"x":1}"#,
            r#"{"$dict":[[1]]}"#,
            r#"{"$bytes":"0"}"#,
            r#"{"$eval":"1"}"#,
            r#"{"$complex":[1]}"#,
            "1 2",
        ] {
            check_text(text, false);
        }
        check_text(&"[".repeat(100_000), false);
    }

    #[test]
    fn whole_floats_stay_floats() {
        assert_eq!(read(b"[1.0,1]").unwrap().to_string(), "[1.0,1]");
    }
}
