//! The text side of a model: tokenizer, chat template, and the prompts made with them.

mod added_tokens;
pub(crate) mod chat_files;
mod message;
mod prompter;
mod template;
pub(crate) mod tokenizer;

pub use message::{Message, Role};
pub use prompter::{Prompt, PromptError, Prompter};
pub use template::{ChatTemplate, NamedTokens, Rendered, TemplateError};
pub use tokenizer::{SpecialTokens, Tokenizer, TokenizerError};
