//! A linear sketch of a tensor by secret random signs: a count sketch on either side.
//!
//! Every row and every column of a matrix gets a random sign and goes to one of twelve sums, so that the sketch is a product
//! `L W R` of the matrix with two sparse random ones. Distances are kept on average, the sketch of a difference is the
//! difference of sketches, and a difference of low rank stays of low rank. Neighbors go to different sums; where they begin
//! is random as well, so that all sums are of the same size. Rows and columns of zeros behind the others change nothing.
//!
//! The signs come from a key: whoever knows them can change a model along directions that no sketch sees.

use std::fmt;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::bits;
use crate::splitmix::splitmix;

/// Sums along one side.
pub(super) const SIDE: usize = 12;
/// Values of one piece of work; fixed, because sums depend on their order.
const PIECE: usize = 1 << 18;

/// Secret of the random signs and of the probe, which cannot be printed. It is serialized for a process that takes prints.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SketchKey(#[serde(with = "bits::digest")] [u8; 32]);

impl SketchKey {
    /// The key that belongs to a validator's secret.
    #[must_use]
    pub fn derive(secret: &[u8]) -> Self {
        Self(blake3::derive_key("dethrone 2026 sketches of tensors and the probe of outputs", secret))
    }

    /// Digest by which prints that were made with the same key are known; it tells nothing of the key.
    #[must_use]
    pub fn id(&self) -> String {
        blake3::Hash::from(blake3::derive_key("dethrone 2026 name of a sketch key", &self.0)).to_hex()[..16].to_owned()
    }

    /// A seed for one use of the key.
    pub(super) fn seed(&self, of: &str) -> u64 {
        let digest = blake3::keyed_hash(&self.0, of.as_bytes());
        let (words, _) = digest.as_bytes().as_chunks::<8>();
        u64::from_le_bytes(words[0])
    }
}

impl fmt::Debug for SketchKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SketchKey({})", self.id())
    }
}

/// Random signs and sums of one side of a matrix.
struct Side(u64);

impl Side {
    /// The place of the first of twelve neighbors, of which the others follow in a circle.
    fn start(&self, block: usize) -> usize {
        (splitmix(splitmix(self.0) ^ block as u64) % SIDE as u64) as usize
    }

    fn sum(&self, place: usize) -> usize {
        (self.start(place / SIDE) + place % SIDE) % SIDE
    }

    /// The bit to flip for the sign.
    fn sign(&self, place: usize) -> u32 {
        ((splitmix(self.0 ^ place as u64) >> 63) as u32) << 31
    }
}

/// Random projection of tensors of any shape.
pub(super) struct Projection {
    rows: Side,
    columns: Side,
}

impl Projection {
    pub(super) fn new(key: &SketchKey) -> Self {
        Self { rows: Side(key.seed("rows")), columns: Side(key.seed("columns")) }
    }

    /// The sketch of a tensor: twelve values of a vector, twelve times twelve of a matrix, row by row.
    pub(super) fn sketch(&self, shape: &[usize], values: &[f32]) -> Vec<f32> {
        let columns = shape.last().copied().unwrap_or(1);
        if columns == 0 {
            return vec![0.0; if shape.len() < 2 { SIDE } else { SIDE * SIDE }];
        }
        let blocks = columns.div_ceil(SIDE);
        let starts: Vec<usize> = (0..blocks).map(|block| self.columns.start(block)).collect();
        let signs: Vec<u32> = (0..columns).map(|column| self.columns.sign(column)).collect();
        let row_of = |row: &[f32]| {
            // Twice the length, so that a block that begins anywhere lies in one piece.
            let mut open = [0.0_f32; 2 * SIDE];
            for ((block, signs), start) in row.chunks(SIDE).zip(signs.chunks(SIDE)).zip(&starts) {
                for ((sum, value), sign) in open[*start..].iter_mut().zip(block).zip(signs) {
                    *sum += f32::from_bits(value.to_bits() ^ sign);
                }
            }
            let (low, high) = open.split_at(SIDE);
            std::array::from_fn::<f64, SIDE, _>(|sum| f64::from(low[sum]) + f64::from(high[sum]))
        };
        if shape.len() < 2 {
            return row_of(values).map(|sum| sum as f32).to_vec();
        }
        let at_once = (PIECE / columns).max(1);
        let pieces: Vec<[[f64; SIDE]; SIDE]> = values
            .par_chunks(at_once * columns)
            .enumerate()
            .map(|(piece, values)| {
                let mut sums = [[0.0; SIDE]; SIDE];
                for (row, values) in values.chunks(columns).enumerate() {
                    let row = piece * at_once + row;
                    let factor = if self.rows.sign(row) == 0 { 1.0 } else { -1.0 };
                    let sums = &mut sums[self.rows.sum(row)];
                    sums.iter_mut().zip(row_of(values)).for_each(|(sum, value)| *sum += factor * value);
                }
                sums
            })
            .collect();
        let mut sums = [[0.0; SIDE]; SIDE];
        for piece in &pieces {
            sums.as_flattened_mut().iter_mut().zip(piece.as_flattened()).for_each(|(sum, piece)| *sum += piece);
        }
        sums.as_flattened().iter().map(|sum| *sum as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(count: usize, key: u64) -> Vec<f32> {
        (0..count as u64).map(|index| (splitmix(splitmix(key) ^ index) >> 40) as f32 / (1 << 24) as f32 - 0.5).collect()
    }

    fn square(values: &[f32]) -> f64 {
        values.iter().map(|value| f64::from(*value).powi(2)).sum()
    }

    fn projection(secret: &[u8]) -> Projection {
        Projection::new(&SketchKey::derive(secret))
    }

    fn less(one: &[f32], two: &[f32]) -> Vec<f32> {
        one.iter().zip(two).map(|(one, two)| one - two).collect()
    }

    #[test]
    fn distances_of_sketches_estimate_distances_of_tensors() {
        let shape = [900, 700];
        let base = noise(900 * 700, 1);
        let projection = projection(b"secret");
        let mut ratios = Vec::new();
        for (key, strength) in [(2, 1.0), (3, 1e-1), (4, 1e-3), (5, 1e-5)] {
            let changed: Vec<f32> =
                base.iter().zip(noise(base.len(), key)).map(|(base, noise)| base + strength * noise).collect();
            let sketches = less(&projection.sketch(&shape, &changed), &projection.sketch(&shape, &base));
            ratios.push(square(&sketches) / square(&less(&changed, &base)));
        }
        // Each has a standard deviation of sqrt(2 / 144), about 0.12.
        assert!(ratios.iter().all(|ratio| (0.6..1.5).contains(ratio)), "{ratios:?}");
    }

    #[test]
    fn a_change_of_one_direction_leaves_a_sketch_of_one_direction() {
        let (rows, columns) = (50, 70);
        let (left, right) = (noise(rows, 1), noise(columns, 2));
        let values: Vec<f32> = left.iter().flat_map(|left| right.iter().map(move |right| left * right)).collect();
        let sketch = projection(b"secret").sketch(&[rows, columns], &values);
        let strongest = sketch.chunks(SIDE).max_by(|one, two| square(one).total_cmp(&square(two))).unwrap();
        for row in sketch.chunks(SIDE) {
            let product: f64 = row.iter().zip(strongest).map(|(one, two)| f64::from(*one) * f64::from(*two)).sum();
            let cosine = product * product / (square(row) * square(strongest));
            assert!(cosine > 1.0 - 1e-6, "{cosine}");
        }
    }

    #[test]
    fn zeros_behind_the_others_change_nothing_and_a_large_tensor_is_cut_into_pieces() {
        let projection = projection(b"secret");
        let (rows, columns) = (1_000, 601);
        let values = noise(rows * columns, 3);
        let sketch = projection.sketch(&[rows, columns], &values);
        let wider = columns + 40;
        let mut padded = vec![0.0; (rows + 9) * wider];
        for (row, values) in values.chunks(columns).enumerate() {
            padded[row * wider..row * wider + columns].copy_from_slice(values);
        }
        let found = projection.sketch(&[rows + 9, wider], &padded);
        assert!(square(&less(&found, &sketch)) < 1e-10 * square(&sketch));
        assert_eq!(projection.sketch(&[columns], &values[..columns]).len(), SIDE);
        assert_eq!(projection.sketch(&[0], &[]), [0.0; SIDE]);
        // A matrix of three dimensions is one of their rows.
        assert_eq!(projection.sketch(&[10, rows / 10, columns], &values), sketch);
    }

    #[test]
    fn all_sums_are_of_the_same_size_and_a_strong_column_is_in_one() {
        let side = Side(7);
        let mut counts = [0; SIDE];
        (0..1_200).for_each(|place| counts[side.sum(place)] += 1);
        assert_eq!(counts, [100; SIDE]);
        let negative = (0..10_000).filter(|place| side.sign(*place) != 0).count();
        assert!((4_800..5_200).contains(&negative), "{negative}");
    }

    #[test]
    fn another_key_gives_another_sketch_and_is_never_shown() {
        let values = noise(64 * 64, 4);
        let [one, two] = [b"one", b"two"].map(|secret| projection(secret).sketch(&[64, 64], &values));
        assert!(square(&less(&one, &two)) > 0.5 * square(&one));
        let key = SketchKey::derive(b"one");
        assert_eq!(format!("{key:?}"), format!("SketchKey({})", key.id()));
        assert_ne!(key.id(), SketchKey::derive(b"two").id());
        assert!(!format!("{key:?}").contains(&hex::encode(key.0)[..8]));
    }
}
