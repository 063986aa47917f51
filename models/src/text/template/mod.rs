//! Chat templates: rendering within bounds, and the check that they repeat what they are told.

mod chat_template;
mod deep_stack;
mod faith;
mod json_style;
mod measure;
mod tokens;

pub use chat_template::{ChatTemplate, NamedTokens, TemplateError};
