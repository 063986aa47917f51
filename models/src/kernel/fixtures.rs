//! Inputs and processors for the kernels' tests.

use std::sync::Arc;

use pulp::{Simd, WithSimd};

use super::processor::{InstructionSet, Processor};
use super::softmax::exponentials;

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

/// RoPE frequencies without any scaling, `theta^(-2i / rotated)`, for the first `rotated` values of a head.
pub(super) fn frequencies(theta: f64, rotated: usize) -> Vec<f32> {
    (0..rotated / 2).map(|index| (1.0 / libm::pow(theta, (2 * index) as f64 / rotated as f64)) as f32).collect()
}

/// Softmax of `row` in place, as attention computes it.
pub(super) fn softmax(processor: &Processor, row: &mut [f32]) {
    struct Softmax<'a>(&'a mut [f32]);
    impl WithSimd for Softmax<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, _simd: S) {
            let factor = 1.0 / exponentials(self.0);
            self.0.iter_mut().for_each(|value| *value *= factor);
        }
    }
    processor.instructions().run(Softmax(row));
}
