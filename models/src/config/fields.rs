//! Typed access to the fields of an untrusted `config.json`.

use serde_json::Value;

use crate::refusal::Refusal;

/// No size in a configuration may exceed this; products of three then still fit 64 bits.
const LARGEST_SIZE: u64 = 1 << 20;

/// One JSON object of the configuration.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    object: &'a Value,
}

impl<'a> Fields<'a> {
    pub(super) fn new(object: &'a Value) -> Self {
        Self { object }
    }

    /// The raw value; an explicit null counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn child(&self, name: &str) -> Option<Fields<'a>> {
        self.get(name).filter(|value| value.is_object()).map(Fields::new)
    }

    /// A size in `1..=2^20`.
    pub(super) fn size(&self, name: &str) -> Result<usize, Refusal> {
        self.optional_size(name)?.ok_or_else(|| missing(name))
    }

    pub(super) fn optional_size(&self, name: &str) -> Result<Option<usize>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match value.as_u64() {
            Some(size @ 1..=LARGEST_SIZE) => Ok(Some(size as usize)),
            _ => Err(invalid(name, value, "a whole number from 1 to 1048576")),
        }
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match value.as_f64() {
            Some(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(invalid(name, value, "a finite number")),
        }
    }

    /// A number greater than zero, below 1e12.
    pub(super) fn positive(&self, name: &str) -> Result<Option<f64>, Refusal> {
        match self.number(name)? {
            Some(number) if number <= 0.0 || number > 1e12 => {
                Err(invalid(name, &self.object[name], "a number above 0 and at most 1e12"))
            }
            other => Ok(other),
        }
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, Refusal> {
        match self.get(name) {
            None => Ok(default),
            Some(value) => value.as_bool().ok_or_else(|| invalid(name, value, "true or false")),
        }
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => value.as_str().map(Some).ok_or_else(|| invalid(name, value, "a string")),
        }
    }

    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<&'a str>>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let texts = value.as_array().map(|items| items.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
        texts.flatten().map(Some).ok_or_else(|| invalid(name, value, "a list of strings"))
    }

    pub(super) fn sizes(&self, name: &str) -> Result<Vec<usize>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(Vec::new()) };
        let sizes = value.as_array().map(|items| {
            items
                .iter()
                .map(|item| item.as_u64().filter(|n| *n <= LARGEST_SIZE).map(|n| n as usize))
                .collect::<Option<Vec<_>>>()
        });
        sizes.flatten().ok_or_else(|| invalid(name, value, "a list of whole numbers"))
    }

    /// One token id, several or none.
    pub(super) fn tokens(&self, name: &str) -> Result<Vec<u32>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(Vec::new()) };
        let token = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
        let tokens = match value {
            Value::Array(items) => items.iter().map(token).collect::<Option<Vec<_>>>(),
            other => token(other).map(|id| vec![id]),
        };
        tokens.ok_or_else(|| invalid(name, value, "a token id or a list of token ids"))
    }
}

/// The refusal for a field that must be there.
pub(super) fn missing(field: &str) -> Refusal {
    Refusal::Setting {
        key: field.to_owned(),
        value: "missing".to_owned(),
        hint: "add the value that the base model's config.json has".to_owned(),
    }
}

/// The refusal for a field with a value outside its range; quotes at most the beginning of what was found.
pub(super) fn invalid(field: &str, found: &Value, expected: &str) -> Refusal {
    let mut value = found.to_string();
    if value.chars().count() > 60 {
        value = value.chars().take(60).chain("...".chars()).collect();
    }
    Refusal::Setting { key: field.to_owned(), value, hint: format!("it must be {expected}") }
}
