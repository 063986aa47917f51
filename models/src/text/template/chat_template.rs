//! Chat templates (Jinja): a miner's program that renders a conversation as text.
//!
//! It runs with bounded fuel (which also bounds what it can build in memory), a clock that stands still, no files, no
//! other templates and no environment, so that it gives the same text on every machine and every day.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use minijinja::{
    AutoEscape, Error, ErrorKind, Value, context,
    machinery::{CodeGenerator, eval, make_string_output, parse},
    syntax::SyntaxConfig,
    value::Serde,
};

use super::{
    deep_stack::{self, Unfinished},
    dialect,
    environment::{LONGEST_TEXT, environment},
    faith, measure, tokens,
};
use crate::{
    error::LoadError,
    refusal::Refusal,
    text::{Message, Role},
};

/// Longest acceptable template in bytes; published ones have up to 20 KiB.
const LONGEST_TEMPLATE: usize = 256 << 10;
const NAME: &str = "chat";

/// The written forms of the tokens that a template may put in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedTokens {
    /// Begins a text.
    pub bos: Option<String>,
    /// Ends a text.
    pub eos: Option<String>,
    /// Stands for what cannot be encoded.
    pub unk: Option<String>,
    /// Fills up.
    pub pad: Option<String>,
    /// Separates two texts.
    pub sep: Option<String>,
    /// Stands for a whole text.
    pub cls: Option<String>,
    /// Stands for what is to be guessed.
    pub mask: Option<String>,
}

impl NamedTokens {
    /// The tokens that there are, under the names that templates know them by; the others are undefined there.
    fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("bos_token", &self.bos),
            ("eos_token", &self.eos),
            ("unk_token", &self.unk),
            ("pad_token", &self.pad),
            ("sep_token", &self.sep),
            ("cls_token", &self.cls),
            ("mask_token", &self.mask),
        ];
        all.into_iter().filter_map(|(name, token)| Some((name, token.as_deref()?)))
    }
}

/// A chat template that was tried; it is compiled anew for every text, which takes less time than laying one out.
#[derive(Clone)]
pub struct ChatTemplate {
    source: Arc<str>,
    tokens: NamedTokens,
}

/// A conversation as text, and the work that it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The text.
    pub text: String,
    /// Fuel that the template consumed.
    pub fuel: u64,
}

/// A template did not render a conversation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The template's own doing.
    #[error("the chat template failed: {reason}")]
    Template {
        /// Its error, or the resource that it exhausted.
        reason: String,
    },
    /// This machine's: the same conversation may well be laid out a little later.
    #[error("this machine has no thread to run a chat template on: {reason}")]
    Host {
        /// The system's error.
        reason: String,
    },
}

impl ChatTemplate {
    /// Compiles a template and tries it on one question.
    ///
    /// # Errors
    /// A refusal, unless this machine had no thread to try it on.
    pub fn parse(source: &str, tokens: NamedTokens) -> Result<Self, LoadError> {
        let refuse = |reason: String| LoadError::Refused(Refusal::Template { reason });
        if source.len() > LONGEST_TEMPLATE {
            return Err(refuse(format!("it has {} bytes and at most {LONGEST_TEMPLATE} are allowed", source.len())));
        }
        let template = Self::untried(source, tokens);
        let question = Message { role: Role::User, content: "Hello".to_owned() };
        template.render(&[question]).map_err(|error| match error {
            TemplateError::Template { reason } => refuse(reason),
            host @ TemplateError::Host { .. } => LoadError::Machine { reason: host.to_string() },
        })?;
        Ok(template)
    }

    pub(super) fn untried(source: &str, tokens: NamedTokens) -> Self {
        Self { source: source.into(), tokens }
    }

    /// The conversation as text, ending where the model's reply begins.
    ///
    /// # Errors
    /// If the template fails, or this machine has no thread for it.
    pub fn render(&self, messages: &[Message]) -> Result<String, TemplateError> {
        let text = || Ok(self.render_here(messages)?.text);
        deep_stack::run(text).unwrap_or_else(|unfinished| Err(unfinished.into()))
    }

    /// The same, from a template that repeats what it is told and lets nothing else depend on it.
    /// `key` seeds the marks; it has to be a number that the template's author could not know.
    ///
    /// # Errors
    /// If the template fails or depends on a message's content, or this machine has no thread for it.
    pub fn render_faithfully(&self, messages: &[Message], key: u64) -> Result<Rendered, TemplateError> {
        let both = || {
            let Rendered { text, fuel } = self.render_here(messages)?;
            let marks = faith::Marks::new(messages, key);
            let marked = self.render_here(&marks.conversation())?;
            if marks.explain(&text, &marked.text) {
                return Ok(Rendered { text, fuel: fuel + marked.fuel });
            }
            let reason = "it says other things, or says things otherwise, depending on what it is told; let it repeat each \
                          message as it is and nothing else depend on its content";
            Err(TemplateError::Template { reason: reason.to_owned() })
        };
        deep_stack::run(both).unwrap_or_else(|unfinished| Err(unfinished.into()))
    }

    /// Values are as deeply nested as the template makes them, and so are their writing and their dropping.
    fn render_here(&self, messages: &[Message]) -> Result<Rendered, TemplateError> {
        let tokens: BTreeMap<&str, &str> = self.tokens.named().collect();
        let rendered = self.text(context! {
            messages => Value::from(Serde(messages)),
            add_generation_prompt => true,
            tools => Value::from(()),
            documents => Value::from(()),
            ..Value::from(Serde(tokens))
        });
        let rendered = rendered.map_err(|error| TemplateError::Template { reason: describe(&error) })?;
        if rendered.text.len() > LONGEST_TEXT {
            return Err(TemplateError::Template { reason: format!("it made {} bytes of text", rendered.text.len()) });
        }
        Ok(rendered)
    }

    /// Compiles the template with its measures and runs it.
    fn text(&self, context: Value) -> Result<Rendered, Error> {
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?;
        let refused = |reason: String| Error::new(ErrorKind::InvalidOperation, reason);
        let source = dialect::translated(&self.source).map_err(refused)?;
        tokens::check(&source, syntax.clone()).map_err(refused)?;
        let mut code = CodeGenerator::new(NAME, &source);
        code.compile_stmt(&measure::measured(&parse(&source, NAME, syntax)?));
        let (instructions, blocks) = code.finish();
        let mut text = String::new();
        let fuel = Arc::new(AtomicU64::new(0));
        let environment = environment(&fuel);
        eval(&environment, &instructions, context, &blocks, &mut make_string_output(&mut text), AutoEscape::None)?;
        Ok(Rendered { text, fuel: fuel.load(Ordering::Relaxed) })
    }

    /// The template as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The tokens that it may put in.
    pub fn tokens(&self) -> &NamedTokens {
        &self.tokens
    }
}

impl From<Unfinished> for TemplateError {
    fn from(unfinished: Unfinished) -> Self {
        match unfinished {
            Unfinished::Panicked => Self::Template { reason: "it gave up".to_owned() },
            Unfinished::NoThread(error) => Self::Host { reason: error.to_string() },
        }
    }
}

impl fmt::Debug for ChatTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ChatTemplate").field("source", &self.source).finish_non_exhaustive()
    }
}

fn describe(error: &Error) -> String {
    let place = error.line().map(|line| format!(" (line {line})")).unwrap_or_default();
    let text: String = error.to_string().chars().take(400).collect();
    format!("{text}{place}")
}
