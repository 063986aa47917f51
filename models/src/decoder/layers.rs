//! The forward pass: one vocabulary of layers for all families.

use rayon::prelude::*;

use super::{
    Capacity, LogitSink, Step,
    backend::{Arithmetic, Backend, Channels, DeviceResult, Gate, Heads},
    parameters::{AttentionParameters, DeltaNetParameters, ExpertsParameters, LayerParameters, Reader, UnitParameters},
};
use crate::{
    config::{Activation, Experts, FeedForward, Mixer, ModelConfig},
    error::LoadError,
    kernel::{exp, sigmoid},
    layout::{Layout, TensorId},
    tensors::TensorSource,
};

/// Invariant of pages and states.
const STARTED: &str = "a decoder is started before it runs";
/// Rows of logits that are computed at a time; a long text's logits would not fit in memory at once.
const LOGIT_ROWS: usize = 64;

/// A model on a backend.
pub(super) struct Layers<B: Backend> {
    backend: B,
    config: ModelConfig,
    embedding: B::Linear,
    layers: Vec<LayerParameters<B>>,
    norm: B::Vector,
    /// The output layer, where it does not share the embedding's tensor.
    output: Option<B::Linear>,
    tables: Vec<B::RopeTable>,
    rows: Workspace<B>,
}

/// Matrices that are used again and again.
struct Workspace<B: Backend> {
    stream: B::Matrix,
    normed: B::Matrix,
    queries: B::Matrix,
    keys: B::Matrix,
    values: B::Matrix,
    gate: B::Matrix,
    spare: B::Matrix,
    mixed: B::Matrix,
    result: B::Matrix,
    inner: Inner<B>,
    gathered: B::Matrix,
    total: B::Matrix,
}

/// The matrices of a gated unit.
struct Inner<B: Backend> {
    gate: B::Matrix,
    up: B::Matrix,
}

impl<B: Backend> Default for Workspace<B> {
    fn default() -> Self {
        Self {
            stream: B::Matrix::default(),
            normed: B::Matrix::default(),
            queries: B::Matrix::default(),
            keys: B::Matrix::default(),
            values: B::Matrix::default(),
            gate: B::Matrix::default(),
            spare: B::Matrix::default(),
            mixed: B::Matrix::default(),
            result: B::Matrix::default(),
            inner: Inner { gate: B::Matrix::default(), up: B::Matrix::default() },
            gathered: B::Matrix::default(),
            total: B::Matrix::default(),
        }
    }
}

impl<B: Backend> Layers<B> {
    /// Reads every tensor.
    pub(super) fn load(
        backend: B,
        config: &ModelConfig,
        source: &dyn TensorSource,
        layout: &Layout,
        arithmetic: Arithmetic,
    ) -> Result<Self, LoadError> {
        let reader = Reader { backend: &backend, config, source, layout, arithmetic };
        let embedding = reader.outer(TensorId::Embedding)?;
        let layers =
            (0..config.layers.len()).into_par_iter().map(|index| reader.layer(index)).collect::<Result<Vec<_>, _>>()?;
        let norm = reader.norm(TensorId::FinalNorm)?;
        let output = (!layout.is_tied()).then(|| reader.outer(TensorId::Output)).transpose()?;
        let (config, tables, rows) = (config.clone(), Vec::new(), Workspace::default());
        Ok(Self { backend, config, embedding, layers, norm, output, tables, rows })
    }

    pub(super) fn vocabulary(&self) -> usize {
        self.config.vocabulary
    }

    pub(super) fn backend(&self) -> &B {
        &self.backend
    }

    /// Bytes of all linear layers; norms are negligible beside them.
    pub(super) fn parameter_bytes(&self) -> usize {
        let outer = [Some(&self.embedding), self.output.as_ref()].into_iter().flatten();
        outer.chain(self.layers.iter().flat_map(LayerParameters::linears)).map(B::bytes).sum()
    }

    /// Takes the backend that will compute, and allocates pages and states on it.
    pub(super) fn begin(&mut self, backend: B, capacity: Capacity) -> DeviceResult {
        let table = |rope| backend.rope_table(rope, capacity);
        self.tables = self.config.ropes.iter().map(table).collect::<Result<_, _>>()?;
        backend.reserve(&self.config, capacity)?;
        for layer in &mut self.layers {
            match &mut layer.mixer {
                Mixer::Attention(parameters) => {
                    parameters.pages = Some(backend.pages(&parameters.attention, capacity)?);
                }
                Mixer::DeltaNet(parameters) => {
                    parameters.states = Some(backend.states(&parameters.recurrence.net, capacity)?);
                }
            }
        }
        self.backend = backend;
        Ok(())
    }

    /// Runs a step.
    pub(super) fn run(&mut self, step: &Step, sink: &mut LogitSink<'_>) -> DeviceResult {
        let Self { backend, config, embedding, layers, tables, rows, .. } = self;
        let pass = Pass { backend, config, tables, step };
        backend.embed(embedding, &step.tokens, config.embedding_scale, &mut rows.stream)?;
        for layer in layers {
            pass.layer(layer, rows)?;
        }
        self.logits(step, sink)
    }

    fn logits(&mut self, step: &Step, sink: &mut LogitSink<'_>) -> DeviceResult {
        let Self { backend, config, embedding, norm, output, rows, .. } = self;
        for (block, wanted) in step.wanted.chunks(LOGIT_ROWS).enumerate() {
            backend.gather(&rows.stream, wanted, &mut rows.gathered)?;
            backend.norm(&rows.gathered, norm, config.norm_epsilon, &mut rows.normed)?;
            backend.project(&rows.normed, &mut [(output.as_ref().unwrap_or(embedding), &mut rows.result)])?;
            let mut logits = backend.read(&rows.result)?;
            if let Some(cap) = config.logit_softcap {
                for logit in logits.to_mut() {
                    *logit = cap * (1.0 - 2.0 / (1.0 + exp(2.0 * *logit / cap)));
                }
            }
            sink(block * LOGIT_ROWS, &logits);
        }
        Ok(())
    }
}

/// One step on its way through the layers.
struct Pass<'a, B: Backend> {
    backend: &'a B,
    config: &'a ModelConfig,
    tables: &'a [B::RopeTable],
    step: &'a Step,
}

impl<B: Backend> Pass<'_, B> {
    fn layer(&self, layer: &mut LayerParameters<B>, rows: &mut Workspace<B>) -> DeviceResult {
        let epsilon = self.config.norm_epsilon;
        self.backend.norm(&rows.stream, &layer.input_norm, epsilon, &mut rows.normed)?;
        match &mut layer.mixer {
            Mixer::Attention(parameters) => self.attention(parameters, rows)?,
            Mixer::DeltaNet(parameters) => self.delta_net(parameters, rows)?,
        }
        self.join(layer.after_mixer.as_ref(), rows)?;
        self.backend.norm(&rows.stream, &layer.forward_norm, epsilon, &mut rows.normed)?;
        match &layer.feed_forward {
            FeedForward::Dense(unit) => self.unit(unit, &rows.normed, &mut rows.inner, &mut rows.result)?,
            FeedForward::Experts(parameters) => self.experts(parameters, rows)?,
        }
        self.join(layer.after_forward.as_ref(), rows)
    }

    /// Adds a part's result to the residual stream, through its norm where it has one.
    fn join(&self, norm: Option<&B::Vector>, rows: &mut Workspace<B>) -> DeviceResult {
        match norm {
            Some(norm) => {
                self.backend.norm(&rows.result, norm, self.config.norm_epsilon, &mut rows.spare)?;
                self.backend.add(&mut rows.stream, &rows.spare)
            }
            None => self.backend.add(&mut rows.stream, &rows.result),
        }
    }

    fn attention(&self, parameters: &mut AttentionParameters<B>, rows: &mut Workspace<B>) -> DeviceResult {
        let (backend, attention) = (self.backend, &parameters.attention);
        let pages = parameters.pages.as_mut().expect(STARTED);
        let mut projections = vec![
            (&parameters.query, &mut rows.queries),
            (&parameters.key, &mut rows.keys),
            (&parameters.value, &mut rows.values),
        ];
        if let Some(gate) = &parameters.gate {
            projections.push((gate, &mut rows.gate));
        }
        backend.project(&rows.normed, &mut projections)?;
        if let Some((query_norm, key_norm)) = &parameters.norms {
            for (norm, heads) in [(query_norm, &mut rows.queries), (key_norm, &mut rows.keys)] {
                backend.norm(heads, norm, self.config.norm_epsilon, &mut rows.spare)?;
                std::mem::swap(heads, &mut rows.spare);
            }
        }
        let table = &self.tables[attention.rope];
        backend.rotate(table, self.step, attention.head_size, &mut rows.queries)?;
        backend.rotate(table, self.step, attention.head_size, &mut rows.keys)?;
        let heads = Heads { queries: &rows.queries, keys: &rows.keys, values: &rows.values };
        backend.attend(attention, pages, self.step, heads, &mut rows.mixed)?;
        if parameters.gate.is_some() {
            backend.gate(Gate::Sigmoid, &mut rows.gate, &rows.mixed)?;
            std::mem::swap(&mut rows.gate, &mut rows.mixed);
        }
        backend.project(&rows.mixed, &mut [(&parameters.output, &mut rows.result)])
    }

    fn delta_net(&self, parameters: &mut DeltaNetParameters<B>, rows: &mut Workspace<B>) -> DeviceResult {
        let backend = self.backend;
        let states = parameters.states.as_mut().expect(STARTED);
        backend.project(
            &rows.normed,
            &mut [
                (&parameters.mixed, &mut rows.queries),
                (&parameters.gate, &mut rows.gate),
                (&parameters.rates, &mut rows.keys),
                (&parameters.decays, &mut rows.values),
            ],
        )?;
        let channels = Channels { mixed: &rows.queries, rates: &rows.keys, decays: &rows.values };
        backend.recur(&parameters.recurrence, states, self.step, channels, &mut rows.mixed)?;
        backend.norm(&rows.mixed, &parameters.norm, self.config.norm_epsilon, &mut rows.spare)?;
        backend.gate(Gate::Unit(Activation::Silu), &mut rows.gate, &rows.spare)?;
        backend.project(&rows.gate, &mut [(&parameters.output, &mut rows.result)])
    }

    /// A gated unit.
    fn unit(
        &self,
        parameters: &UnitParameters<B>,
        x: &B::Matrix,
        inner: &mut Inner<B>,
        out: &mut B::Matrix,
    ) -> DeviceResult {
        self.backend.project(x, &mut [(&parameters.gate, &mut inner.gate), (&parameters.up, &mut inner.up)])?;
        self.backend.gate(Gate::Unit(parameters.activation), &mut inner.gate, &inner.up)?;
        self.backend.project(&inner.gate, &mut [(&parameters.down, out)])
    }

    /// The chosen experts of every row, each expert on all rows that chose it, in the order of the experts.
    fn experts(&self, parameters: &ExpertsParameters<B>, rows: &mut Workspace<B>) -> DeviceResult {
        let backend = self.backend;
        let count = self.step.rows();
        backend.project(&rows.normed, &mut [(&parameters.router, &mut rows.spare)])?;
        let choices = choose(&parameters.experts, &backend.read(&rows.spare)?);
        backend.zeros(count, self.config.hidden, &mut rows.total)?;
        for (unit, (chosen, shares)) in parameters.units.iter().zip(&choices) {
            if chosen.is_empty() {
                continue;
            }
            backend.gather(&rows.normed, chosen, &mut rows.gathered)?;
            self.unit(unit, &rows.gathered, &mut rows.inner, &mut rows.result)?;
            backend.scatter(&mut rows.total, &rows.result, chosen, shares)?;
        }
        if let Some((unit, gate)) = &parameters.shared {
            backend.project(&rows.normed, &mut [(gate, &mut rows.spare)])?;
            let shares: Vec<f32> = backend.read(&rows.spare)?.iter().map(|logit| sigmoid(*logit)).collect();
            self.unit(unit, &rows.normed, &mut rows.inner, &mut rows.result)?;
            let all: Vec<u32> = (0..count as u32).collect();
            backend.scatter(&mut rows.total, &rows.result, &all, &shares)?;
        }
        std::mem::swap(&mut rows.total, &mut rows.result);
        Ok(())
    }
}

/// For every expert the rows that chose it and its share in each, from router logits `[rows, count]`; ties go to the
/// lower expert.
pub(super) fn choose(experts: &Experts, logits: &[f32]) -> Vec<(Vec<u32>, Vec<f32>)> {
    let mut choices = vec![(Vec::new(), Vec::new()); experts.count];
    for (row, logits) in logits.chunks_exact(experts.count).enumerate() {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let shares: Vec<f32> = logits.iter().map(|logit| exp(logit - largest)).collect();
        let mut order: Vec<usize> = (0..experts.count).collect();
        order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b)));
        order.truncate(experts.chosen);
        let whole: f32 =
            if experts.normalized { order.iter().map(|expert| shares[*expert]).sum() } else { shares.iter().sum() };
        for expert in order {
            choices[expert].0.push(row as u32);
            choices[expert].1.push(shares[expert] / whole);
        }
    }
    choices
}
