//! GGUF files: a bounded reader, and the way back to the conventions of Hugging Face checkpoints.

mod config;
mod container;
mod names;
mod source;
mod values;

pub use config::config_json;
pub use container::{Content, TensorInfo};
pub use source::Gguf;
pub use values::{List, Value};
