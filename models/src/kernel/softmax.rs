//! Log-sum-exp, argmax, and the exponentials of a softmax.

use pulp::{Simd, WithSimd};

use super::exponential::{exp, logarithm};
use super::norm::tree_sum;
use super::processor::Processor;

/// Interleaved partial results of a row. Their number defines the order of additions, so it is part of the result.
const LANES: usize = 16;

/// Log-sum-exp, `ln Σ e^x`, of a row. A logit minus this is a log-probability.
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

/// Argmax: the index of the largest element, the first among equals; 0 for an empty row.
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

/// The largest element; NaN counts as smaller than anything.
#[inline(always)]
pub(super) fn greatest(row: &[f32]) -> f32 {
    // Comparisons instead of `f32::max`, whose result for zeros of both signs is unspecified.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fixtures::{bits, processors, softmax, values};

    #[test]
    fn softmax_and_log_sum_exp_are_right_and_the_same_on_every_processor() {
        for count in [1, 15, 16, 33, 50_000] {
            let row: Vec<f32> = values(1, count).iter().map(|x| x * 20.0).collect();
            let exact: f64 = row.iter().map(|x| f64::from(*x).exp()).sum();
            let mut first: Option<(Vec<f32>, f32)> = None;
            for processor in processors() {
                let mut odds = row.clone();
                softmax(&processor, &mut odds);
                let sum = log_sum_exp(&processor, &row);
                assert!((f64::from(sum) - exact.ln()).abs() <= 4e-6, "{sum} for {}", exact.ln());
                for (odds, x) in odds.iter().zip(&row) {
                    let exact = f64::from(*x).exp() / exact;
                    assert!((f64::from(*odds) - exact).abs() <= exact * 4e-6, "{odds} for {exact}");
                }
                let first = first.get_or_insert_with(|| (odds.clone(), sum));
                assert_eq!(bits(&odds), bits(&first.0), "softmax of {count} on {processor:?}");
                assert_eq!(sum.to_bits(), first.1.to_bits(), "log-sum-exp of {count} on {processor:?}");
            }
        }
    }

    #[test]
    fn the_first_of_the_largest_is_found() {
        let (low, nan) = (f32::NEG_INFINITY, f32::NAN);
        let mut long = vec![0.0; 40_000];
        long[31_007] = 1.0;
        long[31_008] = 1.0;
        for (row, expected) in [
            (&[][..], 0),
            (&[3.0], 0),
            (&[1.0, 2.0, 2.0], 1),
            (&[-0.0, 0.0], 0),
            (&[low, low], 0),
            (&[nan, -5.0, nan], 1),
            (&[nan], 0),
            (&long, 31_007),
        ] {
            for processor in processors() {
                assert_eq!(argmax(&processor, row), expected, "{row:.3?} on {processor:?}");
            }
        }
    }

    #[test]
    fn rows_at_the_edges_have_a_softmax() {
        let processor = &processors()[0];
        let of = |row: &[f32]| {
            let mut odds = row.to_vec();
            softmax(processor, &mut odds);
            (odds, log_sum_exp(processor, row))
        };
        let low = f32::NEG_INFINITY;
        assert_eq!(of(&[3.5]), (vec![1.0], 3.5));
        assert_eq!(of(&[low, 2.0, low]), (vec![0.0, 1.0, 0.0], 2.0), "masked entries get nothing");
        assert_eq!(of(&[3e38, 3e38]).0, [0.5, 0.5], "large logits do not overflow");
        assert_eq!(of(&[-3e38, -3e38, -3e38, -3e38]).0, [0.25; 4]);
        assert_eq!(of(&[0.0, -200.0]), (vec![1.0, 0.0], 0.0), "small odds vanish");
        let (odds, sum) = of(&[f32::NAN, 1.0]);
        assert!(odds.iter().all(|odds| odds.is_nan()) && sum.is_nan(), "what is not a number is not hidden");
        assert!(of(&[f32::INFINITY, 1.0]).1.is_nan());
    }
}
