//! GGUF files: a bounded reader, and the way back to the conventions of Hugging Face checkpoints.

mod container;
#[cfg(test)]
pub(crate) mod fixtures;
mod metadata;
mod source;
#[cfg(test)]
mod tests;
pub(crate) mod turn_ends;
mod values;

pub use container::{Content, TensorInfo};
pub use metadata::config_json;
pub use source::Gguf;
pub use values::{List, Value};
