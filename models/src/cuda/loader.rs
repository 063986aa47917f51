//! Loading of a model into a card's memory, one tensor at a time and without a copy of it in the host's.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{
    arena::Arena,
    card::{Address, Buffer, Card, WeightShape},
    launches::{Arguments, HeadKernels, Kernels, blocks},
    random::Noise,
    weights::{
        AttentionWeights, DeltaNetWeights, DenseWeights, ExpertSizes, ExpertsWeights, LayerWeights, Matrix, Weights,
    },
};
use crate::{
    config::{Attention, DeltaNet, Dense, Experts, FeedForward, Mixer, ModelConfig},
    error::{DeviceError, LoadError},
    layout::{Layout, Linear, Part, TensorId, Unit},
    tensors::TensorSource,
};

/// Model and card of a loading.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    pub(super) card: &'a Arc<dyn Card>,
    pub(super) kernels: &'a Kernels,
    pub(super) config: &'a ModelConfig,
    pub(super) source: &'a dyn TensorSource,
    pub(super) layout: &'a Layout,
    /// Random numbers in place of the matrices.
    pub(super) noise: Option<&'a Noise>,
}

/// Loads a model: its parameters and the memory that they lie in.
///
/// # Errors
/// If a file cannot be read, or the card cannot hold the model.
pub(super) fn load(task: Task<'_>) -> Result<(Weights, Buffer), LoadError> {
    let mut measuring = Loader { task, arena: Arena::measuring(), stage: None };
    measuring.weights()?;
    let bytes = measuring.arena.used();
    let buffer = Buffer::new(task.card, bytes, "the model's parameters")?;
    // Padding is read, and has to be zero.
    task.card.fill(buffer.address(), 0, bytes)?;
    let stage = Buffer::new(task.card, widest(task.config) * 2, "a tensor on its way")?;
    let mut loader = Loader { task, arena: Arena::at(buffer.address()), stage: Some(stage) };
    let weights = loader.weights()?;
    task.card.synchronize()?;
    Ok((weights, buffer))
}

/// Shapes of a model's products, before anything is loaded.
pub(super) fn shapes(
    card: &Arc<dyn Card>,
    kernels: &Kernels,
    config: &ModelConfig,
    source: &dyn TensorSource,
    layout: &Layout,
) -> Result<Vec<WeightShape>, LoadError> {
    let task = Task { card, kernels, config, source, layout, noise: None };
    Ok(Loader { task, arena: Arena::measuring(), stage: None }.weights()?.shapes())
}

/// Values of the largest matrix of an expert.
fn widest(config: &ModelConfig) -> usize {
    let inner = config.layers.iter().map(|layer| match &layer.feed_forward {
        FeedForward::Dense(_) => 0,
        FeedForward::Experts(experts) => experts.intermediate.max(experts.shared.unwrap_or(0)),
    });
    inner.max().unwrap_or(0) * config.hidden
}

struct Loader<'a> {
    task: Task<'a>,
    arena: Arena,
    /// Room for an expert's matrix before it is packed; none while sizes are only measured.
    stage: Option<Buffer>,
}

impl Loader<'_> {
    fn weights(&mut self) -> Result<Weights, LoadError> {
        let config = self.task.config;
        let (vocabulary, hidden) = (config.vocabulary.next_multiple_of(8), config.hidden);
        let embedding = self.arena.take(vocabulary * hidden * 2);
        self.rows(TensorId::Embedding, embedding)?;
        let layers = (0..config.layers.len()).map(|index| self.layer(index)).collect::<Result<_, _>>()?;
        let final_norm = self.norm(TensorId::FinalNorm)?;
        let address = if self.task.layout.is_tied() {
            embedding
        } else {
            let output = self.arena.take(vocabulary * hidden * 2);
            self.rows(TensorId::Output, output)?;
            output
        };
        let output = Matrix { address, shape: WeightShape { outputs: vocabulary, inputs: hidden, wide: true } };
        Ok(Weights { embedding, layers, final_norm, output })
    }

    fn layer(&mut self, index: usize) -> Result<LayerWeights, LoadError> {
        let Task { config, layout, source, .. } = self.task;
        let (sandwich, layer) = (config.sandwich_norms, &config.layers[index]);
        let forward_norm = if sandwich { Part::PreFeedForwardNorm } else { Part::PostAttentionNorm };
        let mut norm = |part: Part, there: bool| {
            if there { self.norm(TensorId::Layer(index, part)) } else { Ok(Address::NONE) }
        };
        let (input_norm, forward_norm) = (norm(Part::InputNorm, true)?, norm(forward_norm, true)?);
        let after_mixer = norm(Part::PostAttentionNorm, sandwich)?;
        let after_forward = norm(Part::PostFeedForwardNorm, sandwich)?;
        let mixer = match &layer.mixer {
            Mixer::Attention(attention) => Mixer::Attention(self.attention(index, attention)?),
            Mixer::DeltaNet(net) => Mixer::DeltaNet(self.delta_net(index, net)?),
        };
        let feed_forward = match &layer.feed_forward {
            FeedForward::Dense(dense) => FeedForward::Dense(self.dense(index, dense)?),
            FeedForward::Experts(experts) => FeedForward::Experts(self.experts(index, experts)?),
        };
        if self.stage.is_some() {
            layout.release_layer(source, index);
        }
        Ok(LayerWeights { input_norm, mixer, after_mixer, forward_norm, feed_forward, after_forward })
    }

    fn attention(&mut self, index: usize, attention: &Attention) -> Result<AttentionWeights, LoadError> {
        let gate = attention.gated.then_some(Linear::QueryGate);
        let input: Vec<Linear> =
            [Some(Linear::Query), gate, Some(Linear::Key), Some(Linear::Value)].into_iter().flatten().collect();
        let part = |part: Part| TensorId::Layer(index, part);
        let (mut query_norm, mut key_norm) = (Address::NONE, Address::NONE);
        if attention.head_norms {
            (query_norm, key_norm) = (self.norm(part(Part::QueryNorm))?, self.norm(part(Part::KeyNorm))?);
        }
        Ok(AttentionWeights {
            kernels: HeadKernels::of(self.task.card.as_ref(), attention.head_size)?,
            input: self.joined(index, &input)?,
            input_bias: self.biases(index, &input, attention.input_bias)?,
            query_norm,
            key_norm,
            output: self.joined(index, &[Linear::AttentionOutput])?,
            output_bias: self.biases(index, &[Linear::AttentionOutput], attention.output_bias)?,
            attention: attention.clone(),
        })
    }

    fn delta_net(&mut self, index: usize, net: &DeltaNet) -> Result<DeltaNetWeights, LoadError> {
        let narrow = (2 * net.value_heads).next_multiple_of(16);
        let part = |part: Part| TensorId::Layer(index, part);
        let decay = self.vector(part(Part::DecayLog), |log| -(libm::exp(f64::from(log)) as f32))?;
        Ok(DeltaNetWeights {
            input: self.joined(index, &[Linear::DeltaMixed, Linear::DeltaGate])?,
            rates: self.stacked(index, &[Linear::DeltaRates, Linear::DeltaDecays], narrow)?,
            narrow,
            convolution: self.vector(part(Part::Convolution), |value| value)?,
            decay,
            step_bias: self.vector(part(Part::StepBias), |value| value)?,
            // This norm is stored without an offset in every family.
            norm: self.vector(part(Part::DeltaNorm), |value| value)?,
            output: self.joined(index, &[Linear::DeltaOutput])?,
            net: net.clone(),
        })
    }

    fn dense(&mut self, index: usize, dense: &Dense) -> Result<DenseWeights, LoadError> {
        let unit = Unit::Dense;
        let both = [Linear::Gate(unit), Linear::Up(unit)];
        Ok(DenseWeights {
            inner: dense.intermediate,
            activation: dense.activation,
            gate_up: self.joined(index, &both)?,
            gate_up_bias: self.biases(index, &both, dense.bias)?,
            down: self.joined(index, &[Linear::Down(unit)])?,
            down_bias: self.biases(index, &[Linear::Down(unit)], dense.bias)?,
        })
    }

    fn experts(&mut self, index: usize, experts: &Experts) -> Result<ExpertsWeights, LoadError> {
        let sizes = ExpertSizes::of(experts, self.task.config.hidden);
        let gate = experts.shared.map(|_| Linear::SharedGate);
        let router: Vec<Linear> = std::iter::once(Linear::Router).chain(gate).collect();
        let router = self.stacked(index, &router, sizes.narrow)?;
        let units = experts.count + sizes.shared;
        let (up, down) = (self.arena.take(units * sizes.up_bytes), self.arena.take(units * sizes.down_bytes));
        if self.stage.is_some() {
            match self.task.noise {
                Some(noise) => {
                    noise.fill(self.task.card.as_ref(), up, units * sizes.up_bytes, self.task.config.hidden)?;
                    noise.fill(self.task.card.as_ref(), down, units * sizes.down_bytes, sizes.inner)?;
                }
                None => self.units(index, experts, sizes, [up, down])?,
            }
        }
        Ok(ExpertsWeights { experts: experts.clone(), sizes, router, up, down })
    }

    /// Packs every expert, and the shared one in units as wide as the others.
    fn units(
        &mut self,
        index: usize,
        experts: &Experts,
        sizes: ExpertSizes,
        [up, down]: [Address; 2],
    ) -> Result<(), LoadError> {
        let (hidden, inner) = (self.task.config.hidden, experts.intermediate);
        let all = (0..experts.count).map(|unit| (Unit::Expert(unit), unit, inner));
        for (unit, place, width) in all.chain(experts.shared.map(|width| (Unit::Shared, experts.count, width))) {
            for (linear, kind) in [(Linear::Gate(unit), 1), (Linear::Up(unit), 2)] {
                let stage = self.staged(index, linear)?;
                for (part, from) in (0..width).step_by(inner).enumerate() {
                    let to = up.plus((place + part) * sizes.up_bytes);
                    self.pack([stage.plus(from * hidden * 2), to], [inner.min(width - from), hidden, hidden], kind)?;
                }
            }
            let stage = self.staged(index, Linear::Down(unit))?;
            for (part, from) in (0..width).step_by(inner).enumerate() {
                let to = down.plus((place + part) * sizes.down_bytes);
                self.pack([stage.plus(from * 2), to], [hidden, inner.min(width - from), width], 0)?;
            }
        }
        Ok(())
    }

    fn pack(
        &self,
        [from, to]: [Address; 2],
        [rows, columns, stride]: [usize; 3],
        kind: usize,
    ) -> Result<(), DeviceError> {
        let arguments = Arguments::of([from, to]).integers([rows, columns, stride, kind]);
        let launch = blocks((rows * columns.div_ceil(64) * 8).div_ceil(256), 1, 256, 0);
        self.task.card.launch(self.task.kernels.pack_unit, launch, arguments.bytes())
    }

    /// An expert's matrix in the room for tensors on their way.
    fn staged(&mut self, index: usize, linear: Linear) -> Result<Address, LoadError> {
        let stage = self.stage.as_ref().expect("only measuring goes without").address();
        self.rows(TensorId::Layer(index, Part::Weight(linear)), stage)?;
        Ok(stage)
    }

    /// Linear layers on the same input as one matrix, with rows of zeros up to a multiple of eight.
    fn joined(&mut self, index: usize, linears: &[Linear]) -> Result<Matrix, LoadError> {
        let ids: Vec<TensorId> = linears.iter().map(|linear| TensorId::Layer(index, Part::Weight(*linear))).collect();
        let outputs: usize = ids.iter().map(|id| self.task.layout.size(*id).0).sum();
        let inputs = self.task.layout.size(ids[0]).1;
        let outputs = outputs.next_multiple_of(8);
        let address = self.stacked(index, linears, outputs)?;
        Ok(Matrix { address, shape: WeightShape { outputs, inputs, wide: false } })
    }

    /// Linear layers' matrices one after another, with rows of zeros up to `outputs`.
    fn stacked(&mut self, index: usize, linears: &[Linear], outputs: usize) -> Result<Address, LoadError> {
        let ids = linears.iter().map(|linear| TensorId::Layer(index, Part::Weight(*linear)));
        let sizes: Vec<(TensorId, usize, usize)> =
            ids.map(|id| (id, self.task.layout.size(id))).map(|(id, (rows, columns))| (id, rows, columns)).collect();
        let address = self.arena.take(outputs * sizes[0].2 * 2);
        let mut to = address;
        for (id, rows, columns) in sizes {
            self.rows(id, to)?;
            to = to.plus(rows * columns * 2);
        }
        Ok(address)
    }

    fn biases(&mut self, index: usize, linears: &[Linear], there: bool) -> Result<Address, LoadError> {
        if !there {
            return Ok(Address::NONE);
        }
        let mut values = Vec::new();
        for linear in linears {
            values.extend(self.task.layout.read(self.task.source, TensorId::Layer(index, Part::Bias(*linear)))?);
        }
        values.resize(values.len().next_multiple_of(8), 0.0);
        self.floats(&values)
    }

    /// A norm's scale, with the offset that the family stores it under.
    fn norm(&mut self, id: TensorId) -> Result<Address, LoadError> {
        let offset = self.task.config.norm_offset;
        self.vector(id, |value| value + offset)
    }

    fn vector(&mut self, id: TensorId, change: impl Fn(f32) -> f32) -> Result<Address, LoadError> {
        if self.stage.is_none() {
            let (rows, columns) = self.task.layout.size(id);
            return Ok(self.arena.take(rows * columns * 4));
        }
        let values: Vec<f32> = self.task.layout.read(self.task.source, id)?.into_iter().map(change).collect();
        self.floats(&values)
    }

    fn floats(&mut self, values: &[f32]) -> Result<Address, LoadError> {
        let address = self.arena.take(values.len() * 4);
        if self.stage.is_some() {
            self.task.card.upload(address, bytemuck::cast_slice(values))?;
        }
        Ok(address)
    }

    /// Copies a matrix to the card.
    fn rows(&mut self, id: TensorId, to: Address) -> Result<(), LoadError> {
        if self.stage.is_none() {
            return Ok(());
        }
        let Task { card, layout, source, noise, .. } = self.task;
        let (rows, columns) = layout.size(id);
        if let Some(noise) = noise {
            return Ok(noise.fill(card.as_ref(), to, rows * columns * 2, columns)?);
        }
        let (mut at, mut failed) = (to, None);
        layout.read_bf16(source, id, &mut |bytes| {
            if failed.is_none() {
                failed = card.upload(at, bytes).err();
                at = at.plus(bytes.len());
            }
        })?;
        failed.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// The reason why a card's kernels cannot run a model, if there is one.
pub(super) fn unsupported(config: &ModelConfig) -> Option<String> {
    let mut checks: BTreeMap<String, bool> = BTreeMap::new();
    let mut need = |what: String, holds: bool| checks.insert(what, holds);
    let hidden = config.hidden;
    need(
        format!("a hidden size of at most 16384 that is a multiple of 8, not {hidden}"),
        hidden.is_multiple_of(8) && hidden <= 16384,
    );
    for layer in &config.layers {
        match &layer.mixer {
            Mixer::Attention(attention) => {
                let size = attention.head_size;
                need(format!("heads of at most 256 values, not {size}"), size <= 256);
                let width = attention.heads * size;
                need(
                    format!("a multiple of 8 values in all query heads, not {width}"),
                    width.is_multiple_of(8) && size.is_multiple_of(2),
                );
                let group = attention.heads / attention.key_heads;
                need(format!("at most 64 query heads on a key head, not {group}"), group <= 64);
            }
            Mixer::DeltaNet(net) => {
                let widest = net.key_size.max(net.value_size);
                need(format!("delta nets with heads of at most 128 values, not {widest}"), widest <= 128);
                need(format!("a convolution of at most 8 taps, not {}", net.taps), net.taps <= 8);
                let (channels, values) = (net.channels(), net.value_width());
                let even = channels.is_multiple_of(8) && values.is_multiple_of(8) && hidden.is_multiple_of(32);
                need(format!("widths of delta nets that are multiples of 8, not {channels} and {values}"), even);
            }
        }
        match &layer.feed_forward {
            FeedForward::Dense(dense) => {
                let inner = dense.intermediate;
                need(format!("an inner width that is a multiple of 8, not {inner}"), inner.is_multiple_of(8));
            }
            FeedForward::Experts(experts) => {
                let (count, chosen) = (experts.count, experts.chosen);
                let fits =
                    count <= 512 && chosen <= 32 && hidden.is_multiple_of(64) && experts.intermediate.is_multiple_of(8);
                let sizes = "experts with widths that are multiples of 8 and a hidden size that is one of 64";
                need(
                    format!("at most 512 experts and 32 of them a token, not {count} and {chosen}, and {sizes}"),
                    fits,
                );
            }
        }
    }
    checks.into_iter().find(|(_, holds)| !holds).map(|(what, _)| what)
}
