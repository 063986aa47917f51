//! RMS norm of rows.

use pulp::{Simd, WithSimd};

use super::processor::Processor;

/// Interleaved partial sums of a row. Their number defines the order of additions, so it is part of the result.
const LANES: usize = 16;
/// Elements below which threads cost more than they gain.
const SMALL: usize = 1 << 15;

/// RMS norm: each row of `x [T, n]` divided by its root mean square and multiplied by `scale [n]`, into `y [T, n]`.
///
/// # Panics
/// If the lengths do not agree.
pub fn rms_norm(processor: &Processor, x: &[f32], scale: &[f32], epsilon: f32, y: &mut [f32]) {
    let width = scale.len();
    assert_eq!(x.len(), y.len(), "a norm has as many results as operands");
    assert_eq!(x.len() % width, 0, "x is a whole number of rows");
    let rows = x.len() / width;
    let rows = if x.len() < SMALL { rows } else { rows.div_ceil(processor.threads()) };
    let instructions = processor.instructions();
    let parts = x.chunks((rows * width).max(1)).zip(y.chunks_mut((rows * width).max(1))).collect();
    processor.each(parts, |(x, y)| instructions.run(Rows { x, scale, epsilon, y }));
}

struct Rows<'a> {
    x: &'a [f32],
    scale: &'a [f32],
    epsilon: f32,
    y: &'a mut [f32],
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let width = self.scale.len();
        for (x, y) in self.x.chunks_exact(width).zip(self.y.chunks_exact_mut(width)) {
            let mean = sum_of_squares(x) / width as f32;
            // Division and square root are correctly rounded everywhere; a reciprocal square root is not.
            let factor = 1.0 / (mean + self.epsilon).sqrt();
            for ((y, x), scale) in y.iter_mut().zip(x).zip(self.scale) {
                *y = x * factor * scale;
            }
        }
    }
}

/// The sum of squares of a row: 16 interleaved chains, then a fixed tree.
#[inline(always)]
fn sum_of_squares(x: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (chunks, rest) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *sum = x.mul_add(*x, *sum);
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *sum = x.mul_add(*x, *sum);
    }
    tree_sum(sums)
}

/// The sum of 16 values as a binary tree, upper half onto lower half.
#[inline(always)]
pub(super) fn tree_sum(mut values: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for index in 0..half {
            values[index] += values[index + half];
        }
        half /= 2;
    }
    values[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fixtures::{bits, processors, refuses, values};

    #[test]
    fn norms_are_right_and_the_same_on_every_processor_and_in_every_batch() {
        for (rows, width) in [(1, 1), (3, 17), (7, 64), (70, 576)] {
            let (x, scale) = (values(1, rows * width), values(2, width));
            let mut first: Option<Vec<f32>> = None;
            for processor in processors() {
                let mut y = vec![f32::NAN; x.len()];
                rms_norm(&processor, &x, &scale, 1e-5, &mut y);
                for (x, y) in x.chunks(width).zip(y.chunks(width)) {
                    let squares: f64 = x.iter().map(|x| f64::from(*x).powi(2)).sum();
                    let factor = 1.0 / (squares / width as f64 + 1e-5).sqrt();
                    for ((x, y), scale) in x.iter().zip(y).zip(&scale) {
                        let exact = f64::from(*x) * factor * f64::from(*scale);
                        assert!((f64::from(*y) - exact).abs() <= exact.abs() * 2e-6, "{y} for {exact}");
                    }
                    let mut alone = vec![f32::NAN; width];
                    rms_norm(&processor, x, &scale, 1e-5, &mut alone);
                    assert_eq!(bits(&alone), bits(y), "a row alone on {processor:?}");
                }
                let first = first.get_or_insert_with(|| y.clone());
                assert_eq!(bits(&y), bits(first), "{rows} x {width} on {processor:?}");
            }
        }
    }

    #[test]
    fn rows_at_the_edges_have_a_norm() {
        let norm = |x: &[f32], scale: &[f32], epsilon: f32| {
            let mut y = vec![f32::NAN; x.len()];
            rms_norm(&processors()[0], x, scale, epsilon, &mut y);
            y
        };
        assert_eq!(norm(&[0.0; 5], &[2.0; 5], 1e-6), [0.0; 5], "the epsilon keeps zeros from dividing by zero");
        assert_eq!(norm(&[-3.0, 3.0], &[1.0, 2.0], 0.0), [-1.0, 2.0]);
        assert_eq!(norm(&[], &[1.0], 1e-6), [0.0; 0]);
        assert_eq!(norm(&[1e30; 4], &[1.0; 4], 1e-6), [0.0; 4], "squares beyond the range count as infinite");
        assert!(norm(&[f32::NAN, 1.0], &[1.0; 2], 1e-6).iter().all(|y| y.is_nan()));
    }

    #[test]
    fn the_tree_adds_halves_to_halves() {
        let mut values = [0.0; LANES];
        // Big numbers cancel only if they meet before anything small is added to them.
        (values[0], values[8], values[1]) = (1e30, -1e30, 3.0);
        assert_eq!(tree_sum(values), 3.0);
        assert_eq!(tree_sum(std::array::from_fn(|index| index as f32)), 120.0);
    }

    #[test]
    fn lengths_that_do_not_agree_are_refused() {
        let norm = |x: usize, y: usize| rms_norm(&processors()[0], &vec![0.0; x], &[1.0; 3], 1e-6, &mut vec![0.0; y]);
        refuses("as many results as operands", || norm(3, 6));
        refuses("whole number of rows", || norm(4, 4));
    }
}
