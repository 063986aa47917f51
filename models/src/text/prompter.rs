//! From a conversation to the tokens that a model continues.

use super::{ChatTemplate, Message, SpecialTokens, TemplateError, Tokenizer, TokenizerError};

/// The text side of a model; a model without a tokenizer can still score token ids.
#[derive(Clone, Debug, Default)]
pub struct Prompter {
    /// Text to ids and back.
    pub tokenizer: Option<Tokenizer>,
    /// How conversations are laid out; base models have none.
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
    /// The tokens of a conversation, ending where the reply begins; `key` is as in [`ChatTemplate::lay_out`].
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
            Some(template) => Ok(template.lay_out(messages, key)?),
            None => Ok(messages.iter().map(|message| message.content.as_str()).collect::<Vec<_>>().join("\n\n")),
        }
    }
}
