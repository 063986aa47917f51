//! Row-norm spectra: invariants under permutation and rescaling that leave a model's function unchanged.
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
    layout::{Layout, Linear, Part, TensorId},
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
    norms: BTreeMap<TensorId, Vec<f32>>,
    /// Squared lengths of the rows of most tensors, and of the columns of output projections.
    squares: BTreeMap<TensorId, Vec<f64>>,
}

impl<'a> Strengths<'a> {
    /// Reads the norms.
    pub(super) fn new(config: &'a ModelConfig, source: &dyn TensorSource, layout: &Layout) -> Result<Self, LoadError> {
        let mut norms = BTreeMap::new();
        let pieces = layout.stored().iter().flat_map(|stored| &stored.pieces);
        for piece in pieces.filter(|piece| piece.id.is_stream_norm()) {
            let weights = layout.read(source, piece.id)?;
            norms.insert(piece.id, weights.iter().map(|weight| (weight + config.norm_offset).powi(2)).collect());
        }
        Ok(Self { config, norms, squares: BTreeMap::new() })
    }

    /// Takes in one tensor.
    pub(super) fn add(&mut self, id: TensorId, shape: &[usize], values: &[f32]) {
        let Some((&columns, rows)) = shape.split_last() else { return };
        if rows.is_empty() || columns == 0 || values.is_empty() {
            return;
        }
        let squares = if is_output(id) {
            column_squares(values, columns)
        } else {
            let norm = self.norm_before(id).filter(|norm| norm.len() == columns);
            values.par_chunks(columns).map(|row| row_square(row, norm)).collect()
        };
        self.squares.insert(id, squares);
    }

    /// The spectrum of a tensor, once all were taken in.
    pub(super) fn spectrum(&self, id: TensorId) -> Vec<f32> {
        let Some(own) = self.squares.get(&id) else { return Vec::new() };
        let strengths = self.paired(id, own).unwrap_or_else(|| own.clone());
        quantiles(strengths)
    }

    /// The norm whose output a matrix reads.
    fn norm_before(&self, id: TensorId) -> Option<&[f32]> {
        let behind = match id {
            TensorId::Output => TensorId::FinalNorm,
            TensorId::Layer(layer, part) => TensorId::Layer(layer, norm_before(part, self.config.sandwich_norms)?),
            TensorId::Embedding | TensorId::FinalNorm => return None,
        };
        self.norms.get(&behind).map(Vec::as_slice)
    }

    /// Products with the partner that a copier could rescale the tensor against.
    fn paired(&self, id: TensorId, own: &[f64]) -> Option<Vec<f64>> {
        let TensorId::Layer(layer, Part::Weight(linear)) = id else { return None };
        let partner = |linear| self.squares.get(&TensorId::Layer(layer, Part::Weight(linear))).map(Vec::as_slice);
        let other = match linear {
            Linear::Query | Linear::Key | Linear::Value | Linear::AttentionOutput => {
                let attention = self.attention(layer)?;
                return match linear {
                    Linear::Query | Linear::Key if attention.head_norms => Some(within_heads(own, attention.head_size)),
                    Linear::Query => Some(attention_pairs(attention, own, partner(Linear::Key)?)?.0),
                    Linear::Key => Some(attention_pairs(attention, partner(Linear::Query)?, own)?.1),
                    Linear::AttentionOutput => Some(attention_products(attention, own, partner(Linear::Value)?)?.0),
                    _ => Some(attention_products(attention, partner(Linear::AttentionOutput)?, own)?.1),
                };
            }
            Linear::Up(unit) => partner(Linear::Down(unit))?,
            Linear::Down(unit) => partner(Linear::Up(unit))?,
            _ => return None,
        };
        (own.len() == other.len()).then(|| own.iter().zip(other).map(|(own, other)| own * other).collect())
    }

    /// The attention of a layer, unless its queries have gates among them.
    fn attention(&self, layer: usize) -> Option<&Attention> {
        match &self.config.layers.get(layer)?.mixer {
            Mixer::Attention(attention) if !attention.gated => Some(attention),
            _ => None,
        }
    }
}

/// The norm whose output a tensor of a layer reads.
fn norm_before(part: Part, sandwich: bool) -> Option<Part> {
    let forward = if sandwich { Part::PreFeedForwardNorm } else { Part::PostAttentionNorm };
    match part {
        Part::Weight(linear) | Part::Bias(linear) => match linear {
            Linear::Gate(_) | Linear::Up(_) | Linear::Down(_) | Linear::Router | Linear::SharedGate => Some(forward),
            _ => Some(Part::InputNorm),
        },
        Part::Convolution | Part::QueryNorm | Part::KeyNorm | Part::StepBias | Part::DecayLog | Part::DeltaNorm => {
            Some(Part::InputNorm)
        }
        _ => None,
    }
}

/// True where a tensor's columns, not its rows, can be permuted and rescaled by a copier.
fn is_output(id: TensorId) -> bool {
    let TensorId::Layer(_, Part::Weight(linear)) = id else { return false };
    matches!(linear, Linear::AttentionOutput | Linear::DeltaOutput | Linear::Down(_))
}

/// Every row's share of its head: what is normed afterwards has no scale of its own.
fn within_heads(squares: &[f64], head: usize) -> Vec<f64> {
    let shares = squares.chunks(head).flat_map(|head| {
        let sum: f64 = head.iter().sum();
        head.iter().map(move |square| if sum > 0.0 { square / sum } else { 0.0 })
    });
    shares.collect()
}

/// Queries with their keys, for the two dimensions that are rotated together: by query head, and by key head.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn attention(heads: usize, key_heads: usize, head_size: usize) -> Attention {
        let (input_bias, output_bias, head_norms, gated) = (false, false, false, false);
        Attention {
            heads,
            key_heads,
            head_size,
            input_bias,
            output_bias,
            head_norms,
            gated,
            rope: 0,
            window: None,
            scale: 1.0,
        }
    }

    fn ramp(count: usize) -> Vec<f64> {
        (1..=count).map(|index| index as f64).collect()
    }

    #[test]
    fn quantiles_forget_order_and_scale() {
        let squares = ramp(1000);
        let found = quantiles(squares.clone());
        assert_eq!(found.len(), QUANTILES);
        assert!(found.windows(2).all(|pair| pair[0] <= pair[1]), "{found:?}");
        let mut shuffled = squares.clone();
        shuffled.sort_by_key(|square| (*square as u64 * 7919) % 1009);
        assert_eq!(quantiles(shuffled), found);
        let scaled = quantiles(squares.iter().map(|square| square * 1e6).collect());
        assert!(found.iter().zip(&scaled).all(|(one, two)| (one - two).abs() < 1e-6));
        assert_eq!(quantiles(vec![4.0; 7]), [1.0; QUANTILES]);
        assert_eq!(quantiles(vec![0.0; 7]), [0.0; QUANTILES]);
        assert_eq!(quantiles(vec![9.0]), [1.0; QUANTILES]);
    }

    #[test]
    fn rows_and_columns_are_measured_like_naively() {
        let (rows, columns) = (ROWS * 2 + 3, 19);
        let values: Vec<f32> = (0..rows * columns).map(|index| ((index * 37) % 101) as f32 / 50.0 - 1.0).collect();
        let norm: Vec<f32> = (0..columns).map(|column| column as f32 / 4.0).collect();
        let at = |row: usize, column: usize| f64::from(values[row * columns + column]);
        for row in [0, 1, ROWS, rows - 1] {
            let slice = &values[row * columns..][..columns];
            let plain: f64 = (0..columns).map(|column| at(row, column).powi(2)).sum();
            let normed: f64 = (0..columns).map(|column| at(row, column).powi(2) * f64::from(norm[column])).sum();
            assert!((row_square(slice, None) - plain).abs() < 1e-5);
            assert!((row_square(slice, Some(&norm)) - normed).abs() < 1e-4);
        }
        for (column, found) in column_squares(&values, columns).into_iter().enumerate() {
            let expected: f64 = (0..rows).map(|row| at(row, column).powi(2)).sum();
            assert!((found - expected).abs() < 1e-3, "column {column}: {found} for {expected}");
        }
    }

    #[test]
    fn partners_are_multiplied_head_by_head_and_rescaling_cancels() {
        let attention = attention(4, 2, 6);
        let (outputs, values) = (ramp(24), ramp(12));
        let (by_query, by_key) = attention_products(&attention, &outputs, &values).unwrap();
        // Query head 1 reads key head 0, query head 3 key head 1.
        assert_eq!(by_query[6 + 2], outputs[8] * values[2]);
        assert_eq!(by_query[18 + 5], outputs[23] * values[11]);
        assert_eq!(by_key[2], (outputs[2] + outputs[8]) * values[2]);
        let (grown, shrunk): (Vec<f64>, Vec<f64>) =
            (values.iter().map(|square| square * 4.0).collect(), outputs.iter().map(|square| square / 4.0).collect());
        assert_eq!(attention_products(&attention, &shrunk, &grown), Some((by_query, by_key)));
        // Both dimensions of a rotated pair count as one.
        let (queries, keys) = attention_pairs(&attention, &ramp(24), &ramp(12)).unwrap();
        assert_eq!((queries.len(), keys.len()), (12, 6));
        assert_eq!(queries[0], (1.0 + 4.0) * (1.0 + 4.0));
        for (wide, narrow) in [(23, 12), (24, 11), (0, 0)] {
            assert_eq!(attention_products(&attention, &ramp(wide), &ramp(narrow)), None);
        }
    }

    #[test]
    fn shares_within_a_head_add_up_to_one_or_to_nothing() {
        let shares = within_heads(&[1.0, 3.0, 0.0, 0.0, 2.0, 2.0], 2);
        assert_eq!(shares, [0.25, 0.75, 0.0, 0.0, 0.5, 0.5]);
    }

    #[test]
    fn tensors_are_measured_behind_the_norm_that_they_read() {
        use crate::layout::Unit;
        for (part, sandwich, expected) in [
            (Part::Weight(Linear::Query), false, Some(Part::InputNorm)),
            (Part::Weight(Linear::DeltaMixed), true, Some(Part::InputNorm)),
            (Part::Convolution, false, Some(Part::InputNorm)),
            (Part::Weight(Linear::Up(Unit::Dense)), false, Some(Part::PostAttentionNorm)),
            (Part::Weight(Linear::Up(Unit::Expert(3))), true, Some(Part::PreFeedForwardNorm)),
            (Part::Weight(Linear::Router), false, Some(Part::PostAttentionNorm)),
            (Part::InputNorm, false, None),
        ] {
            assert_eq!(norm_before(part, sandwich), expected, "{part}");
        }
        assert!(is_output(TensorId::Layer(0, Part::Weight(Linear::Down(Unit::Shared)))));
        assert!(
            !is_output(TensorId::Layer(0, Part::Weight(Linear::Gate(Unit::Shared)))) && !is_output(TensorId::Output)
        );
    }
}
