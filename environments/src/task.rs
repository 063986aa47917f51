//! One problem, and the canonical bytes that two validators compare.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Conversation, EnvironmentError, EnvironmentId, Seed};

/// A problem drawn from an environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// The number that the task is a function of.
    pub seed: Seed,
    /// What the model is told first.
    pub public: Conversation,
    /// What only the judge knows.
    pub private: Value,
}

impl Task {
    /// The task as canonical JSON: no spaces, members sorted by name, so that equal tasks are equal bytes.
    pub fn canonical(&self) -> String {
        let mut text = String::from("{\"private\":");
        write_canonical(&self.private, &mut text);
        text.push_str(",\"public\":");
        let public = serde_json::to_value(&self.public).expect("invariant: messages are plain data");
        write_canonical(&public, &mut text);
        text.push_str(&format!(",\"seed\":{}}}", self.seed.0));
        text
    }

    /// BLAKE3 of the canonical bytes, in hexadecimal.
    pub fn digest(&self) -> String {
        blake3::hash(self.canonical().as_bytes()).to_hex().to_string()
    }

    /// A task whose private part is one of an environment's own structs.
    pub(crate) fn sealed(seed: Seed, public: Conversation, private: &impl Serialize) -> Self {
        let private = serde_json::to_value(private).expect("invariant: private parts are plain data");
        Self { seed, public, private }
    }

    /// The private part as the struct that the environment sealed.
    pub(crate) fn unseal<T: DeserializeOwned>(&self, environment: &EnvironmentId) -> Result<T, EnvironmentError> {
        T::deserialize(&self.private).map_err(|error| EnvironmentError::Task {
            environment: environment.clone(),
            seed: self.seed.0,
            problem: error.to_string(),
        })
    }
}

/// A value as canonical JSON, whatever order its members were inserted in.
pub fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    text
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_canonical(item, text);
            }
            text.push(']');
        }
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            text.push('{');
            for (index, name) in names.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&Value::String(name.clone()).to_string());
                text.push(':');
                write_canonical(&members[name], text);
            }
            text.push('}');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn canonical_json_sorts_members_and_escapes_names() {
        let cases = [
            (json!({"b": 1, "a": {"d": [1, 2.5, null], "c": "\n"}}), r#"{"a":{"c":"\n","d":[1,2.5,null]},"b":1}"#),
            (json!({"\"": true}), r#"{"\"":true}"#),
            (json!([]), "[]"),
        ];
        for (value, expected) in cases {
            assert_eq!(canonical_json(&value), expected);
        }
    }

    #[test]
    fn a_task_survives_serialisation_and_keeps_its_digest() {
        let task = Task { seed: Seed(u64::MAX), public: Conversation::ask("é"), private: json!(null) };
        let copy: Task = serde_json::from_str(&task.canonical()).unwrap();
        assert_eq!(copy, task);
        assert_eq!(copy.digest(), task.digest());
    }
}
