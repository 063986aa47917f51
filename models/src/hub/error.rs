//! Errors of fetching from a hub.

use std::{io, path::PathBuf, time::Duration};

use crate::{
    error::LoadError,
    model_ref::ModelRef,
    refusal::Refusal,
    retry::{Retryable, is_transient, wait_hint},
    snapshot::SnapshotError,
    untrusted::UntrustedText,
};

/// The error of a fetch that gave no files.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The model itself is at fault, so that retrying cannot help.
    #[error("the model is refused: {0}")]
    Refused(#[from] Refusal),
    /// The repository or commit does not exist, or is private.
    #[error(
        "{hub} has no {}: check the spelling and the commit; a private repository needs HF_TOKEN",
        UntrustedText::words(what)
    )]
    NotFound {
        /// The hub.
        hub: String,
        /// Model or file.
        what: String,
    },
    /// The repository exists and access to it is denied.
    #[error(
        "{hub} does not hand out {} (status {status}): set HF_TOKEN to a token of an account that has accepted the repository's terms",
        UntrustedText::words(what)
    )]
    Denied {
        /// The hub.
        hub: String,
        /// Model or file.
        what: String,
        /// 401 or 403.
        status: u16,
    },
    /// The hub answered with another commit than was requested.
    #[error("{hub} answers commit {} for {model}", UntrustedText::name(found))]
    OtherCommit {
        /// The hub.
        hub: String,
        /// The requested model.
        model: ModelRef,
        /// The commit in the answer.
        found: String,
    },
    /// The hub limits the rate of requests.
    #[error(
        "the hub limits requests while fetching {}{}: wait, or set HF_TOKEN",
        UntrustedText::words(what), wait_hint(*retry_after)
    )]
    RateLimited {
        /// Model or file.
        what: String,
        /// The wait that it asked for.
        retry_after: Option<Duration>,
    },
    /// An unexpected status.
    #[error("the hub answered status {status} for {}", UntrustedText::words(what))]
    Status {
        /// Model or file.
        what: String,
        /// The status.
        status: u16,
    },
    /// The connection failed or broke off.
    #[error("the connection failed while fetching {}: {}", UntrustedText::words(what), UntrustedText::sentence(reason))]
    Connection {
        /// Model or file.
        what: String,
        /// The innermost cause.
        reason: String,
    },
    /// The download stalled: too few bytes arrived within the stall timeout.
    #[error("{} arrives too slowly: {bytes} bytes in {} s", UntrustedText::words(what), period.as_secs_f32())]
    TooSlow {
        /// The file.
        what: String,
        /// Bytes that arrived.
        bytes: u64,
        /// The stall timeout.
        period: Duration,
    },
    /// Too many redirects.
    #[error("the hub redirects {} again and again: {}", UntrustedText::words(what), UntrustedText::sentence(reason))]
    Redirects {
        /// Model or file.
        what: String,
        /// The innermost cause.
        reason: String,
    },
    /// A response that is malformed.
    #[error(
        "the hub's answer for {} cannot be understood: {}",
        UntrustedText::words(what),
        UntrustedText::sentence(reason)
    )]
    Answer {
        /// Model or file.
        what: String,
        /// The defect.
        reason: String,
    },
    /// More bytes arrived than the commit lists.
    #[error("{} has more than the {expected} bytes that the commit names", UntrustedText::name(file))]
    Grew {
        /// The file.
        file: String,
        /// Its size in the commit.
        expected: u64,
    },
    /// The complete download does not have the hash that the commit lists.
    #[error(
        "{} does not have the hash {} that the commit names but {}",
        UntrustedText::name(file),
        UntrustedText::name(expected),
        UntrustedText::name(found)
    )]
    Hash {
        /// The file.
        file: String,
        /// The hash in the commit.
        expected: String,
        /// The hash of the download.
        found: String,
    },
    /// A file could not be written or read back on this machine.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The hub's client cannot be set up.
    #[error("the hub {endpoint} cannot be used: {}", UntrustedText::sentence(reason))]
    Setup {
        /// Its address.
        endpoint: String,
        /// The reason.
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
    /// True if the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Connection { .. } | Self::TooSlow { .. } | Self::Hash { .. } => true,
            Self::Status { status, .. } => is_transient(*status),
            _ => false,
        }
    }
}

impl Retryable for HubError {
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
