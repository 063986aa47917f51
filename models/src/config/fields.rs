//! Typed access to the fields of an untrusted `config.json`, and to what its class presumes of those that it leaves out.

use std::sync::LazyLock;

use serde_json::Value;

use crate::refusal::Refusal;

/// No size in a configuration may exceed this; products of three then still fit 64 bits.
const LARGEST_SIZE: u64 = 1 << 20;

/// Defaults of the configuration classes of transformers 5.24, by class and key; written by
/// `tests/reference/config_defaults.py`.
static CLASS_DEFAULTS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("class_defaults.json")).expect("the table is JSON"));

/// The defaults of one class.
pub(super) fn class_defaults(class: &str) -> &'static Value {
    &CLASS_DEFAULTS[class]
}

/// One JSON object of the configuration.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    object: &'a Value,
    defaults: Option<&'a Value>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(object: &'a Value) -> Self {
        Self { object, defaults: None }
    }

    /// The same with the values of keys that the object leaves out.
    pub(super) fn with_defaults(self, defaults: &'a Value) -> Self {
        Self { defaults: Some(defaults), ..self }
    }

    /// The raw value, or the default of a key that is left out; an explicit null is none at all.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        let value = self.object.get(name).or_else(|| self.defaults?.get(name));
        value.filter(|value| !value.is_null())
    }

    /// The raw value as written, without any default.
    pub(super) fn written(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// The keys as written.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'a str> {
        self.object.as_object().into_iter().flat_map(|object| object.keys().map(String::as_str))
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

    /// A count in `0..=2^20`.
    pub(super) fn count(&self, name: &str) -> Result<usize, Refusal> {
        let value = self.get(name).ok_or_else(|| missing(name))?;
        match value.as_u64() {
            Some(count @ 0..=LARGEST_SIZE) => Ok(count as usize),
            _ => Err(invalid(name, value, "a whole number from 0 to 1048576")),
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
                Err(invalid(name, &number.into(), "a number above 0 and at most 1e12"))
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

    /// One token id, several or none; null and a negative one stand for none.
    pub(super) fn tokens(&self, name: &str) -> Result<Vec<u32>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(Vec::new()) };
        let listed = match value {
            Value::Array(items) => items.as_slice(),
            other => std::slice::from_ref(other),
        };
        let meant = listed.iter().filter(|id| !id.is_null() && !id.as_i64().is_some_and(i64::is_negative));
        let token = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
        meant
            .map(token)
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| invalid(name, value, "a token id or a list of token ids"))
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
