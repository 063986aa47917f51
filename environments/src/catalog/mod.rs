//! Built-in environments, by name.
//!
//! A new one is a file here that implements `Question` and a row in `ENTRIES`; it must pass [`crate::check`].
//! Reading order: `entries`, `one_turn` (`Question`, and the environment made of it), `prompt`, then the questions.

mod abduction;
mod coding;
mod deduction;
mod entries;
mod one_turn;
mod prompt;
mod sat;

#[cfg(test)]
mod judging_tests;

pub use entries::{names, open, tiers};
