//! Identity of an environment: name, version, tier and source file.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Name, version and tier of an environment; part of every record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EnvironmentId {
    /// Name as used in settings, such as `sat`.
    pub name: String,
    /// Changes whenever a task's bytes or a verdict may change: the first number with the tasks, the others with verdicts alone.
    pub version: String,
    /// Difficulty, 0 the easiest.
    pub tier: u8,
    /// BLAKE3 of the file that defines the environment, in hexadecimal; `None` for built-in ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

impl EnvironmentId {
    /// Identity of a built-in environment.
    pub fn built_in(name: &str, version: &str, tier: u8) -> Self {
        Self { name: name.to_owned(), version: version.to_owned(), tier, file: None }
    }

    /// Label of the environment's tasks, from which their seeds derive: with every change of the first number of the version, and
    /// with no other, the tasks are others.
    pub fn task_label(&self) -> String {
        let first = self.version.split('.').next().unwrap_or_default();
        format!("{}@{first}.0.0 tier {}", self.name, self.tier)
    }
}

impl fmt::Display for EnvironmentId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}@{} tier {}", self.name, self.version, self.tier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_stay_the_same_until_the_first_number_changes() {
        for (version, label) in
            [("1.0.0", "sat@1.0.0 tier 2"), ("1.3.2", "sat@1.0.0 tier 2"), ("2.0.1", "sat@2.0.0 tier 2")]
        {
            assert_eq!(EnvironmentId::built_in("sat", version, 2).task_label(), label);
        }
    }

    #[test]
    fn only_a_file_of_its_own_appears_in_the_record() {
        let built_in = EnvironmentId::built_in("sat", "1.0.0", 2);
        let from_file = EnvironmentId { file: Some("ab".to_owned()), ..built_in.clone() };
        let rows = [
            (&built_in, r#"{"name":"sat","version":"1.0.0","tier":2}"#),
            (&from_file, r#"{"name":"sat","version":"1.0.0","tier":2,"file":"ab"}"#),
        ];
        for (id, json) in rows {
            assert_eq!(serde_json::to_string(id).unwrap(), json);
            assert_eq!(serde_json::from_str::<EnvironmentId>(json).unwrap(), *id);
            assert_eq!(id.to_string(), "sat@1.0.0 tier 2");
        }
        assert_ne!(built_in, from_file, "the same name from a file is another environment");
    }
}
