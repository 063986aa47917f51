//! Language models: hub, admission, generation, scoring and fingerprints.
//!
//! In reading order, from the ground up; a module uses those before it. Nothing trusts a length, an offset, a name or a
//! count found in a file: each is checked against what is really there before anything is allocated, and what does not
//! hold is a [`Refusal`](refusal::Refusal).
//!
//! On the CPU a model runs on kernels of our own ([`kernel`]), since no library gives the same bits for every vector width,
//! batch and number of threads. On an NVIDIA card it runs on kernels of our own, too ([`cuda`]). candle is in tests the
//! implementation that results are compared with.

mod atomic_file;
pub mod error;
mod python_json;
pub mod refusal;
pub mod snapshot;
mod splitmix;
pub mod untrusted;

pub mod tensors;

pub mod config;
pub mod layout;

pub mod gguf;

pub mod text;

pub mod kernel;

pub mod admission;
pub mod export;

mod cache;
mod sampling;

pub mod cuda;
pub mod decoder;
pub mod engine;

pub mod fingerprint;
pub mod local;
pub mod remote;
pub mod responder;

pub mod hub;
pub mod model_ref;
pub mod retry;
pub mod secret;
pub mod source;
