//! Panels of 8-bit integers with one scale per block (GGUF's Q8_0), and the product with them.
//!
//! An element of the product is `Σ (integer sum over a block) * (scale of the matrix' block * scale of the row's block)`,
//! one chain of fused multiply-adds, blocks ascending. The integer sums are exact, so every way to compute them gives the
//! same bits.

use pulp::{Simd, WithSimd};

use super::panels::{PANEL, Part, start_row};
use super::quantized_rows::{QuantizedRows, quantize_block};
use crate::kernel::aligned::AlignedFloats;

/// Values of a block, the block size of GGUF's Q8_0.
pub(crate) const BLOCK: usize = 32;
/// Adjacent inputs that one dot-product instruction sums.
pub(super) const STEP: usize = 4;
/// Bytes of one block of a panel.
pub(super) const PANEL_BLOCK: usize = PANEL * BLOCK;
/// Offset of stored integers: the dot-product instructions take one unsigned operand.
pub(super) const OFFSET: u8 = 128;

/// Integers `[panel][block][BLOCK / STEP][PANEL][STEP]` and scales `[panel][block][PANEL]`.
pub(super) struct BlockPanels {
    /// Bytes, four to an element.
    values: AlignedFloats,
    scales: AlignedFloats,
    inputs: usize,
}

impl BlockPanels {
    /// Panels whose every scale is zero.
    pub(super) fn zeroed(panels: usize, inputs: usize) -> Self {
        Self {
            values: AlignedFloats::zeroed(panels * PANEL * inputs / size_of::<f32>()),
            scales: AlignedFloats::zeroed(panels * PANEL * inputs / BLOCK),
            inputs,
        }
    }

    /// Bytes of integers and scales.
    pub(super) fn bytes(&self) -> usize {
        (self.values.len() + self.scales.len()) * size_of::<f32>()
    }

    /// Quantizes rows block by block into the columns of one panel from `column` on.
    pub(super) fn quantize(&mut self, panel: usize, column: usize, rows: &[f32]) {
        let blocks = self.inputs / BLOCK;
        let mut values = [0; BLOCK];
        for (offset, block) in rows.as_chunks::<BLOCK>().0.iter().enumerate() {
            let scale = quantize_block(block, &mut values);
            self.write_block(panel * blocks + offset % blocks, column + offset / blocks, scale, &values);
        }
    }

    fn write_block(&mut self, block: usize, column: usize, scale: f32, values: &[i8; BLOCK]) {
        self.scales[block * PANEL + column] = scale;
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut self.values);
        let steps = bytes[block * PANEL_BLOCK..][..PANEL_BLOCK].chunks_exact_mut(PANEL * STEP);
        for (step, values) in steps.zip(values.as_chunks::<STEP>().0) {
            step[column * STEP..][..STEP].copy_from_slice(&values.map(|value| value.cast_unsigned() ^ OFFSET));
        }
    }

    /// Copies one column of a panel, dequantized.
    pub(super) fn read(&self, panel: usize, column: usize, row: &mut [f32]) {
        let blocks = self.inputs / BLOCK;
        for (offset, row) in row.chunks_exact_mut(BLOCK).enumerate() {
            let (values, scales) = self.from(panel, offset);
            let steps = values.chunks_exact(PANEL * STEP).take(BLOCK / STEP);
            for (row, step) in row.chunks_exact_mut(STEP).zip(steps) {
                for (row, value) in row.iter_mut().zip(&step[column * STEP..]) {
                    // Flipping the top bit takes the offset of 128 out.
                    *row = scales[column] * f32::from((value ^ OFFSET).cast_signed());
                }
            }
        }
        debug_assert_eq!(row.len(), blocks * BLOCK, "a row has all its blocks");
    }

    /// Bytes and scales of a panel from one of its blocks on.
    #[inline(always)]
    pub(super) fn from(&self, panel: usize, block: usize) -> (&[u8], &[f32]) {
        let block = panel * (self.inputs / BLOCK) + block;
        (&bytemuck::cast_slice(&self.values)[block * PANEL_BLOCK..], &self.scales[block * PANEL..])
    }

    /// Blocks per row.
    #[inline(always)]
    pub(super) fn blocks(&self) -> usize {
        self.inputs / BLOCK
    }
}

/// The product of quantized rows with adjacent panels.
pub(in crate::kernel) struct BlockProduct<'a> {
    pub(super) panels: &'a BlockPanels,
    pub(super) x: &'a QuantizedRows,
    pub(super) part: Part<'a>,
}

impl WithSimd for BlockProduct<'_> {
    type Output = ();

    /// The portable version without dot-product instructions: one row and one panel at a time.
    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _simd: S) {
        let blocks = self.panels.blocks();
        for panel in self.part.panels.clone() {
            let first = (panel - self.part.panels.start) * PANEL;
            let (values, scales) = self.panels.from(panel, 0);
            for (row, y) in self.part.y.iter_mut().enumerate() {
                let end = (first + PANEL).min(y.len());
                let mut sums = [0.0_f32; PANEL];
                start_row(&mut sums[..end - first], self.part.bias, panel * PANEL);
                let x: &[i8] = bytemuck::cast_slice(&self.x.values[row * self.x.inputs / STEP..]);
                let own = row * blocks..(row + 1) * blocks;
                let corrections = &self.x.corrections[own.clone()];
                let x = x.as_chunks::<BLOCK>().0.iter().zip(corrections).zip(&self.x.scales[own]);
                let panel = values.chunks_exact(PANEL_BLOCK).zip(scales.as_chunks::<PANEL>().0);
                for (((x, correction), x_scale), (values, scales)) in x.zip(panel) {
                    let integers = block_sums(x, values, *correction);
                    for ((sum, integer), scale) in sums.iter_mut().zip(integers).zip(scales) {
                        *sum = (integer as f32).mul_add(scale * x_scale, *sum);
                    }
                }
                y[first..end].copy_from_slice(&sums[..end - first]);
            }
        }
    }
}

/// The integer sums over one block, one for each column of a panel.
#[inline(always)]
fn block_sums(x: &[i8; BLOCK], values: &[u8], correction: i32) -> [i32; PANEL] {
    // The stored bytes are larger by 128 than the integers; the correction takes that out again.
    let mut sums = [correction; PANEL];
    for (x, step) in x.as_chunks::<STEP>().0.iter().zip(values.chunks_exact(PANEL * STEP)) {
        for (sum, values) in sums.iter_mut().zip(step.as_chunks::<STEP>().0) {
            for (x, value) in x.iter().zip(values) {
                *sum += i32::from(*x) * i32::from(*value);
            }
        }
    }
    sums
}
