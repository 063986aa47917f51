//! JSON as servers write it: with halves of surrogate pairs, `NaN` and `Infinity`, a byte order mark and bytes that are not UTF-8.

use serde_json::Value;

/// Parses JSON. Half a character becomes a replacement character, a number that JSON has no form for becomes null.
///
/// # Errors
/// The place and kind of any other defect.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, String> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}');
    serde_json::from_str(text).or_else(|_| serde_json::from_str(&mended(text))).map_err(|error| error.to_string())
}

fn mended(text: &str) -> String {
    let mut mended = String::with_capacity(text.len());
    let mut rest = text;
    let mut is_string = false;
    while let Some(first) = rest.chars().next() {
        let taken = match (is_string, first) {
            (true, '\\') => escape(rest, &mut mended),
            (false, _) => match ["-Infinity", "Infinity", "NaN"].iter().find(|word| rest.starts_with(**word)) {
                Some(word) => {
                    mended.push_str("null");
                    word.len()
                }
                None => copied(rest, first, &mut mended),
            },
            (true, _) => copied(rest, first, &mut mended),
        };
        is_string ^= first == '"';
        rest = &rest[taken..];
    }
    mended
}

fn copied(rest: &str, first: char, to: &mut String) -> usize {
    to.push_str(&rest[..first.len_utf8()]);
    first.len_utf8()
}

/// Copies an escape, or replaces it if it is half a character; returns its length.
fn escape(rest: &str, to: &mut String) -> usize {
    let unit =
        |at: usize| rest.get(at..at + 6)?.strip_prefix("\\u").and_then(|digits| u16::from_str_radix(digits, 16).ok());
    let length = match (unit(0), unit(6)) {
        (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => 12,
        (Some(0xd800..0xe000), _) => {
            to.push('\u{fffd}');
            return 6;
        }
        (Some(_), _) => 6,
        // The escaped letter may be of several bytes in what is no JSON.
        (None, _) => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
    };
    to.push_str(&rest[..length]);
    length
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(text: &str, expected: Option<Value>) {
        assert_eq!(parse(text.as_bytes()).ok(), expected, "{text}");
    }

    #[test]
    fn what_python_and_cut_streams_write_is_read() {
        check(r#"{"a": NaN, "b": [-Infinity, Infinity, -1]}"#, Some(json!({"a": null, "b": [null, null, -1]})));
        check(r#"{"a": "NaN \" Infinity", "b": NaN}"#, Some(json!({"a": "NaN \" Infinity", "b": null})));
        check(r#"["\ud83d"]"#, Some(json!(["\u{fffd}"])));
        check(r#"["x\ude00y"]"#, Some(json!(["x\u{fffd}y"])));
        check(r#"["\ud83d\ud83d\ude00"]"#, Some(json!(["\u{fffd}\u{1f600}"])));
        check(r#"["\ud83d\u0041\n"]"#, Some(json!(["\u{fffd}A\n"])));
        check(r#"["\\ud83d", "\ud83d"]"#, Some(json!(["\\ud83d", "\u{fffd}"])));
        check("\u{feff}[1]", Some(json!([1])));
        check("[1", None);
        check("nan", None);
        check("", None);
        check(r#"["\u12"]"#, None);
        check(r#"["\"#, None);
        assert_eq!(parse(b"[\"a\xff\"]"), Ok(json!(["a\u{fffd}"])));
    }
}
