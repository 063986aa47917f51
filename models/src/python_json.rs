//! JSON as Python writes and reads it: with a byte order mark, NaN and infinities.

use serde::de::DeserializeOwned;

/// UTF-8's byte order mark.
const MARK: &[u8] = b"\xef\xbb\xbf";
/// Numbers that Python's `json` writes and JSON does not have; the longest first where one ends with another.
const NUMBERS: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];

/// Reads JSON. A number that JSON does not have becomes a text of the same name, so that whoever needs a number there
/// refuses it and everybody else passes over it.
///
/// # Errors
/// If it is not JSON otherwise.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
    serde_json::from_slice(bytes).or_else(|error| match quoted(bytes) {
        Some(quoted) => serde_json::from_slice(&quoted),
        None => Err(error),
    })
}

/// The same with those numbers in quotes; `None` where there are none.
fn quoted(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(bytes.len() + 64);
    let (mut at, mut inside, mut found) = (0, false, false);
    while at < bytes.len() {
        if inside && bytes[at] == b'\\' {
            text.extend(bytes[at..].iter().take(2));
            at += 2;
            continue;
        }
        inside ^= bytes[at] == b'"';
        match NUMBERS.iter().find(|number| !inside && bytes[at..].starts_with(number)) {
            Some(number) => {
                text.extend([b"\"", *number, b"\""].concat());
                at += number.len();
                found = true;
            }
            None => {
                text.push(bytes[at]);
                at += 1;
            }
        }
    }
    found.then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<Value>) {
        assert_eq!(parse::<Value>(text.as_bytes()).ok(), expected, "{text}");
    }

    #[test]
    fn what_python_writes_is_read() {
        check("{\"a\": 1}", Some(json!({"a": 1})));
        check("\u{feff}[1]", Some(json!([1])));
        check("[NaN, Infinity,-Infinity]", Some(json!(["NaN", "Infinity", "-Infinity"])));
        check("{\"a\":Infinity,\"b\":\"Infinity \\\" NaN\"}", Some(json!({"a": "Infinity", "b": "Infinity \" NaN"})));
        check("\u{feff}{\"NaN\": NaN, \"x\\\\\": NaN}", Some(json!({"NaN": "NaN", "x\\": "NaN"})));
        check("NaN", Some(json!("NaN")));
    }

    #[test]
    fn what_is_no_json_stays_none() {
        for text in [
            "",
            "\u{feff}",
            "{",
            "[NaN",
            "NaNs",
            "[nan]",
            "[+Infinity]",
            "\"NaN",
            "\"\\",
            "\u{feff}\u{feff}1",
            "--Infinity",
        ] {
            check(text, None);
        }
    }
}
