//! Functions applied to each element.

use pulp::{Simd, WithSimd};

use super::exponential::exp;
use super::processor::Processor;

/// Elements below which spreading over threads costs more than it gains.
const SMALL: usize = 1 << 14;

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// `x * sigmoid(x)`.
#[inline(always)]
pub fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// The tanh form of gelu, by `1 + tanh(u) = 2 / (1 + e^-2u)`.
#[inline(always)]
fn gelu_tanh(x: f32) -> f32 {
    // sqrt(8 / pi) and its product with 0.044715.
    let doubled = x * (x * x).mul_add(0.071_354_814, 1.595_769_1);
    x / (1.0 + exp(-doubled))
}

/// `x = silu(x) * y`, element by element.
pub fn silu_multiply(processor: &Processor, x: &mut [f32], y: &[f32]) {
    each(processor, x, y, |x, y| silu(x) * y);
}

/// `x = gelu_tanh(x) * y`, element by element.
pub fn gelu_tanh_multiply(processor: &Processor, x: &mut [f32], y: &[f32]) {
    each(processor, x, y, |x, y| gelu_tanh(x) * y);
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
