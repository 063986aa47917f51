//! A model as an environment's opposite: conversation in, reply out, every token kept.

use environments::{Agent, Conversation, Message};
use models::engine::{EngineError, Finish, Request, Sampling};

use crate::contestant::Contestant;
use crate::store::ReplyRecord;

/// One model in one conversation.
pub(super) struct EngineAgent<'a> {
    contestant: &'a Contestant,
    sampling: Sampling,
    max_new_tokens: usize,
    replies: Vec<ReplyRecord>,
}

/// Why a model gave no reply.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The model's own doing: its template does not work, or the prompt is longer than it can read.
    #[error("{0}")]
    Model(String),
    /// This machine's doing.
    #[error(transparent)]
    Machine(EngineError),
}

impl<'a> EngineAgent<'a> {
    pub(super) fn new(contestant: &'a Contestant, sampling: Sampling, max_new_tokens: usize) -> Self {
        Self { contestant, sampling, max_new_tokens, replies: Vec::new() }
    }

    /// The replies given, in order.
    pub(super) fn into_replies(self) -> Vec<ReplyRecord> {
        self.replies
    }
}

impl Agent for EngineAgent<'_> {
    type Error = AgentError;

    async fn reply(&mut self, conversation: &Conversation) -> Result<Message, AgentError> {
        let messages: Vec<models::load::Message> = conversation
            .messages()
            .iter()
            .map(|message| models::load::Message { role: role(message.role), content: message.content.clone() })
            .collect();
        let prompt =
            self.contestant.prompter.render(&messages).map_err(|error| AgentError::Model(error.to_string()))?;
        let prompt_tokens = prompt.len();
        let request =
            Request { prompt, sampling: self.sampling, max_new_tokens: self.max_new_tokens, stop_strings: Vec::new() };
        let completion = self.contestant.engine.generate(request).await.map_err(|error| match error {
            EngineError::Request { reason } => AgentError::Model(reason),
            error => AgentError::Machine(error),
        })?;
        let finish = match completion.finish {
            Finish::StopToken => "stop token",
            Finish::StopString => "stop string",
            Finish::Length => "length",
            Finish::NotFinite => "not finite",
        };
        self.replies.push(ReplyRecord {
            prompt_tokens,
            tokens: completion.tokens,
            logprob_bits: completion.logprobs.iter().map(|logprob| logprob.to_bits()).collect(),
            finish: finish.to_owned(),
        });
        if completion.finish == Finish::NotFinite {
            return Err(AgentError::Model("its logits are not finite numbers".to_owned()));
        }
        Ok(Message::assistant(completion.text))
    }
}

/// The template's name for a speaker.
fn role(role: environments::Role) -> models::load::Role {
    match role {
        environments::Role::System => models::load::Role::System,
        environments::Role::User => models::load::Role::User,
        environments::Role::Assistant => models::load::Role::Assistant,
    }
}
