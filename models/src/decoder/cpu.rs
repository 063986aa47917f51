//! The CPU backend: plain `f32` rows and our own kernels, so that every machine gets the same bits.

use std::{borrow::Cow, sync::Arc};

use rayon::{ThreadPool, prelude::*};

use super::{
    Capacity, Step,
    backend::{Arithmetic, Backend, Channels, DeviceResult, Gate, Heads, Recurrence, RowChunks},
    delta_net::{self, State},
};
use crate::{
    config::{Activation, Attention, DeltaNet, Mixer, ModelConfig, Rope},
    error::{DeviceError, LoadError},
    kernel::{
        self, AttentionShape, BLOCK, PackedLinear, PackedLinearBuilder, PagedKeyValues, Processor, Query, RopeTable,
        Slot,
    },
};

/// The CPU with its vector instructions and threads.
pub(super) struct Cpu {
    running: Option<(Processor, Arc<ThreadPool>)>,
}

/// Row-major activations. The memory is kept from step to step and only ever grows.
#[derive(Default)]
pub(super) struct Rows {
    memory: Vec<f32>,
    rows: usize,
    columns: usize,
}

impl Rows {
    /// Resizes to `rows` rows; values are left to be overwritten.
    fn shape(&mut self, rows: usize, columns: usize) -> &mut [f32] {
        (self.rows, self.columns) = (rows, columns);
        if self.memory.len() < rows * columns {
            self.memory.resize(rows * columns, 0.0);
        }
        self.values_mut()
    }

    fn values(&self) -> &[f32] {
        &self.memory[..self.rows * self.columns]
    }

    fn values_mut(&mut self) -> &mut [f32] {
        &mut self.memory[..self.rows * self.columns]
    }

    fn row(&self, index: usize) -> &[f32] {
        &self.values()[index * self.columns..][..self.columns]
    }
}

impl Cpu {
    /// A backend that can hold parameters but not compute yet.
    pub(super) fn for_loading() -> Self {
        Self { running: None }
    }

    pub(super) fn new(pool: Arc<ThreadPool>) -> Self {
        Self { running: Some((Processor::new(pool.clone()), pool)) }
    }

    pub(super) fn pool(&self) -> Arc<ThreadPool> {
        self.running().1.clone()
    }

    pub(super) fn processor(&self) -> &Processor {
        &self.running().0
    }

    fn running(&self) -> &(Processor, Arc<ThreadPool>) {
        self.running.as_ref().expect("a decoder is started before it runs")
    }
}

impl Backend for Cpu {
    type Matrix = Rows;
    type Linear = PackedLinear;
    type Vector = Vec<f32>;
    type RopeTable = RopeTable;
    type Pages = PagedKeyValues;
    type States = Vec<State>;

    fn linear(
        &self,
        arithmetic: Arithmetic,
        outputs: usize,
        inputs: usize,
        bias: Option<Vec<f32>>,
        rows: &mut RowChunks<'_>,
    ) -> Result<PackedLinear, LoadError> {
        let mut builder = match arithmetic {
            Arithmetic::EightBit if inputs.is_multiple_of(BLOCK) => PackedLinearBuilder::quantized(outputs, inputs),
            Arithmetic::EightBit | Arithmetic::Exact | Arithmetic::Auto => PackedLinearBuilder::new(outputs, inputs),
            Arithmetic::Bf16 => {
                let (operation, message) = ("loading a matrix".to_owned(), "the CPU does not do bfloat16".to_owned());
                return Err(DeviceError { operation, message }.into());
            }
        };
        rows(&mut |chunk| builder.push_rows(chunk))?;
        let linear = builder.finish();
        Ok(match bias {
            Some(bias) => linear.with_bias(bias),
            None => linear,
        })
    }

    fn vector(&self, values: Vec<f32>) -> Result<Vec<f32>, LoadError> {
        Ok(values)
    }

    fn rope_table(&self, rope: &Rope, capacity: Capacity) -> Result<RopeTable, DeviceError> {
        let table = |frequencies: &[f32], positions| RopeTable::new(frequencies, positions, rope.magnitude() as f32);
        let short = table(&rope.frequencies(), capacity.long_from.unwrap_or(capacity.positions));
        Ok(match capacity.long_from {
            Some(_) => short.followed_by(table(&rope.long_frequencies(), capacity.positions)),
            None => short,
        })
    }

    fn reserve(&self, config: &ModelConfig, capacity: Capacity) -> DeviceResult {
        let tokens = capacity.pages.saturating_mul(capacity.page_tokens);
        let bytes: usize = config
            .layers
            .iter()
            .map(|layer| match &layer.mixer {
                Mixer::Attention(a) => PagedKeyValues::bytes(tokens, a.key_heads, a.head_size),
                Mixer::DeltaNet(_) => 0,
            })
            .fold(0, usize::saturating_add);
        // Mapped in one piece first: an allocation that fails in the middle ends the process.
        memmap2::MmapMut::map_anon(bytes.max(1)).map_err(|error| DeviceError {
            operation: format!("making room for {tokens} tokens of keys and values ({bytes} bytes)"),
            message: error.to_string(),
        })?;
        Ok(())
    }

    fn pages(&self, attention: &Attention, capacity: Capacity) -> Result<PagedKeyValues, DeviceError> {
        let Capacity { pages, page_tokens, .. } = capacity;
        Ok(PagedKeyValues::new(pages, page_tokens, attention.key_heads, attention.head_size))
    }

    fn states(&self, net: &DeltaNet, capacity: Capacity) -> Result<Vec<State>, DeviceError> {
        Ok((0..capacity.states).map(|_| State::new(net)).collect())
    }

    fn bytes(linear: &PackedLinear) -> usize {
        linear.bytes()
    }

    fn embed(&self, table: &PackedLinear, tokens: &[u32], scale: f32, out: &mut Rows) -> DeviceResult {
        let width = table.inputs();
        for (row, token) in out.shape(tokens.len(), width).chunks_exact_mut(width).zip(tokens) {
            table.row(*token as usize, row);
            if scale != 1.0 {
                row.iter_mut().for_each(|value| *value *= scale);
            }
        }
        Ok(())
    }

    fn project(&self, x: &Rows, layers: &mut [(&PackedLinear, &mut Rows)]) -> DeviceResult {
        let rows = x.rows;
        let mut parts: Vec<(&PackedLinear, &mut [f32])> =
            layers.iter_mut().map(|(linear, out)| (*linear, out.shape(rows, linear.outputs()))).collect();
        kernel::forward_many(self.processor(), x.values(), &mut parts);
        Ok(())
    }

    fn norm(&self, x: &Rows, scale: &Vec<f32>, epsilon: f32, out: &mut Rows) -> DeviceResult {
        let target = out.shape(x.rows, x.columns);
        kernel::rms_norm(self.processor(), x.values(), scale, epsilon, target);
        Ok(())
    }

    fn add(&self, x: &mut Rows, y: &Rows) -> DeviceResult {
        kernel::add(self.processor(), x.values_mut(), y.values());
        Ok(())
    }

    fn gate(&self, gate: Gate, x: &mut Rows, y: &Rows) -> DeviceResult {
        match gate {
            Gate::Unit(Activation::Silu) => kernel::silu_multiply(self.processor(), x.values_mut(), y.values()),
            Gate::Unit(Activation::GeluTanh) => {
                kernel::gelu_tanh_multiply(self.processor(), x.values_mut(), y.values());
            }
            Gate::Sigmoid => kernel::sigmoid_multiply(self.processor(), x.values_mut(), y.values()),
        }
        Ok(())
    }

    fn rotate(&self, table: &RopeTable, step: &Step, head_size: usize, x: &mut Rows) -> DeviceResult {
        table.apply(self.processor(), &step.rotations, head_size, x.values_mut());
        Ok(())
    }

    fn attend(
        &self,
        attention: &Attention,
        pages: &mut PagedKeyValues,
        step: &Step,
        rows: Heads<'_, Self>,
        out: &mut Rows,
    ) -> DeviceResult {
        let page_tokens = pages.page_tokens();
        let mut slots = Vec::with_capacity(step.rows());
        let mut queries = Vec::with_capacity(step.rows());
        for span in &step.spans {
            for position in span.first..span.first + span.rows.len() {
                let page = span.pages[position / page_tokens];
                slots.push(Slot { page, offset: (position % page_tokens) as u32 });
                queries.push(Query { pages: &span.pages, context: position + 1 });
            }
        }
        pages.write(&slots, rows.keys.values(), rows.values.values());
        let shape = AttentionShape { heads: attention.heads, scale: attention.scale, window: attention.window };
        let target = out.shape(step.rows(), rows.queries.columns);
        kernel::attention(self.processor(), shape, pages, &queries, rows.queries.values(), target);
        Ok(())
    }

    fn recur(
        &self,
        recurrence: &Recurrence,
        states: &mut Vec<State>,
        step: &Step,
        rows: Channels<'_, Self>,
        out: &mut Rows,
    ) -> DeviceResult {
        let width = recurrence.net.value_width();
        let mut rest = out.shape(step.rows(), width);
        let mut work = Vec::with_capacity(step.spans.len());
        for span in &step.spans {
            let (own, others) = rest.split_at_mut(span.rows.len() * width);
            rest = others;
            work.push((span, std::mem::take(&mut states[span.state as usize]), own));
        }
        work.par_iter_mut().for_each(|(span, state, out)| {
            if span.first == 0 {
                state.reset();
            }
            for (row, out) in span.rows.clone().zip(out.chunks_exact_mut(width)) {
                let inputs = delta_net::Inputs {
                    mixed: rows.mixed.row(row),
                    rates: rows.rates.row(row),
                    decays: rows.decays.row(row),
                };
                state.advance(recurrence, inputs, out);
            }
        });
        for (span, state, _) in work {
            states[span.state as usize] = state;
        }
        Ok(())
    }

    fn gather(&self, x: &Rows, rows: &[u32], out: &mut Rows) -> DeviceResult {
        let target = out.shape(rows.len(), x.columns);
        for (target, row) in target.chunks_exact_mut(x.columns).zip(rows) {
            target.copy_from_slice(x.row(*row as usize));
        }
        Ok(())
    }

    fn zeros(&self, rows: usize, columns: usize, out: &mut Rows) -> DeviceResult {
        out.shape(rows, columns).fill(0.0);
        Ok(())
    }

    fn scatter(&self, x: &mut Rows, y: &Rows, rows: &[u32], shares: &[f32]) -> DeviceResult {
        let width = x.columns;
        for ((row, share), y) in rows.iter().zip(shares).zip(y.values().chunks_exact(width)) {
            let target = &mut x.memory[*row as usize * width..][..width];
            target.iter_mut().zip(y).for_each(|(x, y)| *x += share * y);
        }
        Ok(())
    }

    fn read<'a>(&self, x: &'a Rows) -> Result<Cow<'a, [f32]>, DeviceError> {
        Ok(Cow::Borrowed(x.values()))
    }
}
