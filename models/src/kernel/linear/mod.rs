//! A linear layer whose matrix is stored in the order in which the product reads it.

mod blocks;
#[cfg(target_arch = "x86_64")]
pub(super) mod dot;
mod float;
mod quantized_rows;

use std::fmt;
use std::ops::Range;

use super::dispatch;
use super::processor::Processor;
use blocks::BlockPanels;
use float::{FloatPanels, FloatProduct};
use quantized_rows::QuantizedRows;

pub use blocks::BLOCK;
pub(super) use blocks::BlockProduct;

/// Output columns of one panel: the unit of storage and of parallel work. Common layer widths are multiples of it.
const PANEL: usize = 48;
/// Parts of a product for each thread: a few, so that a thread that was held up does not hold up the product.
const PARTS_PER_THREAD: usize = 4;
/// Multiplications below which a product is not worth spreading over threads.
const SMALL: usize = 1 << 15;

/// A matrix `[outputs, inputs]` and perhaps a bias `[outputs]`, packed in panels of 48 output columns.
///
/// The matrix is held in `f32`, or in blocks of 8-bit integers with a scale each. With blocks the rows that it is applied
/// to are rounded to such blocks too, and the sum over each block is exact.
pub struct PackedLinear {
    panels: Panels,
    bias: Option<Vec<f32>>,
    outputs: usize,
    inputs: usize,
}

enum Panels {
    Floats(FloatPanels),
    Blocks(BlockPanels),
}

impl PackedLinear {
    /// Packs a row-major matrix `[outputs, inputs]` in `f32`.
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
        let panels = match &self.panels {
            Panels::Floats(panels) => panels.bytes(),
            Panels::Blocks(panels) => panels.bytes(),
        };
        panels + self.bias.as_ref().map_or(0, Vec::len) * size_of::<f32>()
    }

    /// Copies row `index` of the matrix to `row [inputs]`: how an embedding is looked up in tied tensors.
    ///
    /// # Panics
    /// If there is no such row or `row` has another length.
    pub fn row(&self, index: usize, row: &mut [f32]) {
        assert!(index < self.outputs, "row {index} of a matrix with {} rows", self.outputs);
        assert_eq!(row.len(), self.inputs, "a row has one value for each input");
        match &self.panels {
            Panels::Floats(panels) => panels.read(index / PANEL, index % PANEL, row),
            Panels::Blocks(panels) => panels.read(index / PANEL, index % PANEL, row),
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
        let kind = match &self.panels {
            Panels::Floats(_) => "f32",
            Panels::Blocks(_) => "blocks",
        };
        write!(formatter, "PackedLinear[{}, {}] of {kind}", self.outputs, self.inputs)
    }
}

/// Packs a matrix from consecutive ranges of its rows, so that it is never held twice.
pub struct PackedLinearBuilder {
    linear: PackedLinear,
    filled: usize,
}

impl PackedLinearBuilder {
    /// Room for a matrix `[outputs, inputs]` of `f32`.
    pub fn new(outputs: usize, inputs: usize) -> Self {
        Self::with(Panels::Floats(FloatPanels::zeroed(outputs.div_ceil(PANEL), inputs)), outputs, inputs)
    }

    /// Room for a matrix `[outputs, inputs]` of blocks of [`BLOCK`] 8-bit integers.
    ///
    /// # Panics
    /// If `inputs` is not a multiple of [`BLOCK`].
    pub fn quantized(outputs: usize, inputs: usize) -> Self {
        assert_eq!(inputs % BLOCK, 0, "a quantised row is a whole number of blocks");
        Self::with(Panels::Blocks(BlockPanels::zeroed(outputs.div_ceil(PANEL), inputs)), outputs, inputs)
    }

    fn with(panels: Panels, outputs: usize, inputs: usize) -> Self {
        Self { linear: PackedLinear { panels, bias: None, outputs, inputs }, filled: 0 }
    }

    /// Appends whole rows, row-major. In a matrix of blocks each block is rounded to 8 bits.
    ///
    /// # Panics
    /// If `rows` is not a whole number of rows or more than are missing.
    pub fn push_rows(&mut self, rows: &[f32]) {
        let inputs = self.linear.inputs;
        let count = rows.len().checked_div(inputs).unwrap_or(0);
        assert_eq!(count * inputs, rows.len(), "rows are pushed whole");
        self.advance(count, |panels, panel, column, range| {
            let rows = &rows[range.start * inputs..range.end * inputs];
            match panels {
                Panels::Floats(panels) => panels.write(panel, column, rows),
                Panels::Blocks(panels) => panels.round(panel, column, rows),
            }
        });
    }

    /// Appends whole rows of blocks: `values [rows, inputs]`, and one of `scales [rows, inputs / BLOCK]` for each block.
    /// The matrix has `scale * value`.
    ///
    /// # Panics
    /// If the builder is not one of [`PackedLinearBuilder::quantized`], the lengths do not agree, or rows are not
    /// whole or more than are missing.
    pub fn push_blocks(&mut self, scales: &[f32], values: &[i8]) {
        let inputs = self.linear.inputs;
        let count = values.len().checked_div(inputs).unwrap_or(0);
        assert_eq!(count * inputs, values.len(), "rows are pushed whole");
        assert_eq!(scales.len() * BLOCK, values.len(), "a scale for each block");
        self.advance(count, |panels, panel, column, range| {
            let values = &values[range.start * inputs..range.end * inputs];
            let scales = &scales[range.start * inputs / BLOCK..range.end * inputs / BLOCK];
            match panels {
                Panels::Floats(_) => panic!("blocks are pushed to a matrix of blocks"),
                Panels::Blocks(panels) => panels.write(panel, column, scales, values),
            }
        });
    }

    /// Hands `count` rows to `write`, panel by panel, with where they start there.
    fn advance(&mut self, count: usize, write: impl Fn(&mut Panels, usize, usize, Range<usize>)) {
        assert!(self.filled + count <= self.linear.outputs, "more rows than the matrix has");
        let mut done = 0;
        while done < count {
            let (panel, column) = (self.filled / PANEL, self.filled % PANEL);
            let taken = (PANEL - column).min(count - done);
            write(&mut self.linear.panels, panel, column, done..done + taken);
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

/// Applies several layers to the same `x [T, inputs]` at once, each with its own `y [T, outputs]`.
///
/// # Panics
/// If the lengths do not agree.
pub fn forward_many(processor: &Processor, x: &[f32], layers: &mut [(&PackedLinear, &mut [f32])]) {
    let Some(inputs) = layers.first().map(|(linear, _)| linear.inputs) else { return };
    let rows = x.len().checked_div(inputs).unwrap_or(0);
    assert_eq!(rows * inputs, x.len(), "x is a whole number of rows");
    for (linear, y) in layers.iter() {
        assert_eq!(linear.inputs, inputs, "layers applied together take the same inputs");
        assert_eq!(y.len(), rows * linear.outputs, "y has a row for each row of x");
    }
    if rows == 0 {
        return;
    }
    let quantized = layers.iter().any(|(linear, _)| matches!(linear.panels, Panels::Blocks(_)));
    let quantized = quantized.then(|| QuantizedRows::of(processor, x, inputs));
    let total: usize = layers.iter().map(|(linear, _)| linear.panel_count()).sum();
    let spread = if total * PANEL * rows * inputs < SMALL { 1 } else { processor.threads() * PARTS_PER_THREAD };
    let panels = total.div_ceil(spread).max(1);
    let parts = layers.iter_mut().flat_map(|(linear, y)| split(linear, y, panels)).collect();
    let instructions = processor.instructions();
    processor.each(parts, |(linear, part): (&PackedLinear, Part<'_>)| match &linear.panels {
        Panels::Floats(panels) => instructions.run(FloatProduct { panels, x, part }),
        Panels::Blocks(panels) => {
            let x = quantized.as_ref().expect("rows are rounded if a layer has blocks");
            dispatch::block_product(instructions, BlockProduct { panels, x, part });
        }
    });
}

/// Some neighbouring panels of a layer, and where the product with them goes.
pub(super) struct Part<'a> {
    panels: Range<usize>,
    bias: Option<&'a [f32]>,
    /// The part's columns of each row of the product.
    y: Vec<&'a mut [f32]>,
}

/// Cuts a product into parts of at most `panels` panels.
fn split<'a>(linear: &'a PackedLinear, y: &'a mut [f32], panels: usize) -> Vec<(&'a PackedLinear, Part<'a>)> {
    let rows = y.len() / linear.outputs;
    let mut parts: Vec<_> = (0..linear.panel_count())
        .step_by(panels)
        .map(|first| {
            let panels = first..(first + panels).min(linear.panel_count());
            (linear, Part { panels, bias: linear.bias.as_deref(), y: Vec::with_capacity(rows) })
        })
        .collect();
    for row in y.chunks_exact_mut(linear.outputs) {
        for ((_, part), columns) in parts.iter_mut().zip(row.chunks_mut(panels * PANEL)) {
            part.y.push(columns);
        }
    }
    parts
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

    /// The definition of the product with blocks: exact sums over a block, one chain over the blocks.
    fn block_reference(x: &[f32], scales: &[f32], integers: &[i8], start: &[f32], inputs: usize) -> Vec<f32> {
        let blocks = inputs / BLOCK;
        let row = |x: &[f32]| -> Vec<f32> {
            let (x_scales, x_integers): (Vec<f32>, Vec<Vec<i32>>) = x
                .chunks(BLOCK)
                .map(|x| {
                    let most = x.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
                    let inverse = if most == 0.0 { 0.0 } else { 127.0 / most };
                    (most / 127.0, x.iter().map(|x| (x * inverse).round_ties_even() as i32).collect())
                })
                .unzip();
            let element = |output: usize| {
                (0..blocks).fold(start[output], |sum, block| {
                    let integers = &integers[output * inputs + block * BLOCK..][..BLOCK];
                    let exact: i32 = integers.iter().zip(&x_integers[block]).map(|(a, b)| i32::from(*a) * b).sum();
                    (exact as f32).mul_add(scales[output * blocks + block] * x_scales[block], sum)
                })
            };
            (0..start.len()).map(element).collect()
        };
        x.chunks(inputs).flat_map(row).collect()
    }

    /// Integers over the whole range, both ends included and common.
    fn integers(count: usize) -> Vec<i8> {
        values(7, count).iter().map(|value| (value * 160.0) as i8).collect()
    }

    #[test]
    fn a_product_with_blocks_has_the_same_bits_on_every_processor() {
        for (rows, outputs, inputs) in
            [(1, 1, 32), (1, 100, 608), (2, 47, 64), (3, 48, 96), (5, 96, 640), (134, 145, 32)]
        {
            let (integers, scales) = (integers(outputs * inputs), values(8, outputs * inputs / BLOCK));
            let (mut x, bias) = (values(9, rows * inputs), values(10, outputs));
            x[..32].fill(0.0);
            let expected = block_reference(&x, &scales, &integers, &bias, inputs);
            let mut builder = PackedLinearBuilder::quantized(outputs, inputs);
            for (scales, integers) in scales.chunks(inputs / BLOCK * 7).zip(integers.chunks(inputs * 7)) {
                builder.push_blocks(scales, integers);
            }
            let linear = builder.finish().with_bias(bias);
            for processor in processors() {
                let mut y = vec![f32::NAN; rows * outputs];
                linear.forward(&processor, &x, &mut y);
                assert_eq!(bits(&y), bits(&expected), "{rows} x {outputs} x {inputs} on {processor:?}");
            }
        }
    }

    #[test]
    fn a_row_of_blocks_comes_back_as_scale_times_integer() {
        let (outputs, inputs) = (53, 96);
        let (integers, scales) = (integers(outputs * inputs), values(8, outputs * inputs / BLOCK));
        let mut builder = PackedLinearBuilder::quantized(outputs, inputs);
        builder.push_blocks(&scales, &integers);
        let linear = builder.finish();
        for index in 0..outputs {
            let mut row = vec![0.0; inputs];
            linear.row(index, &mut row);
            for (column, value) in row.iter().enumerate() {
                let at = index * inputs + column;
                assert_eq!(*value, scales[at / BLOCK] * f32::from(integers[at]), "row {index}, column {column}");
            }
        }
    }

    #[test]
    fn rows_rounded_to_blocks_are_off_by_at_most_half_a_step() {
        let (outputs, inputs) = (50, 64);
        let matrix = values(1, outputs * inputs);
        let mut builder = PackedLinearBuilder::quantized(outputs, inputs);
        builder.push_rows(&matrix);
        let linear = builder.finish();
        let mut row = vec![0.0; inputs];
        for (index, exact) in matrix.chunks(inputs).enumerate() {
            linear.row(index, &mut row);
            for (row, exact) in row.iter().zip(exact) {
                assert!((row - exact).abs() <= 0.501 / 127.0, "{row} for {exact}");
            }
        }
    }
}
