//! Parameters of a model in a card's memory.

use super::{
    card::{Address, WeightShape},
    launches::HeadKernels,
};
use crate::config::{Activation, Attention, DeltaNet, Experts, FeedForward, Mixer};

/// Matrix of a linear layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix {
    pub(super) address: Address,
    pub(super) shape: WeightShape,
}

/// All parameters.
pub(super) struct Weights {
    pub(super) embedding: Address,
    pub(super) layers: Vec<LayerWeights>,
    pub(super) final_norm: Address,
    /// Rows are padded to a multiple of eight.
    pub(super) output: Matrix,
}

/// Parameters of a layer; absent norms and biases are null.
pub(super) struct LayerWeights {
    pub(super) input_norm: Address,
    pub(super) mixer: Mixer<AttentionWeights, DeltaNetWeights>,
    /// Norm of the mixer's output (Gemma 3).
    pub(super) after_mixer: Address,
    pub(super) forward_norm: Address,
    pub(super) feed_forward: FeedForward<DenseWeights, ExpertsWeights>,
    /// Norm of the feed-forward part's output (Gemma 3).
    pub(super) after_forward: Address,
}

pub(super) struct AttentionWeights {
    pub(super) attention: Attention,
    pub(super) kernels: HeadKernels,
    /// Queries, gates where there are some, keys and values.
    pub(super) input: Matrix,
    pub(super) input_bias: Address,
    pub(super) query_norm: Address,
    pub(super) key_norm: Address,
    pub(super) output: Matrix,
    pub(super) output_bias: Address,
}

pub(super) struct DeltaNetWeights {
    pub(super) net: DeltaNet,
    /// Queries, keys, values and the output's gate.
    pub(super) input: Matrix,
    /// Rates and decays, `[narrow, hidden]`.
    pub(super) rates: Address,
    pub(super) narrow: usize,
    pub(super) convolution: Address,
    pub(super) decay: Address,
    pub(super) step_bias: Address,
    pub(super) norm: Address,
    pub(super) output: Matrix,
}

pub(super) struct DenseWeights {
    pub(super) inner: usize,
    pub(super) activation: Activation,
    /// Gate, then up.
    pub(super) gate_up: Matrix,
    pub(super) gate_up_bias: Address,
    pub(super) down: Matrix,
    pub(super) down_bias: Address,
}

pub(super) struct ExpertsWeights {
    pub(super) experts: Experts,
    pub(super) sizes: ExpertSizes,
    /// The router, then the shared expert's gate, `[narrow, hidden]`.
    pub(super) router: Address,
    /// Gates and ups of all units, packed.
    pub(super) up: Address,
    /// Downs of all units, packed.
    pub(super) down: Address,
}

/// Sizes of a mixture of experts as its kernels count them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ExpertSizes {
    /// Outputs of the router's product: experts and shared gate, padded.
    pub(super) narrow: usize,
    /// Width of a unit, padded.
    pub(super) inner: usize,
    /// Units that the shared expert is cut into.
    pub(super) shared: usize,
    /// Units that a row uses.
    pub(super) all: usize,
    /// Bytes of a unit's packed gate and up.
    pub(super) up_bytes: usize,
    /// Bytes of a unit's packed down.
    pub(super) down_bytes: usize,
}

impl ExpertSizes {
    /// Sizes for rows of `hidden` columns.
    pub(super) fn of(experts: &Experts, hidden: usize) -> Self {
        let inner = experts.intermediate.next_multiple_of(64);
        let shared = experts.shared.map_or(0, |width| width.div_ceil(experts.intermediate));
        let narrow = (experts.count + usize::from(experts.shared.is_some())).next_multiple_of(16);
        // A tile is 128 rows of 64 columns.
        let tile = 8192 * 2;
        Self {
            narrow,
            inner,
            shared,
            all: experts.chosen + shared,
            up_bytes: (2 * inner).div_ceil(128) * (hidden / 64) * tile,
            down_bytes: hidden.div_ceil(128) * (inner / 64) * tile,
        }
    }

    /// Rows that the units' inputs and outputs have for so many rows of a step.
    pub(super) fn slots(&self, experts: usize, rows: usize) -> usize {
        rows * self.all + 8 * (experts + self.shared)
    }

    /// Tiles of work for so many rows of a step.
    pub(super) fn works(&self, experts: usize, rows: usize) -> usize {
        experts + self.shared + rows * self.all / 64 + 1
    }
}

impl Weights {
    /// Shapes of all products, each once.
    pub(super) fn shapes(&self) -> Vec<WeightShape> {
        let mut shapes: Vec<WeightShape> = self.layers.iter().flat_map(LayerWeights::shapes).collect();
        shapes.push(self.output.shape);
        shapes.sort_unstable();
        shapes.dedup();
        shapes
    }
}

impl LayerWeights {
    fn shapes(&self) -> Vec<WeightShape> {
        let mut shapes = match &self.mixer {
            Mixer::Attention(weights) => vec![weights.input.shape, weights.output.shape],
            Mixer::DeltaNet(weights) => vec![weights.input.shape, weights.output.shape],
        };
        if let FeedForward::Dense(weights) = &self.feed_forward {
            shapes.extend([weights.gate_up.shape, weights.down.shape]);
        }
        shapes
    }
}
