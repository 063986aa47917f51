//! Made-up values, and comparisons.

use half::bf16;

/// Pseudo-random numbers in (-1, 1), of about the same spread as activations.
pub(crate) fn values(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x1234_5678;
    (0..count)
        .map(|_| {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut bits = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((bits ^ (bits >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

pub(crate) fn halves(values: &[f32]) -> Vec<u16> {
    values.iter().map(|value| bf16::from_f32(*value).to_bits()).collect()
}

pub(crate) fn wide(halves: &[u16]) -> Vec<f64> {
    halves.iter().map(|half| f64::from(bf16::from_bits(*half).to_f32())).collect()
}

/// Made-up values as they are kept in bfloat16, and what they are then.
pub(crate) fn half_values(seed: u64, count: usize, scale: f32) -> (Vec<u16>, Vec<f64>) {
    let halves = halves(&values(seed, count).iter().map(|value| value * scale).collect::<Vec<f32>>());
    let wide = wide(&halves);
    (halves, wide)
}

pub(crate) fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

/// Holds each value to its reference, with an error that is small beside all of them.
pub(crate) fn close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let spread = (expected.iter().map(|value| value * value).sum::<f64>() / expected.len() as f64).sqrt();
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let allowed = tolerance * (spread + expected.abs());
        assert!((found - expected).abs() <= allowed, "{what}: value {index} is {found} for {expected}");
    }
}

pub(crate) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

pub(crate) fn silu(x: f64) -> f64 {
    x * sigmoid(x)
}

/// `x [rows, k] · weights [n, k]ᵀ`.
pub(crate) fn product(x: &[f64], weights: &[f64], k: usize) -> Vec<f64> {
    let dot = |x: &[f64], w: &[f64]| x.iter().zip(w).map(|(x, w)| x * w).sum::<f64>();
    x.chunks(k).flat_map(|x| weights.chunks(k).map(move |w| dot(x, w))).collect()
}

/// Root-mean-square norm of one row.
pub(crate) fn norm(x: &[f64], weight: &[f64], epsilon: f64) -> Vec<f64> {
    let mean = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
    x.iter().zip(weight).map(|(x, weight)| x / (mean + epsilon).sqrt() * weight).collect()
}
