//! What a device must be able to do for the decoder: a dozen operations on matrices of rows.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Room, Step};
use crate::{
    config::{Activation, Attention, DeltaNet, ModelConfig, Rope},
    error::{DeviceError, LoadError},
};

/// What an operation gives.
pub(super) type Done = Result<(), DeviceError>;

/// Hands over the rows of a matrix, whole rows in order, a portion at a time.
pub(super) type Portions<'a> = dyn FnMut(&mut dyn FnMut(&[f32])) -> Result<(), LoadError> + 'a;

/// Arithmetic of the linear layers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arithmetic {
    /// Single precision throughout: the tensors' own values.
    #[default]
    Exact,
    /// Blocks of 32 8-bit integers with a scale each, on both sides of a product: faster, a quarter of the memory, and
    /// meant for checkpoints that are quantized anyway. A function of its own, as exactly reproducible as the other.
    EightBit,
    /// bfloat16 on both sides of a product with single-precision sums, on the first CUDA device; results are those of
    /// one make of card, and the program has to be built with `--features cuda`. Routers, embeddings and the output layer
    /// stay exact, since what they decide is closer than eight bits can tell.
    #[serde(rename = "cuda")]
    Brain,
}

impl Arithmetic {
    /// What the embeddings and the output layer compute with.
    pub(super) fn of_outer_layers(self) -> Self {
        if self == Self::Brain { Self::Exact } else { self }
    }
}

/// The function applied to a gate before it is multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// The activation of a gated unit.
    Unit(Activation),
    /// A plain sigmoid.
    Sigmoid,
}

/// Parameters of the recurrent part of a gated delta net besides its projections.
#[derive(Debug, Clone)]
pub(super) struct Recurrence {
    pub(super) net: DeltaNet,
    /// `[channels, taps]`.
    pub(super) convolution: Vec<f32>,
    /// `-exp(A_log)`, one a value head.
    pub(super) decay: Vec<f32>,
    /// One a value head.
    pub(super) step_bias: Vec<f32>,
}

/// Rows of activations and the operations on them. Results replace what the output matrix held.
pub(super) trait Backend: Send + Sync + Sized + 'static {
    /// `[rows, columns]` of activations.
    type Matrix: Default + Send + Sync;
    /// A linear layer, with or without a bias.
    type Linear: Send + Sync;
    /// A row of parameters.
    type Vector: Send + Sync;
    /// Cosines and sines by position.
    type Turns: Send + Sync;
    /// Keys, values and recurrent states of all layers.
    type Memory: Send + Sync;

    /// A linear layer `[outputs, inputs]` from the rows of its matrix, which come in portions.
    fn linear(
        &self,
        arithmetic: Arithmetic,
        outputs: usize,
        inputs: usize,
        bias: Option<Vec<f32>>,
        rows: &mut Portions<'_>,
    ) -> Result<Self::Linear, LoadError>;
    /// A row of parameters.
    fn vector(&self, values: Vec<f32>) -> Result<Self::Vector, LoadError>;
    /// The angles of a position encoding for `positions` positions.
    fn turns(&self, rope: &Rope, positions: usize) -> Result<Self::Turns, DeviceError>;
    /// Empty pages and states for every layer.
    fn memory(&self, config: &ModelConfig, room: Room) -> Result<Self::Memory, DeviceError>;
    /// Bytes that a linear layer holds.
    fn bytes(linear: &Self::Linear) -> usize;

    /// Rows of the matrix that a linear layer holds, times `scale`.
    fn embed(&self, table: &Self::Linear, tokens: &[u32], scale: f32, out: &mut Self::Matrix) -> Done;
    /// Several linear layers on the same rows.
    fn project(&self, x: &Self::Matrix, layers: &mut [(&Self::Linear, &mut Self::Matrix)]) -> Done;
    /// Root-mean-square norm of each group of as many columns as `scale` has.
    fn norm(&self, x: &Self::Matrix, scale: &Self::Vector, epsilon: f32, out: &mut Self::Matrix) -> Done;
    /// `x += y`.
    fn add(&self, x: &mut Self::Matrix, y: &Self::Matrix) -> Done;
    /// `x = gate(x) * y`.
    fn gate(&self, gate: Gate, x: &mut Self::Matrix, y: &Self::Matrix) -> Done;
    /// Turns each head of `x` by its row's position.
    fn turn(&self, turns: &Self::Turns, step: &Step, head_size: usize, x: &mut Self::Matrix) -> Done;
    /// Stores keys and values of the rows in layer `layer`, then lets each row's queries see its own past.
    fn attend(
        &self,
        attention: &Attention,
        layer: usize,
        memory: &mut Self::Memory,
        step: &Step,
        rows: Heads<'_, Self>,
        out: &mut Self::Matrix,
    ) -> Done;
    /// Convolution and delta rule, row after row of each sequence, on the state of layer `layer`.
    fn recur(
        &self,
        recurrence: &Recurrence,
        layer: usize,
        memory: &mut Self::Memory,
        step: &Step,
        rows: Channels<'_, Self>,
        out: &mut Self::Matrix,
    ) -> Done;
    /// The rows with these indices.
    fn gather(&self, x: &Self::Matrix, rows: &[u32], out: &mut Self::Matrix) -> Done;
    /// A matrix of zeros.
    fn zeros(&self, rows: usize, columns: usize, out: &mut Self::Matrix) -> Done;
    /// `x[rows[i]] += shares[i] * y[i]`, in order.
    fn scatter(&self, x: &mut Self::Matrix, y: &Self::Matrix, rows: &[u32], shares: &[f32]) -> Done;
    /// The values, row-major, in the host's memory.
    fn read<'a>(&self, x: &'a Self::Matrix) -> Result<Cow<'a, [f32]>, DeviceError>;
}

/// Queries, keys and values of a step's rows.
pub(super) struct Heads<'a, B: Backend> {
    pub(super) queries: &'a B::Matrix,
    pub(super) keys: &'a B::Matrix,
    pub(super) values: &'a B::Matrix,
}

/// What a gated delta net's recurrence reads of a step's rows.
pub(super) struct Channels<'a, B: Backend> {
    /// Queries, keys and values side by side, before the convolution.
    pub(super) mixed: &'a B::Matrix,
    /// What the learning rate is the sigmoid of, one a value head.
    pub(super) rates: &'a B::Matrix,
    /// What the decay is made from, one a value head.
    pub(super) decays: &'a B::Matrix,
}
