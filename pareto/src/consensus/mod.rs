//! Yuma Consensus: one epoch of the chain over all validators' weights, and forecasts of the epochs to come.
//!
//! The arithmetic is the chain's own, bit for bit: fixed point with 32 fractional bits, saturating, truncating.

mod epoch;
mod fixed;
mod outlook;

pub use epoch::{Epoch, EpochError, EpochResult, SparseRow, run_epoch};
pub use outlook::{Outlook, OutlookEpoch, outlook};
