//! Who replies to a conversation: a model on this machine, or a server that runs one elsewhere.

use std::{future::Future, pin::Pin, time::Duration};

use crate::{
    engine::{EngineError, Finish, Sampling},
    text::Message,
};

/// What a responder is asked to await.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How a reply comes about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReplyRule {
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// No more than this many tokens are generated.
    pub max_new_tokens: usize,
}

/// A reply.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// What the model says.
    pub text: String,
    /// Tokens of the conversation before it; 0 where a server does not say.
    pub prompt_tokens: usize,
    /// The reply's token ids, from which the text is derived; a server tells none.
    pub tokens: Option<Vec<u32>>,
    /// Each token's natural log-probability; empty where a server does not say.
    pub logprobs: Vec<f32>,
    /// Why it ended.
    pub finish: Finish,
}

/// Why there is no reply.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReplyError {
    /// The model's own doing: its template does not work, or the conversation is longer than it can read.
    #[error("{0}")]
    Model(String),
    /// This machine's; the same conversation may well be answered a little later.
    #[error("{0}")]
    Host(String),
    /// The engine's.
    #[error(transparent)]
    Engine(EngineError),
    /// The server's, the network's or the key's.
    #[error("{0}")]
    Remote(String),
}

/// Whether somebody else can find out by themselves that a reply is the model's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reproducibility {
    /// The same files and the same seed give the same tokens.
    Exact,
    /// The server's word has to be taken for it.
    None,
}

/// Whoever replies.
pub trait Responder: Send + Sync {
    /// The next reply to a conversation.
    fn reply<'a>(&'a self, messages: &'a [Message], rule: ReplyRule) -> BoxFuture<'a, Result<Reply, ReplyError>>;

    /// Whether its replies can be had again.
    fn reproducibility(&self) -> Reproducibility;

    /// Time that this machine has spent in forward passes.
    fn forward_time(&self) -> Duration;
}
