//! Filters and functions of Jinja that the library does not bring or has otherwise, paid for by the length of what they look at.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use minijinja::{
    Environment, Error, ErrorKind, State, Value,
    value::{Kwargs, Object, ObjectRepr, Rest, ValueKind, from_args},
};

/// Bytes looked at for one unit of fuel.
const BYTES: usize = 64;
/// Longest line that a text is centered in.
const WIDEST: i64 = 1_000;

/// Adds them to an environment.
pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_filter("wordcount", word_count);
    environment.add_filter("truncate", truncate);
    environment.add_filter("center", center);
    environment.add_filter("striptags", strip_tags);
    environment.add_filter("filesizeformat", minijinja_contrib::filters::filesizeformat);
    for name in ["e", "escape", "forceescape"] {
        environment.add_filter(name, escape);
    }
    environment.add_filter("int", int);
    environment.add_filter("float", float);
    // Jinja's gives attributes and no items, which the values here have none of but methods.
    environment.remove_filter("attr");
    environment.add_function("dict", dict);
    environment.add_function("cycler", |items: Rest<Value>| match items.is_empty() {
        true => Err(invalid("cycler: at least one item has to be provided")),
        false => Ok(Value::from_object(Cycler { items: items.to_vec(), at: AtomicUsize::new(0) })),
    });
    environment.add_function("joiner", |separator: Option<Value>| {
        minijinja_contrib::globals::joiner(Some(separator.unwrap_or_else(|| Value::from(", "))))
    });
}

fn invalid(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}

/// The text of a value, as Jinja makes one of whatever it is given.
fn text_of(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    state.consume_fuel((text.len() / BYTES) as u64)?;
    Ok(text)
}

/// Gives its items one after the other, over and over.
#[derive(Debug)]
struct Cycler {
    items: Vec<Value>,
    at: AtomicUsize,
}

impl Object for Cycler {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (key.as_str() == Some("current")).then(|| self.items[self.at.load(Ordering::Relaxed)].clone())
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        arguments: &[Value],
    ) -> Result<Value, Error> {
        let () = from_args(arguments)?;
        let at = self.at.load(Ordering::Relaxed);
        match method {
            "next" => {
                self.at.store((at + 1) % self.items.len(), Ordering::Relaxed);
                Ok(self.items[at].clone())
            }
            "reset" => {
                self.at.store(0, Ordering::Relaxed);
                Ok(Value::from(()))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// A mapping of another one, or of pairs, and of what is given by name.
fn dict(of: Option<&Value>, named: Kwargs) -> Result<Value, Error> {
    let mut pairs = Vec::new();
    match of {
        Some(map) if map.kind() == ValueKind::Map => {
            for key in map.try_iter()? {
                let value = map.get_item(&key)?;
                pairs.push((key, value));
            }
        }
        Some(list) => {
            for pair in list.try_iter()? {
                let pair: Vec<Value> = pair.try_iter()?.take(3).collect();
                let [key, value] =
                    <[Value; 2]>::try_from(pair).map_err(|_| invalid("dict: an item that is no pair"))?;
                pairs.push((key, value));
            }
        }
        None => {}
    }
    for name in named.args() {
        pairs.push((Value::from(name), named.get(name)?));
    }
    Ok(Value::from_pairs(pairs))
}

/// A text with the escapes of HTML as Python's library writes them.
fn escape(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    let text = text_of(state, value)?;
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    state.consume_fuel((escaped.len() / BYTES) as u64)?;
    Ok(escaped)
}

/// A text's digits without the blanks around them and single underscores between them.
fn digits(text: &str) -> Option<String> {
    let text = text.trim();
    let bad = text.starts_with('_') || text.ends_with('_') || text.contains("__");
    (!bad).then(|| text.replace('_', ""))
}

fn parsed_float(text: &str) -> Option<f64> {
    digits(text)?.parse().ok()
}

/// A whole number of a text in a base from 2 to 36, or of 0 for the one that its prefix names.
fn parsed_int(text: &str, base: u32) -> Option<i128> {
    let text = digits(text)?;
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text.strip_prefix('+').unwrap_or(&text)),
    };
    let prefix = text.get(..2).map(str::to_lowercase);
    let named = [("0b", 2), ("0o", 8), ("0x", 16)].into_iter().find(|(name, _)| prefix.as_deref() == Some(name));
    let (base, text) = match named {
        Some((_, named)) if base == 0 || base == named => (named, &text[2..]),
        _ if base == 0 => (10, text),
        _ => (base, text),
    };
    let is_number = text.chars().next().is_some_and(|first| first.is_digit(base));
    i128::from_str_radix(text, base).ok().filter(|_| is_number).map(|number| sign * number)
}

/// A whole number of a number or a text, or the default.
fn int(value: &Value, default: Option<Value>, base: Option<u32>) -> Result<Value, Error> {
    let base = base.unwrap_or(10);
    if base == 1 || base > 36 {
        return Err(invalid("int: a base other than 0 and 2 to 36"));
    }
    let default = default.filter(|default| !default.is_undefined()).unwrap_or_else(|| Value::from(0));
    let truncated = |number: f64| number.is_finite().then(|| Value::from(number.trunc() as i128));
    Ok(match (value.as_str(), value.kind()) {
        (Some(text), _) => match parsed_int(text, base) {
            Some(number) => Value::from(number),
            None => parsed_float(text).and_then(truncated).unwrap_or(default),
        },
        (None, ValueKind::Number) if value.is_integer() => value.clone(),
        (None, ValueKind::Number) => truncated(f64::try_from(value.clone())?).unwrap_or(default),
        (None, ValueKind::Bool) => Value::from(i64::from(value.is_true())),
        _ => default,
    })
}

/// A floating-point number of a number or a text, or the default.
fn float(value: &Value, default: Option<Value>) -> Result<Value, Error> {
    let default = default.filter(|default| !default.is_undefined()).unwrap_or_else(|| Value::from(0.0));
    Ok(match (value.as_str(), value.kind()) {
        (Some(text), _) => parsed_float(text).map_or(default, Value::from),
        (None, ValueKind::Number) => Value::from(f64::try_from(value.clone())?),
        (None, ValueKind::Bool) => Value::from(f64::from(u8::from(value.is_true()))),
        _ => default,
    })
}

/// Runs of letters, digits and underscores.
fn word_count(state: &State<'_, '_>, value: &Value) -> Result<usize, Error> {
    let text = text_of(state, value)?;
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    Ok(words.filter(|word| !word.is_empty()).count())
}

/// The beginning of a text up to a blank, with a sign that something was left out.
fn truncate(state: &State<'_, '_>, value: &Value, given: Rest<Value>, named: Kwargs) -> Result<String, Error> {
    type Given = (Option<i64>, Option<bool>, Option<String>, Option<i64>);
    let (length, kill, end, leeway): Given = from_args(&given)?;
    let length = length.or(named.get("length")?).unwrap_or(255);
    let kill = kill.or(named.get("killwords")?).unwrap_or(false);
    let end = end.or(named.get("end")?).unwrap_or_else(|| "...".to_owned());
    let leeway = leeway.or(named.get("leeway")?).unwrap_or(5);
    named.assert_all_used()?;
    let text = text_of(state, value)?;
    let (length, leeway) = (usize::try_from(length).unwrap_or(0), usize::try_from(leeway));
    let leeway = leeway.map_err(|_| invalid("truncate: a leeway below 0"))?;
    let Some(kept) = length.checked_sub(end.chars().count()) else {
        return Err(invalid("truncate: a length below that of the end"));
    };
    if text.chars().count() <= length.saturating_add(leeway) {
        return Ok(text);
    }
    let kept: String = text.chars().take(kept).collect();
    let kept = if kill { kept.as_str() } else { kept.rsplit_once(' ').map_or(kept.as_str(), |(kept, _)| kept) };
    Ok(format!("{kept}{end}"))
}

/// A text in the middle of a line.
fn center(state: &State<'_, '_>, value: &Value, width: Option<i64>) -> Result<Value, Error> {
    let width = width.unwrap_or(80);
    if width > WIDEST {
        return Err(invalid("center: a width of more than 1000"));
    }
    let text = Value::from(text_of(state, value)?);
    super::python_text::method(state, &text, "center", &[Value::from(width)])?.ok_or_else(|| invalid("center: no text"))
}

/// A text without tags and comments, its blanks folded.
fn strip_tags(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    Ok(minijinja_contrib::filters::striptags(text_of(state, value)?))
}
