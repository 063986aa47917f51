//! Prompts: from a conversation to token ids.

use super::{ChatTemplate, Message, SpecialTokens, TemplateError, Tokenizer, TokenizerError};

/// Tokenizer and chat template of a model; a model without a tokenizer can still score token ids.
#[derive(Clone, Debug, Default)]
pub struct Prompter {
    /// Text to ids and back.
    pub tokenizer: Option<Tokenizer>,
    /// Chat template; base models have none.
    pub template: Option<ChatTemplate>,
}

/// A conversation could not be turned into tokens.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// There is no tokenizer.
    #[error("the model came without a tokenizer: add tokenizer.json to it, or give it token ids")]
    NoTokenizer,
    /// The template failed.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The tokenizer failed.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

impl Prompter {
    /// The tokens of a conversation, ending where the reply begins; `key` is as in [`ChatTemplate::render_faithfully`].
    ///
    /// Without a template they are the contents of all messages, an empty line between two, as one text.
    pub fn render(&self, messages: &[Message], key: u64) -> Result<Vec<u32>, PromptError> {
        let tokenizer = self.tokenizer.as_ref().ok_or(PromptError::NoTokenizer)?;
        let text = self.render_text(messages, key)?;
        // A template puts the beginning token in by itself, if there is one.
        let special = if self.template.is_some() { SpecialTokens::Skip } else { SpecialTokens::Keep };
        Ok(tokenizer.encode(&text, special)?)
    }

    /// The text of a conversation, ending where the reply begins.
    pub fn render_text(&self, messages: &[Message], key: u64) -> Result<String, PromptError> {
        match &self.template {
            Some(template) => Ok(template.render_faithfully(messages, key)?),
            None => Ok(messages.iter().map(|message| message.content.as_str()).collect::<Vec<_>>().join("\n\n")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{NamedTokens, Role};

    fn message(role: Role, content: &str) -> Message {
        Message { role, content: content.to_owned() }
    }

    fn tokenizer() -> Tokenizer {
        let added = |id: u32, content: &str| {
            serde_json::json!({ "id": id, "content": content, "special": true,
            "single_word": false, "lstrip": false, "rstrip": false, "normalized": false })
        };
        let byte_level = serde_json::json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true });
        let file = serde_json::json!({
            "added_tokens": [added(4, "<s>")], "pre_tokenizer": byte_level, "decoder": byte_level,
            "post_processor": { "type": "TemplateProcessing",
                "single": [{ "SpecialToken": { "id": "<s>", "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } }],
                "pair": [{ "Sequence": { "id": "A", "type_id": 0 } }, { "Sequence": { "id": "B", "type_id": 1 } }],
                "special_tokens": { "<s>": { "id": "<s>", "ids": [4], "tokens": ["<s>"] } } },
            // A line feed is written as U+010A.
            "model": { "type": "BPE", "vocab": { "a": 0, "b": 1, "\u{10a}": 2, "\u{10a}\u{10a}": 3 }, "merges": ["\u{10a} \u{10a}"] }
        });
        Tokenizer::parse(file.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn without_a_tokenizer_there_are_no_ids_but_there_is_a_text() {
        let prompter = Prompter::default();
        let messages = [message(Role::User, "a"), message(Role::Assistant, "b")];
        assert_eq!(prompter.render(&messages, 0), Err(PromptError::NoTokenizer));
        assert_eq!(prompter.render_text(&messages, 0).unwrap(), "a\n\nb");
        assert_eq!(prompter.render_text(&[], 0).unwrap(), "");
    }

    #[test]
    fn the_beginning_token_is_put_in_once_by_template_or_by_tokenizer() {
        let plain = Prompter { tokenizer: Some(tokenizer()), template: None };
        let messages = [message(Role::User, "a"), message(Role::User, "b")];
        assert_eq!(plain.render(&messages, 0).unwrap(), [4, 0, 2, 2, 1]);
        let tokens = NamedTokens { bos: Some("<s>".to_owned()), ..NamedTokens::default() };
        let source = "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}";
        let template = Some(ChatTemplate::parse(source, tokens).unwrap());
        let chat = Prompter { template, ..plain };
        assert_eq!(chat.render(&messages, 0).unwrap(), [4, 0, 1]);
    }

    #[test]
    fn a_template_that_looks_at_what_it_is_told_gives_no_prompt() {
        let source = "{% for m in messages %}{{ m.content }}{{ 'b' if m.content == 'a' }}{% endfor %}";
        let template = Some(ChatTemplate::parse(source, NamedTokens::default()).unwrap());
        let prompter = Prompter { tokenizer: Some(tokenizer()), template };
        let refused = prompter.render(&[message(Role::User, "a")], 7);
        assert!(matches!(refused, Err(PromptError::Template(TemplateError::Template { .. }))), "{refused:?}");
    }
}
