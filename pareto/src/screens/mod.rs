//! Screens: checks before the duels that spend nothing of alpha. Copies are left out, overfitted models warned of.

mod finding;
mod print;

pub mod copy;
mod difference;
mod explain;
mod list;
mod outputs;
pub(crate) mod overfit;
mod relation;

pub use finding::{Finding, FindingKind, Yardstick};
pub use list::Screens;
pub use print::{EntryPrint, FEATURES, ModelPrint, OutputsPrint, SIDE, TensorPrint};
pub use relation::{Relation, RelationKind, Witnesses, relation};
