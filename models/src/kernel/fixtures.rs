//! Inputs and processors for the kernels' tests.

use std::sync::Arc;

use super::processor::{InstructionSet, Processor};

/// `count` values between -1 and 1 that depend on `seed` only.
pub(super) fn values(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    })
    .take(count)
    .collect()
}

/// Every instruction set of this machine with one, two and three threads; plain scalar code on one thread first.
pub(super) fn processors() -> Vec<Processor> {
    let pools = [1, 2, 3].map(|threads| {
        Arc::new(rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started"))
    });
    InstructionSet::available()
        .into_iter()
        .flat_map(|instructions| pools.iter().map(move |pool| Processor::with(instructions, Arc::clone(pool))))
        .collect()
}

/// The bits of some values, which compare equal only if the values are the same, signs of zero and all.
pub(super) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Runs `call`, which has to panic with a message that contains `expected`.
#[track_caller]
pub(super) fn refuses(expected: &str, call: impl FnOnce()) {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).expect_err("the call is refused");
    let fixed = panic.downcast_ref::<&str>().copied();
    let message = panic.downcast_ref::<String>().map(String::as_str).or(fixed).unwrap_or_default();
    assert!(message.contains(expected), "{message:?} does not say {expected:?}");
}
