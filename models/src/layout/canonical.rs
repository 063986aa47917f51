//! Canonical tensors: what the decoder computes with, under one identity and one name for every layout.

use std::fmt;

/// Identity of a canonical tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TensorId {
    /// Rows of the token embedding, `[vocabulary, hidden]`.
    Embedding,
    /// Norm before the output layer, `[hidden]`.
    FinalNorm,
    /// Output layer, `[vocabulary, hidden]`.
    Output,
    /// Part of the layer with this index.
    Layer(usize, Part),
}

/// Canonical tensor of one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// Norm before attention or the delta net.
    InputNorm,
    /// Norm before the feed-forward part; behind attention where a layer has sandwich norms.
    PostAttentionNorm,
    /// Norm before the feed-forward part, with sandwich norms only.
    PreFeedForwardNorm,
    /// Norm behind the feed-forward part, with sandwich norms only.
    PostFeedForwardNorm,
    /// Norm of every query head.
    QueryNorm,
    /// Norm of every key head.
    KeyNorm,
    /// Depthwise convolution of a delta net, `[channels, 1, taps]`.
    Convolution,
    /// Added to a delta net's step sizes (`dt_bias`).
    StepBias,
    /// Logarithm of a delta net's decay rates (`A_log`).
    DecayLog,
    /// Norm of every value head of a delta net.
    DeltaNorm,
    /// Matrix of a linear layer.
    Weight(Linear),
    /// Bias of a linear layer.
    Bias(Linear),
}

/// Linear layer of a decoder layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Linear {
    /// Query projection; of gated attention, with the gate's rows behind each head's.
    Query,
    /// Gate of gated attention: rows of the stored query projection, and no tensor of its own.
    QueryGate,
    /// Key projection.
    Key,
    /// Value projection.
    Value,
    /// Output projection of attention.
    AttentionOutput,
    /// Queries, keys and values of a delta net, one after another.
    DeltaMixed,
    /// Output gate of a delta net.
    DeltaGate,
    /// Learning rates of a delta net.
    DeltaRates,
    /// Decays of a delta net.
    DeltaDecays,
    /// Output projection of a delta net.
    DeltaOutput,
    /// Gate projection of a gated unit.
    Gate(Unit),
    /// Up projection of a gated unit.
    Up(Unit),
    /// Down projection of a gated unit.
    Down(Unit),
    /// Router of a mixture of experts.
    Router,
    /// Gate of the shared expert, `[1, hidden]`.
    SharedGate,
}

/// Gated unit of a feed-forward part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unit {
    /// The only one of a dense layer.
    Dense,
    /// Expert with this number.
    Expert(usize),
    /// Expert of every token.
    Shared,
}

/// The name in the Hugging Face convention.
impl fmt::Display for TensorId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedding => formatter.write_str("model.embed_tokens.weight"),
            Self::FinalNorm => formatter.write_str("model.norm.weight"),
            Self::Output => formatter.write_str("lm_head.weight"),
            Self::Layer(index, part) => write!(formatter, "model.layers.{index}.{part}"),
        }
    }
}

/// The name below its layer.
impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InputNorm => formatter.write_str("input_layernorm.weight"),
            Self::PostAttentionNorm => formatter.write_str("post_attention_layernorm.weight"),
            Self::PreFeedForwardNorm => formatter.write_str("pre_feedforward_layernorm.weight"),
            Self::PostFeedForwardNorm => formatter.write_str("post_feedforward_layernorm.weight"),
            Self::QueryNorm => formatter.write_str("self_attn.q_norm.weight"),
            Self::KeyNorm => formatter.write_str("self_attn.k_norm.weight"),
            Self::Convolution => formatter.write_str("linear_attn.conv1d.weight"),
            Self::StepBias => formatter.write_str("linear_attn.dt_bias"),
            Self::DecayLog => formatter.write_str("linear_attn.A_log"),
            Self::DeltaNorm => formatter.write_str("linear_attn.norm.weight"),
            Self::Weight(linear) => write!(formatter, "{linear}.weight"),
            Self::Bias(linear) => write!(formatter, "{linear}.bias"),
        }
    }
}

impl fmt::Display for Linear {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query => formatter.write_str("self_attn.q_proj"),
            Self::QueryGate => formatter.write_str("self_attn.q_gate"),
            Self::Key => formatter.write_str("self_attn.k_proj"),
            Self::Value => formatter.write_str("self_attn.v_proj"),
            Self::AttentionOutput => formatter.write_str("self_attn.o_proj"),
            Self::DeltaMixed => formatter.write_str("linear_attn.in_proj_qkv"),
            Self::DeltaGate => formatter.write_str("linear_attn.in_proj_z"),
            Self::DeltaRates => formatter.write_str("linear_attn.in_proj_b"),
            Self::DeltaDecays => formatter.write_str("linear_attn.in_proj_a"),
            Self::DeltaOutput => formatter.write_str("linear_attn.out_proj"),
            Self::Gate(unit) => write!(formatter, "{unit}.gate_proj"),
            Self::Up(unit) => write!(formatter, "{unit}.up_proj"),
            Self::Down(unit) => write!(formatter, "{unit}.down_proj"),
            Self::Router => formatter.write_str("mlp.gate"),
            Self::SharedGate => formatter.write_str("mlp.shared_expert_gate"),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dense => formatter.write_str("mlp"),
            Self::Expert(expert) => write!(formatter, "mlp.experts.{expert}"),
            Self::Shared => formatter.write_str("mlp.shared_expert"),
        }
    }
}
