//! Screens: checks before the duels that spend nothing of alpha. Copies are left out, overfitted models warned of.

mod finding;

pub mod copy;
mod explain;
pub(crate) mod overfit;
mod parts;

pub use explain::explain;
pub use finding::{Finding, FindingKind, Yardstick};
