//! Everything a run learns, in a SQLite file or a Postgres database: rows are inserted once and never changed.

mod connection;
mod database;
mod error;
mod statement;

mod admissions;
mod bouts;
mod decisions;
mod fingerprints;
mod outcomes;
mod rollouts;
mod runs;
mod sightings;
mod upkeep;
mod windows;
mod worker_rollouts;

pub(crate) use admissions::Requeued;
pub(crate) use bouts::BegunBout;
pub(crate) use database::Store;
pub(crate) use decisions::{VerifiedDecision, WeightEvent};
pub(crate) use error::StoreError;
pub(crate) use outcomes::Outcome;
pub(crate) use runs::RunId;
pub(crate) use upkeep::{Checked, Pruned, backup, check};
pub(crate) use windows::{CapturedWindow, SkippedWindow};
pub(crate) use worker_rollouts::{Disagreement, WorkerRollout};

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;
