//! Checks beside the duels, which spend nothing of alpha: who is left out as a copy, and who is warned of.

pub mod copy;
pub(crate) mod overfit;
mod parts;

use serde::{Deserialize, Serialize};

/// Why an entry is left out, with the measurement that says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The entry that is left out.
    pub entry: usize,
    /// What was found.
    pub kind: FindingKind,
    /// The earlier entry that it repeats.
    pub of: Option<usize>,
    /// What was measured; smaller is more alike, 0 is equal.
    pub measure: f64,
    /// The largest measure that counts as a finding.
    pub threshold: f64,
    /// What the measure is a share of.
    pub yardstick: Yardstick,
}

/// What a distance between two models is taken relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Yardstick {
    /// The models themselves.
    Whole,
    /// What the less changed of the two added to the public base.
    Tuning,
    /// The number of the original's matrices.
    Parts,
}

/// What a screen can find, the most certain first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Byte for byte the same tensor files.
    SameFiles,
    /// The same tensors under other names, in other files or in another order.
    SameTensors,
    /// Tensors so close that the difference is noise, a cast or a light touch.
    NearTensors,
    /// The same tensors with rows permuted or rescaled.
    Twin,
    /// In another layout, most of the same matrices.
    Parts,
}
