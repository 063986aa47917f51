//! Extraction of answers and programs from replies, tolerant of the ways in which models decorate them, and never a guess from
//! the middle of a text.

mod answer;
mod fences;
mod place;
mod program;
mod thought;

pub(crate) use answer::{answer, found};
pub(crate) use program::{Program, programs};
