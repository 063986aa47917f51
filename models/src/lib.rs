//! Language models: hub, loading, generation, scoring and fingerprints.

pub mod admission;
mod cache;
pub mod config;
pub mod decoder;
pub mod engine;
pub mod export;
pub mod fingerprint;
pub mod hub;
pub mod kernel;
pub mod load;
pub mod model_ref;
pub mod remote;
pub mod responder;
pub mod retry;
pub mod secret;
pub mod snapshot;
pub mod source;
