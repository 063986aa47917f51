//! Softmax, its logarithm's normaliser, and the largest element of a row.

use pulp::{Simd, WithSimd};

use super::exponential::{exp, logarithm};
use super::norm::tree_sum;
use super::processor::Processor;

/// Interleaved partial results of a row; their number is part of the definition of a sum.
const LANES: usize = 16;

/// Replaces `row` by its softmax.
pub fn softmax(processor: &Processor, row: &mut [f32]) {
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

/// `ln Σ e^x` of a row: a logit less this is a log-probability.
pub fn log_sum_exp(processor: &Processor, row: &[f32]) -> f32 {
    struct LogSumExp<'a>(&'a [f32]);
    impl WithSimd for LogSumExp<'_> {
        type Output = f32;

        #[inline(always)]
        fn with_simd<S: Simd>(self, _simd: S) -> f32 {
            let greatest = greatest(self.0);
            let mut sums = [0.0_f32; LANES];
            let (chunks, rest) = self.0.as_chunks::<LANES>();
            for chunk in chunks {
                for (sum, x) in sums.iter_mut().zip(chunk) {
                    *sum += exp(x - greatest);
                }
            }
            for (sum, x) in sums.iter_mut().zip(rest) {
                *sum += exp(x - greatest);
            }
            greatest + logarithm(f64::from(tree_sum(sums))) as f32
        }
    }
    processor.instructions().run(LogSumExp(row))
}

/// The index of the largest element, the first of equals; 0 for an empty row.
pub fn argmax(processor: &Processor, row: &[f32]) -> usize {
    struct Argmax<'a>(&'a [f32]);
    impl WithSimd for Argmax<'_> {
        type Output = usize;

        #[inline(always)]
        fn with_simd<S: Simd>(self, _simd: S) -> usize {
            let greatest = greatest(self.0);
            self.0.iter().position(|x| *x == greatest).unwrap_or(0)
        }
    }
    processor.instructions().run(Argmax(row))
}

/// The largest element; what is not a number counts as smaller than anything.
#[inline(always)]
pub(super) fn greatest(row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = if *x > *lane { *x } else { *lane };
        }
    }
    let all = lanes.iter().chain(rest);
    all.fold(f32::NEG_INFINITY, |most, x| if *x > most { *x } else { most })
}

/// Replaces `row` by `e^(x - greatest)` and returns the sum: 16 interleaved chains, then a fixed tree.
#[inline(always)]
pub(super) fn exponentials(row: &mut [f32]) -> f32 {
    let greatest = greatest(row);
    let mut sums = [0.0_f32; LANES];
    let (chunks, rest) = row.as_chunks_mut::<LANES>();
    for chunk in chunks {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *x = exp(*x - greatest);
            *sum += *x;
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *x = exp(*x - greatest);
        *sum += *x;
    }
    tree_sum(sums)
}
