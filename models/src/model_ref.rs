//! Model references: a repository pinned to one commit.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::snapshot::is_plain_name;

/// A repository and a full commit hash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelRef {
    owner: String,
    name: String,
    commit: String,
}

/// The error of a text that is not a model reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelRefError {
    /// There is no `@`.
    #[error(
        "{text:?} names no commit: write owner/name@ and the 40 digits of a commit hash, so that everybody runs the same files"
    )]
    NoCommit {
        /// The text.
        text: String,
    },
    /// The part after the `@` is not a full commit hash, so it could point to other files later.
    #[error(
        "{commit:?} in {text:?} is not a full commit hash: a branch or a tag may change, so write all 40 digits (the hub shows them in the repository's history)"
    )]
    NotACommit {
        /// The text.
        text: String,
        /// The part after the `@`.
        commit: String,
    },
    /// The part before the `@` is not `owner/name`.
    #[error(
        "{text:?} does not begin with owner/name: use letters, digits, dots, dashes and underscores on both sides of one slash"
    )]
    NotARepository {
        /// The text.
        text: String,
    },
}

impl ModelRef {
    /// The account that owns the repository.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The repository's name within the account.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The commit: 40 lower-case hexadecimal digits.
    pub fn commit(&self) -> &str {
        &self.commit
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}@{}", self.owner, self.name, self.commit)
    }
}

impl FromStr for ModelRef {
    type Err = ModelRefError;

    fn from_str(text: &str) -> Result<Self, ModelRefError> {
        let shown = || text.chars().take(200).collect::<String>();
        let (repository, commit) = text.split_once('@').ok_or_else(|| ModelRefError::NoCommit { text: shown() })?;
        let (owner, name) = repository
            .split_once('/')
            .filter(|(owner, name)| is_plain_name(owner) && is_plain_name(name) && text.len() <= 200)
            .ok_or_else(|| ModelRefError::NotARepository { text: shown() })?;
        if commit.len() != 40 || !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let commit = commit.chars().take(100).collect();
            return Err(ModelRefError::NotACommit { text: shown(), commit });
        }
        Ok(Self { owner: owner.to_owned(), name: name.to_owned(), commit: commit.to_ascii_lowercase() })
    }
}

impl TryFrom<String> for ModelRef {
    type Error = ModelRefError;

    fn try_from(text: String) -> Result<Self, ModelRefError> {
        text.parse()
    }
}

impl From<ModelRef> for String {
    fn from(reference: ModelRef) -> Self {
        reference.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        match (text.parse::<ModelRef>(), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found.to_string(), expected),
            (Err(found), Err(part)) => assert!(found.to_string().contains(part), "{found}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn only_a_full_commit_pins_a_model() {
        let full = format!("owner/some-model_1.5@{COMMIT}");
        check(&full, Ok(&full));
        check(&format!("o/n@{}", COMMIT.to_uppercase()), Ok(&format!("o/n@{COMMIT}")));
        check("owner/name", Err("names no commit"));
        check("owner/name@main", Err("a branch or a tag may change"));
        check(&format!("owner/name@{}", &COMMIT[..39]), Err("not a full commit hash"));
        check(&format!("owner/name@{COMMIT}0"), Err("not a full commit hash"));
        check(&format!("name@{COMMIT}"), Err("owner/name"));
        check(&format!("a/b/c@{COMMIT}"), Err("owner/name"));
        check(&format!("../b@{COMMIT}"), Err("owner/name"));
        check(&format!("a/..@{COMMIT}"), Err("owner/name"));
    }

    #[test]
    fn texts_that_are_no_reference_are_shown_shortened() {
        check("", Err("names no commit"));
        check("@", Err("owner/name"));
        check(&format!("o/n@@{COMMIT}"), Err("not a full commit hash"));
        check(&format!("o/n@{COMMIT}@{COMMIT}"), Err("not a full commit hash"));
        check(&format!("o/n@{}é", &COMMIT[..38]), Err("not a full commit hash"));
        check(&format!("/n@{COMMIT}"), Err("owner/name"));
        check(&format!("o/@{COMMIT}"), Err("owner/name"));
        check(&format!("o\\n@{COMMIT}"), Err("owner/name"));
        check(&format!("o n/m@{COMMIT}"), Err("owner/name"));
        check(&format!(".o/n@{COMMIT}"), Err("owner/name"));
        let long = format!("{}/n@{COMMIT}", "x".repeat(100_000));
        let said = long.parse::<ModelRef>().unwrap_err().to_string();
        assert!(said.len() < 400, "{} bytes", said.len());
    }

    #[test]
    fn references_are_stored_as_their_text() {
        let reference: ModelRef = format!("owner/name@{COMMIT}").parse().unwrap();
        assert_eq!((reference.owner(), reference.name(), reference.commit()), ("owner", "name", COMMIT));
        let json = serde_json::to_string(&reference).unwrap();
        assert_eq!(json, format!("\"owner/name@{COMMIT}\""));
        assert_eq!(serde_json::from_str::<ModelRef>(&json).unwrap(), reference);
        let error = serde_json::from_str::<ModelRef>("\"owner/name@main\"").unwrap_err().to_string();
        assert!(error.contains("a branch or a tag may change"), "{error}");
    }
}
