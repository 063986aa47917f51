//! Everything a run learns, in one SQLite file: rows are inserted once and never changed.

mod database;
mod error;

mod admissions;
mod bouts;
mod fingerprints;
mod outcomes;
mod rollouts;
mod runs;
mod sightings;

pub(crate) use bouts::BegunBout;
pub(crate) use database::Store;
pub(crate) use error::StoreError;
pub(crate) use outcomes::Outcome;
pub(crate) use runs::RunId;

#[cfg(test)]
mod tests;
