//! Prompts: from a conversation to token ids.

use crate::{error::LoadError, refusal::Refusal};

use super::{ChatTemplate, Message, Rendered, Role, SpecialTokens, TemplateError, Tokenizer, TokenizerError};

/// Most tokens that a template adds to those of the messages: so many, and so many for each message. The longest system
/// prompts that published templates bring have about 500.
const MOST_ADDED: (usize, usize) = (768, 32);

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
    /// The prompt has many more tokens than what it was made of.
    #[error(
        "the chat template makes {tokens} tokens of messages that have {own}, and may add {} and {} a message: leave out what the conversation does not say", MOST_ADDED.0, MOST_ADDED.1
    )]
    Filler {
        /// Tokens of the prompt.
        tokens: usize,
        /// Tokens of the messages alone.
        own: usize,
    },
    /// The tokenizer failed.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

/// A conversation as token ids, and the work that it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// The ids, ending where the reply begins.
    pub tokens: Vec<u32>,
    /// Bytes of the text that they were made of.
    pub bytes: usize,
    /// Fuel that the chat template consumed.
    pub fuel: u64,
}

impl Prompter {
    /// The tokens of a conversation, ending where the reply begins; `key` is as in [`ChatTemplate::render_faithfully`].
    ///
    /// Without a template they are the contents of all messages, an empty line between two, as one text.
    pub fn render(&self, messages: &[Message], key: u64) -> Result<Vec<u32>, PromptError> {
        Ok(self.prompt(messages, key)?.tokens)
    }

    /// The same, with the work that it took.
    ///
    /// # Errors
    /// If there is no tokenizer, the template or the tokenizer fails, or the template adds too much.
    pub fn prompt(&self, messages: &[Message], key: u64) -> Result<Prompt, PromptError> {
        let tokenizer = self.tokenizer.as_ref().ok_or(PromptError::NoTokenizer)?;
        let Rendered { text, fuel } = self.rendered(messages, key)?;
        // A template puts the beginning token in by itself, if there is one.
        let special = if self.template.is_some() { SpecialTokens::Skip } else { SpecialTokens::Keep };
        let tokens = tokenizer.encode(&text, special)?;
        let most = MOST_ADDED.0 + MOST_ADDED.1 * messages.len();
        if self.template.is_some() && tokens.len() > most {
            let mut own = 0;
            for message in messages {
                own += tokenizer.encode(&message.content, SpecialTokens::Skip)?.len();
            }
            if tokens.len() > own + most {
                return Err(PromptError::Filler { tokens: tokens.len(), own });
            }
        }
        Ok(Prompt { tokens, bytes: text.len(), fuel })
    }

    /// Checks by one question that the template adds no more than it may.
    ///
    /// # Errors
    /// A refusal, unless this machine had no thread to try it on.
    pub(crate) fn check(&self) -> Result<(), LoadError> {
        if self.template.is_none() || self.tokenizer.is_none() {
            return Ok(());
        }
        let question = Message { role: Role::User, content: "Hello".to_owned() };
        match self.prompt(&[question], 0) {
            Err(PromptError::Filler { tokens, own }) => Err(Refusal::Filler { tokens, own }.into()),
            Err(PromptError::Template(error @ TemplateError::Host { .. })) => {
                Err(LoadError::Machine { reason: error.to_string() })
            }
            // A template that looks at the question, or a text that the tokenizer does not take, is told when a task comes.
            _ => Ok(()),
        }
    }

    /// The text of a conversation, ending where the reply begins.
    pub fn render_text(&self, messages: &[Message], key: u64) -> Result<String, PromptError> {
        Ok(self.rendered(messages, key)?.text)
    }

    fn rendered(&self, messages: &[Message], key: u64) -> Result<Rendered, PromptError> {
        match &self.template {
            Some(template) => Ok(template.render_faithfully(messages, key)?),
            None => {
                let contents: Vec<&str> = messages.iter().map(|message| message.content.as_str()).collect();
                Ok(Rendered { text: contents.join("\n\n"), fuel: 0 })
            }
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
    fn a_template_adds_a_few_hundred_tokens_and_no_more() {
        let check = |filler: usize, repeated: usize, said: usize, fits: bool| {
            let source = format!(
                "{{% for m in messages %}}{{% for i in range({repeated}) %}}{{{{ m.content }}}}{{% endfor %}}{{% endfor %}}{}",
                "b".repeat(filler)
            );
            let template = Some(ChatTemplate::parse(&source, NamedTokens::default()).unwrap());
            let prompter = Prompter { tokenizer: Some(tokenizer()), template };
            let prompt = prompter.prompt(&[message(Role::User, &"a".repeat(said))], 7);
            assert_eq!(prompt.is_ok(), fits, "{prompt:?}");
            match prompt {
                Ok(prompt) => assert_eq!(
                    (prompt.tokens.len(), prompt.bytes),
                    (said * repeated + filler, said * repeated + filler)
                ),
                Err(error) => assert!(error.to_string().contains("and may add 768 and 32 a message"), "{error}"),
            }
        };
        check(0, 1, 10, true);
        check(800, 1, 10, true);
        check(801, 1, 10, false);
        check(800, 1, 10_000, true);
        // What it says again counts as added.
        check(0, 2, 800, true);
        check(0, 2, 801, false);
        check(0, 50, 16, true);
        check(0, 50, 17, false);
    }

    #[test]
    fn work_is_counted_and_grows_with_what_is_looked_at() {
        let fuel = |loops: usize| {
            let source = format!("{{{{ messages[0].content }}}}{{% for i in range({loops}) %}}{{% endfor %}}");
            let template = Some(ChatTemplate::parse(&source, NamedTokens::default()).unwrap());
            let prompter = Prompter { tokenizer: Some(tokenizer()), template };
            prompter.prompt(&[message(Role::User, "a")], 7).unwrap().fuel
        };
        assert!(fuel(0) > 0 && fuel(1_000) > fuel(0) + 2_000, "{} and {}", fuel(0), fuel(1_000));
        assert_eq!(fuel(77), fuel(77));
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
