//! What can go wrong between a server and this machine.

use std::time::Duration;

use crate::retry::{Mendable, is_transient};

/// Why a server gave no reply; none of it is a verdict on a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the server {server} {kind}")]
pub struct RemoteError {
    /// The server.
    pub server: String,
    /// What happened.
    pub kind: RemoteErrorKind,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteErrorKind {
    /// Nothing can be asked of it as the settings are.
    #[error("cannot be asked: {reason}")]
    Setup {
        /// Why not.
        reason: String,
    },
    /// It does not know the key.
    #[error("refuses the key (status {status}): the setting `remote.key_variable` names the variable that holds it")]
    Denied {
        /// 401 or 403.
        status: u16,
    },
    /// It was asked too often.
    #[error("limits requests{}", wait(*retry_after))]
    RateLimited {
        /// How long it asked to wait.
        retry_after: Option<Duration>,
    },
    /// It has trouble of its own, or does not understand the request.
    #[error("answered status {status}: {said}")]
    Status {
        /// The status.
        status: u16,
        /// The beginning of what it said, without the key.
        said: String,
    },
    /// The connection failed or broke off.
    #[error("cannot be reached, or broke off: {reason}")]
    Connection {
        /// What the network said.
        reason: String,
    },
    /// The answer did not arrive in time.
    #[error("did not answer in {} s: the setting `remote.timeout_seconds` gives it longer", period.as_secs_f32())]
    TooSlow {
        /// The time it had.
        period: Duration,
    },
    /// The answer is not what such an answer looks like.
    #[error("gave an answer that cannot be understood: {reason}")]
    Answer {
        /// What is wrong with it.
        reason: String,
    },
    /// The answer holds the key.
    #[error("repeats the key that it was sent: the answer is not kept, and the key should be changed")]
    Leak,
}

impl Mendable for RemoteError {
    fn is_transient(&self) -> bool {
        match &self.kind {
            RemoteErrorKind::RateLimited { .. }
            | RemoteErrorKind::Connection { .. }
            | RemoteErrorKind::TooSlow { .. } => true,
            RemoteErrorKind::Status { status, .. } => is_transient(*status),
            _ => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self.kind {
            RemoteErrorKind::RateLimited { retry_after } => retry_after,
            _ => None,
        }
    }
}

fn wait(retry_after: Option<Duration>) -> String {
    retry_after.map(|wait| format!(" (it asks to wait {} s)", wait.as_secs())).unwrap_or_default()
}
