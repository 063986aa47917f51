//! CPU arithmetic with one result: the same bits on every machine, for every batch and every number of threads.
//!
//! Every output element is one fixed sequence of IEEE operations that depends on that element's own inputs only. A
//! wider vector unit computes more elements at once and never changes the sequence of one, so AVX-512, AVX2, NEON and
//! plain scalar code agree to the last bit. What would break this is kept out: no reassociation by the compiler, no
//! blocking whose partial sums depend on a cache size, no mathematical function of the system's library.
//!
//! Matrices are row-major slices: `[T, n]` is `T` rows (tokens) of `n` values. A [`Processor`] says which vector
//! instructions and which threads to use. Callers do well to run a whole step inside `pool.install`, since entering a
//! pool from outside costs more than a small product.

mod activation;
mod aligned;
mod attention;
mod dispatch;
#[cfg(test)]
mod every_machine;
mod exponential;
mod linear;
mod norm;
mod pages;
mod processor;
mod rope;
#[cfg(test)]
mod sample;
mod softmax;
mod tile;

pub use activation::{add, gelu_tanh_multiply, sigmoid, sigmoid_multiply, silu, silu_multiply};
pub use attention::{AttentionShape, Query, attention};
pub use exponential::{exp, logarithm};
pub use linear::{BLOCK, PackedLinear, PackedLinearBuilder, forward_many};
pub use norm::rms_norm;
pub use pages::{ALIGNMENT, PAGE_STEP, PagedKeyValues, Slot};
pub use processor::{InstructionSet, Processor};
pub use rope::RopeTable;
pub use softmax::{argmax, log_sum_exp, softmax};
