//! Limits on a model's size, and the extent of the finite check.

use serde::{Deserialize, Serialize};

/// Bounds that a validator sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Most bytes of all files of a model together.
    pub bytes: u64,
    /// Most files.
    pub files: usize,
    /// Most bytes of keys and values that one token may leave behind in all layers, in single precision.
    ///
    /// Llama 70B leaves 640 KiB, Qwen3-235B 376 KiB and Qwen3-Next-80B 48 KiB; without grouped queries, Llama 2 13B
    /// leaves 1.6 MiB.
    pub bytes_per_token: u64,
    /// Most bytes of recurrent state that one text may have in all layers, in single precision; Qwen3-Next-80B has
    /// 77 MiB.
    pub bytes_per_state: u64,
    /// Most bytes of memory that a model takes while it is loaded and run, computed from its configuration: tensors as the
    /// arithmetic holds them, keys and values of one text of `sampling.context` tokens, activations, logits. Every machine
    /// of the subnet needs as much.
    pub memory: u64,
    /// Extent of the check for parameters that are not finite.
    pub finite: FiniteCheck,
}

/// Extent of the check for parameters that are not finite.
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
        Self {
            bytes: 20 << 30,
            files: 400,
            bytes_per_token: 2 << 20,
            bytes_per_state: 256 << 20,
            memory: 48 << 30,
            finite: FiniteCheck::Sampled,
        }
    }
}
