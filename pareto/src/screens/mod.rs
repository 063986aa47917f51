//! Screens: checks before the duels that spend nothing of alpha. Copies are left out, overfitted models warned of.

mod finding;

pub mod copy;
mod explain;
mod list;
pub(crate) mod overfit;
mod parts;

pub use finding::{Finding, FindingKind, Yardstick};
pub use list::Screens;
