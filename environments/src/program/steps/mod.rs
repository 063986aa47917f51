//! Tables of all steps, a file for each kind of value that they take.
//!
//! The order of the rows is part of every task's bytes: a step is drawn by its index.

mod all;
mod numbers;
mod sequences;
mod step;
mod texts;
mod words;

pub(super) use all::all_steps;
pub(super) use step::{Code, InformationLoss, Step, StepText};

#[cfg(test)]
mod tests;
