//! Root-mean-square normalisation of rows.

use pulp::{Simd, WithSimd};

use super::processor::Processor;

/// Interleaved partial sums of a row; their number is part of the result's definition.
const LANES: usize = 16;
/// Elements below which spreading over threads costs more than it gains.
const SMALL: usize = 1 << 15;

/// Each row of `x [T, n]` divided by its root mean square and multiplied by `scale [n]`, into `y [T, n]`.
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
            let factor = 1.0 / (mean + self.epsilon).sqrt();
            for ((y, x), scale) in y.iter_mut().zip(x).zip(self.scale) {
                *y = x * factor * scale;
            }
        }
    }
}

/// The sum of squares: 16 interleaved chains, then a fixed tree.
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

/// The sum of 16 values in a fixed order: halves added to halves.
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
    use crate::kernel::sample::{bits, processors, values};

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
}
