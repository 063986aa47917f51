//! Operations that the decoder needs of a device: about fifteen, on matrices of rows.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Capacity, Step};
use crate::{
    config::{Activation, Attention, DeltaNet, ModelConfig, Rope},
    error::{DeviceError, LoadError},
};

/// Result of an operation that writes to its output matrix.
pub(super) type DeviceResult = Result<(), DeviceError>;

/// Supplies the rows of a matrix, whole rows in order, some at a time.
pub(super) type RowChunks<'a> = dyn FnMut(&mut dyn FnMut(&[f32])) -> Result<(), LoadError> + 'a;

/// Arithmetic of the linear layers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arithmetic {
    /// Single precision throughout: the tensors' own values.
    #[default]
    Exact,
    /// Blocks of 32 8-bit integers with a scale each, on both sides of a product: faster, a quarter of the memory, and
    /// meant for checkpoints that are quantized anyway. Other results than the exact ones, and as reproducible.
    EightBit,
    /// bfloat16 on both sides of a product with single-precision sums, on the first NVIDIA card (H100 or H200). Other
    /// results than the CPU's; equal ones on every such card with the same kernels and `engine.algorithms`.
    #[serde(rename = "cuda")]
    Bf16,
    /// `"cuda"` where a card is there and holds the model, otherwise `"exact"`.
    Auto,
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
    /// `-exp(A_log)`, one for each value head.
    pub(super) decay: Vec<f32>,
    /// One for each value head.
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
    /// Cosines and sines by position (RoPE table).
    type RopeTable: Send + Sync;
    /// KV-cache pages of one attention layer.
    type Pages: Send + Sync;
    /// Recurrent states of one delta net.
    type States: Send + Sync;

    /// A linear layer `[outputs, inputs]` from the rows of its matrix, supplied some at a time.
    fn linear(
        &self,
        arithmetic: Arithmetic,
        outputs: usize,
        inputs: usize,
        bias: Option<Vec<f32>>,
        rows: &mut RowChunks<'_>,
    ) -> Result<Self::Linear, LoadError>;
    /// A row of parameters.
    fn vector(&self, values: Vec<f32>) -> Result<Self::Vector, LoadError>;
    /// Rotation angles of a position encoding for every position; with [`Capacity::long_from`] those of short texts, then
    /// those of long ones.
    fn rope_table(&self, rope: &Rope, capacity: Capacity) -> Result<Self::RopeTable, DeviceError>;
    /// Fails early where the memory of all layers together cannot be had.
    fn reserve(&self, config: &ModelConfig, capacity: Capacity) -> DeviceResult {
        let _ = (config, capacity);
        Ok(())
    }
    /// Empty KV-cache pages of a layer.
    fn pages(&self, attention: &Attention, capacity: Capacity) -> Result<Self::Pages, DeviceError>;
    /// Empty recurrent states of a layer.
    fn states(&self, net: &DeltaNet, capacity: Capacity) -> Result<Self::States, DeviceError>;
    /// Bytes that a linear layer holds.
    fn bytes(linear: &Self::Linear) -> usize;

    /// Rows of the matrix that a linear layer holds, times `scale`.
    fn embed(&self, table: &Self::Linear, tokens: &[u32], scale: f32, out: &mut Self::Matrix) -> DeviceResult;
    /// Several linear layers on the same rows.
    fn project(&self, x: &Self::Matrix, layers: &mut [(&Self::Linear, &mut Self::Matrix)]) -> DeviceResult;
    /// Root-mean-square norm of each group of as many columns as `scale` has.
    fn norm(&self, x: &Self::Matrix, scale: &Self::Vector, epsilon: f32, out: &mut Self::Matrix) -> DeviceResult;
    /// `x += y`.
    fn add(&self, x: &mut Self::Matrix, y: &Self::Matrix) -> DeviceResult;
    /// `x = gate(x) * y`.
    fn gate(&self, gate: Gate, x: &mut Self::Matrix, y: &Self::Matrix) -> DeviceResult;
    /// Rotates each head of `x` by its row's position (RoPE).
    fn rotate(&self, table: &Self::RopeTable, step: &Step, head_size: usize, x: &mut Self::Matrix) -> DeviceResult;
    /// Stores keys and values of the rows, then attends from each row's queries to its own past.
    fn attend(
        &self,
        attention: &Attention,
        pages: &mut Self::Pages,
        step: &Step,
        rows: Heads<'_, Self>,
        out: &mut Self::Matrix,
    ) -> DeviceResult;
    /// Convolution and delta rule, row after row of each sequence, on its state.
    fn recur(
        &self,
        recurrence: &Recurrence,
        states: &mut Self::States,
        step: &Step,
        rows: Channels<'_, Self>,
        out: &mut Self::Matrix,
    ) -> DeviceResult;
    /// The rows with these indices.
    fn gather(&self, x: &Self::Matrix, rows: &[u32], out: &mut Self::Matrix) -> DeviceResult;
    /// A matrix of zeros.
    fn zeros(&self, rows: usize, columns: usize, out: &mut Self::Matrix) -> DeviceResult;
    /// `x[rows[i]] += shares[i] * y[i]`, in order.
    fn scatter(&self, x: &mut Self::Matrix, y: &Self::Matrix, rows: &[u32], shares: &[f32]) -> DeviceResult;
    /// The values, row-major, in the host's memory.
    fn read<'a>(&self, x: &'a Self::Matrix) -> Result<Cow<'a, [f32]>, DeviceError>;
}

/// Queries, keys and values of a step's rows.
pub(super) struct Heads<'a, B: Backend> {
    pub(super) queries: &'a B::Matrix,
    pub(super) keys: &'a B::Matrix,
    pub(super) values: &'a B::Matrix,
}

/// Inputs of a gated delta net's recurrence for a step's rows.
pub(super) struct Channels<'a, B: Backend> {
    /// Queries, keys and values side by side, before the convolution.
    pub(super) mixed: &'a B::Matrix,
    /// Logits of the learning rate, one for each value head.
    pub(super) rates: &'a B::Matrix,
    /// Inputs of the decay, one for each value head.
    pub(super) decays: &'a B::Matrix,
}
