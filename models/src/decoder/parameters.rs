//! Parameters of the decoder on a device, read from a checkpoint one tensor at a time.

use super::backend::{Arithmetic, Backend, Recurrence};
use crate::{
    config::{Activation, Attention, DeltaNet, Dense, Experts, FeedForward, Mixer, ModelConfig},
    error::LoadError,
    layout::{Layout, Linear, Part, TensorId, Unit},
    tensors::TensorSource,
};

/// Parameters of a layer, and the memory of its mixer.
pub(super) struct LayerParameters<B: Backend> {
    pub(super) input_norm: B::Vector,
    pub(super) mixer: Mixer<AttentionParameters<B>, Box<DeltaNetParameters<B>>>,
    /// Norm of the mixer's output (Gemma 3).
    pub(super) after_mixer: Option<B::Vector>,
    pub(super) forward_norm: B::Vector,
    pub(super) feed_forward: FeedForward<UnitParameters<B>, ExpertsParameters<B>>,
    /// Norm of the feed-forward part's output (Gemma 3).
    pub(super) after_forward: Option<B::Vector>,
}

pub(super) struct AttentionParameters<B: Backend> {
    pub(super) attention: Attention,
    pub(super) query: B::Linear,
    pub(super) key: B::Linear,
    pub(super) value: B::Linear,
    pub(super) gate: Option<B::Linear>,
    pub(super) output: B::Linear,
    pub(super) norms: Option<(B::Vector, B::Vector)>,
    /// Keys and values, once the decoder was started.
    pub(super) pages: Option<B::Pages>,
}

pub(super) struct DeltaNetParameters<B: Backend> {
    pub(super) mixed: B::Linear,
    pub(super) gate: B::Linear,
    pub(super) rates: B::Linear,
    pub(super) decays: B::Linear,
    pub(super) norm: B::Vector,
    pub(super) output: B::Linear,
    pub(super) recurrence: Recurrence,
    /// Recurrent states, once the decoder was started.
    pub(super) states: Option<B::States>,
}

pub(super) struct UnitParameters<B: Backend> {
    pub(super) activation: Activation,
    pub(super) gate: B::Linear,
    pub(super) up: B::Linear,
    pub(super) down: B::Linear,
}

pub(super) struct ExpertsParameters<B: Backend> {
    pub(super) experts: Experts,
    pub(super) router: B::Linear,
    pub(super) units: Vec<UnitParameters<B>>,
    /// The shared expert, and the layer whose sigmoid is its share.
    pub(super) shared: Option<(UnitParameters<B>, B::Linear)>,
}

impl<B: Backend> LayerParameters<B> {
    /// Every linear layer, for counting.
    pub(super) fn linears(&self) -> Vec<&B::Linear> {
        let mut all = match &self.mixer {
            Mixer::Attention(a) => [&a.query, &a.key, &a.value, &a.output].into_iter().chain(&a.gate).collect(),
            Mixer::DeltaNet(d) => vec![&d.mixed, &d.gate, &d.rates, &d.decays, &d.output],
        };
        match &self.feed_forward {
            FeedForward::Dense(dense) => all.extend(dense.linears()),
            FeedForward::Experts(experts) => {
                all.push(&experts.router);
                all.extend(experts.units.iter().flat_map(UnitParameters::linears));
                if let Some((shared, gate)) = &experts.shared {
                    all.extend(shared.linears());
                    all.push(gate);
                }
            }
        }
        all
    }
}

impl<B: Backend> UnitParameters<B> {
    fn linears(&self) -> [&B::Linear; 3] {
        [&self.gate, &self.up, &self.down]
    }
}

/// Reads tensors of one model for one device.
pub(super) struct Reader<'a, B: Backend> {
    pub(super) backend: &'a B,
    pub(super) config: &'a ModelConfig,
    pub(super) source: &'a dyn TensorSource,
    pub(super) layout: &'a Layout,
    pub(super) arithmetic: Arithmetic,
}

impl<B: Backend> Reader<'_, B> {
    pub(super) fn layer(&self, index: usize) -> Result<LayerParameters<B>, LoadError> {
        let (sandwich, layer) = (self.config.sandwich_norms, &self.config.layers[index]);
        let norm = |part: Part| self.norm(TensorId::Layer(index, part));
        let forward_norm = if sandwich { Part::PreFeedForwardNorm } else { Part::PostAttentionNorm };
        let parameters = LayerParameters {
            input_norm: norm(Part::InputNorm)?,
            mixer: match &layer.mixer {
                Mixer::Attention(attention) => Mixer::Attention(self.attention(index, attention)?),
                Mixer::DeltaNet(net) => Mixer::DeltaNet(Box::new(self.delta_net(index, net)?)),
            },
            after_mixer: sandwich.then(|| norm(Part::PostAttentionNorm)).transpose()?,
            forward_norm: norm(forward_norm)?,
            feed_forward: match &layer.feed_forward {
                FeedForward::Dense(dense) => FeedForward::Dense(self.dense(index, dense)?),
                FeedForward::Experts(experts) => FeedForward::Experts(self.experts(index, experts)?),
            },
            after_forward: sandwich.then(|| norm(Part::PostFeedForwardNorm)).transpose()?,
        };
        self.layout.release_layer(self.source, index);
        Ok(parameters)
    }

    /// The embeddings or the output layer.
    pub(super) fn outer(&self, id: TensorId) -> Result<B::Linear, LoadError> {
        self.matrix(self.arithmetic, id, None)
    }

    /// A norm's scale, with the offset that the family stores it under.
    pub(super) fn norm(&self, id: TensorId) -> Result<B::Vector, LoadError> {
        let values = self.layout.read(self.source, id)?;
        self.backend.vector(values.into_iter().map(|value| value + self.config.norm_offset).collect())
    }

    fn linear(&self, layer: usize, linear: Linear, bias: bool) -> Result<B::Linear, LoadError> {
        let bias = bias.then(|| self.read(layer, Part::Bias(linear))).transpose()?;
        self.matrix(self.arithmetic, TensorId::Layer(layer, Part::Weight(linear)), bias)
    }

    /// A small linear layer that routes or gates others, and is therefore never rounded.
    fn exact(&self, layer: usize, linear: Linear) -> Result<B::Linear, LoadError> {
        self.matrix(Arithmetic::Exact, TensorId::Layer(layer, Part::Weight(linear)), None)
    }

    fn matrix(&self, arithmetic: Arithmetic, id: TensorId, bias: Option<Vec<f32>>) -> Result<B::Linear, LoadError> {
        let (outputs, inputs) = self.layout.size(id);
        let rows = &mut |push: &mut dyn FnMut(&[f32])| self.layout.read_rows(self.source, id, push);
        self.backend.linear(arithmetic, outputs, inputs, bias, rows)
    }

    fn read(&self, layer: usize, part: Part) -> Result<Vec<f32>, LoadError> {
        self.layout.read(self.source, TensorId::Layer(layer, part))
    }

    fn attention(&self, index: usize, attention: &Attention) -> Result<AttentionParameters<B>, LoadError> {
        let bias = attention.input_bias;
        let norm = |part: Part| self.norm(TensorId::Layer(index, part));
        Ok(AttentionParameters {
            attention: attention.clone(),
            query: self.linear(index, Linear::Query, bias)?,
            key: self.linear(index, Linear::Key, bias)?,
            value: self.linear(index, Linear::Value, bias)?,
            gate: attention.gated.then(|| self.linear(index, Linear::QueryGate, bias)).transpose()?,
            output: self.linear(index, Linear::AttentionOutput, attention.output_bias)?,
            norms: if attention.head_norms { Some((norm(Part::QueryNorm)?, norm(Part::KeyNorm)?)) } else { None },
            pages: None,
        })
    }

    fn delta_net(&self, index: usize, net: &DeltaNet) -> Result<DeltaNetParameters<B>, LoadError> {
        let decay = self.read(index, Part::DecayLog)?;
        Ok(DeltaNetParameters {
            mixed: self.linear(index, Linear::DeltaMixed, false)?,
            gate: self.linear(index, Linear::DeltaGate, false)?,
            rates: self.exact(index, Linear::DeltaRates)?,
            decays: self.exact(index, Linear::DeltaDecays)?,
            // This norm is stored without an offset in every family.
            norm: self.backend.vector(self.read(index, Part::DeltaNorm)?)?,
            output: self.linear(index, Linear::DeltaOutput, false)?,
            recurrence: Recurrence {
                net: net.clone(),
                convolution: self.read(index, Part::Convolution)?,
                decay: decay.into_iter().map(|log| -(libm::exp(f64::from(log)) as f32)).collect(),
                step_bias: self.read(index, Part::StepBias)?,
            },
            states: None,
        })
    }

    fn dense(&self, index: usize, dense: &Dense) -> Result<UnitParameters<B>, LoadError> {
        self.unit(index, Unit::Dense, dense.activation, dense.bias)
    }

    fn unit(
        &self,
        index: usize,
        unit: Unit,
        activation: Activation,
        bias: bool,
    ) -> Result<UnitParameters<B>, LoadError> {
        Ok(UnitParameters {
            activation,
            gate: self.linear(index, Linear::Gate(unit), bias)?,
            up: self.linear(index, Linear::Up(unit), bias)?,
            down: self.linear(index, Linear::Down(unit), bias)?,
        })
    }

    fn experts(&self, index: usize, experts: &Experts) -> Result<ExpertsParameters<B>, LoadError> {
        let unit = |unit: Unit| self.unit(index, unit, experts.activation, false);
        let shared = |_| Ok::<_, LoadError>((unit(Unit::Shared)?, self.exact(index, Linear::SharedGate)?));
        Ok(ExpertsParameters {
            experts: experts.clone(),
            router: self.exact(index, Linear::Router)?,
            units: (0..experts.count).map(Unit::Expert).map(unit).collect::<Result<_, _>>()?,
            shared: experts.shared.map(shared).transpose()?,
        })
    }
}
