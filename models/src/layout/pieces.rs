//! The tensors that the decoder computes with, in one layout for all the layouts that files may have.
//!
//! A copier can store experts one by one or stacked, projections fused, interleaved or apart, the output layer twice or
//! once, biases of zero or none, and tensors beside all that which nothing reads. None of it changes what the model
//! computes, so none of it shows here.

use std::{borrow::Cow, iter::once, ops::Range};

use super::expected_tensors_in;
use crate::{
    config::{Attention, DeltaNet, Dense, FeedForward, Layer, Mixer, ModelConfig},
    tensors::TensorSource,
};

/// What the output layer is called everywhere.
pub(crate) const OUTPUT: &str = "lm_head.weight";

/// A tensor under its common name, and where a stored one holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    /// Rows of the stored tensor, one after another.
    rows: Vec<Range<usize>>,
}

impl Piece {
    /// Whether both are the same values of one stored tensor.
    pub(crate) fn is_the_same_part_as(&self, other: &Self) -> bool {
        self.rows == other.rows && self.shape == other.shape
    }

    /// Its values, of those of the stored tensor.
    pub(crate) fn values<'v>(&self, stored: &'v [f32]) -> Cow<'v, [f32]> {
        let width = if self.shape.len() == 1 { 1 } else { self.shape.last().copied().unwrap_or(1) };
        let part = |rows: &Range<usize>| &stored[rows.start * width..rows.end * width];
        match self.rows.as_slice() {
            [all] => Cow::Borrowed(part(all)),
            several => Cow::Owned(several.iter().flat_map(part).copied().collect()),
        }
    }
}

/// The stored tensors that the decoder reads, each with what it holds; their shapes were checked.
pub(crate) fn pieces<'a>(
    config: &'a ModelConfig,
    source: &'a dyn TensorSource,
) -> impl Iterator<Item = (String, Vec<Piece>)> + 'a {
    expected_tensors_in(config, source).map(|(stored, shape)| {
        let pieces = match stored.strip_prefix(&config.tensor_prefix) {
            Some(rest) => held(config, rest, shape),
            None => vec![whole(OUTPUT.to_owned(), shape)],
        };
        (stored, pieces)
    })
}

/// The biases that a layout can have and this one has not, with their lengths: they are zero.
pub(crate) fn absent_biases(config: &ModelConfig) -> Vec<(String, usize)> {
    let mut absent = Vec::new();
    for (index, layer) in config.layers.iter().enumerate() {
        let mut add = |rest: &str, length| absent.push((format!("model.layers.{index}.{rest}.bias"), length));
        if let Mixer::Attention(attention) = &layer.mixer {
            let (queries, keys) = widths(attention);
            if !attention.input_bias || attention.fused {
                add("self_attn.q_proj", queries);
                add("self_attn.k_proj", keys);
                add("self_attn.v_proj", keys);
            }
            if !attention.output_bias || attention.fused {
                add("self_attn.o_proj", config.hidden);
            }
        }
        if let FeedForward::Dense(Dense { intermediate, bias: false, .. }) = &layer.feed_forward {
            add("mlp.gate_proj", *intermediate);
            add("mlp.up_proj", *intermediate);
            add("mlp.down_proj", config.hidden);
        }
    }
    absent
}

/// What a tensor named `rest` under the model's prefix holds.
fn held(config: &ModelConfig, rest: &str, shape: Vec<usize>) -> Vec<Piece> {
    if rest == "embed_tokens.weight" && config.tied_embeddings {
        return vec![whole(OUTPUT.to_owned(), shape.clone()), whole(format!("model.{rest}"), shape)];
    }
    let numbered = rest.strip_prefix("layers.").and_then(|rest| rest.split_once('.'));
    let layer =
        numbered.and_then(|(index, rest)| Some((config.layers.get(index.parse::<usize>().ok()?)?, index, rest)));
    layer
        .and_then(|(layer, index, rest)| parts(layer, &format!("model.layers.{index}"), rest, &shape))
        .unwrap_or_else(|| vec![whole(format!("model.{rest}"), shape)])
}

/// What a tensor of a layer holds, where that is more than one.
fn parts(layer: &Layer, prefix: &str, rest: &str, shape: &[usize]) -> Option<Vec<Piece>> {
    let columns = *shape.last()?;
    let piece = |name: &str, rows: Vec<Range<usize>>| Piece {
        name: format!("{prefix}.{name}.weight"),
        shape: vec![rows.iter().map(ExactSizeIterator::len).sum(), columns],
        rows,
    };
    let run = |name: &str, from: usize, count: usize| piece(name, once(from..from + count).collect());
    match (rest, &layer.mixer, &layer.feed_forward) {
        ("self_attn.qkv_proj.weight", Mixer::Attention(attention), _) => {
            let (queries, keys) = widths(attention);
            Some(vec![
                run("self_attn.q_proj", 0, queries),
                run("self_attn.k_proj", queries, keys),
                run("self_attn.v_proj", queries + keys, keys),
            ])
        }
        ("linear_attn.in_proj_qkvz.weight", Mixer::DeltaNet(net), _) => {
            let (key, value) = (net.key_size, shared(net) * net.value_size);
            let rows = |parts: &[(usize, usize)]| by_head(net, 2 * key + 2 * value, parts);
            let mixed = rows(&[(0, key), (key, key), (2 * key, value)]);
            let gate = rows(&[(2 * key + value, value)]);
            Some(vec![piece("linear_attn.in_proj_qkv", mixed), piece("linear_attn.in_proj_z", gate)])
        }
        ("linear_attn.in_proj_ba.weight", Mixer::DeltaNet(net), _) => {
            let rows = |from: usize| by_head(net, 2 * shared(net), &[(from, shared(net))]);
            Some(vec![piece("linear_attn.in_proj_b", rows(0)), piece("linear_attn.in_proj_a", rows(shared(net)))])
        }
        ("mlp.gate_up_proj.weight", _, FeedForward::Dense(dense)) => {
            let inner = dense.intermediate;
            Some(vec![run("mlp.gate_proj", 0, inner), run("mlp.up_proj", inner, inner)])
        }
        ("mlp.experts.gate_up_proj", _, FeedForward::Experts(experts)) => {
            let inner = experts.intermediate;
            let of = |expert: usize| {
                let name = |part: &str| format!("mlp.experts.{expert}.{part}_proj");
                let from = 2 * inner * expert;
                [run(&name("gate"), from, inner), run(&name("up"), from + inner, inner)]
            };
            Some((0..experts.count).flat_map(of).collect())
        }
        ("mlp.experts.down_proj", _, FeedForward::Experts(experts)) => {
            let rows = *shape.get(1)?;
            let of = |expert: usize| run(&format!("mlp.experts.{expert}.down_proj"), rows * expert, rows);
            Some((0..experts.count).map(of).collect())
        }
        _ => None,
    }
}

fn whole(name: String, shape: Vec<usize>) -> Piece {
    let rows = if shape.len() == 1 { shape[0] } else { shape[..shape.len() - 1].iter().product() };
    Piece { name, shape, rows: once(0..rows).collect() }
}

/// Rows of the query projection, and of the key and value projections.
fn widths(attention: &Attention) -> (usize, usize) {
    let queries = attention.heads * attention.head_size;
    (if attention.gated { 2 * queries } else { queries }, attention.key_heads * attention.head_size)
}

/// Value heads to a key head.
fn shared(net: &DeltaNet) -> usize {
    net.value_heads / net.key_heads
}

/// Parts of every key head's group of rows: the first part of all heads, then the second.
fn by_head(net: &DeltaNet, group: usize, parts: &[(usize, usize)]) -> Vec<Range<usize>> {
    let of = |(from, count): &(usize, usize)| {
        let (from, count) = (*from, *count);
        (0..net.key_heads).map(move |head| head * group + from..head * group + from + count)
    };
    parts.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_stored_head_by_head_come_apart() {
        let net = DeltaNet { key_heads: 2, value_heads: 4, key_size: 1, value_size: 1, taps: 2, interleaved: true };
        assert_eq!(by_head(&net, 6, &[(0, 1), (2, 2)]), [0..1, 6..7, 2..4, 8..10]);
        let piece = Piece { name: String::new(), shape: vec![2, 2], rows: vec![2..3, 0..1] };
        assert_eq!(*piece.values(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), [4.0, 5.0, 0.0, 1.0]);
    }
}
