//! Tensor files: safetensors, encodings of numbers, and the trait through which tensors are read.

mod encoding;
pub(crate) mod mapped;
pub mod safetensors;
mod source;
mod uneven;

pub use encoding::Encoding;
pub use safetensors::Safetensors;
pub use source::{Stored, TensorSource};
