//! A linear layer whose matrix is stored in the order in which the product reads it.

use std::fmt;
use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::aligned::AlignedFloats;
use super::processor::Processor;
use super::tile;

/// Output columns of one panel: the unit of storage and of parallel work. Common layer widths are multiples of it.
const PANEL: usize = 48;
/// Vectors a register tile is wide.
const VECTORS: usize = 3;
/// Steps of the inner sum done at once, so that a panel's part stays in the nearest cache. The sums are stored and
/// taken up again in between, which changes no bit.
const STEPS: usize = 192;
/// Rows that go through all panels of a part before the next rows do, so that they stay in the second cache.
const ROWS: usize = 128;
/// Parts of a product for each thread: a few, so that a thread that was held up does not hold up the product.
const PARTS_PER_THREAD: usize = 4;
/// Multiplications below which a product is not worth spreading over threads.
const SMALL: usize = 1 << 15;

/// A matrix `[out, in]` and perhaps a bias `[out]`, packed in panels of 48 output columns.
pub struct PackedLinear {
    panels: AlignedFloats,
    bias: Option<Vec<f32>>,
    outputs: usize,
    inputs: usize,
}

impl PackedLinear {
    /// Packs a row-major matrix `[outputs, inputs]`.
    ///
    /// # Panics
    /// If `matrix` does not have `outputs * inputs` values.
    pub fn pack(matrix: &[f32], outputs: usize, inputs: usize) -> Self {
        let mut builder = PackedLinearBuilder::new(outputs, inputs);
        builder.push_rows(matrix);
        builder.finish()
    }

    /// Adds a bias `[outputs]`: what each sum starts from.
    ///
    /// # Panics
    /// If `bias` does not have one value for each output.
    #[must_use]
    pub fn with_bias(mut self, bias: Vec<f32>) -> Self {
        assert_eq!(bias.len(), self.outputs, "a bias has one value for each output");
        self.bias = Some(bias);
        self
    }

    /// Columns of the product.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Columns of what it is applied to.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        (self.panels.len() + self.bias.as_ref().map_or(0, Vec::len)) * size_of::<f32>()
    }

    /// Copies row `index` of the matrix to `row [inputs]`: how an embedding is looked up in tied tensors.
    pub fn row(&self, index: usize, row: &mut [f32]) {
        assert!(index < self.outputs, "row {index} of a matrix with {} rows", self.outputs);
        assert_eq!(row.len(), self.inputs, "a row has one value for each input");
        let start = index / PANEL * PANEL * self.inputs;
        let panel = &self.panels[start..start + PANEL * self.inputs];
        for (value, step) in row.iter_mut().zip(panel.chunks_exact(PANEL)) {
            *value = step[index % PANEL];
        }
    }

    /// `y [T, outputs] = x [T, inputs] · matrixᵀ + bias`.
    ///
    /// # Panics
    /// If the lengths of `x` and `y` do not agree with each other and the layer.
    pub fn forward(&self, processor: &Processor, x: &[f32], y: &mut [f32]) {
        forward_many(processor, x, &mut [(self, y)]);
    }

    /// How many panels there are, the last perhaps filled up with zeros.
    fn panel_count(&self) -> usize {
        self.outputs.div_ceil(PANEL)
    }
}

impl fmt::Debug for PackedLinear {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PackedLinear[{}, {}]", self.outputs, self.inputs)
    }
}

/// Packs a matrix from consecutive ranges of its rows, so that it is never held twice.
pub struct PackedLinearBuilder {
    linear: PackedLinear,
    filled: usize,
}

impl PackedLinearBuilder {
    /// Room for a matrix `[outputs, inputs]`.
    pub fn new(outputs: usize, inputs: usize) -> Self {
        let panels = AlignedFloats::zeroed(outputs.div_ceil(PANEL) * PANEL * inputs);
        Self { linear: PackedLinear { panels, bias: None, outputs, inputs }, filled: 0 }
    }

    /// Appends whole rows, row-major.
    ///
    /// # Panics
    /// If `rows` is not a whole number of rows or more than are missing.
    pub fn push_rows(&mut self, rows: &[f32]) {
        let inputs = self.linear.inputs;
        let count = rows.len().checked_div(inputs).unwrap_or(0);
        assert_eq!(count * inputs, rows.len(), "rows are pushed whole");
        assert!(self.filled + count <= self.linear.outputs, "more rows than the matrix has");
        let mut done = 0;
        while done < count {
            let (panel, column) = (self.filled / PANEL, self.filled % PANEL);
            let taken = (PANEL - column).min(count - done);
            let target = &mut self.linear.panels[panel * PANEL * inputs..][..PANEL * inputs];
            interleave(&rows[done * inputs..(done + taken) * inputs], inputs, column, target);
            self.filled += taken;
            done += taken;
        }
    }

    /// The packed matrix.
    ///
    /// # Panics
    /// If rows are missing.
    pub fn finish(self) -> PackedLinear {
        assert_eq!(self.filled, self.linear.outputs, "every row of the matrix was pushed");
        self.linear
    }
}

/// Writes rows as neighbouring columns of a panel `[inputs, PANEL]`, a stretch of inputs at a time.
fn interleave(rows: &[f32], inputs: usize, column: usize, panel: &mut [f32]) {
    const STRETCH: usize = 64;
    for start in (0..inputs).step_by(STRETCH) {
        let end = (start + STRETCH).min(inputs);
        for (offset, row) in rows.chunks_exact(inputs).enumerate() {
            let steps = panel[start * PANEL..end * PANEL].chunks_exact_mut(PANEL);
            for (step, value) in steps.zip(&row[start..end]) {
                step[column + offset] = *value;
            }
        }
    }
}

/// Applies several layers to the same `x [T, inputs]` at once, each with its own `y [T, outputs]`.
///
/// # Panics
/// If the lengths do not agree.
pub fn forward_many(processor: &Processor, x: &[f32], layers: &mut [(&PackedLinear, &mut [f32])]) {
    let Some(inputs) = layers.first().map(|(linear, _)| linear.inputs) else {
        return;
    };
    let rows = x.len().checked_div(inputs).unwrap_or(0);
    assert_eq!(rows * inputs, x.len(), "x is a whole number of rows");
    for (linear, y) in layers.iter() {
        assert_eq!(linear.inputs, inputs, "layers applied together take the same inputs");
        assert_eq!(y.len(), rows * linear.outputs, "y has a row for each row of x");
    }
    if rows == 0 {
        return;
    }
    let total: usize = layers.iter().map(|(linear, _)| linear.panel_count()).sum();
    let spread = if total * PANEL * rows * inputs < SMALL { 1 } else { processor.threads() * PARTS_PER_THREAD };
    let panels = total.div_ceil(spread.max(1)).max(1);
    let parts = layers.iter_mut().flat_map(|(linear, y)| split(linear, x, y, panels)).collect();
    let instructions = processor.instructions();
    processor.each(parts, |part| instructions.run(part));
}

/// The product of all rows with some neighbouring panels.
struct Part<'a> {
    linear: &'a PackedLinear,
    x: &'a [f32],
    panels: Range<usize>,
    /// The part's columns of each row of `y`.
    y: Vec<&'a mut [f32]>,
}

/// Cuts a product into parts of at most `panels` panels.
fn split<'a>(linear: &'a PackedLinear, x: &'a [f32], y: &'a mut [f32], panels: usize) -> Vec<Part<'a>> {
    let rows = y.len() / linear.outputs;
    let mut parts: Vec<Part<'a>> = (0..linear.panel_count())
        .step_by(panels)
        .map(|first| {
            let panels = first..(first + panels).min(linear.panel_count());
            Part { linear, x, panels, y: Vec::with_capacity(rows) }
        })
        .collect();
    for row in y.chunks_exact_mut(linear.outputs) {
        for (part, columns) in parts.iter_mut().zip(row.chunks_mut(panels * PANEL)) {
            part.y.push(columns);
        }
    }
    parts
}

impl WithSimd for Part<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let inputs = self.linear.inputs;
        let blocks = self.x.chunks(ROWS * inputs).zip(self.y.chunks_mut(ROWS));
        for (x, y) in blocks {
            for panel in self.panels.clone() {
                let first = (panel - self.panels.start) * PANEL;
                let columns = first..(first + PANEL).min(y[0].len());
                for row in y.iter_mut() {
                    start_row(&mut row[columns.clone()], self.linear.bias.as_deref(), panel * PANEL);
                }
                let matrix = &self.linear.panels[panel * PANEL * inputs..];
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

/// What the sums of a row start from.
#[inline(always)]
fn start_row(y: &mut [f32], bias: Option<&[f32]>, first: usize) {
    match bias {
        Some(bias) => y.copy_from_slice(&bias[first..first + y.len()]),
        None => y.fill(0.0),
    }
}

/// The product of some rows with some steps of one panel.
struct Block<'a, S: Simd> {
    simd: S,
    x: &'a [f32],
    inputs: usize,
    steps: Range<usize>,
    /// The panel's part, `[steps][PANEL]`.
    matrix: &'a [f32],
    /// What is read after it: asked for now, so that it is near by then.
    ahead: &'a [f32],
    /// Which columns of `y`; fewer than a panel has at the end of a matrix.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::sample::{bits, processors, values};

    /// One chain of fused multiply-adds an element: the definition of the product.
    fn reference(x: &[f32], matrix: &[f32], bias: Option<&[f32]>, outputs: usize, inputs: usize) -> Vec<f32> {
        let element = |row: &[f32], output: usize| {
            let start = bias.map_or(0.0, |bias| bias[output]);
            row.iter().zip(&matrix[output * inputs..]).fold(start, |sum, (x, value)| x.mul_add(*value, sum))
        };
        x.chunks_exact(inputs).flat_map(|row| (0..outputs).map(move |output| element(row, output))).collect()
    }

    fn check(rows: usize, outputs: usize, inputs: usize) {
        let (x, matrix) = (values(1, rows * inputs), values(2, outputs * inputs));
        for bias in [None, Some(values(3, outputs))] {
            let expected = reference(&x, &matrix, bias.as_deref(), outputs, inputs);
            let linear = PackedLinear::pack(&matrix, outputs, inputs);
            let linear = match bias {
                Some(bias) => linear.with_bias(bias),
                None => linear,
            };
            for processor in processors() {
                let mut y = vec![f32::NAN; rows * outputs];
                linear.forward(&processor, &x, &mut y);
                assert_eq!(bits(&y), bits(&expected), "{rows} x {outputs} x {inputs} on {processor:?}");
            }
        }
    }

    #[test]
    fn a_product_has_the_bits_of_one_chain_an_element_on_every_processor() {
        for (rows, outputs, inputs) in [
            (1, 1, 1),
            (1, 48, 64),
            (2, 47, 193),
            (3, 49, 7),
            (5, 96, 192),
            (7, 100, 385),
            (9, 640, 48),
            (137, 97, 200),
        ] {
            check(rows, outputs, inputs);
        }
    }

    #[test]
    fn a_row_of_a_batch_has_the_bits_it_has_alone() {
        let (rows, outputs, inputs) = (67, 150, 210);
        let (x, linear) = (values(1, rows * inputs), PackedLinear::pack(&values(2, outputs * inputs), outputs, inputs));
        for processor in processors() {
            let mut all = vec![0.0; rows * outputs];
            linear.forward(&processor, &x, &mut all);
            for (row, expected) in x.chunks_exact(inputs).zip(all.chunks_exact(outputs)) {
                let mut y = vec![0.0; outputs];
                linear.forward(&processor, row, &mut y);
                assert_eq!(bits(&y), bits(expected), "{processor:?}");
            }
        }
    }

    #[test]
    fn layers_applied_together_give_what_each_gives_alone() {
        let (rows, inputs) = (5, 96);
        let x = values(1, rows * inputs);
        let layers = [60, 48, 130].map(|outputs| PackedLinear::pack(&values(2, outputs * inputs), outputs, inputs));
        for processor in processors() {
            let mut together = layers.each_ref().map(|layer| vec![0.0; rows * layer.outputs()]);
            let mut pairs: Vec<_> = layers.iter().zip(together.iter_mut().map(Vec::as_mut_slice)).collect();
            forward_many(&processor, &x, &mut pairs);
            for (layer, expected) in layers.iter().zip(&together) {
                let mut y = vec![0.0; rows * layer.outputs()];
                layer.forward(&processor, &x, &mut y);
                assert_eq!(bits(&y), bits(expected), "{layer:?} on {processor:?}");
            }
        }
    }

    #[test]
    fn rows_pushed_in_any_portions_come_back_unchanged() {
        let (outputs, inputs) = (101, 70);
        let matrix = values(1, outputs * inputs);
        for portion in [1, 7, 48, 50, outputs] {
            let mut builder = PackedLinearBuilder::new(outputs, inputs);
            matrix.chunks(portion * inputs).for_each(|rows| builder.push_rows(rows));
            let linear = builder.finish();
            for (index, expected) in matrix.chunks_exact(inputs).enumerate() {
                let mut row = vec![0.0; inputs];
                linear.row(index, &mut row);
                assert_eq!(row, expected, "row {index} of portions of {portion}");
            }
        }
    }
}
