//! What stays when a model is permuted or rescaled without changing what it computes.
//!
//! Three rescalings cost a copier nothing: a norm's weights move into the matrices behind it; a neuron of the
//! feed-forward part grows and its output shrinks; queries grow and keys shrink, values grow and the output projection
//! shrinks. So rows are measured with the norm before them folded in, and partners by their product. Quantiles forget
//! the order. What permutes the residual stream permutes columns within rows, which their lengths do not see.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::{
    config::{Attention, Mixer, ModelConfig},
    error::LoadError,
    layout::pieces::{OUTPUT, pieces},
    tensors::TensorSource,
};

/// Values of a spectrum.
const QUANTILES: usize = 32;
/// Rows whose columns are added up together; fixed, because sums depend on their order.
const ROWS: usize = 256;

/// Squared lengths of rows and columns, gathered tensor by tensor.
pub(super) struct Strengths<'a> {
    config: &'a ModelConfig,
    /// Squares of the effective weights of the norms that rows are measured behind.
    norms: BTreeMap<String, Vec<f32>>,
    /// Squared lengths of the rows of most tensors, and of the columns of output projections.
    squares: BTreeMap<String, Vec<f64>>,
}

impl<'a> Strengths<'a> {
    /// Reads the norms.
    pub(super) fn new(config: &'a ModelConfig, source: &dyn TensorSource) -> Result<Self, LoadError> {
        let mut norms = BTreeMap::new();
        for (stored, pieces) in pieces(config, source) {
            for piece in pieces.iter().filter(|piece| piece.name.ends_with("norm.weight") && piece.shape.len() == 1) {
                let weights = source.read(&stored)?;
                let effective = weights.iter().map(|weight| (weight + config.norm_offset).powi(2)).collect();
                norms.insert(piece.name.clone(), effective);
            }
        }
        Ok(Self { config, norms, squares: BTreeMap::new() })
    }

    /// Takes in one tensor.
    pub(super) fn add(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        let Some((&columns, rows)) = shape.split_last() else { return };
        if rows.is_empty() || columns == 0 || values.is_empty() {
            return;
        }
        let squares = if is_output(name) {
            column_squares(values, columns)
        } else {
            let norm = self.norm_before(name).filter(|norm| norm.len() == columns);
            values.par_chunks(columns).map(|row| row_square(row, norm)).collect()
        };
        self.squares.insert(name.to_owned(), squares);
    }

    /// The spectrum of a tensor, once all were taken in.
    pub(super) fn spectrum(&self, name: &str) -> Vec<f32> {
        let Some(own) = self.squares.get(name) else { return Vec::new() };
        let strengths = self.paired(name, own).unwrap_or_else(|| own.clone());
        quantiles(strengths)
    }

    /// The norm whose output a matrix reads.
    fn norm_before(&self, name: &str) -> Option<&[f32]> {
        let behind =
            if let Some((layer, _)) = name.split_once(".self_attn.").or_else(|| name.split_once(".linear_attn.")) {
                format!("{layer}.input_layernorm.weight")
            } else if let Some((layer, _)) = name.split_once(".mlp.") {
                let norm =
                    if self.config.sandwich_norms { "pre_feedforward_layernorm" } else { "post_attention_layernorm" };
                format!("{layer}.{norm}.weight")
            } else if name == OUTPUT {
                "model.norm.weight".to_owned()
            } else {
                return None;
            };
        self.norms.get(&behind).map(Vec::as_slice)
    }

    /// Products with the partner that a copier could rescale the tensor against.
    fn paired(&self, name: &str, own: &[f64]) -> Option<Vec<f64>> {
        let (module, part) = name.strip_suffix(".weight")?.rsplit_once('.')?;
        let partner = |part: &str| self.squares.get(&format!("{module}.{part}.weight")).map(Vec::as_slice);
        if module.ends_with(".self_attn") {
            let attention = self.attention(module)?;
            return match part {
                "q_proj" if attention.head_norms => Some(within_heads(own, attention.head_size)),
                "k_proj" if attention.head_norms => Some(within_heads(own, attention.head_size)),
                "q_proj" => Some(attention_pairs(attention, own, partner("k_proj")?)?.0),
                "k_proj" => Some(attention_pairs(attention, partner("q_proj")?, own)?.1),
                "o_proj" => Some(attention_products(attention, own, partner("v_proj")?)?.0),
                "v_proj" => Some(attention_products(attention, partner("o_proj")?, own)?.1),
                _ => None,
            };
        }
        let other = match part {
            "up_proj" => partner("down_proj")?,
            "down_proj" => partner("up_proj")?,
            _ => return None,
        };
        (own.len() == other.len()).then(|| own.iter().zip(other).map(|(own, other)| own * other).collect())
    }

    /// The attention of the layer that a module's name names, where its queries have no gates among them.
    fn attention(&self, module: &str) -> Option<&Attention> {
        let layer = module.strip_suffix(".self_attn")?.rsplit_once('.')?.1.parse::<usize>().ok()?;
        match &self.config.layers.get(layer)?.mixer {
            Mixer::Attention(attention) if !attention.gated => Some(attention),
            _ => None,
        }
    }
}

/// Whether a tensor's columns, not its rows, belong to what a copier can permute and rescale.
fn is_output(name: &str) -> bool {
    name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight") || name.ends_with("out_proj.weight")
}

/// Every row's share of its head: what is normed afterwards has no scale of its own.
fn within_heads(squares: &[f64], head: usize) -> Vec<f64> {
    let shares = squares.chunks(head).flat_map(|head| {
        let sum: f64 = head.iter().sum();
        head.iter().map(move |square| if sum > 0.0 { square / sum } else { 0.0 })
    });
    shares.collect()
}

/// Queries with their keys, for the two dimensions that are turned together: by query head, and by key head.
fn attention_pairs(attention: &Attention, queries: &[f64], keys: &[f64]) -> Option<(Vec<f64>, Vec<f64>)> {
    let pairs = |squares: &[f64]| -> Vec<f64> {
        let halves = squares.chunks(attention.head_size).map(|head| head.split_at(head.len() / 2));
        halves.flat_map(|(low, high)| low.iter().zip(high).map(|(low, high)| low + high).collect::<Vec<_>>()).collect()
    };
    products(attention, attention.head_size / 2, &pairs(queries), &pairs(keys))
}

/// Output columns with their value rows: by query head, and by key head.
fn attention_products(attention: &Attention, outputs: &[f64], values: &[f64]) -> Option<(Vec<f64>, Vec<f64>)> {
    products(attention, attention.head_size, outputs, values)
}

/// `wide` has a run of `run` numbers for every query head, `narrow` for every key head.
fn products(attention: &Attention, run: usize, wide: &[f64], narrow: &[f64]) -> Option<(Vec<f64>, Vec<f64>)> {
    if wide.len() != attention.heads * run || narrow.len() != attention.key_heads * run {
        return None;
    }
    let group = attention.heads / attention.key_heads;
    let mut by_query = Vec::with_capacity(wide.len());
    let mut by_key = vec![0.0; narrow.len()];
    for (index, wide) in wide.iter().enumerate() {
        let partner = index / (run * group) * run + index % run;
        by_query.push(wide * narrow[partner]);
        by_key[partner] += wide * narrow[partner];
    }
    Some((by_query, by_key))
}

fn row_square(row: &[f32], norm: Option<&[f32]>) -> f64 {
    let mut lanes = [0.0f64; 8];
    match norm {
        None => {
            for values in row.chunks(8) {
                for (lane, value) in lanes.iter_mut().zip(values) {
                    *lane += f64::from(value * value);
                }
            }
        }
        Some(norm) => {
            for (values, norm) in row.chunks(8).zip(norm.chunks(8)) {
                for ((lane, value), norm) in lanes.iter_mut().zip(values).zip(norm) {
                    *lane += f64::from(value * value * norm);
                }
            }
        }
    }
    lanes.iter().sum()
}

fn column_squares(values: &[f32], columns: usize) -> Vec<f64> {
    let pieces: Vec<Vec<f64>> = values
        .par_chunks(ROWS * columns)
        .map(|rows| {
            let mut squares = vec![0.0; columns];
            for row in rows.chunks(columns) {
                squares.iter_mut().zip(row).for_each(|(square, value)| *square += f64::from(value * value));
            }
            squares
        })
        .collect();
    let mut squares = vec![0.0; columns];
    for piece in pieces {
        squares.iter_mut().zip(piece).for_each(|(square, piece)| *square += piece);
    }
    squares
}

/// Lengths, relative to their root mean square, at evenly spaced ranks.
fn quantiles(squares: Vec<f64>) -> Vec<f32> {
    let scale = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt();
    let mut lengths: Vec<f64> = squares.into_iter().map(f64::sqrt).collect();
    lengths.sort_by(f64::total_cmp);
    let last = lengths.len() - 1;
    let at = |index: usize| {
        let rank = (index as f64 + 0.5) / QUANTILES as f64 * last as f64;
        let (low, share) = (rank.floor() as usize, rank.fract());
        let length = lengths[low] * (1.0 - share) + lengths[(low + 1).min(last)] * share;
        if scale > 0.0 { (length / scale) as f32 } else { 0.0 }
    };
    (0..QUANTILES).map(at).collect()
}
