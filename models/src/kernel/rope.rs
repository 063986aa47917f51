//! RoPE (rotary position embedding): pairs of a head's values rotated by an angle proportional to the position.

use super::processor::Processor;

/// Elements below which threads cost more than they gain.
const SMALL: usize = 1 << 15;

/// RoPE table: cosines and sines for every position and frequency.
pub(crate) struct RopeTable {
    /// `[positions, frequencies]`.
    cosines: Vec<f32>,
    /// `[positions, frequencies]`.
    sines: Vec<f32>,
    frequencies: usize,
}

impl RopeTable {
    /// A table of angles `position * frequency` for `positions` positions. Cosines and sines are multiplied by `scale`,
    /// which is 1 for most models. With partial rotary embedding there are fewer frequencies than half the head size.
    pub(crate) fn new(frequencies: &[f32], positions: usize, scale: f32) -> Self {
        // The product is rounded to f32 as in training code; its cosine and sine are then exact to f32.
        let angles = |position: usize| frequencies.iter().map(move |frequency| f64::from(position as f32 * frequency));
        let (cosines, sines) = (0..positions)
            .flat_map(angles)
            .map(|angle| (libm::cos(angle) as f32 * scale, libm::sin(angle) as f32 * scale))
            .unzip();
        Self { cosines, sines, frequencies: frequencies.len() }
    }

    /// This table's rows, then those of another with as many frequencies.
    pub(crate) fn followed_by(mut self, other: Self) -> Self {
        assert_eq!(self.frequencies, other.frequencies, "tables of one head have equally many frequencies");
        self.cosines.extend(other.cosines);
        self.sines.extend(other.sines);
        self
    }

    /// The table as pairs of a cosine and a sine, `[positions, frequencies, 2]`.
    pub(crate) fn pairs(&self) -> Vec<f32> {
        self.cosines.iter().zip(&self.sines).flat_map(|(cosine, sine)| [*cosine, *sine]).collect()
    }

    /// Rotates each head of `x [T, heads * head_size]` by its row's position. Value `i` pairs with value
    /// `i + frequencies`; values beyond both halves stay.
    ///
    /// # Panics
    /// If the lengths do not agree or a position is beyond the table.
    pub(crate) fn apply(&self, processor: &Processor, positions: &[u32], head_size: usize, x: &mut [f32]) {
        if positions.is_empty() {
            return;
        }
        let width = x.len() / positions.len();
        assert_eq!(width * positions.len(), x.len(), "x has a row for each position");
        assert_eq!(width % head_size, 0, "a row is a whole number of heads");
        assert!(2 * self.frequencies <= head_size, "a head has two values for each frequency");
        let rows = if x.len() < SMALL { positions.len() } else { positions.len().div_ceil(processor.threads()) };
        let parts = positions.chunks(rows).zip(x.chunks_mut(rows * width)).collect();
        processor.each(parts, |(positions, x): (&[u32], &mut [f32])| {
            for (position, row) in positions.iter().zip(x.chunks_exact_mut(width)) {
                let angles = *position as usize * self.frequencies..(*position as usize + 1) * self.frequencies;
                let (cosines, sines) = (&self.cosines[angles.clone()], &self.sines[angles]);
                row.chunks_exact_mut(head_size).for_each(|head| rotate_head(cosines, sines, head));
            }
        });
    }
}

/// Rotates one head. Multiplications and additions are not fused, so that no instruction set changes a bit.
fn rotate_head(cosines: &[f32], sines: &[f32], head: &mut [f32]) {
    let (first, second) = head.split_at_mut(cosines.len());
    for (((cosine, sine), a), b) in cosines.iter().zip(sines).zip(first).zip(second) {
        (*a, *b) = (*a * cosine - *b * sine, *b * cosine + *a * sine);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fixtures::{bits, frequencies, processors, refuses, values};

    #[test]
    fn heads_are_turned_by_their_positions_on_every_processor() {
        let (heads, size, turned) = (3, 16, 12);
        let positions: Vec<u32> = (0..900).map(|row| row * 7 % 500).collect();
        let table = RopeTable::new(&frequencies(10_000.0, turned), 500, 1.0);
        let x = values(1, positions.len() * heads * size);
        let mut first: Option<Vec<f32>> = None;
        for processor in processors() {
            let mut y = x.clone();
            table.apply(&processor, &positions, size, &mut y);
            for (index, (x, y)) in x.chunks(size).zip(y.chunks(size)).enumerate() {
                let position = f64::from(positions[index / heads]);
                for pair in 0..turned / 2 {
                    let angle = position * 10_000_f64.powf(-2.0 * pair as f64 / turned as f64);
                    let (a, b) = (f64::from(x[pair]), f64::from(x[pair + turned / 2]));
                    let expected = [a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()];
                    for (y, expected) in [y[pair], y[pair + turned / 2]].into_iter().zip(expected) {
                        assert!((f64::from(y) - expected).abs() < 5e-5, "{y} for {expected} at {position}");
                    }
                }
                assert_eq!(x[turned..], y[turned..], "what is beyond the turned part stays");
            }
            let first = first.get_or_insert_with(|| y.clone());
            assert_eq!(bits(&y), bits(first), "{processor:?}");
        }
    }

    #[test]
    fn rotation_keeps_lengths_and_depends_on_the_distance_alone() {
        let size = 32;
        let table = RopeTable::new(&frequencies(10_000.0, size), 600, 1.0);
        let processor = &processors()[0];
        let at = |x: &[f32], position: u32| {
            let mut y = x.to_vec();
            table.apply(processor, &[position], size, &mut y);
            y
        };
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let (q, k) = (values(1, size), values(2, size));
        for (position, distance) in [(0, 0), (0, 5), (7, 5), (590, 5), (100, 99), (499, 100)] {
            let rotated = at(&q, position);
            assert!((dot(&rotated, &rotated) - dot(&q, &q)).abs() < 1e-4, "the length at {position}");
            let score = dot(&at(&q, position + distance), &at(&k, position));
            let expected = dot(&at(&q, distance), &k);
            assert!((score - expected).abs() < 1e-3, "{score} for {expected} at {position} and {distance}");
        }
    }

    #[test]
    fn a_scale_multiplies_the_rotated_values_and_leaves_the_rest() {
        let frequencies = frequencies(10_000.0, 4);
        let (plain, scaled) = (RopeTable::new(&frequencies, 9, 1.0), RopeTable::new(&frequencies, 9, 1.5));
        let (mut x, mut y) = (values(1, 6), values(1, 6));
        plain.apply(&processors()[0], &[8], 6, &mut x);
        scaled.apply(&processors()[0], &[8], 6, &mut y);
        for (index, (x, y)) in x.iter().zip(&y).enumerate() {
            let factor = if index < 4 { 1.5 } else { 1.0 };
            assert!((x * factor - y).abs() < 1e-6, "{y} for {x} at {index}");
        }
    }

    #[test]
    fn positions_and_heads_that_do_not_fit_are_refused() {
        let table = RopeTable::new(&frequencies(10_000.0, 4), 9, 1.0);
        let apply = |positions: &[u32], size, length| {
            table.apply(&processors()[0], positions, size, &mut vec![0.0; length]);
        };
        apply(&[], 4, 0);
        apply(&[8], 4, 8);
        refuses("out of range", || apply(&[9], 4, 4));
        refuses("a row for each position", || apply(&[1, 2], 4, 9));
        refuses("whole number of heads", || apply(&[1], 4, 6));
        refuses("two values for each frequency", || apply(&[1], 2, 4));
    }
}
