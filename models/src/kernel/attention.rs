//! Causal attention over paged keys and values: every row sees its own context, in the order of its positions.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::pages::{PAGE_TOKENS, PagedKeyValues};
use super::processor::Processor;
use super::softmax::exponentials;
use super::tile;

/// Vectors a register tile is wide.
const VECTORS: usize = 2;
/// Queries a register tile is high.
const QUERIES: usize = 8;
/// Neighbouring rows of one sequence that are computed together.
const ROWS: usize = 16;

/// What all rows of a call have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionShape {
    /// Query heads, a multiple of the key-value heads of the pages.
    pub heads: usize,
    /// What scores are multiplied by, usually `1 / sqrt(head_size)`.
    pub scale: f32,
    /// How many positions a row sees, its own included; all of them without.
    pub window: Option<usize>,
}

/// What one row sees.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The pages of its sequence in order.
    pub pages: &'a [u32],
    /// How many positions of them are its context, its own included; at least 1.
    pub context: usize,
}

/// Attention of `q [T, heads * head_size]`, one row a query, into `y` of the same shape. The keys and values of the
/// rows themselves must have been written. Rows of one sequence should be neighbours with growing contexts, since
/// those are computed together; their results do not depend on it.
///
/// # Panics
/// If the lengths do not agree or a context is longer than its pages.
pub fn attention(
    processor: &Processor,
    shape: AttentionShape,
    pages: &PagedKeyValues,
    queries: &[Query<'_>],
    q: &[f32],
    y: &mut [f32],
) {
    let size = pages.head_size();
    let width = shape.heads * size;
    assert_eq!(shape.heads % pages.heads(), 0, "query heads are shared evenly between key-value heads");
    assert_eq!(q.len(), queries.len() * width, "q has a row for each query");
    assert_eq!(y.len(), q.len(), "y has the shape of q");
    for query in queries {
        let pages = query.pages.len() * PAGE_TOKENS;
        assert!((1..=pages).contains(&query.context), "a context has 1 to {pages} positions");
    }
    let group = shape.heads / pages.heads() * size;
    let mut parts = Vec::new();
    let mut rest = y;
    for rows in runs(queries) {
        let (own, others) = rest.split_at_mut(rows.len() * width);
        rest = others;
        let mut heads: Vec<Part<'_>> = (0..pages.heads())
            .map(|head| Part { shape, pages, head, queries: &queries[rows.clone()], q: Vec::new(), y: Vec::new() })
            .collect();
        let q = &q[rows.start * width..rows.end * width];
        for (index, (q, y)) in q.chunks_exact(size).zip(own.chunks_exact_mut(size)).enumerate() {
            let part = &mut heads[index * size / group % pages.heads()];
            part.q.push(q);
            part.y.push(y);
        }
        parts.extend(heads);
    }
    let instructions = processor.instructions();
    processor.each(parts, |part| instructions.run(part));
}

/// Ranges of neighbouring rows of one sequence whose contexts grow by one.
fn runs<'a>(queries: &'a [Query<'a>]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let first = queries.get(start)?;
        let follows = |(offset, query): &(usize, &Query<'_>)| {
            std::ptr::eq(query.pages, first.pages) && query.context == first.context + offset
        };
        let length = queries[start..].iter().take(ROWS).enumerate().take_while(follows).count();
        let run = start..start + length;
        start = run.end;
        Some(run)
    })
}

/// The query heads that share one key-value head, for neighbouring rows of one sequence.
struct Part<'a> {
    shape: AttentionShape,
    pages: &'a PagedKeyValues,
    head: usize,
    queries: &'a [Query<'a>],
    /// One slice for each row and query head, row by row; the same in `y`.
    q: Vec<&'a [f32]>,
    y: Vec<&'a mut [f32]>,
}

impl Part<'_> {
    /// The positions which query head `index` sees.
    #[inline(always)]
    fn context(&self, index: usize) -> Range<usize> {
        let end = self.queries[index * self.queries.len() / self.q.len()].context;
        let start = self.shape.window.map_or(0, |window| end.saturating_sub(window));
        start..end
    }
}

impl WithSimd for Part<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let first = self.context(0).start / PAGE_TOKENS;
        let last = self.context(self.q.len() - 1).end.div_ceil(PAGE_TOKENS);
        let length = (last - first) * PAGE_TOKENS;
        let mut scores = vec![0.0_f32; length * self.q.len()];
        for (index, page) in (first..last).enumerate() {
            score_page(simd, &self, page, index * PAGE_TOKENS, length, &mut scores);
        }
        let mut factors = Vec::with_capacity(self.q.len());
        for (index, scores) in scores.chunks_exact_mut(length).enumerate() {
            let context = self.context(index);
            let scores = &mut scores[context.start - first * PAGE_TOKENS..context.end - first * PAGE_TOKENS];
            factors.push(1.0 / exponentials(scores));
        }
        let stored = self.pages.stored_size();
        let mut sums = vec![0.0_f32; stored * self.q.len()];
        for page in first..last {
            mix_page(simd, &self, page, first * PAGE_TOKENS, &scores, &mut sums);
        }
        for ((y, sums), factor) in self.y.iter_mut().zip(sums.chunks_exact(stored)).zip(factors) {
            y.iter_mut().zip(sums).for_each(|(y, sum)| *y = sum * factor);
        }
    }
}

/// Scores of all queries with the keys of one page, at `column` of rows of `length`; those outside a query's context are
/// computed and never read.
#[inline(always)]
fn score_page<S: Simd>(simd: S, part: &Part<'_>, page: usize, column: usize, length: usize, scores: &mut [f32]) {
    let keys: &[S::f32s] = bytemuck::cast_slice(part.pages.keys(part.queries[0].pages[page], part.head));
    let rows = part.q.chunks(QUERIES).zip(scores.chunks_mut(QUERIES * length));
    for (q, scores) in rows {
        for offset in (0..PAGE_TOKENS / S::F32_LANES).step_by(VECTORS) {
            let column = column + offset * S::F32_LANES;
            macro_rules! run {
                ($($rows:literal),*) => {
                    match q.len() {
                        $($rows => {
                            let q = std::array::from_fn::<&[f32], $rows, _>(|row| q[row]);
                            let mut sums = [[simd.splat_f32s(0.0); VECTORS]; $rows];
                            tile::accumulate(simd, q, keys, PAGE_TOKENS / S::F32_LANES, offset, &mut sums);
                            for (sums, scores) in sums.iter().zip(scores.chunks_exact_mut(length)) {
                                let sums: &[f32] = bytemuck::cast_slice(sums);
                                let scores = &mut scores[column..column + sums.len()];
                                scores.iter_mut().zip(sums).for_each(|(score, sum)| *score = sum * part.shape.scale);
                            }
                        })*
                        _ => unreachable!("queries come in chunks of at most eight"),
                    }
                };
            }
            run!(1, 2, 3, 4, 5, 6, 7, 8);
        }
    }
}

/// Adds the values of one page, each weighted by its score, to the sums of all queries. Where all queries of a tile see
/// the same positions they are computed together, else one by one; the order of a sum is the same.
#[inline(always)]
fn mix_page<S: Simd>(simd: S, part: &Part<'_>, page: usize, first: usize, scores: &[f32], sums: &mut [f32]) {
    let stored = part.pages.stored_size();
    let length = scores.len() / part.q.len();
    let values = part.pages.values(part.queries[0].pages[page], part.head);
    let tokens = page * PAGE_TOKENS..(page + 1) * PAGE_TOKENS;
    let seen = |index: usize| {
        let context = part.context(index);
        context.start.clamp(tokens.start, tokens.end)..context.end.clamp(tokens.start, tokens.end)
    };
    let mut index = 0;
    while index < part.q.len() {
        let range = seen(index);
        let most = (part.q.len() - index).min(QUERIES);
        let count = (1..most).take_while(|offset| seen(index + offset) == range).count() + 1;
        let columns = range.start - first..range.end - first;
        let values: &[S::f32s] = bytemuck::cast_slice(&values[(range.start - tokens.start) * stored..]);
        let rows = &scores[index * length..(index + count) * length];
        let sums = &mut sums[index * stored..(index + count) * stored];
        for offset in (0..stored / S::F32_LANES).step_by(VECTORS) {
            macro_rules! run {
                ($($rows:literal),*) => {
                    match count {
                        $($rows => mix_tile::<S, $rows>(simd, rows, columns.clone(), values, offset, sums),)*
                        _ => unreachable!("queries come in chunks of at most eight"),
                    }
                };
            }
            run!(1, 2, 3, 4, 5, 6, 7, 8);
        }
        index += count;
    }
}

/// Adds two vectors of the values of some tokens, weighted by `columns` of each row of scores.
#[inline(always)]
fn mix_tile<S: Simd, const M: usize>(
    simd: S,
    scores: &[f32],
    columns: Range<usize>,
    values: &[S::f32s],
    offset: usize,
    sums: &mut [f32],
) {
    let (length, stored) = (scores.len() / M, sums.len() / M);
    let scores = std::array::from_fn::<&[f32], M, _>(|row| &scores[row * length..][columns.clone()]);
    let mut totals = [[simd.splat_f32s(0.0); VECTORS]; M];
    for (totals, sums) in totals.iter_mut().zip(sums.chunks_exact(stored)) {
        let sums: &[S::f32s] = bytemuck::cast_slice(sums);
        totals.copy_from_slice(&sums[offset..offset + VECTORS]);
    }
    tile::accumulate(simd, scores, values, stored / S::F32_LANES, offset, &mut totals);
    for (totals, sums) in totals.iter().zip(sums.chunks_exact_mut(stored)) {
        let sums: &mut [S::f32s] = bytemuck::cast_slice_mut(sums);
        sums[offset..offset + VECTORS].copy_from_slice(totals);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::exponential::exp;
    use crate::kernel::norm::tree_sum;
    use crate::kernel::pages::Slot;
    use crate::kernel::sample::{bits, processors, values};

    /// Sequences of these lengths, of which the last rows are queries, with pages dealt out in a scrambled order.
    struct Scene {
        shape: AttentionShape,
        pages: PagedKeyValues,
        tables: Vec<Vec<u32>>,
        lengths: Vec<usize>,
        keys: Vec<Vec<f32>>,
        values: Vec<Vec<f32>>,
    }

    fn scene(heads: usize, shared: usize, size: usize, window: Option<usize>, lengths: &[usize]) -> Scene {
        let kept = heads / shared;
        let mut pages = PagedKeyValues::new(64, kept, size);
        // What nobody wrote must not matter.
        let all: Vec<Slot> = (0..64 * 32).map(|token| Slot { page: token / 32, offset: token % 32 }).collect();
        let poison = vec![f32::NAN; all.len() * kept * size];
        pages.write(&all, &poison, &poison);
        let mut scene = Scene {
            shape: AttentionShape { heads, scale: 1.0 / (size as f32).sqrt(), window },
            pages,
            tables: Vec::new(),
            lengths: lengths.to_vec(),
            keys: Vec::new(),
            values: Vec::new(),
        };
        let mut next = 5;
        for (index, length) in lengths.iter().enumerate() {
            let table: Vec<u32> = (0..length.div_ceil(32))
                .map(|_| {
                    next = (next + 27) % 64;
                    next
                })
                .collect();
            let slots: Vec<Slot> =
                (0..*length).map(|token| Slot { page: table[token / 32], offset: token as u32 % 32 }).collect();
            let (keys, values) =
                (values(index as u64 + 10, length * kept * size), values(index as u64 + 20, length * kept * size));
            scene.pages.write(&slots, &keys, &values);
            scene.tables.push(table);
            scene.keys.push(keys);
            scene.values.push(values);
        }
        scene
    }

    /// One query head by the definition: a chain for each score, the softmax, a chain for each result.
    fn reference(scene: &Scene, sequence: usize, context: usize, head: usize, q: &[f32]) -> Vec<f32> {
        let size = scene.pages.head_size();
        let width = scene.pages.heads() * size;
        let column = head * scene.pages.heads() / scene.shape.heads * size;
        let seen = scene.shape.window.map_or(0, |window| context.saturating_sub(window))..context;
        let part = |rows: &[f32], token: usize| rows[token * width + column..][..size].to_vec();
        let mut scores: Vec<f32> = seen
            .clone()
            .map(|token| {
                let key = part(&scene.keys[sequence], token);
                q.iter().zip(key).fold(0.0_f32, |sum, (q, key)| q.mul_add(key, sum)) * scene.shape.scale
            })
            .collect();
        let greatest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sums = [0.0; 16];
        for (index, score) in scores.iter_mut().enumerate() {
            *score = exp(*score - greatest);
            sums[index % 16] += *score;
        }
        let factor = 1.0 / tree_sum(sums);
        let mut y = vec![0.0_f32; size];
        for (token, score) in seen.zip(scores) {
            let value = part(&scene.values[sequence], token);
            y.iter_mut().zip(value).for_each(|(y, value)| *y = score.mul_add(value, *y));
        }
        y.iter().map(|y| y * factor).collect()
    }

    fn check(heads: usize, shared: usize, size: usize, window: Option<usize>, lengths: &[usize], rows: usize) {
        let scene = scene(heads, shared, size, window, lengths);
        let mut queries = Vec::new();
        let mut expected = Vec::new();
        let q = values(3, lengths.len() * rows * heads * size);
        let mut heads_of_q = q.chunks_exact(size);
        for (sequence, (table, length)) in scene.tables.iter().zip(&scene.lengths).enumerate() {
            let first = length.saturating_sub(rows) + 1;
            for context in first..=*length {
                queries.push(Query { pages: table, context });
                for head in 0..heads {
                    let q = heads_of_q.next().expect("as many as rows");
                    expected.extend(reference(&scene, sequence, context, head, q));
                }
            }
        }
        let q = &q[..expected.len()];
        for processor in processors() {
            let mut y = vec![f32::NAN; q.len()];
            attention(&processor, scene.shape, &scene.pages, &queries, q, &mut y);
            assert_eq!(bits(&y), bits(&expected), "{heads}/{shared} heads of {size}, window {window:?}, {processor:?}");
            let width = heads * size;
            for (row, query) in queries.iter().enumerate() {
                let mut alone = vec![f32::NAN; width];
                let range = row * width..(row + 1) * width;
                attention(&processor, scene.shape, &scene.pages, &[*query], &q[range.clone()], &mut alone);
                assert_eq!(bits(&alone), bits(&expected[range]), "row {row} alone, {processor:?}");
            }
        }
    }

    #[test]
    fn every_row_has_the_bits_of_its_own_context_on_every_processor() {
        for (heads, shared, size, window, lengths, rows) in [
            (9, 3, 64, None, &[1, 33, 70, 128][..], 1),
            (9, 3, 64, None, &[40, 65][..], 39),
            (4, 1, 16, None, &[5, 64, 100][..], 4),
            (14, 7, 8, Some(20), &[3, 50, 96, 97][..], 40),
            (20, 10, 96, Some(33), &[130][..], 50),
            (2, 2, 80, Some(1), &[31][..], 3),
        ] {
            check(heads, shared, size, window, lengths, rows);
        }
    }
}
