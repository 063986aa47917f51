use super::{AttentionShape, Query, attention};
use crate::kernel::exponential::exp;
use crate::kernel::fixtures::{bits, processors, refuses, values};
use crate::kernel::norm::tree_sum;
use crate::kernel::pages::{PagedKeyValues, Slot};

/// Sequences of these lengths, of which the last rows are queries, with pages in a scrambled order.
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
    // Slots that were never written must not matter.
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

/// One query head in double precision.
fn exact(scene: &Scene, context: usize, head: usize, q: &[f32]) -> Vec<f64> {
    let (size, kept) = (scene.pages.head_size(), scene.pages.heads());
    let column = head * kept / scene.shape.heads * size;
    let part = |rows: &[f32], token: usize| -> Vec<f64> {
        rows[token * kept * size + column..][..size].iter().map(|value| f64::from(*value)).collect()
    };
    let seen = scene.shape.window.map_or(0, |window| context.saturating_sub(window))..context;
    let weight = |token: usize| {
        let score: f64 = q.iter().zip(part(&scene.keys[0], token)).map(|(q, key)| f64::from(*q) * key).sum();
        (score * f64::from(scene.shape.scale)).exp()
    };
    let weights: Vec<f64> = seen.clone().map(weight).collect();
    let total: f64 = weights.iter().sum();
    let mut y = vec![0.0; size];
    for (token, weight) in seen.zip(weights) {
        y.iter_mut().zip(part(&scene.values[0], token)).for_each(|(y, value)| *y += weight / total * value);
    }
    y
}

#[test]
fn attention_agrees_with_double_precision() {
    for (heads, shared, size, window, length) in
        [(2, 1, 4, None, 1), (4, 2, 33, None, 97), (3, 3, 64, Some(7), 200), (8, 1, 31, Some(64), 65)]
    {
        let scene = scene(32, heads, shared, size, window, &[length]);
        let contexts: Vec<usize> =
            [1, 2, 31, 32, 33, length].into_iter().filter(|context| *context <= length).collect();
        let queries: Vec<Query<'_>> =
            contexts.iter().map(|context| Query { pages: &scene.tables[0], context: *context }).collect();
        let q: Vec<f32> = values(4, queries.len() * heads * size).iter().map(|q| q * 8.0).collect();
        for processor in processors() {
            let mut y = vec![f32::NAN; q.len()];
            attention(&processor, scene.shape, &scene.pages, &queries, &q, &mut y);
            for (index, (q, y)) in q.chunks(size).zip(y.chunks(size)).enumerate() {
                let expected = exact(&scene, contexts[index / heads], index % heads, q);
                for (y, expected) in y.iter().zip(expected) {
                    assert!((f64::from(*y) - expected).abs() <= 2e-5, "{heads} heads of {size}: {y} for {expected}");
                }
            }
        }
    }
}

#[test]
fn the_order_of_queries_does_not_change_a_row() {
    let (heads, size) = (6, 24);
    let scene = scene(64, heads, 2, size, None, &[70, 33, 130]);
    let queries: Vec<Query<'_>> = (0..90)
        .map(|index| {
            let sequence = index * 7 % 3;
            Query { pages: &scene.tables[sequence], context: 1 + index * 11 % scene.lengths[sequence] }
        })
        .collect();
    let width = heads * size;
    let q = values(5, queries.len() * width);
    for processor in processors() {
        let mut y = vec![f32::NAN; q.len()];
        attention(&processor, scene.shape, &scene.pages, &queries, &q, &mut y);
        let (mut reversed, mut q_reversed) = (queries.clone(), Vec::new());
        reversed.reverse();
        q.chunks(width).rev().for_each(|row| q_reversed.extend(row));
        let mut z = vec![f32::NAN; q.len()];
        attention(&processor, scene.shape, &scene.pages, &reversed, &q_reversed, &mut z);
        for (y, z) in y.chunks(width).zip(z.chunks(width).rev()) {
            assert_eq!(bits(y), bits(z), "{processor:?}");
        }
    }
}

#[test]
fn queries_that_do_not_fit_the_pages_are_refused() {
    let pages = PagedKeyValues::new(2, 32, 2, 4);
    let run = |heads, context, q: usize, y: usize| {
        let shape = AttentionShape { heads, scale: 1.0, window: None };
        let queries = [Query { pages: &[1], context }];
        attention(&processors()[0], shape, &pages, &queries, &vec![0.0; q], &mut vec![0.0; y]);
    };
    refuses("shared evenly", || run(3, 1, 12, 12));
    refuses("a row for each query", || run(4, 1, 12, 12));
    refuses("the shape of q", || run(4, 1, 16, 12));
    refuses("1 to 32 positions", || run(4, 0, 16, 16));
    refuses("1 to 32 positions", || run(4, 33, 16, 16));
}
