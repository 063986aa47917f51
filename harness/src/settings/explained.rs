//! Every setting with its type, its default and its doc comment, as `docs/settings.md` has them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Generated from the doc comments by the tests of `reference`.
const EXPLAINED: &str = include_str!("explained.json");

/// A table of the settings file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ExplainedTable {
    /// The table's dotted key; empty for the settings outside of any table.
    pub key: String,
    /// The purpose of its settings.
    pub doc: String,
    /// Its settings, in the order of the file.
    pub settings: Vec<ExplainedSetting>,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ExplainedSetting {
    /// The dotted key.
    pub key: String,
    /// The type in words, such as `integer` or `path, optional`.
    pub kind: String,
    /// The default; null where there is none.
    pub default: Value,
    /// True if validators have to choose the same to come to the same result.
    pub decides: bool,
    /// The explanation.
    pub doc: String,
}

/// The tables of the settings file in their order.
pub(crate) fn explained() -> Vec<ExplainedTable> {
    serde_json::from_str(EXPLAINED).expect("the tests hold the generated file to this form")
}

/// JSON Schema (draft 2020-12) of the settings file, for editors that check TOML against one.
pub(crate) fn json_schema(tables: &[ExplainedTable]) -> Value {
    let mut root = object("Settings of dethrone");
    for table in tables {
        for setting in &table.settings {
            let names: Vec<&str> = setting.key.split('.').collect();
            let (last, path) = names.split_last().expect("a key has a name");
            let mut place = &mut root;
            for name in path {
                let properties = place["properties"].as_object_mut().expect("made below");
                place = properties.entry(*name).or_insert_with(|| object(""));
            }
            place["properties"][*last] = schema_of(setting);
        }
        if !table.key.is_empty() {
            let pointer = table.key.split('.').map(|name| format!("/properties/{name}")).collect::<String>();
            if let Some(found) = root.pointer_mut(&pointer) {
                found["description"] = json!(table.doc);
            }
        }
    }
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root
}

/// A value as TOML writes it on one line.
pub(crate) fn toml_of(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(toml_of).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| format!("{name} = {}", toml_of(value));
            format!("{{ {} }}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
        value => value.to_string(),
    }
}

fn object(description: &str) -> Value {
    let mut object = Map::new();
    if !description.is_empty() {
        object.insert("description".to_owned(), json!(description));
    }
    object.insert("type".to_owned(), json!("object"));
    object.insert("additionalProperties".to_owned(), json!(false));
    object.insert("properties".to_owned(), json!({}));
    Value::Object(object)
}

fn schema_of(setting: &ExplainedSetting) -> Value {
    let mut schema = json!({ "description": setting.doc });
    let kind = setting.kind.trim_end_matches(", optional");
    let named = match kind {
        "integer" => Some("integer"),
        "number" => Some("number"),
        "true or false" => Some("boolean"),
        "path" | "path or URL" | "text" | "model reference" => Some("string"),
        // A list of environments may be names alone; a choice has its words in the description.
        _ => None,
    };
    if let Some(named) = named {
        schema["type"] = json!(named);
    }
    if kind == "choice" {
        let words: Vec<&str> = setting
            .doc
            .match_indices("`\"")
            .filter_map(|(at, _)| setting.doc[at + 2..].split_once("\"`:"))
            .map(|(word, _)| word)
            .collect();
        schema["enum"] = json!(words);
    }
    if !setting.default.is_null() {
        schema["default"] = setting.default.clone();
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_explained_with_the_default_in_force() {
        let defaults = serde_json::to_value(crate::settings::Settings::default()).unwrap();
        let all: Vec<ExplainedSetting> = explained().into_iter().flat_map(|table| table.settings).collect();
        assert!(all.len() > 40, "{}", all.len());
        for setting in &all {
            let default = setting.key.split('.').fold(&defaults, |value, name| &value[name]);
            assert_eq!(&setting.default, default, "{}", setting.key);
            assert!(setting.doc.len() > 10, "{setting:?}");
        }
    }

    #[test]
    fn the_schema_has_every_key_where_the_file_has_it() {
        let tables = explained();
        let schema = json_schema(&tables);
        for setting in tables.iter().flat_map(|table| &table.settings) {
            let pointer = setting.key.split('.').map(|name| format!("/properties/{name}")).collect::<String>();
            let found = schema.pointer(&pointer).unwrap_or_else(|| panic!("{pointer}"));
            assert_eq!(found["description"], setting.doc.as_str());
        }
        assert_eq!(schema["properties"]["duel"]["properties"]["budget"]["type"], "integer");
        assert_eq!(schema["properties"]["hub"]["properties"]["kind"]["enum"], json!(["hugging_face", "folder"]));
        assert_eq!(schema["properties"]["hub"]["additionalProperties"], false);
    }
}
