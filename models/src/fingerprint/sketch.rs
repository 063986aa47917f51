//! A random projection that keeps distances: a count sketch.
//!
//! Every value gets a random sign and goes to one of 64 sums. Sixty-four neighbours go to different sums, and where they
//! begin is random as well, so that a strong column does not always meet the same sum.

use rayon::prelude::*;

use crate::splitmix::splitmix;

/// Values of a sketch.
const SUMS: usize = 64;
/// Values of one piece of work; fixed, because sums of `f32` depend on their order.
const PIECE: usize = 1 << 18;
/// Blocks whose sums are kept in single precision before they join the others.
const BLOCKS: usize = 64;
/// The projection is the same for all tensors and all time.
const SEED: u64 = 0x6465_7468_726F_6E65;

/// The sketch and the Euclidean norm.
pub(super) fn of_values(values: &[f32]) -> (Vec<f32>, f64) {
    let pieces: Vec<([f64; SUMS], f64)> =
        values.par_chunks(PIECE).enumerate().map(|(index, values)| piece(index * PIECE / SUMS, values)).collect();
    let mut sums = [0.0; SUMS];
    let mut square = 0.0;
    for (piece, part) in pieces {
        sums.iter_mut().zip(piece).for_each(|(sum, piece)| *sum += piece);
        square += part;
    }
    (sums.iter().map(|sum| *sum as f32).collect(), square.sqrt())
}

fn piece(first_block: usize, values: &[f32]) -> ([f64; SUMS], f64) {
    let mut sums = [0.0; SUMS];
    let mut square = 0.0;
    for (group, values) in values.chunks(BLOCKS * SUMS).enumerate() {
        // Twice the length, so that a block that begins anywhere lies in one piece.
        let mut open = [0.0f32; 2 * SUMS];
        let mut squares = [0.0f32; 8];
        for (index, block) in values.chunks(SUMS).enumerate() {
            let random = splitmix(SEED ^ (first_block + group * BLOCKS + index) as u64);
            let start = (splitmix(random) >> 58) as usize;
            add_block(&mut open[start..start + SUMS], block, random, &mut squares);
        }
        for (index, sum) in sums.iter_mut().enumerate() {
            *sum += f64::from(open[index] + open[index + SUMS]);
        }
        square += squares.iter().map(|square| f64::from(*square)).sum::<f64>();
    }
    (sums, square)
}

fn add_block(sums: &mut [f32], block: &[f32], signs: u64, squares: &mut [f32; 8]) {
    for ((sums, values), byte) in sums.chunks_mut(8).zip(block.chunks(8)).zip(signs.to_le_bytes()) {
        let masks = &SIGNS[usize::from(byte)];
        for (((sum, square), value), mask) in sums.iter_mut().zip(squares.iter_mut()).zip(values).zip(masks) {
            *sum += f32::from_bits(value.to_bits() ^ mask);
            *square += value * value;
        }
    }
}

/// The sign bits to flip, for every byte of signs.
static SIGNS: [[u32; 8]; 256] = {
    let mut table = [[0; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut bit = 0;
        while bit < 8 {
            table[byte][bit] = ((byte as u32 >> bit) & 1) << 31;
            bit += 1;
        }
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(count: usize, key: u64) -> Vec<f32> {
        (0..count as u64).map(|index| (splitmix(splitmix(key) ^ index) >> 40) as f32 / (1 << 24) as f32 - 0.5).collect()
    }

    fn square_distance(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum()
    }

    #[test]
    fn distances_of_sketches_estimate_distances_of_tensors() {
        let base = noise(3 * PIECE + 777, 1);
        let mut ratios = Vec::new();
        for (key, strength) in [(2, 1.0), (3, 1e-1), (4, 1e-3), (5, 1e-3)] {
            let changed: Vec<f32> =
                base.iter().zip(noise(base.len(), key)).map(|(base, noise)| base + strength * noise).collect();
            let estimate = square_distance(&of_values(&base).0, &of_values(&changed).0);
            ratios.push(estimate / square_distance(&base, &changed));
        }
        // Each has a standard deviation of sqrt(2 / 64), about 0.18.
        assert!(ratios.iter().all(|ratio| (0.4..1.8).contains(ratio)), "{ratios:?}");
    }

    #[test]
    fn a_single_strong_column_is_seen_by_all_sums() {
        let mut values = vec![0.0f32; 64 * 4096];
        values.iter_mut().step_by(64).for_each(|value| *value = 1.0);
        let (sketch, norm) = of_values(&values);
        assert_eq!(norm, 64.0);
        assert!(sketch.iter().filter(|sum| **sum != 0.0).count() > 48, "{sketch:?}");
        let estimate = sketch.iter().map(|sum| sum * sum).sum::<f32>();
        assert!((1600.0..8000.0).contains(&estimate), "{estimate}");
    }
}
