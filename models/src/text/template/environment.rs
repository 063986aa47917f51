//! Jinja environment of chat templates: functions, filters and methods, each paid for by what it makes.

use std::borrow::Cow;
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use minijinja::{
    Environment, Error, ErrorKind, State, Value,
    value::{Kwargs, Rest, ValueKind, ValueOrKwargs},
};

use super::{filters, format, json_style::JsonStyle, measure, python_text, repr, strftime::strftime};
use crate::untrusted::UntrustedText;

/// One instruction costs one, and so do 64 bytes that are built: at most 64 MiB in all.
const FUEL: u64 = 1_000_000;
/// Bytes of JSON for one unit of fuel: writing it takes longer than copying it.
const JSON_BYTES: usize = 4;
/// Longest rendered text in bytes.
pub(super) const LONGEST_TEXT: usize = 4 << 20;
/// Deepest nesting of calls and loops.
const RECURSION: usize = 100;
/// Longest indent and separator of JSON in bytes.
const WIDEST_INDENT: usize = 16;

/// Jinja environment as Hugging Face sets it up, without everything that reads from outside; what a template has consumed
/// of its fuel is in `fuel` once it has come to its end.
pub(super) fn environment(fuel: &Arc<AtomicU64>) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(RECURSION);
    environment.set_unknown_method_callback(method);
    environment.add_function("raise_exception", |reason: String| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, String::from(UntrustedText::words(&reason))))
    });
    environment.add_function("strftime_now", |format: &str| {
        strftime(format).map_err(|reason| Error::new(ErrorKind::InvalidOperation, reason))
    });
    environment.add_filter("tojson", to_json);
    filters::add(&mut environment);
    environment.set_formatter(repr::write);
    environment.add_filter("string", |state: &State<'_, '_>, value: &Value| match repr::python_text(state, value)? {
        Some(text) => Ok(Value::from(text)),
        None => minijinja::filters::string(state, value),
    });
    environment.add_function(measure::TEXT, |state: &State<'_, '_>, value: &Value| {
        Ok::<_, Error>(repr::python_text(state, value)?.map_or_else(|| value.clone(), Value::from))
    });
    // Python counts texts and mappings among sequences, and nothing among what can be iterated.
    environment.add_test("sequence", |value: &Value| {
        matches!(value.kind(), ValueKind::Seq | ValueKind::String | ValueKind::Map)
    });
    environment.add_test("iterable", |value: &Value| !value.is_none() && value.try_iter().is_ok());
    environment.add_test("callable", |value: &Value| value.kind() == ValueKind::Plain);
    // They write values with an indent for each level, which no measure bounds, and are for people who write templates.
    environment.remove_filter("pprint");
    // The library's builds its result before fuel is charged for it.
    environment.add_filter("format", |state: &State<'_, '_>, text: &str, values: Rest<ValueOrKwargs>| {
        format::percent_filter(state, text, &values.into_values(), LONGEST_TEXT)
    });
    environment.add_function(measure::PERCENT, |state: &State<'_, '_>, text: &str, right: &Value| {
        format::percent(state, text, right, LONGEST_TEXT)
    });
    environment.remove_global("debug");
    environment.add_filter("trim", |state: &State<'_, '_>, text: Cow<'_, str>, characters: Option<&str>| {
        python_text::stripped(state, &text, "strip", characters).map(str::to_owned)
    });
    let sizes = Arc::new(Mutex::new(measure::Sizes::default()));
    let same_sizes = Arc::clone(&sizes);
    environment.add_function(measure::LOOKED_AT, measure::text);
    let fuel = Arc::clone(fuel);
    environment.add_function(measure::SPENT, move |state: &State<'_, '_>| {
        fuel.store(state.fuel_levels().map_or(0, |(consumed, _)| consumed), Ordering::Relaxed);
        ""
    });
    environment
        .add_function(measure::MADE, move |state: &State<'_, '_>, value: &Value| locked(&sizes).made(state, value));
    environment.add_function(measure::WHOLE, move |state: &State<'_, '_>, value: &Value| {
        locked(&same_sizes).whole(state, value)
    });
    environment
}

/// The sizes; a panic while they were held has ended the text that they were for.
fn locked(sizes: &Mutex<measure::Sizes>) -> MutexGuard<'_, measure::Sizes> {
    sizes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The methods that Python's texts, lists and dictionaries have.
fn method(state: &mut State<'_, '_>, value: &Value, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    match (name, value.as_str(), arguments) {
        ("format", Some(text), _) => return format::braces(state, text, arguments, LONGEST_TEXT).map(Value::from),
        ("format_map", Some(text), [map]) => {
            return format::braces_of_map(state, text, map, LONGEST_TEXT).map(Value::from);
        }
        _ => {}
    }
    match python_text::method(state, value, name, arguments)? {
        Some(made) => Ok(made),
        None => minijinja_contrib::pycompat::unknown_method_callback(state, value, name, arguments),
    }
}

/// JSON as Python writes it, without the escapes that HTML would need.
fn to_json(state: &State<'_, '_>, value: &Value, arguments: Kwargs) -> Result<String, Error> {
    let invalid = |what: &'static str| Error::new(ErrorKind::InvalidOperation, what);
    let indent = match arguments.get::<Option<Value>>("indent")?.filter(|indent| !indent.is_none()) {
        None => None,
        Some(indent) => Some(match indent.as_str() {
            Some(text) => text.to_owned(),
            None => " ".repeat(usize::try_from(indent)?.min(WIDEST_INDENT + 1)),
        }),
    };
    if indent.as_ref().is_some_and(|indent| indent.len() > WIDEST_INDENT) {
        return Err(invalid("tojson: an indent of more than 16"));
    }
    let separators = match arguments.get::<Option<Value>>("separators")?.filter(|separators| !separators.is_none()) {
        None => None,
        Some(pair) => {
            let texts: Vec<Value> = pair.try_iter()?.take(3).collect();
            match texts.iter().map(Value::as_str).collect::<Option<Vec<_>>>().as_deref() {
                Some([item, key]) if item.len().max(key.len()) <= WIDEST_INDENT => {
                    Some(((*item).to_owned(), (*key).to_owned()))
                }
                _ => return Err(invalid("tojson: separators are two short texts")),
            }
        }
    };
    let flag = |name: &str| Ok::<_, Error>(arguments.get::<Option<Value>>(name)?.is_some_and(|value| value.is_true()));
    let style = JsonStyle { indent, separators, ascii: flag("ensure_ascii")?, sorted: flag("sort_keys")? };
    arguments.assert_all_used()?;
    let json =
        style.write(value, LONGEST_TEXT).map_err(|error| invalid("cannot be written as JSON").with_source(error))?;
    state.consume_fuel((json.len() / JSON_BYTES) as u64)?;
    Ok(json)
}
