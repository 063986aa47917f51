//! The chain: weights as it takes them, the way there, and the seam to a subnet.
//!
//! What knows of subtensor stands behind the feature `chain`: requests to nodes, a runtime's metadata, calls, signatures.

mod file;
mod submission;
mod weights;
mod window_root;

mod row;
mod subnet;

mod epochs;

#[cfg(feature = "chain")]
mod calls;
#[cfg(feature = "chain")]
mod commit_reveal;
#[cfg(feature = "chain")]
mod endpoint;
#[cfg(feature = "chain")]
mod reading;
#[cfg(feature = "chain")]
mod runtime;
#[cfg(feature = "chain")]
mod signer;
#[cfg(feature = "chain")]
mod subtensor;
#[cfg(feature = "chain")]
mod transaction;
#[cfg(feature = "chain")]
mod wallet;

pub(crate) use epochs::{first_round_after, round_time};
pub(crate) use file::WeightsFile;
pub(crate) use row::{RowState, WeightRow, row_state, weight_row};
pub(crate) use submission::{Chain, ChainError};
pub(crate) use subnet::{AppliedRow, RevealTarget, Submission, Subnet, SubnetError};
pub(crate) use weights::Weights;
pub(crate) use window_root::WindowRoot;

#[cfg(feature = "chain")]
pub(crate) use commit_reveal::{SCHEME, encrypt};
#[cfg(feature = "chain")]
pub(crate) use endpoint::Endpoint;
#[cfg(feature = "chain")]
pub(crate) use reading::snapshot;
#[cfg(feature = "chain")]
pub(crate) use signer::{Mortality, Order, Permits, Signer, SignerReply, SignerRequest, read_line, sign_permitted};
#[cfg(feature = "chain")]
pub(crate) use subtensor::Subtensor;
#[cfg(feature = "chain")]
pub(crate) use wallet::{WalletError, open_hotkey};
