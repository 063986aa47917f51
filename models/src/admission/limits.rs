//! How large a model may be and how closely it is looked at.

use serde::{Deserialize, Serialize};

/// Bounds that a validator sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Most bytes of all files of a model together.
    pub bytes: u64,
    /// Most files.
    pub files: usize,
    /// How many parameters are looked at for being finite.
    pub finite: FiniteCheck,
}

/// How many parameters are looked at for being finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FiniteCheck {
    /// Evenly spaced runs of every tensor.
    Sampled,
    /// All.
    Full,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 20 << 30, files: 400, finite: FiniteCheck::Sampled }
    }
}
