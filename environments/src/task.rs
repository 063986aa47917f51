//! A problem, and its canonical bytes, which two validators compare.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Conversation, EnvironmentError, EnvironmentId, Seed};

/// A problem drawn from an environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Seed of which the task is a function.
    pub seed: Seed,
    /// First messages to the model.
    pub public: Conversation,
    /// Data for the verifier only.
    pub private: Value,
}

impl Task {
    /// Canonical JSON: no spaces, members sorted by name, so that equal tasks are equal bytes.
    pub fn canonical(&self) -> String {
        // `serde_json` may keep the order of insertion, depending on features of other crates; sorting here does not.
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

    /// Creates a task whose private part is an environment's own struct.
    pub(crate) fn sealed(seed: Seed, public: Conversation, private: &impl Serialize) -> Self {
        let private = serde_json::to_value(private).expect("invariant: private parts are plain data");
        Self { seed, public, private }
    }

    /// Reads the private part back as the struct that [`Task::sealed`] stored.
    ///
    /// # Errors
    /// If the private part has another shape.
    pub(crate) fn unseal<T: DeserializeOwned>(&self, environment: &EnvironmentId) -> Result<T, EnvironmentError> {
        T::deserialize(&self.private).map_err(|error| EnvironmentError::Task {
            environment: environment.clone(),
            seed: self.seed.0,
            problem: error.to_string(),
        })
    }
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
            let task = Task { seed: Seed(7), public: Conversation::default(), private: value };
            assert_eq!(task.canonical(), format!(r#"{{"private":{expected},"public":[],"seed":7}}"#));
        }
    }

    #[test]
    fn a_task_survives_serialisation_and_keeps_its_digest() {
        let task = Task { seed: Seed(u64::MAX), public: Conversation::ask("é"), private: json!(null) };
        let copy: Task = serde_json::from_str(&task.canonical()).unwrap();
        assert_eq!(copy, task);
        assert_eq!(copy.digest(), task.digest());
    }

    #[test]
    fn each_part_of_a_task_changes_its_digest() {
        let task = Task { seed: Seed(1), public: Conversation::ask("a"), private: json!({"x": 1, "y": [1, 2]}) };
        let same = Task { private: serde_json::from_str(r#"{"y": [1, 2], "x": 1}"#).unwrap(), ..task.clone() };
        assert_eq!(same.digest(), task.digest(), "the order of members does not count");
        let others = [
            Task { seed: Seed(2), ..task.clone() },
            Task { public: Conversation::ask("b"), ..task.clone() },
            Task { private: json!({"x": 1, "y": [2, 1]}), ..task.clone() },
            Task { private: json!({"x": 1.0, "y": [1, 2]}), ..task.clone() },
            Task { private: json!({"x": "1", "y": [1, 2]}), ..task.clone() },
        ];
        for other in others {
            assert_ne!(other.digest(), task.digest(), "{}", other.canonical());
        }
    }
}
