//! Admission: checks of a miner's files before they are used.

mod admitted;
mod files;
mod finite;
mod limits;
mod memory;
#[cfg(test)]
mod tests;

pub(crate) use admitted::check_configuration;
pub use admitted::{Admitted, admit, reopen};
pub(crate) use files::tensor_files;
pub use limits::{FiniteCheck, Limits};
