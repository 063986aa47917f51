//! The kernels of graphics processors, compiled as C++ and run on the processor: against plain references in double
//! precision, and against themselves in other batches, chunks and schedules, where not a bit may differ.
#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod attention;
mod delta_net;
mod experts;
mod rows;
mod sampling;
mod shim;
mod values;
