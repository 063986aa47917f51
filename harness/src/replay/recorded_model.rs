//! A model whose replies were recorded: judges them again without a forward pass, with its tokenizer alone.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use models::engine::Finish;
use models::responder::{BoxFuture, Reply, ReplyError, ReplyRule, Reproducibility, Responder, Work};
use models::text::{Message, Prompt};

use crate::evidence::{ReplyBody, RolloutBody};
use crate::loader::TextSide;
use crate::record::Fault;

impl TextSide {
    /// The reply of these tokens; none where no generation gives them.
    fn reply(&self, tokens: &[u32], most: usize) -> Option<Reply> {
        let (last, before) = tokens.split_last()?;
        if tokens.len() > most || before.iter().any(|token| self.stop_tokens.contains(token)) {
            return None;
        }
        let finish = if self.stop_tokens.contains(last) { Finish::StopToken } else { Finish::Length };
        Some(reply(self.text(tokens).unwrap_or_default(), Some(tokens.to_vec()), finish))
    }

    /// The recorded reply to a conversation, with the work that it took: the prompt is made again, the tokens are not.
    fn reply_to(&self, messages: &[Message], rule: ReplyRule, tokens: &[u32]) -> Result<Reply, ReplyError> {
        let Prompt { tokens: prompt, bytes, fuel } = self.prompter.prompt(messages, rule.sampling.key)?;
        let reply = self.reply(tokens, rule.max_new_tokens);
        let reply = reply.ok_or_else(|| ReplyError::Model("its reply is none that a model gives".to_owned()))?;
        let work =
            Work { tokens: (prompt.len() + tokens.len()) as u64, bytes: (bytes + reply.text.len()) as u64, fuel };
        Ok(Reply { work, ..reply })
    }
}

/// A reply without work: that of a server is not known.
fn reply(text: String, tokens: Option<Vec<u32>>, finish: Finish) -> Reply {
    Reply { text, prompt_tokens: 0, tokens, logprobs: Vec::new(), finish, work: Work::default() }
}

/// The replies of one recorded rollout.
pub(super) struct RecordedModel<'a> {
    rollout: &'a RolloutBody,
    /// None where a server ran the model, whose replies are texts.
    text: Option<&'a TextSide>,
    given: Mutex<Given>,
}

#[derive(Default)]
struct Given {
    replies: usize,
    /// The model gave none where it was asked for one more: that it failed, only generation shows.
    failed: bool,
}

impl<'a> RecordedModel<'a> {
    pub(super) fn new(rollout: &'a RolloutBody, text: Option<&'a TextSide>) -> Self {
        Self { rollout, text, given: Mutex::default() }
    }

    /// True if the rollout rests on a failure of the model that replies do not show.
    pub(super) fn has_failed(&self) -> bool {
        self.given.lock().unwrap_or_else(PoisonError::into_inner).failed
    }

    fn next(&self, messages: &[Message], rule: ReplyRule) -> Result<Reply, ReplyError> {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(recorded) = self.rollout.replies.get(given.replies) else {
            // A template that fails, fails again.
            if let Some(text) = self.text {
                text.prompter.prompt(messages, rule.sampling.key)?;
            }
            given.failed = self.rollout.fault == Some(Fault::Model);
            let reason = if given.failed { self.rollout.reason.clone() } else { "it gave no reply".to_owned() };
            return Err(ReplyError::Model(reason));
        };
        given.replies += 1;
        match (recorded, self.text) {
            (ReplyBody::Text(text), None) => Ok(reply(text.clone(), None, Finish::StopToken)),
            (ReplyBody::Tokens(tokens), Some(text)) => text.reply_to(messages, rule, tokens),
            _ => Err(ReplyError::Model("its reply is of another kind".to_owned())),
        }
    }
}

impl Responder for RecordedModel<'_> {
    fn reply<'a>(&'a self, messages: &'a [Message], rule: ReplyRule) -> BoxFuture<'a, Result<Reply, ReplyError>> {
        Box::pin(async move { self.next(messages, rule) })
    }

    fn reproducibility(&self) -> Reproducibility {
        if self.rollout.reproducible { Reproducibility::Exact } else { Reproducibility::None }
    }

    fn forward_time(&self) -> Duration {
        Duration::ZERO
    }
}
