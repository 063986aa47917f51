//! Activation functions and gates, element by element.

use pulp::{Simd, WithSimd};

use super::exponential::exp;
use super::processor::Processor;

/// Elements below which threads cost more than they gain.
const SMALL: usize = 1 << 14;

/// The logistic function, `1 / (1 + e^-x)`.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// SiLU (swish), `x * sigmoid(x)`.
#[inline(always)]
pub(crate) fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// The tanh approximation of GELU, by `1 + tanh(u) = 2 / (1 + e^-2u)`.
#[inline(always)]
fn gelu_tanh(x: f32) -> f32 {
    // sqrt(8 / pi) and its product with 0.044715.
    let doubled = x * (x * x).mul_add(0.071_354_814, 1.595_769_2);
    x / (1.0 + exp(-doubled))
}

/// `x = silu(x) * y`, element by element.
pub fn silu_multiply(processor: &Processor, x: &mut [f32], y: &[f32]) {
    each(processor, x, y, |x, y| silu(x) * y);
}

/// `x = gelu_tanh(x) * y`, element by element.
pub(crate) fn gelu_tanh_multiply(processor: &Processor, x: &mut [f32], y: &[f32]) {
    each(processor, x, y, |x, y| gelu_tanh(x) * y);
}

/// `x = sigmoid(x) * y`, element by element.
pub(crate) fn sigmoid_multiply(processor: &Processor, x: &mut [f32], y: &[f32]) {
    each(processor, x, y, |x, y| sigmoid(x) * y);
}

/// `x = x + y`, element by element.
pub fn add(processor: &Processor, x: &mut [f32], y: &[f32]) {
    each(processor, x, y, |x, y| x + y);
}

/// `x = function(x, y)`, element by element.
fn each(processor: &Processor, x: &mut [f32], y: &[f32], function: impl Fn(f32, f32) -> f32 + Copy + Send + Sync) {
    assert_eq!(x.len(), y.len(), "operands of an element-wise function are equally long");
    let instructions = processor.instructions();
    let length = if x.len() < SMALL { x.len().max(1) } else { x.len().div_ceil(processor.threads()) };
    let parts = x.chunks_mut(length).zip(y.chunks(length)).collect();
    processor.each(parts, |(x, y)| instructions.run(Elements { x, y, function }));
}

struct Elements<'a, F> {
    x: &'a mut [f32],
    y: &'a [f32],
    function: F,
}

impl<F: Fn(f32, f32) -> f32> WithSimd for Elements<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        for (x, y) in self.x.iter_mut().zip(self.y) {
            *x = (self.function)(*x, *y);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fixtures::{bits, processors, refuses, values};

    /// Compares with `exact` in `f64`, and all processors with each other.
    fn check(name: &str, kernel: fn(&Processor, &mut [f32], &[f32]), exact: fn(f64, f64) -> f64) {
        for count in [0, 1, 15, 16, 17, 1000, 20_000] {
            let x: Vec<f32> = values(1, count).iter().map(|x| x * 12.0).collect();
            let y = values(2, count);
            let mut first: Option<Vec<f32>> = None;
            for processor in processors() {
                let mut result = x.clone();
                kernel(&processor, &mut result, &y);
                for ((result, x), y) in result.iter().zip(&x).zip(&y) {
                    let exact = exact(f64::from(*x), f64::from(*y));
                    let error = (f64::from(*result) - exact).abs();
                    assert!(error <= exact.abs() * 2e-6 + 1e-9, "{name}({x}, {y}) is {result} for {exact}");
                }
                let first = first.get_or_insert_with(|| result.clone());
                assert_eq!(bits(&result), bits(first), "{name} of {count} on {processor:?}");
            }
        }
    }

    #[test]
    fn element_wise_functions_are_right_and_the_same_on_every_processor() {
        check("silu", silu_multiply, |x, y| x / (1.0 + (-x).exp()) * y);
        check("sigmoid", sigmoid_multiply, |x, y| y / (1.0 + (-x).exp()));
        check("gelu", gelu_tanh_multiply, |x, y| {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
            0.5 * x * (1.0 + inner.tanh()) * y
        });
        check("add", add, |x, y| x + y);
    }

    #[test]
    fn activations_have_the_right_ends() {
        for (x, expected) in [(0.0, 0.0), (200.0, 200.0), (-200.0, 0.0), (f32::INFINITY, f32::INFINITY)] {
            assert_eq!(silu(x), expected, "silu({x})");
            assert_eq!(gelu_tanh(x), expected, "gelu({x})");
        }
        assert_eq!((sigmoid(200.0), sigmoid(-200.0), sigmoid(0.0)), (1.0, 0.0, 0.5));
    }

    #[test]
    fn operands_of_different_lengths_are_refused() {
        refuses("equally long", || add(&processors()[0], &mut [0.0; 3], &[0.0; 2]));
    }
}
