//! The gated delta net's recurrence on plain rows: a short causal convolution, then the delta rule on a matrix state.
//!
//! Always one position after another, never in chunks: a chunk's boundary would change the last bits.

use super::backend::Recurrence;
use crate::{
    config::DeltaNet,
    kernel::{exp, logarithm, sigmoid, silu},
};

/// Recurrent state of one sequence in one layer.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The last `taps - 1` inputs of the convolution, oldest first, `[taps - 1, channels]`.
    tail: Vec<f32>,
    /// `[value_heads, key_size, value_size]`.
    matrix: Vec<f32>,
}

/// One position's inputs; see [`super::backend::Channels`].
pub(super) struct Inputs<'a> {
    pub(super) mixed: &'a [f32],
    pub(super) rates: &'a [f32],
    pub(super) decays: &'a [f32],
}

impl State {
    pub(super) fn new(net: &DeltaNet) -> Self {
        Self {
            tail: vec![0.0; (net.taps - 1) * net.channels()],
            matrix: vec![0.0; net.value_heads * net.key_size * net.value_size],
        }
    }

    /// Back to the beginning of a text.
    pub(super) fn reset(&mut self) {
        self.tail.fill(0.0);
        self.matrix.fill(0.0);
    }

    /// Advances by one position and writes the heads' outputs, `[value_heads * value_size]`.
    pub(super) fn advance(&mut self, recurrence: &Recurrence, inputs: Inputs<'_>, out: &mut [f32]) {
        let net = &recurrence.net;
        let mut mixed = self.convolve(recurrence, inputs.mixed);
        let (heads, values) = mixed.split_at_mut(2 * net.key_heads * net.key_size);
        let (queries, keys) = heads.split_at_mut(net.key_heads * net.key_size);
        let scale = 1.0 / (net.key_size as f32).sqrt();
        queries.chunks_exact_mut(net.key_size).for_each(|head| normalize(head, scale));
        keys.chunks_exact_mut(net.key_size).for_each(|head| normalize(head, 1.0));
        let shared = net.value_heads / net.key_heads;
        let parts =
            self.matrix.chunks_exact_mut(net.key_size * net.value_size).zip(out.chunks_exact_mut(net.value_size));
        for (head, (matrix, out)) in parts.enumerate() {
            let own = head / shared * net.key_size..(head / shared + 1) * net.key_size;
            let decay = exp(recurrence.decay[head] * softplus(inputs.decays[head] + recurrence.step_bias[head]));
            let rate = sigmoid(inputs.rates[head]);
            let value = &values[head * net.value_size..(head + 1) * net.value_size];
            delta_rule(matrix, &queries[own.clone()], &keys[own], value, decay, rate, out);
        }
    }

    /// The causal convolution of each channel and its activation; the tail moves on.
    fn convolve(&mut self, recurrence: &Recurrence, input: &[f32]) -> Vec<f32> {
        let (channels, taps) = (input.len(), recurrence.net.taps);
        let mut mixed = vec![0.0; channels];
        for (channel, (mixed, taps)) in mixed.iter_mut().zip(recurrence.convolution.chunks_exact(taps)).enumerate() {
            let mut sum = 0.0;
            for (tap, past) in taps.iter().zip(self.tail.chunks_exact(channels)) {
                sum += tap * past[channel];
            }
            *mixed = silu(sum + taps[taps.len() - 1] * input[channel]);
        }
        if taps > 1 {
            self.tail.copy_within(channels.., 0);
            let last = self.tail.len() - channels;
            self.tail[last..].copy_from_slice(input);
        }
        mixed
    }
}

/// `S = decay * S; S += k (rate * (v - Sᵀ k))ᵀ; out = Sᵀ q`.
fn delta_rule(matrix: &mut [f32], query: &[f32], key: &[f32], value: &[f32], decay: f32, rate: f32, out: &mut [f32]) {
    let width = value.len();
    let mut recalled = vec![0.0_f32; width];
    for (row, key) in matrix.chunks_exact_mut(width).zip(key) {
        for (entry, recalled) in row.iter_mut().zip(&mut recalled) {
            *entry *= decay;
            *recalled += *entry * key;
        }
    }
    for (recalled, value) in recalled.iter_mut().zip(value) {
        *recalled = (value - *recalled) * rate;
    }
    out.fill(0.0);
    for ((row, key), query) in matrix.chunks_exact_mut(width).zip(key).zip(query) {
        for ((entry, change), out) in row.iter_mut().zip(&recalled).zip(out.iter_mut()) {
            *entry += key * change;
            *out += *entry * query;
        }
    }
}

/// Scales a head to length `scale`.
fn normalize(head: &mut [f32], scale: f32) {
    let squares: f32 = head.iter().fold(0.0, |sum, value| sum + value * value);
    let factor = 1.0 / (squares + 1e-6).sqrt() * scale;
    head.iter_mut().for_each(|value| *value *= factor);
}

/// `ln(1 + e^x)`.
fn softplus(x: f32) -> f32 {
    if x > 20.0 { x } else { logarithm(1.0 + f64::from(exp(x))) as f32 }
}
