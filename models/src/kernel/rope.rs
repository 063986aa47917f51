//! Rotary position embedding: pairs of a head's values turned by an angle that grows with the position.

use super::processor::Processor;

/// Elements below which spreading over threads costs more than it gains.
const SMALL: usize = 1 << 15;

/// Cosines and sines for every position and frequency.
pub struct RopeTable {
    /// `[positions, frequencies]`.
    cosines: Vec<f32>,
    /// `[positions, frequencies]`.
    sines: Vec<f32>,
    frequencies: usize,
}

impl RopeTable {
    /// Angles `position * frequency` for `positions` positions; cosines and sines are multiplied by `scale`, which
    /// is 1 for most models. A head of which only a part is turned has fewer frequencies than half its size.
    pub fn new(frequencies: &[f32], positions: usize, scale: f32) -> Self {
        let angles = |position: usize| frequencies.iter().map(move |frequency| f64::from(position as f32 * frequency));
        let (cosines, sines) = (0..positions)
            .flat_map(angles)
            .map(|angle| (libm::cos(angle) as f32 * scale, libm::sin(angle) as f32 * scale))
            .unzip();
        Self { cosines, sines, frequencies: frequencies.len() }
    }

    /// `theta^(-2i / turned)` for the first `turned` values of a head: the plain frequencies of most models.
    pub fn frequencies(theta: f64, turned: usize) -> Vec<f32> {
        (0..turned / 2).map(|index| (1.0 / libm::pow(theta, (2 * index) as f64 / turned as f64)) as f32).collect()
    }

    /// How many positions there are.
    pub fn positions(&self) -> usize {
        self.cosines.len().checked_div(self.frequencies).unwrap_or(0)
    }

    /// Turns each head of `x [T, heads * head_size]` by its row's position: value `i` pairs with value
    /// `i + frequencies`; what lies beyond both stays.
    ///
    /// # Panics
    /// If the lengths do not agree or a position is beyond the table.
    pub fn apply(&self, processor: &Processor, positions: &[u32], head_size: usize, x: &mut [f32]) {
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
                let turn = *position as usize * self.frequencies..(*position as usize + 1) * self.frequencies;
                let (cosines, sines) = (&self.cosines[turn.clone()], &self.sines[turn]);
                row.chunks_exact_mut(head_size).for_each(|head| turn_head(cosines, sines, head));
            }
        });
    }
}

/// Turns one head. Plain multiplications and additions: no instruction set has a say.
fn turn_head(cosines: &[f32], sines: &[f32], head: &mut [f32]) {
    let (first, second) = head.split_at_mut(cosines.len());
    for (((cosine, sine), a), b) in cosines.iter().zip(sines).zip(first).zip(second) {
        (*a, *b) = (*a * cosine - *b * sine, *b * cosine + *a * sine);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::sample::{bits, processors, values};

    #[test]
    fn heads_are_turned_by_their_positions_on_every_processor() {
        let (heads, size, turned) = (3, 16, 12);
        let positions: Vec<u32> = (0..900).map(|row| row * 7 % 500).collect();
        let table = RopeTable::new(&RopeTable::frequencies(10_000.0, turned), 500, 1.0);
        assert_eq!(table.positions(), 500);
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
}
