//! Stored tensors that a configuration implies: names, shapes, and the canonical tensors in them.

use std::{borrow::Cow, ops::Range};

use super::{
    canonical::{Linear, Part, TensorId, Unit},
    names::Names,
    rows::{by_head, shared, widths},
};
use crate::config::{Attention, DeltaNet, Dense, Experts, Family, FeedForward, Mixer, ModelConfig};

/// Tensor as a checkpoint stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) name: String,
    /// Outermost dimension first.
    pub(crate) shape: Vec<usize>,
    /// At least one; together they cover every row.
    pub(crate) pieces: Vec<Piece>,
}

/// Canonical tensor within a stored one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) id: TensorId,
    pub(crate) shape: Vec<usize>,
    /// Rows of the stored tensor, one range after another; a vector has a row for each value.
    pub(crate) rows: Vec<Range<usize>>,
}

impl Piece {
    fn whole(id: TensorId, shape: &[usize]) -> Self {
        let rows = if shape.len() == 1 { shape[0] } else { shape[..shape.len() - 1].iter().product() };
        Self { id, shape: shape.to_vec(), rows: std::iter::once(0..rows).collect() }
    }

    /// True if both are the same values of one stored tensor.
    pub(crate) fn is_the_same_part_as(&self, other: &Self) -> bool {
        self.rows == other.rows && self.shape == other.shape
    }

    /// Values of a row.
    pub(super) fn columns(&self) -> usize {
        if self.shape.len() == 1 { 1 } else { self.shape.last().copied().unwrap_or(1) }
    }

    /// The piece's values, from those of the stored tensor.
    pub(crate) fn values<'v>(&self, stored: &'v [f32]) -> Cow<'v, [f32]> {
        let width = self.columns();
        let part = |rows: &Range<usize>| &stored[rows.start * width..rows.end * width];
        match self.rows.as_slice() {
            [all] => Cow::Borrowed(part(all)),
            several => Cow::Owned(several.iter().flat_map(part).copied().collect()),
        }
    }
}

/// Name and shape of every stored tensor, in the order in which the decoder reads them; experts one by one.
#[must_use]
pub fn expected_tensors(config: &ModelConfig) -> Vec<(String, Vec<usize>)> {
    stored(config, Names::usual(config), |_| false).map(|stored| (stored.name, stored.shape)).collect()
}

/// Every stored tensor, in the order in which the decoder reads them.
///
/// `has` tells of a name whether the source has it, since experts are stacked in one tensor or stored one by one. Lazy: of
/// a configuration that implies millions of tensors no more are named than the caller asks for.
pub(super) fn stored<'a>(
    config: &'a ModelConfig,
    names: Names,
    has: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = Stored> + 'a {
    let whole = |id: TensorId, shape: Vec<usize>| Stored {
        name: names.stored(id),
        pieces: vec![Piece::whole(id, &shape)],
        shape,
    };
    let matrix = vec![config.vocabulary, config.hidden];
    let mut embedding = whole(TensorId::Embedding, matrix.clone());
    if names.tied {
        embedding.pieces.insert(0, Piece::whole(TensorId::Output, &matrix));
    }
    let layers = (0..config.layers.len()).flat_map(move |index| LayerList::new(config, names, index).list(&has));
    let norm = whole(TensorId::FinalNorm, vec![config.hidden]);
    let output = (!names.tied).then(|| whole(TensorId::Output, matrix));
    std::iter::once(embedding).chain(layers).chain([norm]).chain(output)
}

/// Stored tensors of one layer.
struct LayerList<'a> {
    config: &'a ModelConfig,
    index: usize,
    /// Prefix of the layer's names, dot included.
    prefix: String,
    all: Vec<Stored>,
}

impl<'a> LayerList<'a> {
    fn new(config: &'a ModelConfig, names: Names, index: usize) -> Self {
        let some = names.stored(TensorId::Layer(index, Part::InputNorm));
        let prefix = some.strip_suffix(&Part::InputNorm.to_string()).expect("a part ends its name").to_owned();
        Self { config, index, prefix, all: Vec::new() }
    }

    fn list(mut self, has: &dyn Fn(&str) -> bool) -> Vec<Stored> {
        let (config, hidden) = (self.config, self.config.hidden);
        let layer = &config.layers[self.index];
        self.add(Part::InputNorm, &[hidden]);
        match &layer.mixer {
            Mixer::Attention(attention) => self.attention(attention),
            Mixer::DeltaNet(net) => self.delta_net(net),
        }
        self.add(Part::PostAttentionNorm, &[hidden]);
        if config.sandwich_norms {
            self.add(Part::PreFeedForwardNorm, &[hidden]);
            self.add(Part::PostFeedForwardNorm, &[hidden]);
        }
        match &layer.feed_forward {
            FeedForward::Dense(dense) => self.dense(dense),
            FeedForward::Experts(experts) => self.experts(experts, has),
        }
        self.all
    }

    /// A canonical tensor stored as it is.
    fn add(&mut self, part: Part, shape: &[usize]) {
        let piece = Piece::whole(TensorId::Layer(self.index, part), shape);
        self.all.push(Stored { name: format!("{}{part}", self.prefix), shape: shape.to_vec(), pieces: vec![piece] });
    }

    /// A linear layer stored as it is.
    fn linear(&mut self, linear: Linear, outputs: usize, inputs: usize, bias: bool) {
        self.add(Part::Weight(linear), &[outputs, inputs]);
        if bias {
            self.add(Part::Bias(linear), &[outputs]);
        }
    }

    /// Matrices of linear layers in one stored tensor, each in the rows given.
    fn joined(&mut self, name: &str, shape: &[usize], parts: Vec<(Linear, Vec<Range<usize>>)>) {
        let columns = shape.last().copied().unwrap_or(1);
        let piece = |(linear, rows): (Linear, Vec<Range<usize>>)| {
            let count = rows.iter().map(ExactSizeIterator::len).sum();
            Piece { id: TensorId::Layer(self.index, Part::Weight(linear)), shape: vec![count, columns], rows }
        };
        let pieces = parts.into_iter().map(piece).collect();
        self.all.push(Stored { name: format!("{}{name}", self.prefix), shape: shape.to_vec(), pieces });
    }

    fn attention(&mut self, attention: &Attention) {
        let hidden = self.config.hidden;
        let (queries, keys) = widths(attention);
        if self.config.family == Family::Phi3 {
            let parts = [(Linear::Query, queries), (Linear::Key, keys), (Linear::Value, keys)];
            self.joined("self_attn.qkv_proj.weight", &[queries + 2 * keys, hidden], runs(&parts));
        } else {
            let queries = if attention.gated { 2 * queries } else { queries };
            for (linear, rows) in [(Linear::Query, queries), (Linear::Key, keys), (Linear::Value, keys)] {
                self.linear(linear, rows, hidden, attention.input_bias);
            }
        }
        self.linear(Linear::AttentionOutput, hidden, queries, attention.output_bias);
        if attention.head_norms {
            self.add(Part::QueryNorm, &[attention.head_size]);
            self.add(Part::KeyNorm, &[attention.head_size]);
        }
    }

    fn delta_net(&mut self, net: &DeltaNet) {
        let hidden = self.config.hidden;
        let (channels, values) = (net.channels(), net.value_width());
        if self.config.family == Family::Qwen3Next {
            let (key, value) = (net.key_size, shared(net) * net.value_size);
            let rows = |parts: &[(usize, usize)]| by_head(net.key_heads, 2 * key + 2 * value, parts);
            let mixed = rows(&[(0, key), (key, key), (2 * key, value)]);
            let parts = vec![(Linear::DeltaMixed, mixed), (Linear::DeltaGate, rows(&[(2 * key + value, value)]))];
            self.joined("linear_attn.in_proj_qkvz.weight", &[channels + values, hidden], parts);
            let rows = |from: usize| by_head(net.key_heads, 2 * shared(net), &[(from, shared(net))]);
            let parts = vec![(Linear::DeltaRates, rows(0)), (Linear::DeltaDecays, rows(shared(net)))];
            self.joined("linear_attn.in_proj_ba.weight", &[2 * net.value_heads, hidden], parts);
        } else {
            self.linear(Linear::DeltaMixed, channels, hidden, false);
            self.linear(Linear::DeltaGate, values, hidden, false);
            self.linear(Linear::DeltaRates, net.value_heads, hidden, false);
            self.linear(Linear::DeltaDecays, net.value_heads, hidden, false);
        }
        self.add(Part::Convolution, &[channels, 1, net.taps]);
        self.add(Part::StepBias, &[net.value_heads]);
        self.add(Part::DecayLog, &[net.value_heads]);
        self.add(Part::DeltaNorm, &[net.value_size]);
        self.linear(Linear::DeltaOutput, hidden, values, false);
    }

    fn dense(&mut self, dense: &Dense) {
        let (inner, hidden, unit) = (dense.intermediate, self.config.hidden, Unit::Dense);
        if self.config.family == Family::Phi3 {
            let parts = [(Linear::Gate(unit), inner), (Linear::Up(unit), inner)];
            self.joined("mlp.gate_up_proj.weight", &[2 * inner, hidden], runs(&parts));
            self.linear(Linear::Down(unit), hidden, inner, dense.bias);
        } else {
            self.unit(unit, inner, dense.bias);
        }
    }

    fn unit(&mut self, unit: Unit, inner: usize, bias: bool) {
        let hidden = self.config.hidden;
        self.linear(Linear::Gate(unit), inner, hidden, bias);
        self.linear(Linear::Up(unit), inner, hidden, bias);
        self.linear(Linear::Down(unit), hidden, inner, bias);
    }

    fn experts(&mut self, experts: &Experts, has: &dyn Fn(&str) -> bool) {
        const GATE_UP: &str = "mlp.experts.gate_up_proj";
        let (count, inner, hidden) = (experts.count, experts.intermediate, self.config.hidden);
        self.linear(Linear::Router, count, hidden, false);
        if has(&format!("{}{GATE_UP}", self.prefix)) {
            let both = (0..count).map(Unit::Expert).flat_map(|unit| [Linear::Gate(unit), Linear::Up(unit)]);
            let both: Vec<_> = both.map(|linear| (linear, inner)).collect();
            self.joined(GATE_UP, &[count, 2 * inner, hidden], runs(&both));
            let down: Vec<_> = (0..count).map(|expert| (Linear::Down(Unit::Expert(expert)), hidden)).collect();
            self.joined("mlp.experts.down_proj", &[count, hidden, inner], runs(&down));
        } else {
            for expert in 0..count {
                self.unit(Unit::Expert(expert), inner, false);
            }
        }
        if let Some(shared) = experts.shared {
            self.unit(Unit::Shared, shared, false);
            self.linear(Linear::SharedGate, 1, hidden, false);
        }
    }
}

/// Linear layers whose rows follow each other.
fn runs(parts: &[(Linear, usize)]) -> Vec<(Linear, Vec<Range<usize>>)> {
    let mut from = 0;
    let mut run = |(linear, count): &(Linear, usize)| {
        from += count;
        (*linear, std::iter::once(from - count..from).collect())
    };
    parts.iter().map(&mut run).collect()
}
