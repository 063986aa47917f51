//! The product with 8-bit blocks by the dot-product instructions of x86-64 (AVX2, AVX-VNNI, AVX-512 VNNI).
//!
//! One loop, expanded for three instruction sets that differ in vector width and in the instruction that sums four
//! products of bytes.

use std::arch::x86_64::*;
use std::ops::Range;

use super::blocks::{BLOCK, BlockProduct, OFFSET, PANEL_BLOCK, STEP};
use super::panels::{PANEL, start_row};
use super::quantized_rows::QuantizedRows;
use crate::kernel::dispatch;

/// Width of a register tile in vectors.
const VECTORS: usize = 3;
/// Blocks of a panel per pass, so that they stay in the L1 cache; sums are stored and loaded again between passes.
const BLOCKS: usize = 18;
/// Rows that go through all panels of a part before the next rows do, so that they stay in the L2 cache.
const ROWS: usize = 128;
/// Steps per block.
const STEPS: usize = BLOCK / STEP;

/// A range of blocks of one panel, the rows to multiply with, and the columns of the result.
struct Blocks<'a> {
    values: &'a [u8],
    scales: &'a [f32],
    x: &'a QuantizedRows,
    range: Range<usize>,
    columns: Range<usize>,
}

impl Blocks<'_> {
    /// Columns of group `group` of `width` columns; fewer in the last panel of a matrix.
    #[inline(always)]
    fn columns(&self, group: usize, width: usize) -> Range<usize> {
        let first = self.columns.start + group * width;
        first.min(self.columns.end)..(first + width).min(self.columns.end)
    }

    /// Integers, scales and corrections of a row in this range.
    #[inline(always)]
    fn row(&self, row: usize) -> (&[i32], &[f32], &[i32]) {
        let blocks = row * (self.x.inputs / BLOCK);
        let range = blocks + self.range.start..blocks + self.range.end;
        let values = &self.x.values[range.start * STEPS..range.end * STEPS];
        (values, &self.x.scales[range.clone()], &self.x.corrections[range])
    }

    /// Prefetches the blocks after this range, the share of one step of one block.
    #[inline(always)]
    fn prefetch(&self, block: usize, step: usize) {
        let ahead = self.range.len() + block;
        for line in (0..PANEL * STEP).step_by(64) {
            dispatch::prefetch(self.values, ahead * PANEL_BLOCK + step * PANEL * STEP + line);
        }
        if step < PANEL / 16 {
            dispatch::prefetch(self.scales, ahead * PANEL + step * 16);
        }
    }
}

macro_rules! product {
    (
        $(#[$doc:meta])* $name:ident, $features:literal, rows $most:literal, corrected $corrected:literal,
        $integers:ty, $floats:ty, $set_integer:ident, $set_float:ident, $convert:ident, $multiply:ident, $fuse:ident, $dot:ident
    ) => {
        $(#[$doc])*
        #[target_feature(enable = $features)]
        pub(in crate::kernel) fn $name(mut product: BlockProduct<'_>) {
            const WIDTH: usize = VECTORS * size_of::<$floats>() / size_of::<f32>();
            const GROUPS: usize = PANEL / WIDTH;

            #[target_feature(enable = $features)]
            fn tile<const M: usize, const PREFETCH: usize>(blocks: &Blocks<'_>, group: usize, row: usize, y: &mut [&mut [f32]]) {
                let columns = blocks.columns(group, WIDTH);
                let values: &[$integers] = bytemuck::cast_slice(&blocks.values[..blocks.range.len() * PANEL_BLOCK]);
                let scales: &[$floats] = bytemuck::cast_slice(&blocks.scales[..blocks.range.len() * PANEL]);
                let mut x = [(&[][..], &[][..], &[][..]); M];
                let mut sums = [[$set_float(0.0); VECTORS]; M];
                for index in 0..M {
                    x[index] = blocks.row(row + index);
                    let lanes: &mut [f32] = bytemuck::cast_slice_mut(&mut sums[index]);
                    lanes[..columns.len()].copy_from_slice(&y[index][columns.clone()]);
                }
                let panel = values.chunks_exact(STEPS * GROUPS * VECTORS).zip(scales.chunks_exact(GROUPS * VECTORS));
                for (block, (values, scales)) in panel.enumerate() {
                    let mut integers = [[$set_integer(0); VECTORS]; M];
                    for index in 0..M {
                        integers[index] = [$set_integer(x[index].2[block] * $corrected); VECTORS];
                    }
                    for (step, values) in values.chunks_exact(GROUPS * VECTORS).enumerate() {
                        if PREFETCH > 0 {
                            blocks.prefetch(block, step);
                        }
                        let values = &values[group * VECTORS..][..VECTORS];
                        for index in 0..M {
                            let x = $set_integer(x[index].0[block * STEPS + step]);
                            for vector in 0..VECTORS {
                                integers[index][vector] = $dot(integers[index][vector], values[vector], x);
                            }
                        }
                    }
                    let scales = &scales[group * VECTORS..][..VECTORS];
                    for index in 0..M {
                        let scale = $set_float(x[index].1[block]);
                        for vector in 0..VECTORS {
                            let factor = $multiply(scales[vector], scale);
                            let sum = $convert(integers[index][vector]);
                            sums[index][vector] = $fuse(sum, factor, sums[index][vector]);
                        }
                    }
                }
                for index in 0..M {
                    let lanes: &[f32] = bytemuck::cast_slice(&sums[index]);
                    y[index][columns.clone()].copy_from_slice(&lanes[..columns.len()]);
                }
            }

            let blocks = product.panels.blocks();
            for (first_row, y) in product.part.y.chunks_mut(ROWS).enumerate() {
                for panel in product.part.panels.clone() {
                    let first = (panel - product.part.panels.start) * PANEL;
                    let columns = first..(first + PANEL).min(y[0].len());
                    for row in y.iter_mut() {
                        start_row(&mut row[columns.clone()], product.part.bias, panel * PANEL);
                    }
                    for start in (0..blocks).step_by(BLOCKS) {
                        let (values, scales) = product.panels.from(panel, start);
                        let range = start..(start + BLOCKS).min(blocks);
                        let blocks = Blocks { values, scales, x: product.x, range, columns: columns.clone() };
                        for group in 0..GROUPS {
                            for (index, y) in y.chunks_mut($most).enumerate() {
                                let row = first_row * ROWS + index * $most;
                                match y.len() {
                                    1 => tile::<1, 1>(&blocks, group, row, y),
                                    2 if $most > 2 => tile::<2, 1>(&blocks, group, row, y),
                                    3 => tile::<3, 1>(&blocks, group, row, y),
                                    // Only the first tile prefetches: the others read the same panel.
                                    _ if (group, index) == (0, 0) => tile::<$most, 1>(&blocks, group, row, y),
                                    _ => tile::<$most, 0>(&blocks, group, row, y),
                                }
                            }
                        }
                    }
                }
            }
        }
    };
}

product!(
    /// By the dot product of AVX-512 VNNI.
    product_avx512_vnni, "avx512f,avx512vnni", rows 4, corrected 1,
    __m512i, __m512, _mm512_set1_epi32, _mm512_set1_ps, _mm512_cvtepi32_ps, _mm512_mul_ps, _mm512_fmadd_ps, _mm512_dpbusd_epi32
);

product!(
    /// By the dot product of AVX-VNNI.
    product_avx_vnni, "avx2,fma,avxvnni", rows 2, corrected 1,
    __m256i, __m256, _mm256_set1_epi32, _mm256_set1_ps, _mm256_cvtepi32_ps, _mm256_mul_ps, _mm256_fmadd_ps, _mm256_dpbusd_avx_epi32
);

product!(
    /// By the byte products of AVX2.
    product_avx2, "avx2,fma", rows 2, corrected 0,
    __m256i, __m256, _mm256_set1_epi32, _mm256_set1_ps, _mm256_cvtepi32_ps, _mm256_mul_ps, _mm256_fmadd_ps, dot_avx2
);

/// Adds four products of bytes to each sum, as `vpdpbusd` does. The byte product of AVX2 adds two products in 16 bits and
/// saturates; it cannot once the offset is removed and the signs of the matrix are moved to the row.
#[inline]
#[target_feature(enable = "avx2")]
fn dot_avx2(sums: __m256i, values: __m256i, x: __m256i) -> __m256i {
    let values = _mm256_xor_si256(values, _mm256_set1_epi8(OFFSET.cast_signed()));
    let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(values), _mm256_sign_epi8(x, values));
    _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
}
