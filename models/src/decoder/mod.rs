//! The decoder: one description of all families, run on a backend.
//!
//! A step is one `[T, hidden]` matrix of prefill chunks and single decodes. Every row's result depends on its own
//! sequence only, so that a step may be composed in any way without changing a bit.

mod backend;
mod cpu;
mod delta_net;
#[cfg(test)]
pub(crate) mod golden;
mod handle;
mod layers;
mod parameters;
mod step;
#[cfg(test)]
mod tests;

pub use backend::Arithmetic;
pub use handle::Decoder;
pub(crate) use handle::{Capacity, Forward, LogitSink};
pub use step::{Span, Step};
