//! Safetensors files: header, index of shards, and tensors.

mod header;
mod index;
mod source;

pub use header::{Header, HeaderEntry};
pub use index::Index;
pub use source::Safetensors;
