//! Names and shapes of tensors in checkpoints, and the canonical tensors that they hold.

pub(crate) mod ggml;
pub(crate) mod pieces;
mod stored;

pub use stored::{expected_tensors, expected_tensors_in};
