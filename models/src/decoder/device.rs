//! The backend for devices that candle knows: the same decoder, every operation on tensors in the device's memory.
//!
//! Products have constant shapes, since a library may choose another algorithm for another shape: rows go through in
//! blocks of a fixed number, filled up with zeros, and attention is computed in tiles whose shape follows from the
//! positions alone. Activations are `f32`; a product is computed in the type that its tensor is kept in.

use std::borrow::Cow;

use candle_core::{D, DType, Device, IndexOp, Tensor};

use super::{
    Capacity, Span, Step,
    backend::{Arithmetic, Backend, Channels, DeviceResult, Gate, Heads, Recurrence, RowChunks},
    delta_net::{Inputs, State},
};
use crate::{
    config::{Activation, Attention, DeltaNet, Rope},
    error::{DeviceError, LoadError},
};

/// Rows of every product.
const ROWS: usize = 256;
/// Rows of one sequence that attend together.
const TILE: usize = 16;
/// Contexts are filled up to a multiple of this.
const CONTEXT: usize = 256;

/// A device.
#[derive(Clone)]
pub(super) struct Accelerator {
    pub(super) device: Device,
}

/// Activations; `None` before the first use.
#[derive(Default)]
pub(super) struct Activations(Option<Tensor>);

impl Activations {
    fn tensor(&self) -> &Tensor {
        self.0.as_ref().expect("a matrix is written before it is read")
    }
}

/// A linear layer on the device.
pub(super) struct DeviceLinear {
    /// `[outputs, inputs]`.
    matrix: Tensor,
    bias: Option<Tensor>,
}

/// Cosines and sines, `[positions, frequencies]` each.
pub(super) struct Angles {
    cosines: Tensor,
    sines: Tensor,
}

/// Keys and values of one layer, `[pages * page_tokens, heads * head_size]` each.
pub(super) struct DevicePages {
    keys: Tensor,
    values: Tensor,
    page_tokens: usize,
}

/// Names the operation that failed.
fn failed<'a>(operation: &'a str) -> impl Fn(candle_core::Error) -> DeviceError + 'a {
    move |error| DeviceError { operation: operation.to_owned(), message: error.to_string() }
}

impl Accelerator {
    fn upload(&self, values: &[f32], rows: usize, columns: usize) -> candle_core::Result<Tensor> {
        Tensor::from_slice(values, (rows, columns), &self.device)
    }

    fn indices(&self, indices: &[u32]) -> candle_core::Result<Tensor> {
        Tensor::from_slice(indices, indices.len(), &self.device)
    }

    /// `x · matrixᵀ + bias`, a block of rows at a time.
    fn product(&self, x: &Tensor, linear: &DeviceLinear) -> candle_core::Result<Tensor> {
        let transposed = linear.matrix.t()?;
        let rows = x.dim(0)?;
        let blocks = (0..rows).step_by(ROWS).map(|start| {
            let count = ROWS.min(rows - start);
            let block =
                x.narrow(0, start, count)?.pad_with_zeros(0, 0, ROWS - count)?.to_dtype(linear.matrix.dtype())?;
            block.contiguous()?.matmul(&transposed)?.narrow(0, 0, count)?.to_dtype(DType::F32)
        });
        let product = Tensor::cat(&blocks.collect::<candle_core::Result<Vec<_>>>()?, 0)?;
        match &linear.bias {
            Some(bias) => product.broadcast_add(bias),
            None => Ok(product),
        }
    }

    /// Attention of neighbouring rows of a sequence that share a padded context; `q [rows, heads * head_size]`.
    fn tile(
        &self,
        attention: &Attention,
        keys: &Tensor,
        values: &Tensor,
        q: &Tensor,
        first: usize,
    ) -> candle_core::Result<Tensor> {
        let (rows, size) = (q.dim(0)?, attention.head_size);
        let (context, group) = (keys.dim(0)?, attention.heads / attention.key_heads);
        let heads = |x: &Tensor| x.reshape((context, attention.key_heads, size))?.transpose(0, 1)?.contiguous();
        let (keys, values) = (heads(keys)?, heads(values)?);
        let q = q.pad_with_zeros(0, 0, TILE - rows)?.reshape((TILE, attention.key_heads, group, size))?;
        let q = q.transpose(0, 1)?.contiguous()?.reshape((attention.key_heads, TILE * group, size))?;
        let scores = (q.matmul(&keys.transpose(1, 2)?.contiguous()?)? * f64::from(attention.scale))?;
        let mut mask = vec![f32::NEG_INFINITY; TILE * context];
        for (row, mask) in mask.chunks_exact_mut(context).enumerate() {
            // Padding rows attend to the same positions as the last row, so that no softmax is over nothing.
            let end = first + row.min(rows - 1) + 1;
            let start = attention.window.map_or(0, |window| end.saturating_sub(window));
            mask[start..end].fill(0.0);
        }
        let mask = Tensor::from_vec(mask, (1, TILE, 1, context), &self.device)?;
        let scores = scores.reshape((attention.key_heads, TILE, group, context))?.broadcast_add(&mask)?;
        let shares = candle_nn::ops::softmax_last_dim(&scores.contiguous()?)?;
        let mixed = shares.reshape((attention.key_heads, TILE * group, context))?.matmul(&values)?;
        let mixed = mixed.reshape((attention.key_heads, TILE, group * size))?.transpose(0, 1)?;
        mixed.narrow(0, 0, rows)?.contiguous()?.reshape((rows, attention.heads * size))
    }

    /// Attention of all rows of one sequence.
    fn span(
        &self,
        attention: &Attention,
        (keys, values, page_tokens): (&Tensor, &Tensor, usize),
        span: &Span,
        queries: &Tensor,
    ) -> candle_core::Result<Vec<Tensor>> {
        let mut tiles = Vec::new();
        let mut row = 0;
        while row < span.rows.len() {
            let first = span.first + row;
            let context = (first + 1).next_multiple_of(CONTEXT);
            let rows = (span.rows.len() - row).min(TILE).min(context - first);
            let slots: Vec<u32> = (0..context)
                .map(|position| {
                    let page = span.pages.get(position / page_tokens).copied().unwrap_or(0);
                    page * page_tokens as u32 + (position % page_tokens) as u32
                })
                .collect();
            let slots = self.indices(&slots)?;
            let (keys, values) = (keys.index_select(&slots, 0)?, values.index_select(&slots, 0)?);
            let q = queries.narrow(0, span.rows.start + row, rows)?;
            tiles.push(self.tile(attention, &keys, &values, &q, first)?);
            row += rows;
        }
        Ok(tiles)
    }
}

/// Writes the rows of a span to its pages, a page at a time.
fn store(store: &Tensor, page_tokens: usize, rows: &Tensor, span: &Span) -> candle_core::Result<()> {
    let mut done = 0;
    while done < span.rows.len() {
        let position = span.first + done;
        let offset = position % page_tokens;
        let count = (page_tokens - offset).min(span.rows.len() - done);
        let slot = span.pages[position / page_tokens] as usize * page_tokens + offset;
        store.slice_set(&rows.narrow(0, span.rows.start + done, count)?.contiguous()?, 0, slot)?;
        done += count;
    }
    Ok(())
}

/// Rotates each head: value `i` pairs with value `i + frequencies`, the rest stays.
fn rotate(x: &Tensor, cosines: &Tensor, sines: &Tensor, head_size: usize) -> candle_core::Result<Tensor> {
    let (rows, width) = x.dims2()?;
    let half = cosines.dim(1)?;
    let heads = x.reshape((rows, width / head_size, head_size))?;
    let (a, b) = (heads.narrow(D::Minus1, 0, half)?, heads.narrow(D::Minus1, half, half)?);
    let (cosines, sines) = (cosines.unsqueeze(1)?, sines.unsqueeze(1)?);
    let first = (a.broadcast_mul(&cosines)? - b.broadcast_mul(&sines)?)?;
    let second = (b.broadcast_mul(&cosines)? + a.broadcast_mul(&sines)?)?;
    let rest = heads.i((.., .., 2 * half..))?;
    Tensor::cat(&[first, second, rest], D::Minus1)?.reshape((rows, width))
}

impl Backend for Accelerator {
    type Matrix = Activations;
    type Linear = DeviceLinear;
    type Vector = Tensor;
    type RopeTable = Angles;
    type Pages = DevicePages;
    /// In the host's memory.
    type States = Vec<State>;

    fn linear(
        &self,
        arithmetic: Arithmetic,
        outputs: usize,
        inputs: usize,
        bias: Option<Vec<f32>>,
        rows: &mut RowChunks<'_>,
    ) -> Result<DeviceLinear, LoadError> {
        let dtype = match arithmetic {
            Arithmetic::Exact => DType::F32,
            Arithmetic::Bf16 => DType::BF16,
            Arithmetic::EightBit => {
                let (operation, message) = ("loading a matrix".to_owned(), "it does not do 8-bit blocks".to_owned());
                return Err(DeviceError { operation, message }.into());
            }
        };
        let mut chunks: Vec<candle_core::Result<Tensor>> = Vec::new();
        rows(&mut |chunk| {
            let uploaded = self.upload(chunk, chunk.len() / inputs, inputs);
            chunks.push(uploaded.and_then(|tensor| tensor.to_dtype(dtype)));
        })?;
        let build = || {
            let chunks = chunks.into_iter().collect::<candle_core::Result<Vec<_>>>()?;
            let bias = bias.map(|bias| Tensor::from_vec(bias, outputs, &self.device)).transpose()?;
            Ok(DeviceLinear { matrix: Tensor::cat(&chunks, 0)?, bias })
        };
        build().map_err(|error| failed("uploading a matrix")(error).into())
    }

    fn vector(&self, values: Vec<f32>) -> Result<Tensor, LoadError> {
        let count = values.len();
        let uploaded = Tensor::from_vec(values, count, &self.device);
        uploaded.map_err(|error| failed("uploading a norm")(error).into())
    }

    fn rope_table(&self, rope: &Rope, positions: usize) -> Result<Angles, DeviceError> {
        let frequencies = rope.frequencies();
        let magnitude = rope.magnitude() as f32;
        let table = |function: fn(f64) -> f64| {
            let angles = (0..positions)
                .flat_map(|position| frequencies.iter().map(move |frequency| f64::from(position as f32 * frequency)));
            let values: Vec<f32> = angles.map(|angle| function(angle) as f32 * magnitude).collect();
            self.upload(&values, positions, frequencies.len()).map_err(failed("uploading angles"))
        };
        Ok(Angles { cosines: table(libm::cos)?, sines: table(libm::sin)? })
    }

    fn pages(&self, attention: &Attention, capacity: Capacity) -> Result<DevicePages, DeviceError> {
        let shape = (capacity.pages * capacity.page_tokens, attention.key_heads * attention.head_size);
        let zeros = || Tensor::zeros(shape, DType::F32, &self.device).map_err(failed("making room for pages"));
        Ok(DevicePages { keys: zeros()?, values: zeros()?, page_tokens: capacity.page_tokens })
    }

    fn states(&self, net: &DeltaNet, capacity: Capacity) -> Result<Vec<State>, DeviceError> {
        Ok((0..capacity.states).map(|_| State::new(net)).collect())
    }

    fn bytes(linear: &DeviceLinear) -> usize {
        linear.matrix.elem_count() * linear.matrix.dtype().size_in_bytes()
    }

    fn embed(&self, table: &DeviceLinear, tokens: &[u32], scale: f32, out: &mut Activations) -> DeviceResult {
        let build = || {
            let rows = table.matrix.index_select(&self.indices(tokens)?, 0)?.to_dtype(DType::F32)?;
            if scale == 1.0 { Ok(rows) } else { rows * f64::from(scale) }
        };
        out.0 = Some(build().map_err(failed("embedding"))?);
        Ok(())
    }

    fn project(&self, x: &Activations, layers: &mut [(&DeviceLinear, &mut Activations)]) -> DeviceResult {
        for (linear, out) in layers {
            out.0 = Some(self.product(x.tensor(), linear).map_err(failed("a linear layer"))?);
        }
        Ok(())
    }

    fn norm(&self, x: &Activations, scale: &Tensor, epsilon: f32, out: &mut Activations) -> DeviceResult {
        let build = || {
            let (rows, columns) = x.tensor().dims2()?;
            let width = scale.dim(0)?;
            let groups = x.tensor().contiguous()?.reshape((rows * columns / width, width))?;
            candle_nn::ops::rms_norm(&groups, scale, epsilon)?.reshape((rows, columns))
        };
        out.0 = Some(build().map_err(failed("a norm"))?);
        Ok(())
    }

    fn add(&self, x: &mut Activations, y: &Activations) -> DeviceResult {
        x.0 = Some((x.tensor() + y.tensor()).map_err(failed("an addition"))?);
        Ok(())
    }

    fn gate(&self, gate: Gate, x: &mut Activations, y: &Activations) -> DeviceResult {
        let build = || {
            let gated = match gate {
                Gate::Unit(Activation::Silu) => x.tensor().silu()?,
                Gate::Unit(Activation::GeluTanh) => x.tensor().gelu()?,
                Gate::Sigmoid => candle_nn::ops::sigmoid(x.tensor())?,
            };
            gated * y.tensor()
        };
        x.0 = Some(build().map_err(failed("a gate"))?);
        Ok(())
    }

    fn rotate(&self, table: &Angles, step: &Step, head_size: usize, x: &mut Activations) -> DeviceResult {
        let build = || {
            let positions = self.indices(&step.positions)?;
            let (cosines, sines) =
                (table.cosines.index_select(&positions, 0)?, table.sines.index_select(&positions, 0)?);
            rotate(x.tensor(), &cosines, &sines, head_size)
        };
        x.0 = Some(build().map_err(failed("rotating heads"))?);
        Ok(())
    }

    fn attend(
        &self,
        attention: &Attention,
        pages: &mut DevicePages,
        step: &Step,
        rows: Heads<'_, Self>,
        out: &mut Activations,
    ) -> DeviceResult {
        let DevicePages { keys, values, page_tokens } = pages;
        let build = || {
            for span in &step.spans {
                store(keys, *page_tokens, rows.keys.tensor(), span)?;
                store(values, *page_tokens, rows.values.tensor(), span)?;
            }
            let mut tiles = Vec::new();
            for span in &step.spans {
                tiles.extend(self.span(attention, (keys, values, *page_tokens), span, rows.queries.tensor())?);
            }
            Tensor::cat(&tiles, 0)
        };
        out.0 = Some(build().map_err(failed("attention"))?);
        Ok(())
    }

    fn recur(
        &self,
        recurrence: &Recurrence,
        states: &mut Vec<State>,
        step: &Step,
        rows: Channels<'_, Self>,
        out: &mut Activations,
    ) -> DeviceResult {
        let (net, width) = (&recurrence.net, recurrence.net.value_width());
        let (mixed, rates, decays) = (self.read(rows.mixed)?, self.read(rows.rates)?, self.read(rows.decays)?);
        let mut result = vec![0.0; step.rows() * width];
        for span in &step.spans {
            let state = &mut states[span.state as usize];
            if span.first == 0 {
                state.reset();
            }
            for row in span.rows.clone() {
                let inputs = Inputs {
                    mixed: &mixed[row * net.channels()..][..net.channels()],
                    rates: &rates[row * net.value_heads..][..net.value_heads],
                    decays: &decays[row * net.value_heads..][..net.value_heads],
                };
                state.advance(recurrence, inputs, &mut result[row * width..][..width]);
            }
        }
        out.0 = Some(self.upload(&result, step.rows(), width).map_err(failed("a delta net"))?);
        Ok(())
    }

    fn gather(&self, x: &Activations, rows: &[u32], out: &mut Activations) -> DeviceResult {
        let build = || x.tensor().index_select(&self.indices(rows)?, 0);
        out.0 = Some(build().map_err(failed("gathering rows"))?);
        Ok(())
    }

    fn zeros(&self, rows: usize, columns: usize, out: &mut Activations) -> DeviceResult {
        out.0 = Some(Tensor::zeros((rows, columns), DType::F32, &self.device).map_err(failed("making zeros"))?);
        Ok(())
    }

    fn scatter(&self, x: &mut Activations, y: &Activations, rows: &[u32], shares: &[f32]) -> DeviceResult {
        let build = || {
            let shares = self.upload(shares, shares.len(), 1)?;
            x.tensor().index_add(&self.indices(rows)?, &y.tensor().broadcast_mul(&shares)?, 0)
        };
        x.0 = Some(build().map_err(failed("adding experts"))?);
        Ok(())
    }

    fn read<'a>(&self, x: &'a Activations) -> Result<Cow<'a, [f32]>, DeviceError> {
        let values = x.tensor().flatten_all().and_then(|flat| flat.to_vec1::<f32>());
        Ok(Cow::Owned(values.map_err(failed("reading results"))?))
    }
}
