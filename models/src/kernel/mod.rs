//! CPU kernels with reproducible results: the same bits on every machine, in every batch, with any number of threads.
//!
//! Every output element is one fixed sequence of IEEE operations that depends on that element's own inputs only. A
//! wider vector unit computes more elements at once and never changes the sequence of one, so AVX-512, AVX2, NEON and
//! plain scalar code agree to the last bit. There is no reassociation by the compiler, no blocking whose partial
//! sums depend on a cache size, and no function of the system's math library.
//!
//! Matrices are row-major slices: `[T, n]` is `T` rows (tokens) of `n` values. A [`Processor`] holds the vector
//! instructions and the threads to use. Run a whole step inside `pool.install`: entering a thread pool costs more than
//! a small product.

mod activation;
mod aligned;
mod attention;
mod dispatch;
mod exponential;
#[cfg(test)]
mod fixtures;
mod linear;
mod norm;
mod pages;
#[cfg(test)]
mod pinned_bits;
mod processor;
mod rope;
mod softmax;
mod tile;

pub use activation::{add, silu_multiply};
pub(crate) use activation::{gelu_tanh_multiply, sigmoid, sigmoid_multiply, silu};
pub use attention::{AttentionShape, Query, attention};
pub(crate) use exponential::{exp, logarithm};
pub(crate) use linear::{BLOCK, forward_many};
pub use linear::{PackedLinear, PackedLinearBuilder};
pub use norm::rms_norm;
pub(crate) use pages::ALIGNMENT;
pub use pages::{PAGE_STEP, PagedKeyValues, Slot};
pub use processor::{InstructionSet, Processor};
pub(crate) use rope::RopeTable;
pub use softmax::{argmax, log_sum_exp};
