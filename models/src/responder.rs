//! Who replies to a conversation: a model on this machine, or a server that runs one elsewhere.

use std::{future::Future, pin::Pin, time::Duration};

use crate::{
    engine::{Engine, EngineError, Finish, Request, Sampling},
    load::{Message, Prompter, prompter::PromptError, template::TemplateError},
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
    /// This machine's; the same conversation may well be answered a little later.
    #[error("{0}")]
    Host(String),
    /// The engine's.
    #[error(transparent)]
    Engine(EngineError),
    /// The server's, the network's or the key's.
    #[error(transparent)]
    Remote(RemoteError),
}

impl From<PromptError> for ReplyError {
    fn from(error: PromptError) -> Self {
        match error {
            // Whoever wrote the template cannot help that this machine is busy.
            PromptError::Template(TemplateError::Host { .. }) => Self::Host(error.to_string()),
            error => Self::Model(error.to_string()),
        }
    }
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
        let prompt = self.prompter.render(messages, rule.sampling.key)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_room_is_not_the_models_doing() {
        let failed = |error: TemplateError| ReplyError::from(PromptError::Template(error));
        let reason = || "no room".to_owned();
        assert!(matches!(failed(TemplateError::Host { reason: reason() }), ReplyError::Host(_)));
        assert!(matches!(failed(TemplateError::Template { reason: reason() }), ReplyError::Model(_)));
        assert!(matches!(ReplyError::from(PromptError::NoTokenizer), ReplyError::Model(_)));
    }
}
