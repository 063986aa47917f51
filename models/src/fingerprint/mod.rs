//! Fingerprints: digests and linear sketches of tensors, and outputs on a secret text, by which a copy is found after
//! renaming, resharding, casts, noise, permutation, rescaling, rotation and padding.
//!
//! A fingerprint is small data; `pareto::screens` decides what counts as a copy. Sketches and text come from a validator's
//! secret, so that nobody can prepare a model for them.

mod bits;
mod digest;
mod outputs;
mod print;
mod sketch;

pub use outputs::Outputs;
pub use print::{Fingerprint, TensorPrint, VERSION, fingerprint};
pub use sketch::SketchKey;
