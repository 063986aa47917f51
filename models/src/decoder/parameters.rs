//! Reading parameters: from a checkpoint's tensors to the device's layout, one tensor at a time.

use super::backend::{Arithmetic, Backend, Recurrence};
use crate::{
    config::{Attention, DeltaNet, Dense, Experts, FeedForward, Mixer, ModelConfig},
    error::LoadError,
    tensors::TensorSource,
};

/// Values of a matrix that are decoded at once.
const PORTION: usize = 1 << 22;

/// A layer's parameters on the device.
pub(super) struct LayerParameters<B: Backend> {
    pub(super) input_norm: B::Vector,
    pub(super) mixer: MixerParameters<B>,
    /// Norms what the mixer gives (Gemma 3).
    pub(super) after_mixer: Option<B::Vector>,
    pub(super) forward_norm: B::Vector,
    pub(super) feed_forward: ForwardParameters<B>,
    /// Norms what the feed-forward part gives (Gemma 3).
    pub(super) after_forward: Option<B::Vector>,
}

pub(super) enum MixerParameters<B: Backend> {
    Attention(AttentionParameters<B>),
    DeltaNet(Box<DeltaNetParameters<B>>),
}

pub(super) struct AttentionParameters<B: Backend> {
    pub(super) query: B::Linear,
    pub(super) key: B::Linear,
    pub(super) value: B::Linear,
    pub(super) gate: Option<B::Linear>,
    pub(super) output: B::Linear,
    pub(super) norms: Option<(B::Vector, B::Vector)>,
}

pub(super) struct DeltaNetParameters<B: Backend> {
    pub(super) mixed: B::Linear,
    pub(super) gate: B::Linear,
    pub(super) rates: B::Linear,
    pub(super) decays: B::Linear,
    pub(super) norm: B::Vector,
    pub(super) output: B::Linear,
    pub(super) recurrence: Recurrence,
}

pub(super) enum ForwardParameters<B: Backend> {
    Dense(UnitParameters<B>),
    Experts(ExpertsParameters<B>),
}

pub(super) struct UnitParameters<B: Backend> {
    pub(super) gate: B::Linear,
    pub(super) up: B::Linear,
    pub(super) down: B::Linear,
}

pub(super) struct ExpertsParameters<B: Backend> {
    pub(super) router: B::Linear,
    pub(super) experts: Vec<UnitParameters<B>>,
    /// The shared expert and what its share is the sigmoid of.
    pub(super) shared: Option<(UnitParameters<B>, B::Linear)>,
}

impl<B: Backend> LayerParameters<B> {
    /// Every linear layer, for counting.
    pub(super) fn linears(&self) -> Vec<&B::Linear> {
        let mut all = match &self.mixer {
            MixerParameters::Attention(a) => vec![&a.query, &a.key, &a.value, &a.output],
            MixerParameters::DeltaNet(d) => vec![&d.mixed, &d.gate, &d.rates, &d.decays, &d.output],
        };
        if let MixerParameters::Attention(AttentionParameters { gate: Some(gate), .. }) = &self.mixer {
            all.push(gate);
        }
        match &self.feed_forward {
            ForwardParameters::Dense(dense) => all.extend(dense.linears()),
            ForwardParameters::Experts(experts) => {
                all.push(&experts.router);
                all.extend(experts.experts.iter().flat_map(UnitParameters::linears));
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
    pub(super) arithmetic: Arithmetic,
}

impl<B: Backend> Reader<'_, B> {
    pub(super) fn layer(&self, index: usize) -> Result<LayerParameters<B>, LoadError> {
        let config = self.config;
        let layer = &config.layers[index];
        let name = |rest: &str| config.layer_tensor(index, rest);
        let sandwich = |rest: &str| config.sandwich_norms.then(|| self.norm(&name(rest))).transpose();
        let (after_mixer, forward_norm) = match sandwich("pre_feedforward_layernorm.weight")? {
            Some(before) => (sandwich("post_attention_layernorm.weight")?, before),
            None => (None, self.norm(&name("post_attention_layernorm.weight"))?),
        };
        Ok(LayerParameters {
            input_norm: self.norm(&name("input_layernorm.weight"))?,
            mixer: match &layer.mixer {
                Mixer::Attention(attention) => MixerParameters::Attention(self.attention(index, attention)?),
                Mixer::DeltaNet(net) => MixerParameters::DeltaNet(Box::new(self.delta_net(index, net)?)),
            },
            after_mixer,
            forward_norm,
            feed_forward: match &layer.feed_forward {
                FeedForward::Dense(dense) => ForwardParameters::Dense(self.dense(index, dense)?),
                FeedForward::Experts(experts) => ForwardParameters::Experts(self.experts(index, experts)?),
            },
            after_forward: sandwich("post_feedforward_layernorm.weight")?,
        })
    }

    /// A linear layer from the tensor `name`.weight and, if told so, `name`.bias.
    fn linear(&self, name: &str, outputs: usize, inputs: usize, bias: bool) -> Result<B::Linear, LoadError> {
        let bias = if bias { Some(self.read(&format!("{name}.bias"), outputs)?) } else { None };
        self.linear_with(self.arithmetic, name, outputs, inputs, bias)
    }

    /// The embeddings or the output layer.
    pub(super) fn outer(&self, name: &str, outputs: usize, inputs: usize) -> Result<B::Linear, LoadError> {
        self.linear_with(self.arithmetic.of_outer_layers(), name, outputs, inputs, None)
    }

    /// A small linear layer whose results decide about others, and which is therefore always exact.
    fn exact(&self, name: &str, outputs: usize, inputs: usize) -> Result<B::Linear, LoadError> {
        self.linear_with(Arithmetic::Exact, name, outputs, inputs, None)
    }

    fn linear_with(
        &self,
        arithmetic: Arithmetic,
        name: &str,
        outputs: usize,
        inputs: usize,
        bias: Option<Vec<f32>>,
    ) -> Result<B::Linear, LoadError> {
        let rows = &mut |push: &mut dyn FnMut(&[f32])| self.portions(&format!("{name}.weight"), inputs, push);
        self.backend.linear(arithmetic, outputs, inputs, bias, rows)
    }

    /// A linear layer from rows that are already in memory.
    fn linear_of(&self, matrix: &[f32], inputs: usize, bias: Option<Vec<f32>>) -> Result<B::Linear, LoadError> {
        self.backend.linear(self.arithmetic, matrix.len() / inputs, inputs, bias, &mut |push| {
            push(matrix);
            Ok(())
        })
    }

    /// Decodes a matrix a portion at a time, so that a large one is never in memory twice.
    fn portions(&self, name: &str, inputs: usize, push: &mut dyn FnMut(&[f32])) -> Result<(), LoadError> {
        let stored = self.source.stored(name);
        let row = stored.as_ref().and_then(|stored| stored.encoding.bytes_for(inputs as u64));
        match (stored, row) {
            (Some(stored), Some(row)) => {
                let rows = (PORTION / inputs).max(1);
                for bytes in stored.bytes.chunks(rows * row as usize) {
                    push(&stored.encoding.decode(bytes));
                }
            }
            _ => push(&self.source.read(name)?),
        }
        self.source.release(name);
        Ok(())
    }

    /// A norm's scale, with the offset that the family stores it under.
    pub(super) fn norm(&self, name: &str) -> Result<B::Vector, LoadError> {
        let values = self.source.read(name)?;
        self.backend.vector(values.into_iter().map(|value| value + self.config.norm_offset).collect())
    }

    /// The values of a tensor, which were checked against the configuration before.
    fn read(&self, name: &str, values: usize) -> Result<Vec<f32>, LoadError> {
        let read = self.source.read(name)?;
        self.source.release(name);
        assert_eq!(read.len(), values, "shapes were checked before {name} was read");
        Ok(read)
    }

    fn attention(&self, index: usize, attention: &Attention) -> Result<AttentionParameters<B>, LoadError> {
        let (size, hidden) = (attention.head_size, self.config.hidden);
        let (queries, keys) = (attention.heads * size, attention.key_heads * size);
        let name = |rest: &str| self.config.layer_tensor(index, &format!("self_attn.{rest}"));
        let bias = attention.input_bias;
        let (query, gate, key, value) = if attention.fused {
            let all = self.read(&name("qkv_proj.weight"), (queries + 2 * keys) * hidden)?;
            let part =
                |from: usize, rows: usize| self.linear_of(&all[from * hidden..(from + rows) * hidden], hidden, None);
            (part(0, queries)?, None, part(queries, keys)?, part(queries + keys, keys)?)
        } else {
            let (query, gate) = if attention.gated {
                let (query, gate) = self.gated_query(&name("q_proj"), attention)?;
                (query, Some(gate))
            } else {
                (self.linear(&name("q_proj"), queries, hidden, bias)?, None)
            };
            let key = self.linear(&name("k_proj"), keys, hidden, bias)?;
            (query, gate, key, self.linear(&name("v_proj"), keys, hidden, bias)?)
        };
        let norms = if attention.head_norms {
            Some((self.norm(&name("q_norm.weight"))?, self.norm(&name("k_norm.weight"))?))
        } else {
            None
        };
        let output = self.linear(&name("o_proj"), hidden, queries, attention.output_bias)?;
        Ok(AttentionParameters { query, key, value, gate, output, norms })
    }

    /// Query and gate projections, which the checkpoint interleaves head by head.
    fn gated_query(&self, name: &str, attention: &Attention) -> Result<(B::Linear, B::Linear), LoadError> {
        let (size, hidden, rows) = (attention.head_size, self.config.hidden, attention.heads * attention.head_size);
        let matrix = self.read(&format!("{name}.weight"), 2 * rows * hidden)?;
        let bias = if attention.input_bias { self.read(&format!("{name}.bias"), 2 * rows)? } else { Vec::new() };
        let half = |offset: usize| {
            let wanted = (0..attention.heads).map(|head| (2 * head + offset) * size..(2 * head + offset + 1) * size);
            let rows_of = |values: &[f32], width: usize| {
                wanted
                    .clone()
                    .flat_map(|range| values[range.start * width..range.end * width].to_vec())
                    .collect::<Vec<f32>>()
            };
            let bias = attention.input_bias.then(|| rows_of(&bias, 1));
            self.linear_of(&rows_of(&matrix, hidden), hidden, bias)
        };
        Ok((half(0)?, half(1)?))
    }

    fn delta_net(&self, index: usize, net: &DeltaNet) -> Result<DeltaNetParameters<B>, LoadError> {
        let hidden = self.config.hidden;
        let name = |rest: &str| self.config.layer_tensor(index, &format!("linear_attn.{rest}"));
        let (channels, values) = (net.channels(), net.value_width());
        let (mixed, gate, rates, decays) = if net.interleaved {
            self.interleaved(&name("in_proj_qkvz.weight"), &name("in_proj_ba.weight"), net)?
        } else {
            (
                self.linear(&name("in_proj_qkv"), channels, hidden, false)?,
                self.linear(&name("in_proj_z"), values, hidden, false)?,
                self.exact(&name("in_proj_b"), net.value_heads, hidden)?,
                self.exact(&name("in_proj_a"), net.value_heads, hidden)?,
            )
        };
        let decay = self.read(&name("A_log"), net.value_heads)?;
        Ok(DeltaNetParameters {
            mixed,
            gate,
            rates,
            decays,
            // this norm is stored as it is, whatever the family does elsewhere
            norm: self.backend.vector(self.read(&name("norm.weight"), net.value_size)?)?,
            output: self.linear(&name("out_proj"), hidden, values, false)?,
            recurrence: Recurrence {
                net: net.clone(),
                convolution: self.read(&name("conv1d.weight"), channels * net.taps)?,
                decay: decay.into_iter().map(|log| -(libm::exp(f64::from(log)) as f32)).collect(),
                step_bias: self.read(&name("dt_bias"), net.value_heads)?,
            },
        })
    }

    /// Takes the projections apart that Qwen3-Next stores key head by key head.
    #[expect(clippy::type_complexity, reason = "four projections, named where they are used")]
    fn interleaved(
        &self,
        qkvz: &str,
        ba: &str,
        net: &DeltaNet,
    ) -> Result<(B::Linear, B::Linear, B::Linear, B::Linear), LoadError> {
        let hidden = self.config.hidden;
        let shared = net.value_heads / net.key_heads;
        let (key, value) = (net.key_size, shared * net.value_size);
        let matrix = self.read(qkvz, (net.channels() + net.value_width()) * hidden)?;
        let pick = |matrix: &[f32], group: usize, parts: &[(usize, usize)]| {
            let mut rows = Vec::new();
            for (from, count) in parts {
                for head in 0..net.key_heads {
                    let start = (head * group + from) * hidden;
                    rows.extend_from_slice(&matrix[start..start + count * hidden]);
                }
            }
            self.linear_of(&rows, hidden, None)
        };
        let group = 2 * key + 2 * value;
        let mixed = pick(&matrix, group, &[(0, key), (key, key), (2 * key, value)])?;
        let gate = pick(&matrix, group, &[(2 * key + value, value)])?;
        let matrix = self.read(ba, 2 * net.value_heads * hidden)?;
        Ok((mixed, gate, pick(&matrix, 2 * shared, &[(0, shared)])?, pick(&matrix, 2 * shared, &[(shared, shared)])?))
    }

    fn dense(&self, index: usize, dense: &Dense) -> Result<UnitParameters<B>, LoadError> {
        let (inner, hidden) = (dense.intermediate, self.config.hidden);
        let name = |rest: &str| self.config.layer_tensor(index, &format!("mlp.{rest}"));
        if dense.fused {
            let both = self.read(&name("gate_up_proj.weight"), 2 * inner * hidden)?;
            let (gate, up) = both.split_at(inner * hidden);
            return Ok(UnitParameters {
                gate: self.linear_of(gate, hidden, None)?,
                up: self.linear_of(up, hidden, None)?,
                down: self.linear(&name("down_proj"), hidden, inner, false)?,
            });
        }
        self.unit(&name(""), inner, dense.bias)
    }

    /// A gated unit whose three tensors' names start with `prefix`.
    fn unit(&self, prefix: &str, inner: usize, bias: bool) -> Result<UnitParameters<B>, LoadError> {
        let hidden = self.config.hidden;
        Ok(UnitParameters {
            gate: self.linear(&format!("{prefix}gate_proj"), inner, hidden, bias)?,
            up: self.linear(&format!("{prefix}up_proj"), inner, hidden, bias)?,
            down: self.linear(&format!("{prefix}down_proj"), hidden, inner, bias)?,
        })
    }

    fn experts(&self, index: usize, experts: &Experts) -> Result<ExpertsParameters<B>, LoadError> {
        let hidden = self.config.hidden;
        let name = |rest: &str| self.config.layer_tensor(index, &format!("mlp.{rest}"));
        let stacked = self.source.shape(&name("experts.gate_up_proj")).is_some();
        let units = if stacked {
            self.stacked(&name("experts.gate_up_proj"), &name("experts.down_proj"), experts)?
        } else {
            let unit = |expert: usize| self.unit(&name(&format!("experts.{expert}.")), experts.intermediate, false);
            (0..experts.count).map(unit).collect::<Result<Vec<_>, _>>()?
        };
        let shared = match experts.shared {
            Some(inner) => {
                let unit = self.unit(&name("shared_expert."), inner, false)?;
                Some((unit, self.exact(&name("shared_expert_gate"), 1, hidden)?))
            }
            None => None,
        };
        Ok(ExpertsParameters { router: self.exact(&name("gate"), experts.count, hidden)?, experts: units, shared })
    }

    /// Experts whose tensors are stacked along a leading dimension.
    fn stacked(&self, gate_up: &str, down: &str, experts: &Experts) -> Result<Vec<UnitParameters<B>>, LoadError> {
        let (count, inner, hidden) = (experts.count, experts.intermediate, self.config.hidden);
        let mut halves = Vec::with_capacity(count);
        for both in self.read(gate_up, count * 2 * inner * hidden)?.chunks_exact(2 * inner * hidden) {
            let (gate, up) = both.split_at(inner * hidden);
            halves.push((self.linear_of(gate, hidden, None)?, self.linear_of(up, hidden, None)?));
        }
        let downs = self.read(down, count * hidden * inner)?;
        let units = halves.into_iter().zip(downs.chunks_exact(hidden * inner));
        units
            .map(|((gate, up), down)| Ok(UnitParameters { gate, up, down: self.linear_of(down, inner, None)? }))
            .collect()
    }
}
