//! Memory of a running decoder on a card: pages, states, and the activations of the largest step.

use std::sync::Arc;

use super::{
    arena::Arena,
    card::{Address, Buffer, Card},
    inputs,
    launches::padded_head,
    weights::{ExpertSizes, Weights},
};
use crate::{
    config::{Attention, DeltaNet, FeedForward, Mixer, ModelConfig},
    decoder::Capacity,
    error::DeviceError,
};

/// Keys of a split in attention; bits depend on it.
pub(super) const SPLIT_KEYS: usize = 512;
/// Rows of logits that are computed at a time.
pub(super) const LOGIT_ROWS: usize = 256;
/// Values of a part of a row of logits.
pub(super) const LOGIT_PART: usize = 8192;
/// Most runners-up that are reported.
pub(super) const MOST_TOP: usize = 256;

/// Numbers of rows for which products are computed: the rows beyond a step's own are not looked at.
pub(super) fn bucket(rows: usize) -> usize {
    if rows <= 256 { rows.next_power_of_two() } else { rows.next_multiple_of(256) }
}

/// Every number of rows of a product, up to those of the largest step.
pub(super) fn buckets(most: usize) -> Vec<usize> {
    let small = (0..9).map(|power| 1 << power);
    small.chain((512..=bucket(most).max(256)).step_by(256)).collect()
}

/// Addresses of everything; parts that a model has no use for are empty.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) inputs: Address,
    pub(super) residual: Address,
    pub(super) x: Address,
    /// The widest results of products: queries, keys and values; gate and up; a delta net's inputs.
    pub(super) wide: Address,
    pub(super) q: Address,
    /// Inputs of the second products of mixers and feed-forward parts.
    pub(super) mixed: Address,
    pub(super) added: Address,
    /// Results of small layers in single precision.
    pub(super) narrow: Address,
    pub(super) delta: DeltaMemory,
    pub(super) experts: ExpertMemory,
    pub(super) part_o: Address,
    pub(super) part_ml: Address,
    pub(super) counters: Address,
    /// Work of decode attention for each distinct window.
    pub(super) plans: Vec<PlanMemory>,
    pub(super) layers: Vec<Mixer<Address, StateMemory>>,
    pub(super) logits: Address,
    pub(super) parts: Address,
    pub(super) results: Address,
    pub(super) top: Address,
    /// Cosines and sines of each position encoding.
    pub(super) angles: Vec<Address>,
    /// Splits of the longest text.
    pub(super) splits: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct DeltaMemory {
    pub(super) q: Address,
    pub(super) k: Address,
    pub(super) v: Address,
    pub(super) scalars: Address,
    pub(super) out: Address,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct ExpertMemory {
    pub(super) ids: Address,
    pub(super) weights: Address,
    pub(super) counts: Address,
    pub(super) slots: Address,
    pub(super) sources: Address,
    pub(super) work: Address,
    pub(super) works: Address,
    pub(super) inner: Address,
    pub(super) out: Address,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct PlanMemory {
    pub(super) window: usize,
    pub(super) work: Address,
    pub(super) works: Address,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct StateMemory {
    pub(super) state: Address,
    pub(super) tail: Address,
}

/// Memory that was taken.
pub(super) struct Taken {
    pub(super) memory: Memory,
    pub(super) buffer: Buffer,
}

/// Takes all memory at once, and fills what has to begin as something.
///
/// # Errors
/// If the card has not enough.
pub(super) fn take(
    card: &Arc<dyn Card>,
    config: &ModelConfig,
    weights: &Weights,
    capacity: Capacity,
    angles: &[Vec<f32>],
) -> Result<Taken, DeviceError> {
    let mut measuring = Arena::measuring();
    place(&mut measuring, config, weights, capacity, angles);
    let tokens = capacity.pages.saturating_mul(capacity.page_tokens);
    let purpose =
        format!("{tokens} tokens of keys and values, {} states and {} rows a step", capacity.states, capacity.rows);
    let buffer = Buffer::new(card, measuring.used(), &purpose)?;
    let mut arena = Arena::at(buffer.address());
    let memory = place(&mut arena, config, weights, capacity, angles);
    let pairs = config.layers.iter().map(|layer| match &layer.mixer {
        Mixer::Attention(attention) => attention.key_heads,
        Mixer::DeltaNet(_) => 0,
    });
    card.fill(memory.counters, 0, capacity.states * pairs.max().unwrap_or(0) * 4)?;
    for (address, angles) in memory.angles.iter().zip(angles) {
        card.upload(*address, bytemuck::cast_slice(angles))?;
    }
    Ok(Taken { memory, buffer })
}

/// Bytes of the pages of one attention layer.
pub(crate) fn page_bytes(attention: &Attention, tokens: usize) -> usize {
    tokens.saturating_mul(attention.key_heads * 2 * padded_head(attention.head_size) * 2)
}

fn place(
    arena: &mut Arena,
    config: &ModelConfig,
    weights: &Weights,
    capacity: Capacity,
    angles: &[Vec<f32>],
) -> Memory {
    let rows = bucket(capacity.rows);
    let attentions: Vec<&Attention> = config.layers.iter().filter_map(|layer| attention(&layer.mixer)).collect();
    let nets: Vec<&DeltaNet> = config.layers.iter().filter_map(|layer| delta_net(&layer.mixer)).collect();
    let most = |values: &mut dyn Iterator<Item = usize>| values.max().unwrap_or(0);
    let heads = most(&mut attentions.iter().map(|a| a.heads * padded_head(a.head_size)));
    let pairs = most(&mut attentions.iter().map(|a| a.key_heads));
    let splits = capacity.positions.div_ceil(SPLIT_KEYS).max(1);
    let shapes = weights.shapes();
    let inner = shapes.iter().filter(|shape| !shape.wide);
    let (wide, mixed) = (most(&mut inner.clone().map(|s| s.outputs)), most(&mut inner.map(|s| s.inputs)));
    let vocabulary = weights.output.shape.outputs;
    let logit_rows = rows.min(LOGIT_ROWS);
    let pages = capacity.positions.div_ceil(capacity.page_tokens);
    let mut windows: Vec<usize> = attentions.iter().map(|a| a.window.unwrap_or(0)).collect();
    windows.sort_unstable();
    windows.dedup();
    let singles = capacity.states.min(rows);
    let mut take = |bytes: usize| arena.take(bytes);
    Memory {
        inputs: take(inputs::largest(capacity.rows, capacity.states, pages, attentions.len().min(4))),
        residual: take(rows * config.hidden * 4),
        x: take(rows * config.hidden * 2),
        wide: take(rows * wide * 2),
        q: take(rows * heads * 2),
        mixed: take(rows * mixed * 2),
        added: take(rows * config.hidden * 2),
        narrow: take(rows * narrow(config) * 4),
        delta: DeltaMemory {
            q: take(rows * most(&mut nets.iter().map(|n| n.key_heads)) * 128 * 4),
            k: take(rows * most(&mut nets.iter().map(|n| n.key_heads.max(n.value_heads))) * 128 * 4),
            v: take(rows * most(&mut nets.iter().map(|n| n.value_heads)) * 128 * 4),
            scalars: take(rows * most(&mut nets.iter().map(|n| n.value_heads)) * 8),
            out: take(rows * most(&mut nets.iter().map(|n| n.value_heads)) * 128 * 4),
        },
        experts: expert_memory(&mut take, config, rows),
        part_o: take(singles * splits * heads * 4),
        part_ml: take(singles * splits * most(&mut attentions.iter().map(|a| a.heads)) * 8),
        counters: take(capacity.states * pairs * 4),
        plans: windows
            .into_iter()
            .map(|window| PlanMemory { window, work: take(singles * splits * 8), works: take(4) })
            .collect(),
        layers: config.layers.iter().map(|layer| mixer_memory(&mut take, &layer.mixer, capacity)).collect(),
        logits: take(logit_rows * vocabulary * 4),
        parts: take(logit_rows * vocabulary.div_ceil(LOGIT_PART) * 32),
        results: take(capacity.rows * inputs::RESULT),
        top: take(logit_rows * MOST_TOP * 8),
        angles: angles.iter().map(|angles| take(angles.len() * 4)).collect(),
        splits,
    }
}

fn attention<D>(mixer: &Mixer<Attention, D>) -> Option<&Attention> {
    match mixer {
        Mixer::Attention(attention) => Some(attention),
        Mixer::DeltaNet(_) => None,
    }
}

fn delta_net<A>(mixer: &Mixer<A, DeltaNet>) -> Option<&DeltaNet> {
    match mixer {
        Mixer::Attention(_) => None,
        Mixer::DeltaNet(net) => Some(net),
    }
}

fn mixer_memory(
    take: &mut impl FnMut(usize) -> Address,
    mixer: &Mixer,
    capacity: Capacity,
) -> Mixer<Address, StateMemory> {
    match mixer {
        Mixer::Attention(attention) => {
            let tokens = capacity.pages.saturating_mul(capacity.page_tokens);
            Mixer::Attention(take(page_bytes(attention, tokens)))
        }
        Mixer::DeltaNet(net) => Mixer::DeltaNet(StateMemory {
            state: take(capacity.states * net.value_heads * 16384 * 4),
            tail: take(capacity.states * (net.taps - 1) * net.channels() * 2),
        }),
    }
}

/// Widest result of a small layer.
fn narrow(config: &ModelConfig) -> usize {
    let layers = config.layers.iter().map(|layer| {
        let mixer = delta_net(&layer.mixer).map_or(0, |net| (2 * net.value_heads).next_multiple_of(16));
        let experts = match &layer.feed_forward {
            FeedForward::Dense(_) => 0,
            FeedForward::Experts(experts) => ExpertSizes::of(experts, config.hidden).narrow,
        };
        mixer.max(experts)
    });
    layers.max().unwrap_or(0)
}

fn expert_memory(take: &mut impl FnMut(usize) -> Address, config: &ModelConfig, rows: usize) -> ExpertMemory {
    let mut most = [0; 5];
    for layer in &config.layers {
        if let FeedForward::Experts(experts) = &layer.feed_forward {
            let sizes = ExpertSizes::of(experts, config.hidden);
            let (slots, works) = (sizes.slots(experts.count, rows), sizes.works(experts.count, rows));
            let found = [sizes.all, experts.count + sizes.shared, slots, works, slots * sizes.inner];
            most = std::array::from_fn(|at| most[at].max(found[at]));
        }
    }
    let [all, units, slots, works, inner] = most;
    ExpertMemory {
        ids: take(rows * all * 4),
        weights: take(rows * all * 4),
        counts: take(units * 4),
        slots: take(rows * all * 4),
        sources: take(slots * 4),
        work: take(works * 16),
        works: take(4),
        inner: take(inner * 2),
        out: take(slots * config.hidden * 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_falls_into_a_prepared_number_of_rows() {
        let prepared = buckets(4096 + 256);
        for rows in 1..=4352 {
            let bucket = bucket(rows);
            assert!(bucket >= rows && prepared.contains(&bucket), "{rows}");
        }
        assert_eq!(buckets(3), [1, 2, 4, 8, 16, 32, 64, 128, 256]);
        assert_eq!((bucket(1), bucket(3), bucket(129), bucket(257)), (1, 4, 256, 512));
    }
}
