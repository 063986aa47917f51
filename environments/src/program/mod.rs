//! Small Python programs from a seed: one line in, one line out, composed of steps that work on a single value.

mod generator;
mod inputs;
mod probe;
mod step;
mod steps_numbers;
mod steps_sequences;
mod steps_words;

pub(crate) use generator::{Program, Purpose, draw_input};
pub(crate) use probe::{Probe, is_plain_line, limits};

use serde::{Deserialize, Serialize};

/// What kind of value a line of input or a step's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// An integer.
    Number,
    /// A string without blanks.
    Text,
    /// A list of integers, separated by blanks.
    Numbers,
    /// A list of strings without blanks, separated by blanks.
    Words,
}
