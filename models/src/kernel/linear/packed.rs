//! Linear layers whose matrix is stored in the order in which the product reads it.

use std::fmt;
use std::ops::Range;

use super::blocks::{BLOCK, BlockPanels, BlockProduct};
use super::float::{FloatPanels, FloatProduct};
use super::panels::{PANEL, Part};
use super::quantized_rows::QuantizedRows;
use crate::kernel::dispatch;
use crate::kernel::processor::Processor;

/// Parts of a product for each thread: a few, so that a delayed thread does not delay the whole product.
const PARTS_PER_THREAD: usize = 4;
/// Multiplications below which a product is not worth spreading over threads.
const SMALL: usize = 1 << 15;

/// A matrix `[outputs, inputs]` with an optional bias `[outputs]`, packed in panels of 48 output columns.
///
/// The matrix is held in `f32`, or in blocks of 8-bit integers with one scale per block. With blocks the input rows are
/// quantized to the same blocks, and the integer sum over each block is exact.
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

    /// Adds a bias `[outputs]`, the start of each sum.
    ///
    /// # Panics
    /// If `bias` does not have one value for each output.
    #[must_use]
    pub fn with_bias(mut self, bias: Vec<f32>) -> Self {
        assert_eq!(bias.len(), self.outputs, "a bias has one value for each output");
        self.bias = Some(bias);
        self
    }

    /// Output features: columns of the product.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Input features: columns of the input.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Bytes of the matrix and the bias.
    pub fn bytes(&self) -> usize {
        let panels = match &self.panels {
            Panels::Floats(panels) => panels.bytes(),
            Panels::Blocks(panels) => panels.bytes(),
        };
        panels + self.bias.as_ref().map_or(0, Vec::len) * size_of::<f32>()
    }

    /// Copies row `index` of the matrix to `row [inputs]`, the embedding lookup of tied weights.
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

    /// Number of panels; the last one is padded with zeros.
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

/// Packs a matrix from consecutive ranges of its rows, so that no second copy is held.
pub struct PackedLinearBuilder {
    linear: PackedLinear,
    filled: usize,
}

impl PackedLinearBuilder {
    /// An empty matrix `[outputs, inputs]` of `f32`.
    pub fn new(outputs: usize, inputs: usize) -> Self {
        Self::with(Panels::Floats(FloatPanels::zeroed(outputs.div_ceil(PANEL), inputs)), outputs, inputs)
    }

    /// An empty matrix `[outputs, inputs]` of blocks of 32 8-bit integers.
    ///
    /// # Panics
    /// If `inputs` is not a multiple of 32.
    pub fn quantized(outputs: usize, inputs: usize) -> Self {
        assert_eq!(inputs % BLOCK, 0, "a quantized row is a whole number of blocks");
        Self::with(Panels::Blocks(BlockPanels::zeroed(outputs.div_ceil(PANEL), inputs)), outputs, inputs)
    }

    fn with(panels: Panels, outputs: usize, inputs: usize) -> Self {
        Self { linear: PackedLinear { panels, bias: None, outputs, inputs }, filled: 0 }
    }

    /// Appends whole rows, row-major. In a matrix of blocks each block is quantized to 8 bits.
    ///
    /// # Panics
    /// If `rows` is not a whole number of rows, or has more rows than are missing.
    pub fn push_rows(&mut self, rows: &[f32]) {
        let inputs = self.linear.inputs;
        let count = rows.len().checked_div(inputs).unwrap_or(0);
        assert_eq!(count * inputs, rows.len(), "rows are pushed whole");
        self.advance(count, |panels, panel, column, range| {
            let rows = &rows[range.start * inputs..range.end * inputs];
            match panels {
                Panels::Floats(panels) => panels.write(panel, column, rows),
                Panels::Blocks(panels) => panels.quantize(panel, column, rows),
            }
        });
    }

    /// Calls `write` for `count` rows, panel by panel, with the panel, the first column there and the range of rows.
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

/// Applies several layers to the same `x [T, inputs]` in one pass, each into its own `y [T, outputs]`.
///
/// # Panics
/// If the lengths do not agree.
pub(crate) fn forward_many(processor: &Processor, x: &[f32], layers: &mut [(&PackedLinear, &mut [f32])]) {
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
    // Layers that share an input share its quantization.
    let quantized = layers.iter().any(|(linear, _)| matches!(linear.panels, Panels::Blocks(_)));
    let quantized = quantized.then(|| QuantizedRows::of(processor, x, inputs));
    let total: usize = layers.iter().map(|(linear, _)| linear.panel_count()).sum();
    let spread = if total * PANEL * rows * inputs < SMALL { 1 } else { processor.threads() * PARTS_PER_THREAD };
    let panels = total.div_ceil(spread).max(1);
    // One list of parts for all layers, so that threads do not wait at the end of each layer.
    let parts = layers.iter_mut().flat_map(|(linear, y)| split(linear, y, panels)).collect();
    let instructions = processor.instructions();
    processor.each(parts, |(linear, part): (&PackedLinear, Part<'_>)| match &linear.panels {
        Panels::Floats(panels) => instructions.run(FloatProduct { panels, x, part }),
        Panels::Blocks(panels) => {
            let x = quantized.as_ref().expect("rows are quantized if a layer has blocks");
            dispatch::block_product(instructions, BlockProduct { panels, x, part });
        }
    });
}

/// Splits a product into parts of at most `panels` panels.
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
