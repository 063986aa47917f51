//! What is checked before a stranger's files are used: limits, and the refusals that tell a miner what to change.

mod admitted;
mod files;
mod finite;
mod limits;
mod memory;

pub(crate) use admitted::check_configuration;
pub use admitted::{Admitted, admit};
pub(crate) use files::tensor_files;
pub use limits::{FiniteCheck, Limits};
