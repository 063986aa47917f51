//! Tensor names and layouts of checkpoints: every stored tensor, and the canonical tensors that it holds.
//!
//! The only place with tensor names. A checkpoint can store experts one by one or stacked, projections fused, interleaved
//! or apart, the output layer twice or once, and tensors beside all that which nothing reads. Decoder and fingerprint see
//! none of it: they ask for canonical tensors by `TensorId`, and a `Layout` knows where each of them lies.

mod canonical;
mod checked;
pub(crate) mod ggml;
mod names;
mod rows;
mod stored;
#[cfg(test)]
mod tests;

pub(crate) use canonical::{Linear, Part, TensorId, Unit};
pub use checked::Layout;
pub(crate) use stored::Piece;
pub use stored::expected_tensors;
