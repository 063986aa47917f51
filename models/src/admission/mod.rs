//! What is checked before a stranger's files are used: limits, and the refusals that tell a miner what to change.

mod refusal;

pub use refusal::Refusal;
