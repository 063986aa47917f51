//! Decoder on an NVIDIA card: fused kernels compiled at start, and products by cuBLASLt.
//!
//! A row's bits do not depend on its batch, its order, the chunks of its prompt or what was cached: kernels cut sums by
//! shapes and absolute positions alone, and each weight shape has one algorithm for any number of rows. Driver, compiler
//! and library are opened when a card is asked for, so that one program runs with and without a card.

mod accelerator;
mod algorithms;
mod arena;
mod card;
mod compiler;
mod decoder;
mod driver;
mod inputs;
mod launches;
mod library;
mod loader;
mod memory;
mod pass;
mod profile;
mod random;
#[cfg(test)]
mod tests;
mod trial;
mod weights;

pub use accelerator::Accelerator;
pub use card::CardIdentity;
