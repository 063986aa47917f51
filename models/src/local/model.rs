//! Local model: an engine and its prompter.

use std::time::Duration;

use crate::{
    engine::{Engine, EngineError, Request},
    responder::{BoxFuture, Reply, ReplyError, ReplyRule, Reproducibility, Responder},
    text::{Message, PromptError, Prompter, TemplateError},
};

/// Model that runs on this machine.
#[derive(Debug)]
pub struct LocalModel {
    /// Generates and scores tokens.
    pub engine: Engine,
    /// Renders conversations as prompts.
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

impl From<PromptError> for ReplyError {
    fn from(error: PromptError) -> Self {
        match error {
            // The template's author is not at fault where this machine is busy.
            PromptError::Template(TemplateError::Host { .. }) => Self::Host(error.to_string()),
            error => Self::Model(error.to_string()),
        }
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
