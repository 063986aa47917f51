//! Transcripts of rollouts: tasks are made again from their seeds, replies decoded from their tokens, and judged once more.

mod selection;
mod source;
mod transcriber;

pub(crate) use selection::{Kinds, Selection};
pub(crate) use source::RolloutSource;
pub(crate) use transcriber::Transcriber;
