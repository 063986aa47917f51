//! Paged attention: every row attends to its own context, in the order of positions.

use std::ops::Range;

use super::unit::{Part, Unit};
use crate::kernel::pages::PagedKeyValues;
use crate::kernel::processor::Processor;

/// Consecutive rows of one sequence that are computed together.
const ROWS: usize = 16;
/// Rows per thread from which on the heads of one row are not split over threads.
const ROWS_PER_THREAD: usize = 4;
/// Single rows per part.
const SINGLE_ROWS: usize = 8;

/// Heads, scale and window of an attention layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionShape {
    /// Query heads, a multiple of the key-value heads of the pages.
    pub heads: usize,
    /// Factor of the scores, usually `1 / sqrt(head_size)`.
    pub scale: f32,
    /// Sliding window in positions, the row's own included; unlimited if `None`.
    pub window: Option<usize>,
}

/// The context of one row.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The pages of its sequence in order.
    pub pages: &'a [u32],
    /// Length of its context in positions, its own included; at least 1.
    pub context: usize,
}

/// Attention of `q [T, heads * head_size]`, one row per query, into `y` of the same shape. The keys and values of the
/// rows themselves must have been written. Rows of one sequence should be consecutive with growing contexts, since those
/// are computed together; results do not depend on it.
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
    // With enough rows to keep all threads busy, a single row is computed for all its heads at once, since that reads
    // memory in order.
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

/// Ranges of consecutive rows of one sequence whose contexts grow by one.
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
