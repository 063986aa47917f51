//! Input rows quantized to blocks of 8-bit integers, each block with its own scale.

use pulp::{Simd, WithSimd};

use super::blocks::BLOCK;
use crate::kernel::processor::Processor;

/// 1.5 * 2^23: adding it rounds to the nearest integer, ties to even, and leaves that integer in the low bits.
const ROUNDER: f32 = 12_582_912.0;
/// The largest magnitude of a quantized value.
const LARGEST: f32 = 127.0;
/// Elements below which threads cost more than they gain.
const SMALL: usize = 1 << 15;

/// Rows `[T, inputs]` as `scale * integer`.
pub(super) struct QuantizedRows {
    /// `[T, inputs / 4]`: four adjacent integers each.
    pub(super) values: Vec<i32>,
    /// `[T, inputs / BLOCK]`.
    pub(super) scales: Vec<f32>,
    /// `[T, inputs / BLOCK]`: -128 times the sum of a block, which cancels the offset of stored matrices.
    pub(super) corrections: Vec<i32>,
    pub(super) inputs: usize,
}

impl QuantizedRows {
    /// Quantizes rows. Rows with values that are not finite give meaningless results.
    pub(super) fn of(processor: &Processor, x: &[f32], inputs: usize) -> Self {
        let (rows, blocks) = (x.len() / inputs, x.len() / BLOCK);
        let mut values = vec![0; x.len() / 4];
        let (mut scales, mut corrections) = (vec![0.0; blocks], vec![0; blocks]);
        let rows = if x.len() < SMALL { rows } else { rows.div_ceil(processor.threads()) };
        let blocks = rows * inputs / BLOCK;
        let parts = x
            .chunks(blocks * BLOCK)
            .zip(values.chunks_mut(blocks * BLOCK / 4))
            .zip(scales.chunks_mut(blocks).zip(corrections.chunks_mut(blocks)))
            .map(|((x, values), (scales, corrections))| Quantization { x, values, scales, corrections })
            .collect();
        let instructions = processor.instructions();
        processor.each(parts, |part| instructions.run(part));
        Self { values, scales, corrections, inputs }
    }
}

struct Quantization<'a> {
    x: &'a [f32],
    values: &'a mut [i32],
    scales: &'a mut [f32],
    corrections: &'a mut [i32],
}

impl WithSimd for Quantization<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let (x, _) = self.x.as_chunks::<BLOCK>();
        let (values, _) = bytemuck::cast_slice_mut::<i32, i8>(self.values).as_chunks_mut::<BLOCK>();
        let results = values.iter_mut().zip(self.scales).zip(self.corrections);
        for (x, ((values, scale), correction)) in x.iter().zip(results) {
            *scale = quantize_block(x, values);
            *correction = values.iter().map(|value| i32::from(*value)).sum::<i32>() * -128;
        }
    }
}

/// Quantizes a block to integers from -127 to 127 and returns the scale to multiply them by.
#[inline(always)]
pub(super) fn quantize_block(x: &[f32; BLOCK], values: &mut [i8; BLOCK]) -> f32 {
    let mut most = [0.0_f32; 16];
    for half in x.as_chunks::<16>().0 {
        for (most, x) in most.iter_mut().zip(half) {
            *most = if x.abs() > *most { x.abs() } else { *most };
        }
    }
    let most = most.iter().fold(0.0_f32, |most, x| if *x > most { *x } else { most });
    let inverse = if most > 0.0 { LARGEST / most } else { 0.0 };
    for (value, x) in values.iter_mut().zip(x) {
        let integer = (x.mul_add(inverse, ROUNDER).to_bits() as i32).wrapping_sub(ROUNDER.to_bits() as i32);
        *value = integer.clamp(-127, 127) as i8;
    }
    most / LARGEST
}
