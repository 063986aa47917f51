//! Local model: an engine and its prompter.

use std::time::Duration;

use crate::{
    engine::{Engine, EngineError, Request},
    responder::{BoxFuture, Reply, ReplyError, ReplyRule, Reproducibility, Responder, Work},
    text::{Message, Prompt, PromptError, Prompter, TemplateError},
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
        let Prompt { tokens: prompt, bytes, fuel } = self.prompter.prompt(messages, rule.sampling.key)?;
        let prompt_tokens = prompt.len();
        let ReplyRule { sampling, max_new_tokens } = rule;
        let request = Request { prompt, sampling, max_new_tokens, stop_strings: Vec::new() };
        let completion = self.engine.generate(request).await.map_err(|error| match error {
            EngineError::Request { reason } => ReplyError::Model(reason),
            error => ReplyError::Engine(error),
        })?;
        let work = Work {
            tokens: (prompt_tokens + completion.tokens.len()) as u64,
            bytes: (bytes + completion.text.len()) as u64,
            fuel,
        };
        Ok(Reply {
            work,
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

    /// A tiny checkpoint, whose tokenizer is added where it should answer texts.
    fn model(context: Option<usize>, tokenizer: bool) -> LocalModel {
        let folder = tempfile::tempdir().unwrap();
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/golden/llama");
        for file in ["config.json", "model.safetensors"] {
            std::fs::copy(std::path::Path::new(golden).join(file), folder.path().join(file)).unwrap();
        }
        if tokenizer {
            let letters: serde_json::Map<String, serde_json::Value> =
                (0..26_u8).map(|id| (char::from(b'a' + id).to_string(), id.into())).collect();
            let byte_level = serde_json::json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true });
            let file = serde_json::json!({ "pre_tokenizer": byte_level, "decoder": byte_level,
                "model": { "type": "BPE", "vocab": letters, "merges": [] } });
            std::fs::write(folder.path().join("tokenizer.json"), file.to_string()).unwrap();
        }
        let snapshot = crate::snapshot::Snapshot::of_folder(folder.path()).unwrap();
        let admitted = crate::admission::admit(&snapshot, &crate::admission::Limits::default()).unwrap();
        let loaded = super::super::LoadedModel::load(&admitted, crate::decoder::Arithmetic::Exact).unwrap();
        let (model, prompter) = loaded.into_parts();
        let settings = crate::engine::EngineSettings { context, pages: 16, threads: 1, ..Default::default() };
        LocalModel { engine: Engine::start(model, &settings).unwrap(), prompter }
    }

    fn rule(max_new_tokens: usize) -> ReplyRule {
        ReplyRule { sampling: crate::engine::Sampling::greedy(), max_new_tokens }
    }

    fn told(content: &str) -> Vec<Message> {
        vec![Message { role: crate::text::Role::User, content: content.to_owned() }]
    }

    #[tokio::test]
    async fn a_reply_has_its_tokens_and_can_be_had_again() {
        let model = model(None, true);
        let reply = model.reply(&told("hello"), rule(6)).await.unwrap();
        assert_eq!((reply.prompt_tokens, reply.logprobs.len()), (5, reply.tokens.as_ref().unwrap().len()));
        // Ids that the tokenizer does not know are no text.
        assert!(reply.text.len() <= 6 && reply.text.chars().all(|letter| letter.is_ascii_lowercase()));
        assert_eq!(model.reply(&told("hello"), rule(6)).await.unwrap(), reply);
        assert_eq!(model.reproducibility(), Reproducibility::Exact);
        assert!(model.forward_time() > Duration::ZERO);
    }

    #[tokio::test]
    async fn a_conversation_that_the_model_cannot_read_is_its_own_doing() {
        let without = model(None, false).reply(&told("hello"), rule(1)).await;
        assert!(
            matches!(&without, Err(ReplyError::Model(reason)) if reason.contains("without a tokenizer")),
            "{without:?}"
        );
        let long = model(Some(8), true).reply(&told("abcdefghijkl"), rule(1)).await;
        assert!(matches!(&long, Err(ReplyError::Model(reason)) if reason.contains("12 tokens")), "{long:?}");
    }
}
