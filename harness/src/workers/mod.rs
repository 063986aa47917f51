//! Workers: processes on this and other machines that make a validator's rollouts.
//!
//! The validator puts blocks of units into a queue in its Postgres database; workers whose arithmetic is the window's take
//! them, make the rollouts and store them one by one; the validator takes those that its duels want into the window.

mod block;
mod executor;
mod played_run;
mod queue;
mod slots;
mod worker;

pub(crate) use block::Compatibility;
pub(crate) use executor::{Announced, WorkersExecutor};
pub(crate) use worker::Worker;

#[cfg(test)]
mod tests;
