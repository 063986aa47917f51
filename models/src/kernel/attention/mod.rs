//! Causal attention over the paged KV cache.

mod page_tile;
mod paged;
#[cfg(test)]
mod tests;
mod unit;

pub use paged::{AttentionShape, Query, attention};
