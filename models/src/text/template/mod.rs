//! Chat templates: rendering within bounds, and the check that they repeat what they are told.

mod deep_stack;
mod faith;
mod json_style;
mod measure;
mod template;
mod tokens;

pub use template::{ChatTemplate, NamedTokens, TemplateError};
