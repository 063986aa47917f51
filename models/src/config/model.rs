//! Sizes of a model and the variant of each layer.

use super::{Family, Rope, family};
use crate::refusal::Refusal;

/// Everything the decoder needs to know about a model besides its tensors.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// The family by whose rules the configuration was read.
    pub family: Family,
    /// True for the text model of a larger one, whose configuration is nested (`text_config`).
    pub nested: bool,
    /// Number of token ids.
    pub vocabulary: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Context length that the model was trained for, in tokens.
    pub max_positions: usize,
    /// Longest text in tokens that is rotated by the short factors of LongRoPE; every position of a longer one by the long
    /// ones. `None` for models without such factors.
    pub long_from: Option<usize>,
    /// Added to the mean square in every norm.
    pub norm_epsilon: f32,
    /// Added to every norm tensor: 1 where the checkpoint stores them centered at zero, else 0.
    pub norm_offset: f32,
    /// Embeddings are multiplied by this.
    pub embedding_scale: f32,
    /// True if the output layer shares the embedding's tensor.
    pub tied_embeddings: bool,
    /// Logits pass through `cap * tanh(logit / cap)`.
    pub logit_softcap: Option<f32>,
    /// True if attention and feed-forward outputs are normed before they join the residual stream (Gemma 3).
    pub sandwich_norms: bool,
    /// BOS token, where there is one.
    pub begin_token: Option<u32>,
    /// EOS tokens.
    pub end_tokens: Vec<u32>,
    /// The distinct position encodings that layers refer to.
    pub ropes: Vec<Rope>,
    /// The layers, first to last.
    pub layers: Vec<Layer>,
}

/// One decoder layer: something that mixes positions, then something that works on each alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Token mixer.
    pub mixer: Mixer,
    /// Feed-forward part.
    pub feed_forward: FeedForward,
}

/// Token mixer: attention or a recurrent layer.
#[derive(Debug, Clone, PartialEq)]
pub enum Mixer<A = Attention, D = DeltaNet> {
    /// Softmax attention over cached keys and values.
    Attention(A),
    /// A gated delta net: a recurrent state of fixed size.
    DeltaNet(D),
}

/// Sizes and switches of a softmax attention layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Attention {
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub key_heads: usize,
    /// Width of one head.
    pub head_size: usize,
    /// True if query, key and value projections have biases.
    pub input_bias: bool,
    /// True if the output projection has one.
    pub output_bias: bool,
    /// True if queries and keys are normed head by head.
    pub head_norms: bool,
    /// True if the query projection also yields a gate for the output (Qwen3-Next).
    pub gated: bool,
    /// Index into [`ModelConfig::ropes`].
    pub rope: usize,
    /// Sliding window: attended positions, the own one included; `None` for all before it.
    pub window: Option<usize>,
    /// Scores are multiplied by this.
    pub scale: f32,
}

/// Sizes of a gated delta net layer.
#[derive(Debug, Clone, PartialEq)]
pub struct DeltaNet {
    /// Query and key heads.
    pub key_heads: usize,
    /// Value heads; a multiple of `key_heads`.
    pub value_heads: usize,
    /// Width of a query or key head.
    pub key_size: usize,
    /// Width of a value head.
    pub value_size: usize,
    /// Taps of the causal convolution.
    pub taps: usize,
}

impl DeltaNet {
    /// Channels of the convolution: queries, keys and values side by side.
    #[must_use]
    pub fn channels(&self) -> usize {
        2 * self.key_heads * self.key_size + self.value_heads * self.value_size
    }

    /// Width of all value heads together.
    #[must_use]
    pub fn value_width(&self) -> usize {
        self.value_heads * self.value_size
    }
}

/// The part of a layer that works on each position alone.
#[derive(Debug, Clone, PartialEq)]
pub enum FeedForward<D = Dense, E = Experts> {
    /// One gated unit.
    Dense(D),
    /// A mixture of gated units, of which a router picks a few.
    Experts(E),
}

/// A gated unit: `down(activation(gate(x)) * up(x))`.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    /// Inner width.
    pub intermediate: usize,
    /// The non-linearity on the gate.
    pub activation: Activation,
    /// True if the three projections have biases.
    pub bias: bool,
}

/// A mixture of experts.
#[derive(Debug, Clone, PartialEq)]
pub struct Experts {
    /// Number of experts.
    pub count: usize,
    /// Experts per token.
    pub chosen: usize,
    /// Inner width of each.
    pub intermediate: usize,
    /// Inner width of the expert that every token uses, where there is one.
    pub shared: Option<usize>,
    /// True if the chosen experts' weights are scaled to sum to one.
    pub normalized: bool,
    /// The non-linearity on the gate.
    pub activation: Activation,
}

/// The non-linearity of a gated unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x * sigmoid(x)`.
    Silu,
    /// The tanh form of the Gaussian error linear unit.
    GeluTanh,
}

impl ModelConfig {
    /// Reads a Hugging Face `config.json`.
    ///
    /// # Errors
    /// If a key is missing or has a value that is not supported.
    pub fn parse(value: &serde_json::Value) -> Result<Self, Refusal> {
        family::parse(value)
    }

    /// True if a layer carries a recurrent state, so that the KV cache of a prefix alone does not determine the rest.
    #[must_use]
    pub fn is_recurrent(&self) -> bool {
        self.layers.iter().any(|layer| matches!(layer.mixer, Mixer::DeltaNet(_)))
    }
}
