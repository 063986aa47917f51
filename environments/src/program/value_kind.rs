//! Types of the values that programs read and transform.

use serde::{Deserialize, Serialize};

/// Type of a line of input or of a value between two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ValueKind {
    /// An integer.
    Number,
    /// A string without blanks.
    Text,
    /// A list of integers, separated by blanks.
    Numbers,
    /// A list of strings without blanks, separated by blanks.
    Words,
}

impl ValueKind {
    /// Variable names for a value of this kind. No step uses one of them for itself.
    pub(super) fn variable_names(self) -> &'static [&'static str] {
        match self {
            Self::Number => &["n", "x", "m", "num"],
            Self::Text => &["s", "t", "text", "word"],
            Self::Numbers => &["xs", "nums", "values", "data"],
            Self::Words => &["ws", "words", "names", "parts"],
        }
    }

    /// True for lists, which are printed with their items separated by blanks.
    pub(super) fn is_list(self) -> bool {
        matches!(self, Self::Numbers | Self::Words)
    }
}
