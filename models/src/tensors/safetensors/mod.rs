//! Safetensors files: a header that is believed in nothing, and the tensors behind it.

mod header;
mod index;
mod source;

pub use header::{Header, HeaderEntry};
pub use index::Index;
pub use source::Safetensors;
