//! Language models: hub, loading, generation, scoring and fingerprints.

pub mod config;
pub mod admission;
pub mod decoder;
pub mod kernel;
pub mod load;
pub mod snapshot;
