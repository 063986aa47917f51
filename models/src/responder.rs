//! The `Responder` trait: replies to a conversation, by a model on this machine or by a server.

use std::{future::Future, pin::Pin, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    engine::{EngineError, Finish, Sampling},
    text::Message,
};

/// A boxed future, for traits that are used as objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sampling parameters and length limit of a reply.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReplyRule {
    /// Sampling parameters.
    pub sampling: Sampling,
    /// Limit of generated tokens.
    pub max_new_tokens: usize,
}

/// Work that a reply took: counted, and the same on every machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Work {
    /// Tokens of prompt and reply.
    pub tokens: u64,
    /// Bytes of the prompt's text and of the reply's.
    pub bytes: u64,
    /// Fuel that the chat template consumed.
    pub fuel: u64,
}

impl Work {
    /// The sum of two.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(other.tokens),
            bytes: self.bytes.saturating_add(other.bytes),
            fuel: self.fuel.saturating_add(other.fuel),
        }
    }
}

/// A reply of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The text.
    pub text: String,
    /// Tokens of the rendered conversation; 0 if a server does not report them.
    pub prompt_tokens: usize,
    /// Token ids, from which the text is decoded; a server reports none.
    pub tokens: Option<Vec<u32>>,
    /// Natural log-probability of each token; empty if a server does not report them.
    pub logprobs: Vec<f32>,
    /// The reason why it ended.
    pub finish: Finish,
    /// The work that it took on this machine; none on a server.
    pub work: Work,
}

/// The error of a responder that gave no reply.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReplyError {
    /// The model is at fault: its template fails, or the conversation is longer than its context.
    #[error("{0}")]
    Model(String),
    /// This machine is at fault; the same conversation may be answered later.
    #[error("{0}")]
    Host(String),
    /// The engine is at fault.
    #[error(transparent)]
    Engine(EngineError),
    /// The server, the network or the key is at fault.
    #[error("{0}")]
    Remote(String),
}

/// Reproducibility of replies: whether another validator can compute a reply from the model's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reproducibility {
    /// The same files and the same seed give the same tokens.
    Exact,
    /// A server's answer, which only the server can give.
    None,
}

/// A model that replies to conversations.
pub trait Responder: Send + Sync {
    /// Generates the next reply to a conversation.
    fn reply<'a>(&'a self, messages: &'a [Message], rule: ReplyRule) -> BoxFuture<'a, Result<Reply, ReplyError>>;

    /// Reproducibility of its replies.
    fn reproducibility(&self) -> Reproducibility;

    /// Total time of forward passes on this machine.
    fn forward_time(&self) -> Duration;
}
