//! The register tile that every product is made of: a few rows of one operand against a few vectors of the other.
//!
//! Each output element is one chain `acc = fma(a[k], b[k], acc)` with `k` ascending, whatever the tile's size.

use pulp::Simd;

use super::dispatch;

/// Values of a cache line.
pub(super) const LINE: usize = 16;

/// Adds `a · b` to `accumulators`: `a` holds `M` rows of equal length, `b` holds `stride` vectors for each of its
/// steps, of which those from `offset` on are used. At each step `LINES` more cache lines of `ahead` are asked for.
#[inline(always)]
pub(super) fn accumulate<S: Simd, const M: usize, const V: usize, const LINES: usize>(
    simd: S,
    a: [&[f32]; M],
    b: &[S::f32s],
    stride: usize,
    offset: usize,
    ahead: &[f32],
    accumulators: &mut [[S::f32s; V]; M],
) {
    let steps = a[0].len();
    for row in &a {
        assert_eq!(row.len(), steps, "the rows of a tile are equally long");
    }
    let mut sums = *accumulators;
    for (step, vectors) in b.chunks_exact(stride).take(steps).enumerate() {
        let vectors = &vectors[offset..offset + V];
        for line in 0..LINES {
            dispatch::prefetch(ahead, (step * LINES + line) * LINE);
        }
        for (row, sums) in a.iter().zip(&mut sums) {
            let value = simd.splat_f32s(row[step]);
            for (vector, sum) in vectors.iter().zip(sums) {
                *sum = simd.mul_add_f32s(value, *vector, *sum);
            }
        }
    }
    *accumulators = sums;
}

/// How many rows a tile may have when it is three vectors wide, by the number of vector registers.
#[inline(always)]
pub(super) fn most_rows<S: Simd>() -> usize {
    if S::REGISTER_COUNT >= 32 { 8 } else { 4 }
}
