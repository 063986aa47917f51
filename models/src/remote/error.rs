//! Errors of requests to a model server.

use std::time::Duration;

use crate::retry::{Retryable, is_transient, wait_hint};
use crate::untrusted::UntrustedText;

/// The error of a server that gave no reply. It says nothing about the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the server {server} {kind}")]
pub struct RemoteError {
    /// The server.
    pub server: String,
    /// The kind of error.
    pub kind: RemoteErrorKind,
}

/// Kinds of errors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteErrorKind {
    /// The settings do not allow any request.
    #[error("cannot be asked: {}", UntrustedText::sentence(reason))]
    Setup {
        /// The reason.
        reason: String,
    },
    /// The key was refused.
    #[error("refuses the key (status {status}): the setting `remote.key_variable` names the variable that holds it")]
    Denied {
        /// 401 or 403.
        status: u16,
    },
    /// The server limits the rate of requests.
    #[error("limits requests{}", wait_hint(*retry_after))]
    RateLimited {
        /// The wait that it asked for.
        retry_after: Option<Duration>,
    },
    /// An error status, of the server or of the request.
    #[error("answered status {status}: {}{}", UntrustedText::words(said), hint(said))]
    Status {
        /// The status.
        status: u16,
        /// The beginning of the error message, without the key.
        said: String,
    },
    /// An error in the place of an answer.
    #[error("answered with an error: {}", UntrustedText::words(said))]
    Failed {
        /// The error's code, where it is a number.
        code: Option<u16>,
        /// The beginning of the error message, without the key.
        said: String,
    },
    /// The conversation is longer than the context.
    #[error("says that the conversation is longer than the model can read: {}", UntrustedText::words(said))]
    TooLong {
        /// The beginning of the error message, without the key.
        said: String,
    },
    /// The conversation is not answered for what it asks, or the answer is none.
    #[error("gave no reply to this conversation: {}", UntrustedText::words(said))]
    NoReply {
        /// The beginning of the error message, or the defect.
        said: String,
    },
    /// The connection failed or broke off.
    #[error(
        "cannot be reached, or broke off: {} (does it run, and is its address right?)",
        UntrustedText::sentence(reason)
    )]
    Connection {
        /// The innermost cause.
        reason: String,
    },
    /// No complete response within the timeout.
    #[error("did not answer in {} s: the setting `remote.timeout_seconds` gives it longer", period.as_secs_f32())]
    TooSlow {
        /// The timeout.
        period: Duration,
    },
    /// A response that is malformed.
    #[error("gave an answer that cannot be understood: {}", UntrustedText::sentence(reason))]
    Answer {
        /// The defect.
        reason: String,
    },
    /// The response contains the key.
    #[error("repeats the key that it was sent: the answer is not kept, and the key should be changed")]
    Leak,
}

impl RemoteErrorKind {
    /// True for an error that may be about the one request, while the server answers others. A key that is refused, a model
    /// that is not there, and a connection that fails concern them all.
    pub(super) fn may_be_about_one_request(&self) -> bool {
        match self {
            Self::Status { status, .. } => *status != 404,
            Self::Failed { code, .. } => *code != Some(404),
            Self::Answer { .. } => true,
            _ => false,
        }
    }
}

/// The setting that changes what the server refuses, as the end of a sentence.
fn hint(said: &str) -> &'static str {
    let said = said.to_lowercase();
    if said.contains("logprobs") {
        "; the setting `remote.logprobs` sends or leaves out what asks for log-probabilities"
    } else if said.contains("max_tokens") || said.contains("max_completion_tokens") {
        "; the setting `remote.limit_name` is the name under which the limit of new tokens is sent"
    } else if said.contains("seed") {
        "; the setting `remote.seed_name` is the name under which the seed is sent, and empty sends none"
    } else {
        ""
    }
}

impl Retryable for RemoteError {
    fn is_transient(&self) -> bool {
        match &self.kind {
            RemoteErrorKind::RateLimited { .. }
            | RemoteErrorKind::Connection { .. }
            | RemoteErrorKind::TooSlow { .. } => true,
            RemoteErrorKind::Status { status, .. } => is_transient(*status),
            // Without a code it is not known to be for good.
            RemoteErrorKind::Failed { code, .. } => code.is_none_or(is_transient),
            // A page of a gateway in the place of an answer.
            RemoteErrorKind::Answer { .. } => true,
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
