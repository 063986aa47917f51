//! The chain: weights as it takes them, the way there, and the seam to a subnet.

mod file;
mod submission;
mod weights;

mod row;
mod subnet;

pub(crate) use file::WeightsFile;
pub(crate) use row::{RowRefusal, WeightRow, weight_row};
pub(crate) use submission::{Chain, ChainError};
pub(crate) use subnet::{AppliedRow, RevealTarget, Submission, Subnet, SubnetError};
pub(crate) use weights::Weights;
