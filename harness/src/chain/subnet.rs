//! The seam between this program and a subnet's chain: what is read at a pinned block, what is submitted, and what became
//! of it.

use serde::{Deserialize, Serialize};

use super::{WeightRow, WindowRoot};
use crate::registry::{BlockRef, DrandPulse, Hotkey, SubnetSnapshot, Uid};

/// A subnet on a chain. Every wait inside has a limit of time.
pub(crate) trait Subnet: Send + Sync {
    /// The latest finalized block.
    ///
    /// # Errors
    /// If no endpoint answers in time.
    fn finalized_head(&self) -> impl Future<Output = Result<BlockRef, SubnetError>> + Send;

    /// The finalized block of this number.
    ///
    /// # Errors
    /// If it is not finalized yet, or no endpoint has it or answers in time.
    fn block(&self, number: u64) -> impl Future<Output = Result<BlockRef, SubnetError>> + Send;

    /// Everything of the subnet at this block.
    ///
    /// # Errors
    /// If an endpoint does not answer in time, has forgotten the block, or answers what cannot be decoded.
    fn snapshot(&self, at: &BlockRef) -> impl Future<Output = Result<SubnetSnapshot, SubnetError>> + Send;

    /// The first drand pulse that the chain has stored whose round lies after this block's time; none if there is none yet.
    ///
    /// # Errors
    /// As [`Subnet::snapshot`].
    fn drand_after(&self, at: &BlockRef) -> impl Future<Output = Result<Option<DrandPulse>, SubnetError>> + Send;

    /// Submits a row and waits until its fate is known: one transaction at a time for a hotkey.
    ///
    /// # Errors
    /// If its fate is not known: read what the chain holds before submitting again.
    fn submit(&self, row: &WeightRow) -> impl Future<Output = Result<Submission, SubnetError>> + Send;

    /// The row that the chain holds now for a hotkey.
    ///
    /// # Errors
    /// As [`Subnet::snapshot`].
    fn applied(&self, hotkey: &Hotkey) -> impl Future<Output = Result<AppliedRow, SubnetError>> + Send;

    /// Publishes the root of a window as the hotkey's commitment, in place of the one before, and waits until its fate is known.
    ///
    /// # Errors
    /// As [`Subnet::submit`].
    fn publish(&self, root: &WindowRoot) -> impl Future<Output = Result<Submission, SubnetError>> + Send;

    /// The root that a hotkey has published last, and the block that holds it; none where its commitment is no root.
    ///
    /// # Errors
    /// As [`Subnet::snapshot`].
    fn published(&self, hotkey: &Hotkey)
    -> impl Future<Output = Result<Option<(WindowRoot, u64)>, SubnetError>> + Send;
}

/// Outcome of a submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Submission {
    /// Nothing was sent: the chain takes the next row from this block on.
    RateLimited {
        /// The block.
        until: u64,
    },
    /// No block will hold it: the pool refused or dropped it.
    Rejected {
        /// The reason, in the node's words and ours.
        reason: String,
    },
    /// A block holds it, and its call failed: nothing has changed on the chain.
    IncludedFailed {
        /// The block.
        block: BlockRef,
        /// The error that the runtime names.
        error: String,
    },
    /// A finalized block holds it, and its call succeeded.
    Finalized {
        /// The block.
        block: BlockRef,
        /// The reveal to come; none where the row was set in the open and holds at once.
        reveal: Option<RevealTarget>,
    },
}

/// The reveal of a row that was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevealTarget {
    /// Round of drand that opens the commit.
    pub round: u64,
    /// Block from which the chain is expected to have applied it.
    pub block: u64,
}

/// The row that a chain holds for a hotkey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppliedRow {
    /// Block at which it was read.
    pub block: u64,
    /// Block of the latest submission, which is a commit's where rows are committed; 0 if there was none.
    pub last_update: u64,
    /// Uids and weights.
    pub row: Vec<(Uid, u16)>,
}

/// A chain could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SubnetError {
    /// An endpoint did not answer in time.
    #[error("{endpoint} did not answer `{request}` within {seconds} s")]
    Timeout {
        /// Its address.
        endpoint: String,
        /// The request.
        request: &'static str,
        /// The limit.
        seconds: u64,
    },
    /// An endpoint cannot be reached, or the connection was lost.
    #[error("cannot reach {endpoint}: {cause}")]
    Connection {
        /// Its address.
        endpoint: String,
        /// The cause.
        cause: String,
    },
    /// An endpoint answered with an error, or with what cannot be decoded.
    #[error("{endpoint} answered `{request}` with: {cause}")]
    Answer {
        /// Its address.
        endpoint: String,
        /// The request.
        request: &'static str,
        /// The cause.
        cause: String,
    },
    /// The block is not finalized yet.
    #[error("block {number} is not finalized; the latest is {head}")]
    NotFinalized {
        /// Its number.
        number: u64,
        /// The latest finalized block.
        head: u64,
    },
    /// The subnet, mechanism or hotkey does not exist on this chain.
    #[error("{0}")]
    Absent(String),
    /// The runtime does not have what this program needs of it.
    #[error("runtime {spec_version} cannot be used: {problem}")]
    Runtime {
        /// Its version.
        spec_version: u32,
        /// The item that is missing or different.
        problem: String,
    },
    /// The key or the signing process cannot be used.
    #[error("cannot sign: {0}")]
    Signing(String),
}

impl SubnetError {
    /// True if another endpoint may do better: the fault is the connection's or the node's.
    pub(crate) fn may_help_elsewhere(&self) -> bool {
        matches!(self, Self::Timeout { .. } | Self::Connection { .. } | Self::Answer { .. })
    }
}
