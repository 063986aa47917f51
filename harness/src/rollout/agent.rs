//! A model as an environment's `Agent`: conversation in, reply out, every token recorded.

use environments::{Agent, Conversation, Message};
use models::engine::{Finish, Sampling};
use models::responder::{ReplyError, ReplyRule, Responder};

use crate::record::Reply;

/// One model in one conversation.
pub(super) struct ModelAgent<'a> {
    model: &'a dyn Responder,
    rule: ReplyRule,
    replies: Vec<Reply>,
}

impl<'a> ModelAgent<'a> {
    pub(super) fn new(model: &'a dyn Responder, rule: ReplyRule) -> Self {
        Self { model, rule, replies: Vec::new() }
    }

    /// The replies given, in order.
    pub(super) fn into_replies(self) -> Vec<Reply> {
        self.replies
    }

    /// The rule of a turn, from 0. Draws are counted from each reply's first token, so that every turn needs a key of its
    /// own: with one for all a model would repeat its luck.
    fn rule_of_turn(&self, turn: u64) -> ReplyRule {
        let ReplyRule { sampling, max_new_tokens } = self.rule;
        ReplyRule { sampling: Sampling { key: sampling.key.wrapping_add(turn), ..sampling }, max_new_tokens }
    }
}

impl Agent for ModelAgent<'_> {
    type Error = ReplyError;

    async fn reply(&mut self, conversation: &Conversation) -> Result<Message, ReplyError> {
        // Some templates trim messages and some do not: trimmed here, a task reads alike to all of them.
        let messages: Vec<models::text::Message> = conversation
            .messages()
            .iter()
            .map(|message| models::text::Message {
                role: role(message.role),
                content: message.content.trim().to_owned(),
            })
            .collect();
        let reply = self.model.reply(&messages, self.rule_of_turn(self.replies.len() as u64)).await?;
        let finish = match reply.finish {
            Finish::StopToken => "stop token",
            Finish::StopString => "stop string",
            Finish::Length => "length",
            Finish::NotFinite => "not finite",
        };
        self.replies.push(Reply {
            prompt_tokens: reply.prompt_tokens,
            text: reply.tokens.is_none().then(|| reply.text.clone()),
            tokens: reply.tokens.unwrap_or_default(),
            logprob_bits: reply.logprobs.iter().map(|logprob| logprob.to_bits()).collect(),
            finish: finish.to_owned(),
            work: reply.work,
        });
        if reply.finish == Finish::NotFinite {
            return Err(ReplyError::Model("its logits are not finite numbers".to_owned()));
        }
        Ok(Message::assistant(reply.text))
    }
}

/// The template's name for a speaker.
fn role(role: environments::Role) -> models::text::Role {
    match role {
        environments::Role::System => models::text::Role::System,
        environments::Role::User => models::text::Role::User,
        environments::Role::Assistant => models::text::Role::Assistant,
    }
}
