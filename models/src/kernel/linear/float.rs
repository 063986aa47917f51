//! Panels of `f32`, and the product with them.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::panels::{PANEL, Part, start_row};
use crate::kernel::aligned::AlignedFloats;
use crate::kernel::tile;

/// Width of a register tile in vectors.
const VECTORS: usize = 3;
/// Steps of the inner sum per pass, so that this part of a panel stays in the L1 cache. Sums are stored and loaded again
/// between passes, which changes no bit.
const STEPS: usize = 192;
/// Rows that go through all panels of a part before the next rows do, so that they stay in the L2 cache.
const ROWS: usize = 128;

/// `[panel][input][PANEL]`.
pub(super) struct FloatPanels {
    values: AlignedFloats,
    inputs: usize,
}

impl FloatPanels {
    /// Panels of zeros.
    pub(super) fn zeroed(panels: usize, inputs: usize) -> Self {
        Self { values: AlignedFloats::zeroed(panels * PANEL * inputs), inputs }
    }

    /// Bytes of all panels.
    pub(super) fn bytes(&self) -> usize {
        self.values.len() * size_of::<f32>()
    }

    /// Writes `rows` as the columns of one panel from `column` on, a few inputs at a time.
    pub(super) fn write(&mut self, panel: usize, column: usize, rows: &[f32]) {
        const STRETCH: usize = 64;
        let inputs = self.inputs;
        let panel = &mut self.values[panel * PANEL * inputs..][..PANEL * inputs];
        for start in (0..inputs).step_by(STRETCH) {
            let end = (start + STRETCH).min(inputs);
            // All rows before the next inputs, so that the lines of the panel are written while they are in the cache.
            for (offset, row) in rows.chunks_exact(inputs).enumerate() {
                let steps = panel[start * PANEL..end * PANEL].chunks_exact_mut(PANEL);
                for (step, value) in steps.zip(&row[start..end]) {
                    step[column + offset] = *value;
                }
            }
        }
    }

    /// Copies one column of a panel.
    pub(super) fn read(&self, panel: usize, column: usize, row: &mut [f32]) {
        let panel = &self.values[panel * PANEL * self.inputs..][..PANEL * self.inputs];
        for (value, step) in row.iter_mut().zip(panel.chunks_exact(PANEL)) {
            *value = step[column];
        }
    }
}

/// The product of rows of `f32` with adjacent panels.
pub(super) struct FloatProduct<'a> {
    pub(super) panels: &'a FloatPanels,
    pub(super) x: &'a [f32],
    pub(super) part: Part<'a>,
}

impl WithSimd for FloatProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let inputs = self.panels.inputs;
        let blocks = self.x.chunks(ROWS * inputs).zip(self.part.y.chunks_mut(ROWS));
        for (x, y) in blocks {
            for panel in self.part.panels.clone() {
                let first = (panel - self.part.panels.start) * PANEL;
                let columns = first..(first + PANEL).min(y[0].len());
                for row in y.iter_mut() {
                    start_row(&mut row[columns.clone()], self.part.bias, panel * PANEL);
                }
                let matrix = &self.panels.values[panel * PANEL * inputs..];
                for start in (0..inputs).step_by(STEPS) {
                    let steps = start..(start + STEPS).min(inputs);
                    let (matrix, ahead) = matrix[start * PANEL..].split_at(steps.len() * PANEL);
                    let block = Block { simd, x, inputs, steps, matrix, ahead, columns: columns.clone() };
                    block.add_to(y);
                }
            }
        }
    }
}

/// The product of a few rows with a range of steps of one panel.
struct Block<'a, S: Simd> {
    simd: S,
    x: &'a [f32],
    inputs: usize,
    steps: Range<usize>,
    /// The panel's part, `[steps][PANEL]`.
    matrix: &'a [f32],
    /// The matrix part that is read next, prefetched meanwhile.
    ahead: &'a [f32],
    /// Columns of `y`; fewer than a panel's in the last panel of a matrix.
    columns: Range<usize>,
}

impl<S: Simd> Block<'_, S> {
    /// Adds the product to the columns of `y`, tile by tile.
    #[inline(always)]
    fn add_to(&self, y: &mut [&mut [f32]]) {
        let most = tile::most_rows::<S>();
        for group in 0..PANEL / (VECTORS * S::F32_LANES) {
            for (index, y) in y.chunks_mut(most).enumerate() {
                let row = index * most;
                match y.len() {
                    1 => self.tile::<1, 3>(group, row, y),
                    2 => self.tile::<2, 3>(group, row, y),
                    3 => self.tile::<3, 3>(group, row, y),
                    4 => self.tile::<4, 3>(group, row, y),
                    5 => self.tile::<5, 3>(group, row, y),
                    6 => self.tile::<6, 3>(group, row, y),
                    7 => self.tile::<7, 3>(group, row, y),
                    // Only the first tile prefetches: the others read the same part of the panel.
                    _ if (group, index) == (0, 0) => self.tile::<8, 3>(group, row, y),
                    _ => self.tile::<8, 0>(group, row, y),
                }
            }
        }
    }

    /// One register tile: `M` rows against three vectors of the panel.
    #[inline(always)]
    fn tile<const M: usize, const LINES: usize>(&self, group: usize, row: usize, y: &mut [&mut [f32]]) {
        let first = self.columns.start + group * VECTORS * S::F32_LANES;
        let columns = first.min(self.columns.end)..(first + VECTORS * S::F32_LANES).min(self.columns.end);
        let mut sums = [[self.simd.splat_f32s(0.0); VECTORS]; M];
        for (sums, row) in sums.iter_mut().zip(y.iter()) {
            let lanes: &mut [f32] = bytemuck::cast_slice_mut(sums);
            lanes[..columns.len()].copy_from_slice(&row[columns.clone()]);
        }
        let rows =
            std::array::from_fn::<&[f32], M, _>(|index| &self.x[(row + index) * self.inputs..][self.steps.clone()]);
        let matrix: &[S::f32s] = bytemuck::cast_slice(self.matrix);
        let (stride, offset) = (PANEL / S::F32_LANES, group * VECTORS);
        tile::accumulate::<S, M, VECTORS, LINES>(self.simd, rows, matrix, stride, offset, self.ahead, &mut sums);
        for (sums, row) in sums.iter().zip(y.iter_mut()) {
            let lanes: &[f32] = bytemuck::cast_slice(sums);
            row[columns.clone()].copy_from_slice(&lanes[..columns.len()]);
        }
    }
}
