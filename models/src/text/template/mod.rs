//! Chat templates: rendering within bounds, and the check that they repeat what they are told.

mod chat_template;
mod deep_stack;
mod dialect;
mod environment;
mod faith;
mod filters;
mod format;
mod json_style;
mod measure;
mod python_text;
#[cfg(test)]
mod reference;
mod repr;
mod signatures;
mod strftime;
#[cfg(test)]
mod tests;
mod tokens;

pub use chat_template::{ChatTemplate, NamedTokens, Rendered, TemplateError};
