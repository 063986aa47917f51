//! Findings of the screens: kinds, measures and yardsticks.

use serde::{Deserialize, Serialize};

/// A reason to leave an entry out, with the measurement behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The entry that is left out.
    pub entry: usize,
    /// Kind of finding.
    pub kind: FindingKind,
    /// The earlier entry that it repeats.
    pub of: Option<usize>,
    /// Measured distance; smaller is more alike, 0 is equal.
    pub measure: f64,
    /// The largest measure that counts as a finding.
    pub threshold: f64,
    /// Yardstick that the measure is a share of.
    pub yardstick: Yardstick,
}

/// Yardstick of a distance between two models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Yardstick {
    /// The models themselves.
    Whole,
    /// The task vector of the less changed of the two: the difference from the public base.
    Tuning,
    /// The change of the outputs from those of the public base, or the outputs themselves where no base is given.
    Outputs,
}

/// Kinds of finding, the most certain first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Byte for byte the same tensor files.
    SameFiles,
    /// The same tensors under other names, in other files or in another order.
    SameTensors,
    /// Bit for bit the same outputs, whatever the tensors.
    SameOutputs,
    /// Nearly the same tensors: what differs is nothing, or noise, as of a cast, a quantization or a disguise.
    NearTensors,
    /// A mixture of the base, or of another earlier model, with it: nothing is added but noise.
    Mixture,
    /// Nearly the same outputs from tensors that were rewritten: permuted, rescaled, rotated, split, padded.
    Twin,
}
