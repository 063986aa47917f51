//! The forward pass: one vocabulary of layers for all families.

use rayon::prelude::*;

use super::{
    LogitSink, Room, Step,
    backend::{Arithmetic, Backend, Channels, Done, Gate, Heads},
    parameters::{
        AttentionParameters, DeltaNetParameters, ExpertsParameters, ForwardParameters, LayerParameters,
        MixerParameters, Reader, UnitParameters,
    },
};
use crate::{
    config::{Activation, Attention, Experts, FeedForward, Mixer, ModelConfig},
    error::LoadError,
    kernel::{exp, sigmoid},
    layout::expected_tensors_in,
    refusal::Refusal,
    tensors::TensorSource,
};

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
    turns: Vec<B::Turns>,
    memory: Option<B::Memory>,
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
    /// Checks every shape, then reads every tensor.
    pub(super) fn load(
        backend: B,
        config: &ModelConfig,
        source: &dyn TensorSource,
        arithmetic: Arithmetic,
    ) -> Result<Self, LoadError> {
        for (tensor, expected) in expected_tensors_in(config, source) {
            match source.shape(&tensor) {
                None => return Err(Refusal::MissingTensor { tensor, expected }.into()),
                Some(found) if found != expected => return Err(Refusal::TensorShape { tensor, expected, found }.into()),
                Some(_) => {}
            }
        }
        let reader = Reader { backend: &backend, config, source, arithmetic };
        let (vocabulary, hidden) = (config.vocabulary, config.hidden);
        let embedding = reader.outer(&config.tensor("embed_tokens"), vocabulary, hidden)?;
        let layers =
            (0..config.layers.len()).into_par_iter().map(|index| reader.layer(index)).collect::<Result<Vec<_>, _>>()?;
        let norm = reader.norm(&config.tensor("norm.weight"))?;
        let output = if config.tied_embeddings {
            None
        } else {
            let name = config.output_name().trim_end_matches(".weight");
            Some(reader.outer(name, vocabulary, hidden)?)
        };
        let config = config.clone();
        Ok(Self {
            backend,
            config,
            embedding,
            layers,
            norm,
            output,
            turns: Vec::new(),
            memory: None,
            rows: Workspace::default(),
        })
    }

    pub(super) fn backend(&self) -> &B {
        &self.backend
    }

    /// Bytes of all linear layers; norms are negligible beside them.
    pub(super) fn parameter_bytes(&self) -> usize {
        let outer = [Some(&self.embedding), self.output.as_ref()].into_iter().flatten();
        outer.chain(self.layers.iter().flat_map(LayerParameters::linears)).map(B::bytes).sum()
    }

    /// Takes the backend that will compute and makes room on it.
    pub(super) fn begin(&mut self, backend: B, room: Room) -> Done {
        self.turns =
            self.config.ropes.iter().map(|rope| backend.turns(rope, room.positions)).collect::<Result<_, _>>()?;
        self.memory = Some(backend.memory(&self.config, room)?);
        self.backend = backend;
        Ok(())
    }

    /// Runs a step.
    pub(super) fn run(&mut self, step: &Step, sink: &mut LogitSink<'_>) -> Done {
        let Self { backend, config, embedding, layers, turns, memory, rows, .. } = self;
        let memory = memory.as_mut().expect("a decoder is started before it runs");
        let pass = Pass { backend, config, turns, step };
        backend.embed(embedding, &step.tokens, config.embedding_scale, &mut rows.stream)?;
        for (index, parameters) in layers.iter().enumerate() {
            pass.layer(index, parameters, memory, rows)?;
        }
        self.logits(step, sink)
    }

    fn logits(&mut self, step: &Step, sink: &mut LogitSink<'_>) -> Done {
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
    turns: &'a [B::Turns],
    step: &'a Step,
}

impl<B: Backend> Pass<'_, B> {
    fn layer(
        &self,
        index: usize,
        parameters: &LayerParameters<B>,
        memory: &mut B::Memory,
        rows: &mut Workspace<B>,
    ) -> Done {
        let epsilon = self.config.norm_epsilon;
        let layer = &self.config.layers[index];
        self.backend.norm(&rows.stream, &parameters.input_norm, epsilon, &mut rows.normed)?;
        match (&layer.mixer, &parameters.mixer) {
            (Mixer::Attention(attention), MixerParameters::Attention(parameters)) => {
                self.attention(index, attention, parameters, memory, rows)?;
            }
            (Mixer::DeltaNet(_), MixerParameters::DeltaNet(parameters)) => {
                self.delta_net(index, parameters, memory, rows)?;
            }
            _ => unreachable!("parameters are read by the configuration"),
        }
        self.join(parameters.after_mixer.as_ref(), rows)?;
        self.backend.norm(&rows.stream, &parameters.forward_norm, epsilon, &mut rows.normed)?;
        match (&layer.feed_forward, &parameters.feed_forward) {
            (FeedForward::Dense(dense), ForwardParameters::Dense(unit)) => {
                self.unit(dense.activation, unit, &rows.normed, &mut rows.inner, &mut rows.result)?;
            }
            (FeedForward::Experts(experts), ForwardParameters::Experts(parameters)) => {
                self.experts(experts, parameters, rows)?;
            }
            _ => unreachable!("parameters are read by the configuration"),
        }
        self.join(parameters.after_forward.as_ref(), rows)
    }

    /// Adds a part's result to the residual stream, through its norm where it has one.
    fn join(&self, norm: Option<&B::Vector>, rows: &mut Workspace<B>) -> Done {
        match norm {
            Some(norm) => {
                self.backend.norm(&rows.result, norm, self.config.norm_epsilon, &mut rows.spare)?;
                self.backend.add(&mut rows.stream, &rows.spare)
            }
            None => self.backend.add(&mut rows.stream, &rows.result),
        }
    }

    fn attention(
        &self,
        index: usize,
        attention: &Attention,
        parameters: &AttentionParameters<B>,
        memory: &mut B::Memory,
        rows: &mut Workspace<B>,
    ) -> Done {
        let backend = self.backend;
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
        let turns = &self.turns[attention.rope];
        backend.turn(turns, self.step, attention.head_size, &mut rows.queries)?;
        backend.turn(turns, self.step, attention.head_size, &mut rows.keys)?;
        let heads = Heads { queries: &rows.queries, keys: &rows.keys, values: &rows.values };
        backend.attend(attention, index, memory, self.step, heads, &mut rows.mixed)?;
        if parameters.gate.is_some() {
            backend.gate(Gate::Sigmoid, &mut rows.gate, &rows.mixed)?;
            std::mem::swap(&mut rows.gate, &mut rows.mixed);
        }
        backend.project(&rows.mixed, &mut [(&parameters.output, &mut rows.result)])
    }

    fn delta_net(
        &self,
        index: usize,
        parameters: &DeltaNetParameters<B>,
        memory: &mut B::Memory,
        rows: &mut Workspace<B>,
    ) -> Done {
        let backend = self.backend;
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
        backend.recur(&parameters.recurrence, index, memory, self.step, channels, &mut rows.mixed)?;
        backend.norm(&rows.mixed, &parameters.norm, self.config.norm_epsilon, &mut rows.spare)?;
        backend.gate(Gate::Unit(Activation::Silu), &mut rows.gate, &rows.spare)?;
        backend.project(&rows.gate, &mut [(&parameters.output, &mut rows.result)])
    }

    /// A gated unit.
    fn unit(
        &self,
        activation: Activation,
        parameters: &UnitParameters<B>,
        x: &B::Matrix,
        inner: &mut Inner<B>,
        out: &mut B::Matrix,
    ) -> Done {
        self.backend.project(x, &mut [(&parameters.gate, &mut inner.gate), (&parameters.up, &mut inner.up)])?;
        self.backend.gate(Gate::Unit(activation), &mut inner.gate, &inner.up)?;
        self.backend.project(&inner.gate, &mut [(&parameters.down, out)])
    }

    /// The chosen experts of every row, each expert on all rows that chose it, in the order of the experts.
    fn experts(&self, experts: &Experts, parameters: &ExpertsParameters<B>, rows: &mut Workspace<B>) -> Done {
        let backend = self.backend;
        let count = self.step.rows();
        backend.project(&rows.normed, &mut [(&parameters.router, &mut rows.spare)])?;
        let choices = choose(experts, &backend.read(&rows.spare)?);
        backend.zeros(count, self.config.hidden, &mut rows.total)?;
        for (unit, (chosen, shares)) in parameters.experts.iter().zip(&choices) {
            if chosen.is_empty() {
                continue;
            }
            backend.gather(&rows.normed, chosen, &mut rows.gathered)?;
            self.unit(experts.activation, unit, &rows.gathered, &mut rows.inner, &mut rows.result)?;
            backend.scatter(&mut rows.total, &rows.result, chosen, shares)?;
        }
        if let Some((unit, gate)) = &parameters.shared {
            backend.project(&rows.normed, &mut [(gate, &mut rows.spare)])?;
            let shares: Vec<f32> = backend.read(&rows.spare)?.iter().map(|logit| sigmoid(*logit)).collect();
            self.unit(experts.activation, unit, &rows.normed, &mut rows.inner, &mut rows.result)?;
            let all: Vec<u32> = (0..count as u32).collect();
            backend.scatter(&mut rows.total, &rows.result, &all, &shares)?;
        }
        std::mem::swap(&mut rows.total, &mut rows.result);
        Ok(())
    }
}

/// For every expert the rows that chose it and its share in each, from router logits `[rows, count]`; ties go to the
/// lower expert.
fn choose(experts: &Experts, logits: &[f32]) -> Vec<(Vec<u32>, Vec<f32>)> {
    let mut choices = vec![(Vec::new(), Vec::new()); experts.count];
    for (row, logits) in logits.chunks_exact(experts.count).enumerate() {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let shares: Vec<f32> = logits.iter().map(|logit| exp(logit - largest)).collect();
        let mut order: Vec<usize> = (0..experts.count).collect();
        order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b)));
        order.truncate(experts.chosen);
        let whole: f32 =
            if experts.normalised { order.iter().map(|expert| shares[*expert]).sum() } else { shares.iter().sum() };
        for expert in order {
            choices[expert].0.push(row as u32);
            choices[expert].1.push(shares[expert] / whole);
        }
    }
    choices
}
