//! Decisions over scores: screens, duels, mechanisms, weights and consensus, without I/O, clock or unseeded randomness.
//!
//! Everything here is a function of its arguments: the same scores give the same decision, to the bit, on every
//! machine. (Logarithms and exponentials come from the `libm` crate, because those of the platform differ between
//! platforms.) Environments and entries are indices; names belong to the caller.
#![forbid(unsafe_code)]

pub mod agreement;
mod binomial;
pub mod consensus;
pub mod duel;
pub mod eprocess;
mod estimate;
pub mod explain;
pub mod heat;
pub mod lab;
pub mod mechanisms;
pub mod plan;
pub mod reign;
pub mod scores;
pub mod screens;
pub mod tasks;
pub mod weights;

pub use duel::{
    Better, Decision, Duel, DuelError, DuelSettings, EnvironmentEvidence, GuardEvidence, Reason, SavedDuel, Verdict,
    duel,
};
pub use explain::{Names, count, explain, explain_heat};
pub use heat::{Heat, HeatDecision, HeatReason, HeatSettings};
pub use mechanisms::{Bout, Challenge, HeatEntry, Opening, Standing, Succession};
pub use reign::Reign;
pub use scores::{MissingChallenger, Pair, PairedScores};
pub use tasks::{TaskPlan, TaskUse};
