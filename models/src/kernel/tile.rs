//! The register tile (microkernel) of every product: a few rows of one operand with a few vectors of the other.
//!
//! Each output element is one chain `acc = fma(a[k], b[k], acc)` with `k` ascending, for every tile size.

use pulp::Simd;

use super::dispatch;

/// Values per cache line.
pub(super) const LINE: usize = 16;

/// Adds `a · b` to `accumulators`: `a` holds `M` rows of equal length, `b` holds `stride` vectors for each of its
/// steps, of which those from `offset` on are used. Each step prefetches `LINES` more cache lines of `ahead`.
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

/// Most rows of a tile of three vectors, limited by the number of vector registers.
#[inline(always)]
pub(super) fn most_rows<S: Simd>() -> usize {
    if S::REGISTER_COUNT >= 32 { 8 } else { 4 }
}

#[cfg(test)]
mod tests {
    use pulp::Scalar;

    use super::*;
    use crate::kernel::fixtures::{bits, values};

    /// A tile in scalar code, a vector of which has one value.
    fn check<const M: usize, const V: usize>(steps: usize, stride: usize, offset: usize) {
        let (a, b, start) = (values(1, M * steps), values(2, stride * steps), values(3, M * V));
        let rows: [&[f32]; M] = std::array::from_fn(|row| &a[row * steps..][..steps]);
        let mut sums: [[f32; V]; M] = std::array::from_fn(|row| std::array::from_fn(|column| start[row * V + column]));
        accumulate::<Scalar, M, V, 1>(Scalar::new(), rows, &b, stride, offset, &b, &mut sums);
        for (row, sums) in sums.iter().enumerate() {
            for (column, sum) in sums.iter().enumerate() {
                let products = rows[row].iter().zip(b.iter().skip(offset + column).step_by(stride));
                let expected = products.fold(start[row * V + column], |sum, (a, b)| a.mul_add(*b, sum));
                assert_eq!(bits(&[*sum]), bits(&[expected]), "{M} x {V} of {steps} steps at {row}, {column}");
            }
        }
    }

    #[test]
    fn every_element_of_a_tile_is_one_chain_from_where_it_started() {
        check::<1, 1>(1, 1, 0);
        check::<1, 3>(0, 3, 0);
        check::<4, 3>(17, 9, 6);
        check::<8, 2>(64, 4, 2);
        check::<5, 1>(3, 2, 1);
    }
}
