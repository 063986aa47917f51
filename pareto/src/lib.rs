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
pub mod lab;
pub mod mechanisms;
pub mod plan;
pub mod reign;
pub mod scores;
pub mod screens;
pub mod weights;

pub use duel::{Decision, Duel, DuelError, DuelMode, DuelSettings, EnvironmentEvidence, Reason, Verdict, duel};
pub use explain::{Names, count, explain};
pub use mechanisms::{Challenge, Succession};
pub use reign::Reign;
pub use scores::{MissingChallenger, Pair, PairedScores};
