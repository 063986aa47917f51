//! One window: the steps from a registry and its models to a conclusion, each a function from records to records.
//!
//! A window begins from the record of the one before: its champion plays on with the model that was crowned. Entries are
//! admitted and fingerprinted, screened for copies of all models ever seen, and those left hold their duels in order;
//! rollouts are made while a duel wants them. Everything finished is in the store before the next step needs it, so that
//! an interrupted window is resumed by running the steps again.

mod admit;
mod answers;
mod begin;
mod conclude;
mod context;
mod decide;
mod duel;
mod error;
mod fingerprints;
mod open;
mod prefetch;
mod recorded;
mod screen;

pub(crate) use admit::other_than_crowned;
pub(crate) use begin::Beginning;
pub(crate) use context::{WindowContext, in_one_arithmetic};
pub(crate) use decide::{Decided, decide};
pub(crate) use error::WindowError;
pub(crate) use open::{OpenWindow, Unchallenged, open, reopen};
pub(crate) use prefetch::prefetch;
pub(crate) use recorded::{RecordedFacts, decide_recorded, screen_recorded};

#[cfg(test)]
pub(crate) mod fixtures;
