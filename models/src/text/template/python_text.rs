//! Methods of Python's texts and lists that the library does not bring, paid for by the length of what they look at.

use std::collections::BTreeSet;

use minijinja::{
    Error, ErrorKind, State, Value,
    value::{Kwargs, Tuple, ValueKind, from_args},
};

use super::repr;

/// Bytes looked at or made for one unit of fuel.
const BYTES: usize = 64;
/// Largest width that a text is filled up to.
const WIDEST: usize = 1_000;

/// Fuel of looking at a text from its beginning to its end.
pub(super) fn price(text: &str) -> u64 {
    (text.len() / BYTES) as u64
}

/// Calls a method of a value; `None` for one that is not known here.
pub(super) fn method(
    state: &State<'_, '_>,
    value: &Value,
    name: &str,
    arguments: &[Value],
) -> Result<Option<Value>, Error> {
    if let Some(text) = value.as_str() {
        state.consume_fuel(price(text))?;
        return text_method(state, text, name, arguments);
    }
    match (value.kind(), name) {
        (ValueKind::Seq, "index") => {
            let (wanted,): (&Value,) = from_args(arguments)?;
            for (at, item) in value.try_iter()?.enumerate() {
                state.consume_fuel(1)?;
                if item == *wanted {
                    return Ok(Some(Value::from(at)));
                }
            }
            Err(invalid("index: the list does not have it"))
        }
        (ValueKind::Map | ValueKind::Seq, "copy") => {
            let () = from_args(arguments)?;
            Ok(Some(value.clone()))
        }
        _ => Ok(None),
    }
}

fn text_method(state: &State<'_, '_>, text: &str, name: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
    let one = || -> Result<&str, Error> {
        let (argument,): (&str,) = from_args(arguments)?;
        Ok(argument)
    };
    let none = || -> Result<(), Error> { from_args::<()>(arguments) };
    Ok(Some(match name {
        "removeprefix" => Value::from(text.strip_prefix(one()?).unwrap_or(text)),
        "removesuffix" => Value::from(text.strip_suffix(one()?).unwrap_or(text)),
        "partition" => parts(text.split_once(separator(one()?)?), one()?, [text, "", ""]),
        "rpartition" => parts(text.rsplit_once(separator(one()?)?), one()?, ["", "", text]),
        "split" | "rsplit" => split(state, text, name == "rsplit", arguments)?,
        "splitlines" => {
            let (keep,): (Option<bool>,) = from_args(arguments)?;
            lines(state, text, keep.unwrap_or(false))?
        }
        "strip" | "lstrip" | "rstrip" => {
            let (characters,): (Option<&str>,) = from_args(arguments)?;
            Value::from(stripped(state, text, name, characters)?)
        }
        "startswith" | "endswith" => {
            let (wanted, start, end): (&Value, Option<i64>, Option<i64>) = from_args(arguments)?;
            Value::from(has_end(text, name == "startswith", wanted, start, end)?)
        }
        "count" => {
            let (wanted, start, end): (&str, Option<i64>, Option<i64>) = from_args(arguments)?;
            let part = part(text, start, end).map(|(_, part)| part);
            Value::from(part.map_or(0, |part| match wanted {
                "" => part.chars().count() + 1,
                wanted => part.matches(wanted).count(),
            }))
        }
        "title" => {
            none()?;
            Value::from(title(text))
        }
        "isprintable" => {
            none()?;
            Value::from(text.chars().all(repr::is_printable))
        }
        "find" | "rfind" | "index" | "rindex" => {
            let (wanted, start, end): (&str, Option<i64>, Option<i64>) = from_args(arguments)?;
            match (position(text, wanted, start, end, name.starts_with('r')), name) {
                (Some(at), _) => Value::from(at),
                (None, "find" | "rfind") => Value::from(-1),
                (None, _) => return Err(invalid("index: the text does not have it")),
            }
        }
        "zfill" | "ljust" | "rjust" | "center" => filled(state, text, name, arguments)?,
        "expandtabs" => {
            let (width,): (Option<i64>,) = from_args(arguments)?;
            expanded(state, text, width.unwrap_or(8))?
        }
        "istitle" => {
            none()?;
            Value::from(is_title(text))
        }
        "isidentifier" => {
            none()?;
            let begins = |c: char| c.is_alphabetic() || c == '_';
            Value::from(text.starts_with(begins) && text.chars().all(|c| c.is_alphanumeric() || c == '_'))
        }
        "swapcase" => {
            none()?;
            let swap = |c: char| {
                if c.is_uppercase() { c.to_lowercase().collect() } else { c.to_uppercase().collect::<String>() }
            };
            Value::from(text.chars().map(swap).collect::<String>())
        }
        "casefold" => {
            none()?;
            Value::from(text.to_lowercase().replace('\u{df}', "ss"))
        }
        "isdecimal" | "isdigit" => {
            none()?;
            Value::from(
                !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || (!c.is_ascii() && c.is_numeric())),
            )
        }
        _ => return Ok(None),
    }))
}

/// A text with blanks up to the next column of tabs.
fn expanded(state: &State<'_, '_>, text: &str, width: i64) -> Result<Value, Error> {
    let width = usize::try_from(width).unwrap_or(0);
    if width > WIDEST {
        return Err(invalid(format!("expandtabs: a width of more than {WIDEST}")));
    }
    state.consume_fuel((text.matches('\t').count() * width / BYTES) as u64)?;
    let (mut made, mut column) = (String::with_capacity(text.len()), 0);
    for character in text.chars() {
        match character {
            '\t' => {
                let blanks = if width == 0 { 0 } else { width - column % width };
                made.extend(std::iter::repeat_n(' ', blanks));
                column += blanks;
            }
            other => {
                made.push(other);
                column = if matches!(other, '\n' | '\r') { 0 } else { column + 1 };
            }
        }
    }
    Ok(Value::from(made))
}

/// True if capitals begin words and stand nowhere else, and there are some.
fn is_title(text: &str) -> bool {
    let (mut any, mut inside) = (false, false);
    for character in text.chars() {
        if character.is_uppercase() == inside && (character.is_uppercase() || character.is_lowercase()) {
            return false;
        }
        inside = character.is_uppercase() || character.is_lowercase();
        any |= inside;
    }
    any
}

fn invalid(what: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}

fn separator(separator: &str) -> Result<&str, Error> {
    if separator.is_empty() { Err(invalid("an empty separator")) } else { Ok(separator) }
}

fn parts(found: Option<(&str, &str)>, separator: &str, whole: [&str; 3]) -> Value {
    let parts = found.map_or(whole, |(before, behind)| [before, separator, behind]);
    Value::from(Tuple::from(parts.map(Value::from)))
}

/// Blanks by the rules of Python, which counts four separators among them.
fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

/// A text without these characters at its ends, or without blanks.
pub(super) fn stripped<'a>(
    state: &State<'_, '_>,
    text: &'a str,
    name: &str,
    characters: Option<&str>,
) -> Result<&'a str, Error> {
    // As a set: to look for each character of one long text in another would take the product of their lengths.
    let set: Option<BTreeSet<char>> = characters.map(|characters| characters.chars().collect());
    state.consume_fuel(characters.map_or(0, price))?;
    let goes = |c: char| set.as_ref().map_or_else(|| is_space(c), |set| set.contains(&c));
    Ok(match name {
        "lstrip" => text.trim_start_matches(goes),
        "rstrip" => text.trim_end_matches(goes),
        _ => text.trim_matches(goes),
    })
}

/// Pieces between separators, or between blanks; at most `maxsplit` cuts, from the left or from the right.
fn split(state: &State<'_, '_>, text: &str, right: bool, arguments: &[Value]) -> Result<Value, Error> {
    let (by, most, named): (Option<Value>, Option<i64>, Kwargs) = from_args(arguments)?;
    let by = match by {
        Some(by) => Some(by),
        None => named.get("sep")?,
    };
    let most = match most {
        Some(most) => most,
        None => named.get::<Option<i64>>("maxsplit")?.unwrap_or(-1),
    };
    named.assert_all_used()?;
    let most = usize::try_from(most).unwrap_or(usize::MAX - 1);
    let by = by.filter(|by| !by.is_none());
    let pieces: Vec<Value> = match &by {
        Some(by) => {
            let by = separator(by.as_str().ok_or_else(|| invalid("split: the separator is no text"))?)?;
            state.consume_fuel((text.len() / by.len() / BYTES) as u64)?;
            if right {
                let mut pieces: Vec<_> = text.rsplitn(most + 1, by).map(Value::from).collect();
                pieces.reverse();
                pieces
            } else {
                text.splitn(most + 1, by).map(Value::from).collect()
            }
        }
        None => words(text, right, most).into_iter().map(Value::from).collect(),
    };
    state.consume_fuel(pieces.len() as u64)?;
    Ok(Value::from(pieces))
}

fn words(text: &str, right: bool, most: usize) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = if right { text.trim_end_matches(is_space) } else { text.trim_start_matches(is_space) };
    while !rest.is_empty() {
        let cut = if right { rest.rfind(is_space) } else { rest.find(is_space) };
        match cut.filter(|_| words.len() < most) {
            None => {
                words.push(rest);
                break;
            }
            Some(at) => {
                let behind = at + rest[at..].chars().next().map_or(1, char::len_utf8);
                let (word, others) =
                    if right { (&rest[behind..], &rest[..at]) } else { (&rest[..at], &rest[behind..]) };
                words.push(word);
                rest = if right { others.trim_end_matches(is_space) } else { others.trim_start_matches(is_space) };
            }
        }
    }
    if right {
        words.reverse();
    }
    words
}

/// Lines by all the ends of lines that Python knows.
fn lines(state: &State<'_, '_>, text: &str, keep: bool) -> Result<Value, Error> {
    let ends = ['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let at = rest.find(ends).unwrap_or(rest.len());
        let end = match &rest[at..] {
            end if end.starts_with("\r\n") => 2,
            end => end.chars().next().map_or(0, char::len_utf8),
        };
        lines.push(Value::from(&rest[..if keep { at + end } else { at }]));
        rest = &rest[at + end..];
    }
    state.consume_fuel(lines.len() as u64)?;
    Ok(Value::from(lines))
}

/// A text whose words begin with a capital; a word ends where a letter does not follow.
fn title(text: &str) -> String {
    let mut inside = false;
    let mut made = String::with_capacity(text.len());
    for character in text.chars() {
        match inside {
            true => made.extend(character.to_lowercase()),
            false => made.extend(character.to_uppercase()),
        }
        inside = character.is_uppercase() || character.is_lowercase();
    }
    made
}

/// True if a part of the text begins or ends with a text, or with one of a tuple's.
fn has_end(text: &str, is_start: bool, wanted: &Value, start: Option<i64>, end: Option<i64>) -> Result<bool, Error> {
    let Some((_, part)) = part(text, start, end) else { return Ok(false) };
    let fits = |wanted: &str| if is_start { part.starts_with(wanted) } else { part.ends_with(wanted) };
    if let Some(wanted) = wanted.as_str() {
        return Ok(fits(wanted));
    }
    let Some(tuple) = wanted.downcast_object_ref::<Tuple>() else {
        return Err(invalid("startswith and endswith: neither a text nor a tuple of texts"));
    };
    Ok(tuple.iter().any(|wanted| wanted.as_str().is_some_and(fits)))
}

/// Index of the first or last occurrence, in characters, within bounds that may count from the end.
fn position(text: &str, wanted: &str, start: Option<i64>, end: Option<i64>, last: bool) -> Option<usize> {
    let (start, part) = part(text, start, end)?;
    let found = if last { part.rfind(wanted) } else { part.find(wanted) }?;
    Some(start + part[..found].chars().count())
}

/// The part of a text within bounds in characters that may count from the end, and where it begins; `None` where they cross.
fn part(text: &str, start: Option<i64>, end: Option<i64>) -> Option<(usize, &str)> {
    let count = text.chars().count();
    let bound = |bound: i64| {
        let from_end = usize::try_from(bound.unsigned_abs()).unwrap_or(usize::MAX);
        if bound < 0 { count.saturating_sub(from_end) } else { from_end.min(count) }
    };
    let (start, end) = (start.map_or(0, bound), end.map_or(count, bound));
    if start > end {
        return None;
    }
    let byte = |at: usize| text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
    Some((start, &text[byte(start)..byte(end)]))
}

fn filled(state: &State<'_, '_>, text: &str, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    let (width, fill): (i64, Option<&str>) = from_args(arguments)?;
    let width = usize::try_from(width).unwrap_or(0);
    if width > WIDEST {
        return Err(invalid(format!("{name}: a width of more than {WIDEST}")));
    }
    let fill = match (name, fill) {
        ("zfill", _) => '0',
        (_, None) => ' ',
        (_, Some(fill)) => {
            let mut characters = fill.chars();
            characters
                .next()
                .filter(|_| characters.next().is_none())
                .ok_or_else(|| invalid("the filling is one character"))?
        }
    };
    let missing = width.saturating_sub(text.chars().count());
    state.consume_fuel((missing / BYTES) as u64)?;
    let some = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
    Ok(Value::from(match name {
        "ljust" => format!("{text}{}", some(missing)),
        "center" => {
            let left = missing / 2 + (missing & width & 1);
            format!("{}{text}{}", some(left), some(missing - left))
        }
        "zfill" if text.starts_with(['+', '-']) => format!("{}{}{}", &text[..1], some(missing), &text[1..]),
        _ => format!("{}{text}", some(missing)),
    }))
}
