//! GGUF files: a bounded reader, and the way back to the conventions of Hugging Face checkpoints.

mod container;
#[cfg(test)]
pub(crate) mod fixtures;
mod metadata;
mod source;
pub(crate) mod turn_ends;
#[cfg(test)]
mod tests;
mod values;

pub use container::{Content, TensorInfo};
pub use metadata::config_json;
pub use source::Gguf;
pub use values::{List, Value};
