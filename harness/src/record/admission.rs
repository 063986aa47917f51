//! Admission of an entry: its outcome and the files it was decided on.

use serde::{Deserialize, Serialize};

/// Outcome of an entry's admission, with the files of its snapshot.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Admission {
    /// Admitted, refused, late or absent.
    pub outcome: AdmissionOutcome,
    /// The snapshot's files; empty where none was read.
    pub files: Vec<FileRecord>,
}

impl Admission {
    /// Digest of the snapshot: BLAKE3 in key derivation mode over its file list, which holds every file's digest. A server's
    /// model has no files and is known by its reference.
    pub(crate) fn snapshot(&self, model: &str) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("dethrone 2026-11 snapshot");
        match self.files.is_empty() {
            true => hasher.update(model.as_bytes()),
            false => hasher.update(serde_json::to_string(&self.files).expect("a file list is plain data").as_bytes()),
        };
        hasher.finalize().to_hex().to_string()
    }
}

/// One file of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileRecord {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256, as hexadecimal digits.
    pub sha256: String,
}

/// Admitted, refused, late, or absent for this window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AdmissionOutcome {
    /// The model may be run.
    Admitted,
    /// The model could not be fetched or checked in any attempt, for a reason that is not its files' own: it takes no part in
    /// this window.
    Absent(String),
    /// The model was admitted, and could not be run to the end in any attempt: what it had answered counts, and it answers
    /// no more in this window.
    Left(String),
    /// The model cannot be run; the sentence tells its miner what to change.
    Refused(String),
    /// Committed when the window's seed was already known: the entry takes part in the next window.
    Late,
    /// A former champion's model that is called upon only where the champion does not play; its files were not fetched.
    Reserve,
}

/// A stored word, or its combination with a reason, that this program never writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} {} is no outcome of an admission", if *.reasoned { "with a reason" } else { "without a reason" })]
pub(crate) struct UnknownOutcome {
    /// The word.
    pub word: String,
    /// A reason stood beside it.
    pub reasoned: bool,
}

impl AdmissionOutcome {
    /// The word that stands for it in the database and in the evidence.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Absent(_) => "absent",
            Self::Left(_) => "left",
            Self::Refused(_) => "refused",
            Self::Late => "late",
            Self::Reserve => "reserve",
        }
    }

    /// The sentence for the miner of a refused model, or the reason why a model is absent.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::Refused(reason) | Self::Absent(reason) | Self::Left(reason) => Some(reason),
            Self::Admitted | Self::Late | Self::Reserve => None,
        }
    }

    /// The outcome that was stored as this word and this reason.
    ///
    /// # Errors
    /// If the word is unknown, a refusal or an absence has no reason, or anything else has one.
    pub(crate) fn from_parts(word: &str, reason: Option<String>) -> Result<Self, UnknownOutcome> {
        match (word, reason) {
            ("admitted", None) => Ok(Self::Admitted),
            ("refused", Some(reason)) => Ok(Self::Refused(reason)),
            ("absent", Some(reason)) => Ok(Self::Absent(reason)),
            ("left", Some(reason)) => Ok(Self::Left(reason)),
            ("late", None) => Ok(Self::Late),
            ("reserve", None) => Ok(Self::Reserve),
            (_, reason) => Err(UnknownOutcome { word: word.to_owned(), reasoned: reason.is_some() }),
        }
    }
}

impl AdmissionOutcome {
    /// True if the model was admitted, whether or not it could be run to the end.
    pub(crate) fn is_admitted(&self) -> bool {
        matches!(self, Self::Admitted | Self::Left(_))
    }

    /// True if an entry with this outcome takes part in duels: admitted, and without a finding of a screen.
    pub(crate) fn plays(&self, has_finding: bool) -> bool {
        self.is_admitted() && !has_finding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, reason: Option<&str>, expected: Option<AdmissionOutcome>) {
        let found = AdmissionOutcome::from_parts(word, reason.map(str::to_owned));
        match (found, expected) {
            (Ok(found), Some(expected)) => {
                assert_eq!(found, expected);
                assert_eq!((found.word(), found.reason()), (word, reason));
            }
            (Err(error), None) => {
                assert!(error.to_string().contains(&format!("{word:?}")), "{error}");
                assert_eq!(error.reasoned, reason.is_some());
            }
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn a_snapshot_is_known_by_its_files_and_a_served_model_by_its_reference() {
        let file = |sha256: &str| FileRecord { name: "m.gguf".to_owned(), size: 1, sha256: sha256.to_owned() };
        let admission = |files| Admission { outcome: AdmissionOutcome::Admitted, files };
        let (one, two) = (admission(vec![file("aa")]), admission(vec![file("bb")]));
        assert_eq!(one.snapshot("o/m"), one.snapshot("o/n"));
        assert_ne!(one.snapshot("o/m"), two.snapshot("o/m"));
        assert_ne!(admission(Vec::new()).snapshot("o/m"), admission(Vec::new()).snapshot("o/n"));
    }

    #[test]
    fn outcomes_are_read_back_and_nothing_else_is_taken_for_one() {
        check("admitted", None, Some(AdmissionOutcome::Admitted));
        check("late", None, Some(AdmissionOutcome::Late));
        check("reserve", None, Some(AdmissionOutcome::Reserve));
        check("reserve", Some("for later"), None);
        check("refused", Some("too large"), Some(AdmissionOutcome::Refused("too large".to_owned())));
        check("refused", Some(""), Some(AdmissionOutcome::Refused(String::new())));
        check("refused", None, None);
        check("absent", Some("gone"), Some(AdmissionOutcome::Absent("gone".to_owned())));
        check("left", Some("killed"), Some(AdmissionOutcome::Left("killed".to_owned())));
        check("absent", None, None);
        check("left", None, None);
        check("admitted", Some("after all"), None);
        check("late", Some("by a block"), None);
        for word in ["", "Admitted", "admitted ", "waiting", "copy"] {
            check(word, None, None);
            check(word, Some("reason"), None);
        }
    }
}
