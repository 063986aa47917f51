//! Who replies to a conversation: a model on this machine, or a server that runs one elsewhere.

use std::{future::Future, pin::Pin, time::Duration};

use crate::{
    engine::{Engine, EngineError, Finish, Request, Sampling},
    load::{Message, Prompter},
    remote::RemoteError,
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
    /// The engine's.
    #[error(transparent)]
    Engine(EngineError),
    /// The server's, the network's or the key's.
    #[error(transparent)]
    Remote(RemoteError),
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

/// A model that runs on this machine.
#[derive(Debug)]
pub struct LocalModel {
    /// What computes its tokens.
    pub engine: Engine,
    /// What lays out its conversations.
    pub prompter: Prompter,
}

impl LocalModel {
    async fn answer(&self, messages: &[Message], rule: ReplyRule) -> Result<Reply, ReplyError> {
        let prompt = self.prompter.render(messages).map_err(|error| ReplyError::Model(error.to_string()))?;
        let prompt_tokens = prompt.len();
        let ReplyRule { sampling, max_new_tokens } = rule;
        let request = Request { prompt, sampling, max_new_tokens, stop_strings: Vec::new() };
        let completion = self.engine.generate(request).await.map_err(|error| match error {
            EngineError::Request { reason } => ReplyError::Model(reason),
            error => ReplyError::Engine(error),
        })?;
        Ok(Reply {
            text: completion.text,
            prompt_tokens,
            tokens: Some(completion.tokens),
            logprobs: completion.logprobs,
            finish: completion.finish,
        })
    }
}

impl Responder for LocalModel {
    fn reply<'a>(&'a self, messages: &'a [Message], rule: ReplyRule) -> BoxFuture<'a, Result<Reply, ReplyError>> {
        Box::pin(self.answer(messages, rule))
    }

    fn reproducibility(&self) -> Reproducibility {
        Reproducibility::Exact
    }

    fn forward_time(&self) -> Duration {
        self.engine.statistics().forward
    }
}
