//! What can go wrong between a hub and this machine.

use std::{io, path::PathBuf, time::Duration};

use crate::{
    error::LoadError,
    model_ref::ModelRef,
    refusal::Refusal,
    retry::{Mendable, is_transient},
    snapshot::SnapshotError,
};

/// Why a model's files are not here.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// What the hub holds is at fault; trying again cannot help.
    #[error("the model is refused: {0}")]
    Refused(#[from] Refusal),
    /// The hub has no such repository or commit, or hides it.
    #[error("{hub} has no {what}: check the spelling and the commit; a private repository needs HF_TOKEN")]
    NotFound {
        /// The hub.
        hub: String,
        /// Model or file.
        what: String,
    },
    /// The hub has it and does not hand it out.
    #[error(
        "{hub} does not hand out {what} (status {status}): set HF_TOKEN to a token of an account that has accepted the repository's terms"
    )]
    Denied {
        /// The hub.
        hub: String,
        /// Model or file.
        what: String,
        /// 401 or 403.
        status: u16,
    },
    /// The hub answers another commit than the one asked for.
    #[error("{hub} answers commit {found} for {model}")]
    OtherCommit {
        /// The hub.
        hub: String,
        /// The model asked for.
        model: ModelRef,
        /// What it answered.
        found: String,
    },
    /// The hub was asked too often.
    #[error("the hub limits requests while fetching {what}{}: wait, or set HF_TOKEN", wait(*retry_after))]
    RateLimited {
        /// Model or file.
        what: String,
        /// How long it asked to wait.
        retry_after: Option<Duration>,
    },
    /// The hub has trouble of its own.
    #[error("the hub answered status {status} for {what}")]
    Status {
        /// Model or file.
        what: String,
        /// The status.
        status: u16,
    },
    /// The connection failed or broke off.
    #[error("the connection failed while fetching {what}: {reason}")]
    Connection {
        /// Model or file.
        what: String,
        /// What the network said.
        reason: String,
    },
    /// Nothing, or next to nothing, arrived for too long.
    #[error("{what} arrives too slowly: {bytes} bytes in {} s", period.as_secs_f32())]
    TooSlow {
        /// The file.
        what: String,
        /// What arrived.
        bytes: u64,
        /// Within this time.
        period: Duration,
    },
    /// The hub sends from one address to another without end.
    #[error("the hub redirects {what} again and again: {reason}")]
    Redirects {
        /// Model or file.
        what: String,
        /// What the network said.
        reason: String,
    },
    /// The answer is not what such an answer looks like.
    #[error("the hub's answer for {what} cannot be understood: {reason}")]
    Answer {
        /// Model or file.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// More bytes arrive than the commit says the file has.
    #[error("{file} has more than the {expected} bytes that the commit names")]
    Grew {
        /// The file.
        file: String,
        /// Its size in the commit.
        expected: u64,
    },
    /// All bytes arrived, and they are not those of the commit.
    #[error("{file} does not have the hash {expected} that the commit names but {found}")]
    Hash {
        /// The file.
        file: String,
        /// As the commit names it.
        expected: String,
        /// Of what arrived.
        found: String,
    },
    /// This machine could not write, or read what it wrote.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The hub's client cannot be set up.
    #[error("the hub {endpoint} cannot be used: {reason}")]
    Setup {
        /// Its address.
        endpoint: String,
        /// Why not.
        reason: String,
    },
    /// The files could not be read back.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

impl From<LoadError> for HubError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Refused(refusal) => Self::Refused(refusal),
            LoadError::Read { path, source } | LoadError::Write { path, source } => Self::Write { path, source },
            other => Self::Answer { what: "its configuration".to_owned(), reason: other.to_string() },
        }
    }
}

impl HubError {
    /// Whether the same request may well succeed a little later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Connection { .. } | Self::TooSlow { .. } | Self::Hash { .. } => true,
            Self::Status { status, .. } => is_transient(*status),
            _ => false,
        }
    }
}

impl Mendable for HubError {
    fn is_transient(&self) -> bool {
        Self::is_transient(self)
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

fn wait(retry_after: Option<Duration>) -> String {
    retry_after.map(|wait| format!(" (it asks to wait {} s)", wait.as_secs())).unwrap_or_default()
}
