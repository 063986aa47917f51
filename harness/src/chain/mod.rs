//! The chain: weights as it takes them, and the way there.

mod file;
mod submission;
mod weights;

pub(crate) use file::WeightsFile;
pub(crate) use submission::{Chain, ChainError};
pub(crate) use weights::Weights;
