//! The tables of steps as one.

use super::{Step, numbers, sequences, texts, words};

/// All steps; the order within a kind of input decides which one an index draws.
pub(in crate::program) fn all_steps() -> impl Iterator<Item = &'static Step> {
    [numbers::STEPS, texts::STEPS, words::STEPS, sequences::STEPS].into_iter().flatten()
}
