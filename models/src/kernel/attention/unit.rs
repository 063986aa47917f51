//! Units of attention work: the scores, softmax and weighted values of a few rows on one thread.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::page_tile::{Mix, QUERIES, Scores};
use super::{AttentionShape, Query};
use crate::kernel::pages::PagedKeyValues;
use crate::kernel::softmax::exponentials;
use crate::kernel::tile;

/// Prefetch distance in blocks of one page and head.
const BLOCKS_AHEAD: usize = 4;

/// Units that one thread computes in turn.
pub(super) struct Part<'a> {
    pub(super) shape: AttentionShape,
    pub(super) pages: &'a PagedKeyValues,
    pub(super) units: Vec<Unit<'a>>,
}

/// A few rows of one sequence with the query heads of one key-value head, or one row with all query heads.
pub(super) struct Unit<'a> {
    /// Key-value heads.
    pub(super) heads: Range<usize>,
    pub(super) queries: &'a [Query<'a>],
    /// One slice per query head, row by row.
    pub(super) q: Vec<&'a [f32]>,
    /// The result of each query head.
    pub(super) y: Vec<&'a mut [f32]>,
}

impl Unit<'_> {
    /// Query heads per key-value head, over all rows.
    #[inline(always)]
    fn shared(&self) -> usize {
        self.q.len() / self.heads.len()
    }

    /// The positions that query head `index` of a key-value head attends to.
    #[inline(always)]
    fn context(&self, window: Option<usize>, index: usize) -> Range<usize> {
        let end = self.queries[index * self.queries.len() / self.shared()].context;
        window.map_or(0, |window| end.saturating_sub(window))..end
    }

    /// Pages of the sequence that are read.
    #[inline(always)]
    fn span(&self, window: Option<usize>, page_tokens: usize) -> Range<usize> {
        let last = self.context(window, self.shared() - 1);
        self.context(window, 0).start / page_tokens..last.end.div_ceil(page_tokens)
    }
}

/// The blocks of keys and values, one for each page and head, in the order in which they are read.
struct Reading<'a> {
    blocks: Vec<&'a [f32]>,
    next: usize,
}

impl<'a> Reading<'a> {
    fn of(part: &Part<'a>) -> Self {
        let mut blocks = Vec::new();
        for unit in &part.units {
            let pages = &unit.queries[0].pages[unit.span(part.shape.window, part.pages.page_tokens())];
            let each = || pages.iter().flat_map(|page| unit.heads.clone().map(move |head| (*page, head)));
            blocks.extend(each().map(|(page, head)| part.pages.keys(page, head)));
            blocks.extend(each().map(|(page, head)| part.pages.values(page, head)));
        }
        Self { blocks, next: 0 }
    }

    /// The next block, and a later one to prefetch.
    #[inline(always)]
    fn take(&mut self) -> (&'a [f32], &'a [f32]) {
        let block = self.blocks[self.next];
        let ahead = self.blocks.get(self.next + BLOCKS_AHEAD).copied().unwrap_or_default();
        self.next += 1;
        (block, ahead)
    }
}

impl WithSimd for Part<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let mut reading = Reading::of(&self);
        let (page_tokens, stored) = (self.pages.page_tokens(), self.pages.stored_size());
        let (mut scores, mut sums) = (Vec::new(), Vec::new());
        for mut unit in self.units {
            let (span, shared) = (unit.span(self.shape.window, page_tokens), unit.shared());
            // Rows at a distance of a power of two would compete for the same sets of the L1 cache.
            let length = span.len() * page_tokens + tile::LINE;
            scores.resize(length * unit.q.len(), 0.0_f32);
            for page in 0..span.len() {
                for (q, scores) in unit.q.chunks(shared).zip(scores.chunks_mut(shared * length)) {
                    let (keys, ahead) = reading.take();
                    let tiles = Scores { simd, keys, ahead, page_tokens, scale: self.shape.scale, length };
                    tiles.fill(q, &mut scores[page * page_tokens..]);
                }
            }
            sums.clear();
            // The softmax is normalized after the sum over values, by one factor per query head.
            sums.resize(stored * unit.q.len() + unit.q.len(), 0.0_f32);
            let (sums, factors) = sums.split_at_mut(stored * unit.q.len());
            for (index, (scores, factor)) in scores.chunks_mut(length).zip(factors.iter_mut()).enumerate() {
                let context = unit.context(self.shape.window, index % shared);
                let first = span.start * page_tokens;
                *factor = 1.0 / exponentials(&mut scores[context.start - first..context.end - first]);
            }
            for page in 0..span.len() {
                for (scores, sums) in scores.chunks(shared * length).zip(sums.chunks_mut(shared * stored)) {
                    let (values, ahead) = reading.take();
                    let scores = &scores[page * page_tokens..];
                    let mix = Mix { simd, values, ahead, page_tokens, stored, scores, length, tokens: 0..page_tokens };
                    mix_page(&unit, self.shape.window, span.start + page, mix, sums);
                }
            }
            for ((y, sums), factor) in unit.y.iter_mut().zip(sums.chunks(stored)).zip(factors) {
                y.iter_mut().zip(sums).for_each(|(y, sum)| *y = sum * *factor);
            }
        }
    }
}

/// Adds the values of one page and head to the sums of all queries. Queries with the same positions of the page share a
/// register tile; the order of each sum is the same either way.
#[inline(always)]
fn mix_page<S: Simd>(unit: &Unit<'_>, window: Option<usize>, page: usize, mix: Mix<'_, S>, sums: &mut [f32]) {
    let seen = |index: usize| {
        let context = unit.context(window, index);
        let within = |position: usize| position.saturating_sub(page * mix.page_tokens).min(mix.page_tokens);
        within(context.start)..within(context.end)
    };
    let mut index = 0;
    while index < unit.shared() {
        let tokens = seen(index);
        let most = (unit.shared() - index).min(QUERIES);
        let count = (1..most).take_while(|offset| seen(index + offset) == tokens).count() + 1;
        let scores = &mix.scores[index * mix.length..];
        Mix { scores, tokens, ..mix }.add_to(&mut sums[index * mix.stored..(index + count) * mix.stored]);
        index += count;
    }
}
