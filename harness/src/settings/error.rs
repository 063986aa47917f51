//! Errors of settings that cannot be used.

use std::path::PathBuf;

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The settings file is not there or not readable.
    #[error("cannot read the settings file {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        cause: std::io::Error,
    },
    /// A key is unknown or a value has the wrong type.
    #[error("{0}")]
    Invalid(String),
    /// A value is outside its range.
    #[error("setting `{key}` is {value}; it must be {expected}")]
    OutOfRange {
        /// The dotted key.
        key: &'static str,
        /// The value.
        value: String,
        /// The range.
        expected: &'static str,
    },
    /// A value of a duel or a heat is outside its range, or they do not fit together.
    #[error("section `{section}` of the settings: {error}")]
    Duel {
        /// The section.
        section: &'static str,
        /// The setting and its range.
        error: pareto::DuelError,
    },
    /// A `--set` flag is not `key=value`.
    #[error("`--set {0}` is not of the form key=value")]
    BadFlag(String),
}
