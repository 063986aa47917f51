//! Tokenizers, from a miner's `tokenizer.json` or GGUF metadata.
//!
//! Only byte-pair encoding and Unigram are known, and only pipelines of known parts with known patterns: a pattern of a miner's own
//! could take for ever on an ordinary text.

mod from_gguf;
mod from_json;
mod parts;
mod patterns;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use from_json::LARGEST_FILE;
pub use text::{SpecialTokens, Tokenizer, TokenizerError};
