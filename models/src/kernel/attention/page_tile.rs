//! The two products of attention with one page: scores `q · k`, and values weighted by scores.

use std::ops::Range;

use pulp::Simd;

use crate::kernel::tile;

/// Width of a register tile in vectors.
const VECTORS: usize = 2;
/// Height of a register tile in queries.
pub(super) const QUERIES: usize = 8;

/// The scores of queries with the keys of one page; scores outside a query's context are computed and never read.
pub(super) struct Scores<'a, S: Simd> {
    pub(super) simd: S,
    pub(super) keys: &'a [f32],
    pub(super) ahead: &'a [f32],
    pub(super) page_tokens: usize,
    pub(super) scale: f32,
    /// Stride between the scores of two queries.
    pub(super) length: usize,
}

impl<S: Simd> Scores<'_, S> {
    #[inline(always)]
    pub(super) fn fill(&self, q: &[&[f32]], scores: &mut [f32]) {
        for (q, scores) in q.chunks(QUERIES).zip(scores.chunks_mut(QUERIES * self.length)) {
            match q.len() {
                1 => self.tile::<1>(q, scores),
                2 => self.tile::<2>(q, scores),
                3 => self.tile::<3>(q, scores),
                4 => self.tile::<4>(q, scores),
                5 => self.tile::<5>(q, scores),
                6 => self.tile::<6>(q, scores),
                7 => self.tile::<7>(q, scores),
                _ => self.tile::<8>(q, scores),
            }
        }
    }

    #[inline(always)]
    fn tile<const M: usize>(&self, q: &[&[f32]], scores: &mut [f32]) {
        let q = std::array::from_fn::<&[f32], M, _>(|row| q[row]);
        let keys: &[S::f32s] = bytemuck::cast_slice(self.keys);
        let scale = self.simd.splat_f32s(self.scale);
        let stride = self.page_tokens / S::F32_LANES;
        for offset in (0..stride).step_by(VECTORS) {
            let mut sums = [[self.simd.splat_f32s(0.0); VECTORS]; M];
            tile::accumulate::<S, M, VECTORS, 2>(self.simd, q, keys, stride, offset, self.ahead, &mut sums);
            for (sums, scores) in sums.iter().zip(scores.chunks_mut(self.length)) {
                let scores = &mut scores[offset * S::F32_LANES..][..VECTORS * S::F32_LANES];
                let scores: &mut [S::f32s] = bytemuck::cast_slice_mut(scores);
                for (score, sum) in scores.iter_mut().zip(sums) {
                    *score = self.simd.mul_f32s(*sum, scale);
                }
            }
        }
    }
}

/// The values of a range of tokens of a page, each weighted by its score.
pub(super) struct Mix<'a, S: Simd> {
    pub(super) simd: S,
    pub(super) values: &'a [f32],
    pub(super) ahead: &'a [f32],
    pub(super) page_tokens: usize,
    pub(super) stored: usize,
    pub(super) scores: &'a [f32],
    /// Stride between the scores of two queries.
    pub(super) length: usize,
    /// Tokens of the page.
    pub(super) tokens: Range<usize>,
}

impl<S: Simd> Mix<'_, S> {
    /// Adds the weighted values to the sums of one to eight queries.
    #[inline(always)]
    pub(super) fn add_to(&self, sums: &mut [f32]) {
        match sums.len() / self.stored {
            1 => self.tile::<1>(sums),
            2 => self.tile::<2>(sums),
            3 => self.tile::<3>(sums),
            4 => self.tile::<4>(sums),
            5 => self.tile::<5>(sums),
            6 => self.tile::<6>(sums),
            7 => self.tile::<7>(sums),
            _ => self.tile::<8>(sums),
        }
    }

    #[inline(always)]
    fn tile<const M: usize>(&self, sums: &mut [f32]) {
        let scores = std::array::from_fn::<&[f32], M, _>(|row| &self.scores[row * self.length..][self.tokens.clone()]);
        let values: &[S::f32s] = bytemuck::cast_slice(&self.values[self.tokens.start * self.stored..]);
        let stride = self.stored / S::F32_LANES;
        for offset in (0..stride).step_by(VECTORS) {
            let mut totals = [[self.simd.splat_f32s(0.0); VECTORS]; M];
            for (totals, sums) in totals.iter_mut().zip(sums.chunks_exact(self.stored)) {
                let sums: &[S::f32s] = bytemuck::cast_slice(sums);
                totals.copy_from_slice(&sums[offset..offset + VECTORS]);
            }
            let ahead = self.ahead.get(offset * self.page_tokens * tile::LINE..).unwrap_or_default();
            tile::accumulate::<S, M, VECTORS, 2>(self.simd, scores, values, stride, offset, ahead, &mut totals);
            for (totals, sums) in totals.iter().zip(sums.chunks_exact_mut(self.stored)) {
                let sums: &mut [S::f32s] = bytemuck::cast_slice_mut(sums);
                sums[offset..offset + VECTORS].copy_from_slice(totals);
            }
        }
    }
}
