//! The inference engine: continuous batching of many sequences on one model.
//!
//! Results do not depend on the batch: a sequence gets the same tokens and log-probabilities, bit for bit, alone and
//! among others.

mod handle;
mod request;
mod scheduler;
mod sequence;
mod settings;
mod text;
mod vocabulary;

pub use handle::{Engine, EngineModel};
pub use request::{Completion, EngineError, Finish, Mismatch, Request, Statistics, Verification};
pub use settings::EngineSettings;
pub use vocabulary::Detokenizer;

pub use crate::sampling::{Sampling, TokenScore};
