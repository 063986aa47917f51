//! Reading a model's files: tensors, tokenizer and chat template, all of them written by strangers.
//!
//! Nothing here trusts a length, an offset, a name or a count found in a file: each is checked against what is really
//! there before anything is allocated, and what does not hold is a [`Refusal`](crate::admission::Refusal).

pub(crate) mod chat_files;
mod deep_stack;
mod encoding;
mod error;
pub mod gguf;
mod json_style;
mod loaded;
mod mapped;
pub mod prompter;
pub mod safetensors;
pub mod template;
mod template_faith;
mod template_measure;
mod template_tokens;
mod tensor_source;
pub mod tokenizer;

pub use encoding::Encoding;
pub use error::LoadError;
pub use gguf::Gguf;
pub use loaded::LoadedModel;
pub use prompter::Prompter;
pub use safetensors::Safetensors;
pub use template::{ChatTemplate, Message, NamedTokens, Role};
pub use tensor_source::{Stored, TensorSource};
pub use tokenizer::Tokenizer;
