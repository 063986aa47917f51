//! Attacks an environment's verifier before a miner does; no environment is admitted without passing.
//!
//! Reading order: `report` (items and their outcomes), `run` (the order of the attacks), then the attacks by what they
//! test: `generation`, `answers`, `floors`, `fixed_rules` (with `assignments`), `robustness`. `attack_replies` holds the replies that are played, `player`
//! plays them.

mod answers;
mod assignments;
mod attack_replies;
mod fixed_rules;
mod floors;
mod generation;
mod player;
mod report;
mod robustness;
mod run;
mod settings;

#[cfg(test)]
mod tests;

pub use report::{CheckFinding, CheckItem, CheckOutcome, CheckReport};
pub use run::check;
pub use settings::CheckSettings;
