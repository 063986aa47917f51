//! Sampling and scoring of next tokens: pure functions of a row of logits.

mod rule;
mod task;

pub use rule::Sampling;
pub use task::TokenScore;
pub(crate) use task::{LogitsResult, LogitsTask};
