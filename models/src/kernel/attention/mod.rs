//! Causal attention over paged keys and values: every row sees its own context, in the order of its positions.

mod page_tile;
mod unit;

use std::ops::Range;

use super::pages::PagedKeyValues;
use super::processor::Processor;
use unit::{Part, Unit};

/// Neighbouring rows of one sequence that are computed together.
const ROWS: usize = 16;
/// Rows for each thread from which on a row's heads need not be spread over threads.
const ROWS_PER_THREAD: usize = 4;
/// Single rows of a part.
const SINGLE_ROWS: usize = 8;

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
        let room = query.pages.len() * pages.page_tokens();
        assert!((1..=room).contains(&query.context), "a context has 1 to {room} positions");
    }
    let mut units = Vec::new();
    let mut rest = y;
    // A single row is computed for all its heads in one go, which reads memory in order, if other rows keep the other
    // threads busy.
    let many = queries.len() >= processor.threads() * ROWS_PER_THREAD;
    for rows in runs(queries) {
        let (own, others) = rest.split_at_mut(rows.len() * width);
        rest = others;
        let together = if rows.len() == 1 && many { pages.heads() } else { 1 };
        let room = rows.len() * shape.heads / pages.heads() * together;
        let first = units.len();
        units.extend((0..pages.heads()).step_by(together).map(|head| Unit {
            heads: head..head + together,
            queries: &queries[rows.clone()],
            q: Vec::with_capacity(room),
            y: Vec::with_capacity(room),
        }));
        let q = &q[rows.start * width..rows.end * width];
        for (index, (q, y)) in q.chunks_exact(size).zip(own.chunks_exact_mut(size)).enumerate() {
            let head = index % shape.heads * pages.heads() / shape.heads;
            let unit = &mut units[first + head / together];
            unit.q.push(q);
            unit.y.push(y);
        }
    }
    let mut parts: Vec<Part<'_>> = Vec::new();
    for unit in units {
        match parts.last_mut() {
            Some(part) if unit.heads.len() > 1 && part.units.len() < SINGLE_ROWS => part.units.push(unit),
            _ => parts.push(Part { shape, pages, units: vec![unit] }),
        }
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

    fn scene(page: usize, heads: usize, shared: usize, size: usize, window: Option<usize>, lengths: &[usize]) -> Scene {
        let kept = heads / shared;
        let mut pages = PagedKeyValues::new(64, page, kept, size);
        // What nobody wrote must not matter.
        let slot = |page_index: u32, token: usize| Slot { page: page_index, offset: (token % page) as u32 };
        let all: Vec<Slot> = (0..64 * page).map(|token| slot((token / page) as u32, token)).collect();
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
            let table: Vec<u32> = (0..length.div_ceil(page))
                .map(|_| {
                    next = (next + 27) % 64;
                    next
                })
                .collect();
            let slots: Vec<Slot> = (0..*length).map(|token| slot(table[token / page], token)).collect();
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
        for page in [32, 64, 160] {
            check_pages(page, heads, shared, size, window, lengths, rows);
        }
    }

    fn check_pages(
        page: usize,
        heads: usize,
        shared: usize,
        size: usize,
        window: Option<usize>,
        lengths: &[usize],
        rows: usize,
    ) {
        let scene = scene(page, heads, shared, size, window, lengths);
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
