//! Fingerprints: digests, sketches and spectra of tensors, by which a copy is found after renaming, resharding, casts,
//! noise, permutation and rescaling.
//!
//! A fingerprint is small data; `pareto::screens` decides which distances count as a copy.

mod digest;
mod print;
mod sketch;
mod spectrum;

pub use print::{Fingerprint, TensorPrint, VERSION, fingerprint};
