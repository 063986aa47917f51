//! Trait through which a model's tensors are read from any file format.

use std::borrow::Cow;

use super::Encoding;
use crate::error::LoadError;

/// Named tensors in the naming, row order and value conventions of Hugging Face checkpoints.
pub trait TensorSource: Send + Sync {
    /// All names, sorted.
    fn names(&self) -> Vec<String>;

    /// The shape of a tensor, outermost dimension first; `None` if there is no such tensor.
    fn shape(&self, name: &str) -> Option<Vec<usize>>;

    /// The values in row-major order, decoded to `f32`.
    ///
    /// # Errors
    /// If there is no such tensor, or a file cannot be read.
    fn read(&self, name: &str) -> Result<Vec<f32>, LoadError>;

    /// The encoded values as they lie in the file, for decoding them some rows at a time.
    ///
    /// `None` where the file's own values are not those of the convention and would have to be decoded first.
    fn stored(&self, name: &str) -> Option<Stored<'_>> {
        let _ = name;
        None
    }

    /// Releases resident memory of a tensor that will not be read again soon.
    fn release(&self, name: &str) {
        let _ = name;
    }
}

/// Encoded values, rows in the convention's order; each row is a whole number of blocks.
#[derive(Debug)]
pub struct Stored<'a> {
    /// Encoding of the bytes.
    pub encoding: Encoding,
    /// Outermost dimension first.
    pub shape: Vec<usize>,
    /// The blocks, row after row.
    pub bytes: Cow<'a, [u8]>,
}
