//! Linear layers: matrices packed in panels of output columns, in `f32` or in blocks of 8-bit integers.

mod blocks;
#[cfg(target_arch = "x86_64")]
pub(super) mod dot;
mod float;
mod packed;
mod panels;
mod quantized_rows;
#[cfg(test)]
mod tests;

pub(crate) use blocks::BLOCK;
pub(super) use blocks::BlockProduct;
pub(crate) use packed::forward_many;
pub use packed::{PackedLinear, PackedLinearBuilder};
