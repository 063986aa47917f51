//! Small Python programs from a seed: one line in, one line out, composed of steps that transform a single value.
//!
//! Reading order: `value_kind`, `steps` (the tables), `writer` (source), `distractors`, `specification` and `paraphrase` (English),
//! `conditions`, `generator`, `inputs`, `probe`.

mod conditions;
mod distractors;
mod generator;
mod inputs;
mod paraphrase;
mod paraphrases;
mod probe;
mod specification;
mod steps;
mod value_kind;
mod writer;

pub(crate) use generator::{GeneratedProgram, Purpose};
pub(crate) use inputs::draw_input;
pub(crate) use probe::{Probe, candidate_limits, is_plain_line, limits};
pub(crate) use value_kind::ValueKind;
