//! Filters and functions of Jinja that the library does not bring, paid for by the length of what they look at.

use minijinja::{
    Environment, Error, ErrorKind, State, Value,
    value::{Kwargs, Rest, from_args},
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
    environment.add_filter("forceescape", minijinja::filters::escape);
    environment.add_function("cycler", |items: Rest<Value>| match items.is_empty() {
        true => Err(invalid("cycler: at least one item has to be provided")),
        false => minijinja_contrib::globals::cycler(items.to_vec()),
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
