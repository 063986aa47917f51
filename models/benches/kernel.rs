//! Rates of the kernels, the products beside the plain `gemm` crate in the same run.
//!
//! `cargo bench -p models --bench kernel -- [threads]`; the best of many short alternating runs, so that a busy
//! machine disturbs both sides alike.

use std::hint::black_box;
use std::sync::Arc;

use models::kernel::{self, AttentionShape, PackedLinear, PackedLinearBuilder, PagedKeyValues, Processor, Query, Slot};

/// Time spent on each figure.
const SECONDS: f64 = 0.6;

fn main() {
    let threads = std::env::args().filter_map(|argument| argument.parse().ok()).next_back().unwrap_or(2);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
    let pool = Arc::new(pool);
    let processor = Processor::new(Arc::clone(&pool));
    println!("{threads} threads, {:?}", processor.instructions());
    pool.install(|| {
        products(&processor, threads);
        elements(&processor);
        attention(&processor);
    });
}

/// The smallest time of each of `works`, run in turns.
fn best<const N: usize>(mut works: [&mut dyn FnMut(); N]) -> [f64; N] {
    let mut best = [f64::INFINITY; N];
    let begin = now();
    while begin.elapsed().as_secs_f64() < SECONDS {
        for (work, best) in works.iter_mut().zip(&mut best) {
            let start = now();
            work();
            *best = best.min(start.elapsed().as_secs_f64());
        }
    }
    best
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

fn values(count: usize) -> Vec<f32> {
    (0..count).map(|index| ((index * 7919) % 2003) as f32 / 1001.0 - 1.0).collect()
}

/// The products of SmolLM2-135M, in turns over so many copies that none is found in the second cache.
fn products(processor: &Processor, threads: usize) {
    println!("GFLOP/s of products, and GB/s of parameters read");
    println!(
        "{:>5} {:>6} {:>5} {:>8} {:>8} {:>6} {:>8} {:>8} {:>6} {:>8}",
        "rows", "out", "in", "gemm", "f32", "ratio", "GB/s", "blocks", "ratio", "GB/s"
    );
    for rows in [1, 4, 8, 16, 64, 512] {
        for (outputs, inputs, copies) in [(960, 576, 8), (576, 576, 8), (3072, 576, 4), (576, 1536, 8), (49152, 576, 1)]
        {
            if rows * outputs > 1 << 22 {
                continue;
            }
            let matrix = values(outputs * inputs);
            let x = values(rows * inputs);
            let mut results = [(); 3].map(|()| vec![0.0; rows * outputs]);
            let [y, z, w] = &mut results;
            let floats: Vec<_> = (0..copies).map(|_| PackedLinear::pack(&matrix, outputs, inputs)).collect();
            let blocks: Vec<_> = (0..copies).map(|_| in_blocks(&matrix, outputs, inputs)).collect();
            let plain: Vec<_> = (0..copies).map(|_| matrix.clone()).collect();
            let bytes = [&floats, &blocks].map(|layers| layers[0].bytes() as f64 / 1e9);
            let (mut floats, mut blocks) = (floats.iter().cycle(), blocks.iter().cycle());
            let mut plain = plain.iter().cycle();
            let [plain, floats, blocks] = best([
                &mut || product(&x, plain.next().expect("a cycle"), y, [rows, outputs, inputs], threads),
                &mut || floats.next().expect("a cycle").forward(processor, black_box(&x), z),
                &mut || blocks.next().expect("a cycle").forward(processor, black_box(&x), w),
            ]);
            let work = (2 * rows * outputs * inputs) as f64 / 1e9;
            println!(
                "{rows:>5} {outputs:>6} {inputs:>5} {:>8.1} {:>8.1} {:>6.2} {:>8.1} {:>8.1} {:>6.2} {:>8.1}",
                work / plain,
                work / floats,
                plain / floats,
                bytes[0] / floats,
                work / blocks,
                plain / blocks,
                bytes[1] / blocks
            );
        }
    }
}

fn in_blocks(matrix: &[f32], outputs: usize, inputs: usize) -> PackedLinear {
    let mut builder = PackedLinearBuilder::quantized(outputs, inputs);
    builder.push_rows(matrix);
    builder.finish()
}

#[expect(unsafe_code, reason = "the crate compared with takes pointers")]
fn product(x: &[f32], matrix: &[f32], y: &mut [f32], [rows, outputs, inputs]: [usize; 3], threads: usize) {
    assert_eq!((x.len(), matrix.len(), y.len()), (rows * inputs, outputs * inputs, rows * outputs));
    let strides = [outputs as isize, inputs as isize];
    // SAFETY: the slices have the lengths that sizes and strides describe.
    unsafe {
        gemm::gemm(
            rows,
            outputs,
            inputs,
            y.as_mut_ptr(),
            1,
            strides[0],
            false,
            x.as_ptr(),
            1,
            strides[1],
            matrix.as_ptr(),
            strides[1],
            1,
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::Rayon(threads),
        );
    }
}

fn elements(processor: &Processor) {
    for rows in [64, 512] {
        let (mut x, y) = (values(rows * 1536), values(rows * 1536));
        let (mut z, mut sums) = (vec![0.0; rows * 576], values(rows * 576));
        let scale = values(576);
        let [gate, norm, add] = best([
            &mut || kernel::silu_multiply(processor, black_box(&mut x), &y),
            &mut || kernel::rms_norm(processor, &y[..rows * 576], &scale, 1e-5, &mut z),
            &mut || kernel::add(processor, black_box(&mut sums), &y[..rows * 576]),
        ]);
        println!(
            "{rows} rows: silu*up of 1536 {:.1} us, rms norm of 576 {:.1} us, add {:.1} us",
            gate * 1e6,
            norm * 1e6,
            add * 1e6
        );
    }
    let row = values(49152);
    let (mut sum, mut most) = (0.0, 0);
    let [sum_time, most_time] = best([&mut || sum = kernel::log_sum_exp(processor, black_box(&row)), &mut || {
        most = kernel::argmax(processor, black_box(&row));
    }]);
    black_box((sum, most));
    println!("log-sum-exp of 49152 {:.1} us, argmax {:.1} us", sum_time * 1e6, most_time * 1e6);
}

/// One layer of SmolLM2-135M: 9 query heads on 3 key-value heads of 64.
fn attention(processor: &Processor) {
    let shape = AttentionShape { heads: 9, scale: 0.125, window: None };
    for (name, sequences, context, rows) in
        [("decode", 64, 160, 1), ("prefill", 4, 128, 128), ("decode", 1, 2048, 1), ("prefill", 1, 2048, 512)]
    {
        let per_sequence = context / 32;
        let mut pages = PagedKeyValues::new(sequences * per_sequence, 32, 3, 64);
        let slots: Vec<Slot> =
            (0..(sequences * context) as u32).map(|token| Slot { page: token / 32, offset: token % 32 }).collect();
        let kept = values(slots.len() * 192);
        pages.write(&slots, &kept, &kept);
        let tables: Vec<Vec<u32>> = (0..sequences)
            .map(|sequence| (0..per_sequence).map(|page| (sequence * per_sequence + page) as u32).collect())
            .collect();
        let queries: Vec<Query<'_>> = tables
            .iter()
            .flat_map(|pages| (context - rows + 1..=context).map(move |context| Query { pages, context }))
            .collect();
        let q = values(queries.len() * 576);
        let mut y = vec![0.0; q.len()];
        let [time] = best([&mut || kernel::attention(processor, shape, &pages, &queries, black_box(&q), &mut y)]);
        let work: usize = queries.iter().map(|query| query.context * 9 * 64 * 4).sum();
        println!(
            "attention, {name}, {sequences} x {context}: {:.1} us, {:.1} GFLOP/s",
            time * 1e6,
            work as f64 / time / 1e9
        );
    }
}
