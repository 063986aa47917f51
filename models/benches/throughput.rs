//! Tokens a second of the whole engine on a GGUF file, and what share of the machine's plain product that is.
//!
//! `DETHRONE_BENCH_MODEL=FILE.gguf cargo bench -p models --bench throughput -- [THREADS] [SEQUENCES] [eight-bit]`: each
//! sequence has 128 prompt and 64 new tokens. The plain product is the `gemm` crate's, of the model's own shapes with as
//! many rows, measured before and after in the same process. Then as many sequences share a header of 512 tokens.
//! `benches/against_llama.sh` runs this and llama.cpp in turns.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use models::config::{Mixer, ModelConfig};
use models::decoder::{Arithmetic, Decoder};
use models::engine::{Engine, EngineModel, EngineSettings, Request, Sampling, Statistics};
use models::gguf::Gguf;
use models::kernel::PagedKeyValues;

const PROMPT: usize = 128;
const NEW: usize = 64;
const HEADER: usize = 512;
/// Tokens of each sequence after the header.
const TAIL: usize = 16;

fn main() {
    let Ok(path) = std::env::var("DETHRONE_BENCH_MODEL") else {
        println!("set DETHRONE_BENCH_MODEL to a GGUF file to measure the engine");
        return;
    };
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let threads = numbers.first().copied().unwrap_or(2);
    let sequences = numbers.get(1).copied().unwrap_or(64);

    let started = now();
    let gguf = Gguf::open(Path::new(&path)).expect("the file is a sound GGUF file");
    let config = ModelConfig::parse(gguf.config()).expect("the model is supported");
    let mode = Mode::asked_for();
    let decoder = mode.load(&config, &gguf);
    let (bytes, before) = (decoder.bytes(), resident("VmRSS"));
    println!("loaded {:.0} MiB ({mode:?}) in {:.2} s", mebibytes(bytes), started.elapsed().as_secs_f64());
    drop(gguf);

    let pages = sequences * (PROMPT + NEW).div_ceil(32);
    let settings = EngineSettings { rows: sequences, pages, threads, prefix_cache: false, ..EngineSettings::default() };
    let vocabulary = config.vocabulary;
    let model = EngineModel { config: config.clone(), decoder, stop_tokens: Vec::new(), detokenizer: None };
    let engine = Engine::start(model, &settings).expect("the engine starts");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
    let prompts: Vec<Vec<u32>> = (0..sequences)
        .map(|sequence| (0..PROMPT).map(|i| ((sequence * 7919 + i * 104_729 + 17) % vocabulary) as u32).collect())
        .collect();
    let run = |new: usize| {
        let before = engine.statistics();
        let requests = prompts.iter().map(|prompt| {
            engine.generate(Request {
                prompt: prompt.clone(),
                sampling: Sampling { temperature: 1.0, top_k: None, top_p: None, key: 7 },
                max_new_tokens: new,
                stop_strings: Vec::new(),
            })
        });
        let futures: Vec<_> = requests.map(Box::pin).collect();
        runtime.block_on(all(futures));
        difference(engine.statistics(), before)
    };

    run(1 + NEW);
    // Before anything but the engine needs memory.
    let (peak, pages) = (resident("VmHWM"), token_bytes(&config, pages * 32));
    println!(
        "memory: peak {:.0} MiB, of which tensors {:.0} and pages {:.0} MiB, everything else {:.0} MiB ({:.0} MiB after loading)",
        mebibytes(peak),
        mebibytes(bytes),
        mebibytes(pages),
        mebibytes(peak.saturating_sub(bytes + pages)),
        mebibytes(before)
    );
    let plain = plain_rate(&config, sequences, threads);
    let prefill = run(1);
    let whole = run(1 + NEW);
    let plain = plain.max(plain_rate(&config, sequences, threads));

    let decode = whole.forward.saturating_sub(prefill.forward);
    if decode.is_zero() {
        println!("the machine is too busy: {NEW} more tokens took less time than none");
        return;
    }
    let rate = |tokens: u64, time: Duration| tokens as f64 / time.as_secs_f64();
    let prefill_rate = rate(prefill.prefilled, prefill.forward);
    let decode_rate = rate(whole.decoded - prefill.decoded, decode);
    let operations = 2.0 * parameters(&config) as f64;
    let achieved = decode_rate * operations / 1e9;
    println!("{threads} threads, {sequences} sequences of {PROMPT} + {NEW} tokens");
    println!("prefill {prefill_rate:.0} tokens/s, decode {decode_rate:.0} tokens/s");
    println!("decode {achieved:.0} GFLOP/s, plain product {plain:.0} GFLOP/s, ratio {:.2}", achieved / plain);
    drop(engine);
    header(&path, &mode, sequences, threads);
}

/// Arithmetic of a run.
#[derive(Debug)]
enum Mode {
    Exact,
    EightBit,
}

impl Mode {
    fn asked_for() -> Self {
        if std::env::args().any(|argument| argument == "eight-bit") { Self::EightBit } else { Self::Exact }
    }

    fn load(&self, config: &ModelConfig, source: &Gguf) -> Decoder {
        let layout = &models::layout::Layout::of(config, source).expect("the tensors fit the configuration");
        let loaded = match self {
            Self::Exact => Decoder::load(config, source, layout, Arithmetic::Exact),
            Self::EightBit => Decoder::load(config, source, layout, Arithmetic::EightBit),
        };
        loaded.expect("the tensors can be read")
    }
}

/// Sequences with a common header: how many prompt tokens were computed.
fn header(path: &str, mode: &Mode, sequences: usize, threads: usize) {
    let gguf = Gguf::open(Path::new(path)).expect("the file is a sound GGUF file");
    let config = ModelConfig::parse(gguf.config()).expect("the model is supported");
    let decoder = mode.load(&config, &gguf);
    let pages = HEADER / 32 + sequences * 2;
    let settings = EngineSettings { rows: sequences, pages, threads, ..EngineSettings::default() };
    let vocabulary = config.vocabulary;
    let model = EngineModel { config, decoder, stop_tokens: Vec::new(), detokenizer: None };
    let engine = Engine::start(model, &settings).expect("the engine starts");
    let token = |i: usize| (i % vocabulary) as u32;
    let requests = (0..sequences).map(|sequence| {
        let tail = (0..TAIL).map(|i| token(sequence * 31 + i * 7));
        let prompt = (0..HEADER).map(|i| token(i * 101 + 5)).chain(tail).collect();
        let request = Request { prompt, sampling: Sampling::greedy(), max_new_tokens: 1, stop_strings: Vec::new() };
        Box::pin(engine.generate(request))
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
    runtime.block_on(all(requests.collect()));
    let statistics = engine.statistics();
    println!(
        "header of {HEADER} tokens, {sequences} sequences: {} prompt tokens computed ({HEADER} + {sequences} x {TAIL} = {}), {} found again",
        statistics.prefilled,
        HEADER + sequences * TAIL,
        statistics.from_prefix_cache
    );
}

/// A figure of this process's memory in bytes; 0 where the system does not tell.
fn resident(figure: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(figure)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kibibytes| kibibytes.parse::<usize>().ok()).unwrap_or(0) << 10
}

/// Bytes of so many tokens' keys and values in all layers.
fn token_bytes(config: &ModelConfig, tokens: usize) -> usize {
    let layer = |layer: &models::config::Layer| match &layer.mixer {
        Mixer::Attention(attention) => PagedKeyValues::bytes(tokens, attention.key_heads, attention.head_size),
        Mixer::DeltaNet(_) => 0,
    };
    config.layers.iter().map(layer).sum()
}

fn mebibytes(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Parameters that take part in a token's products.
fn parameters(config: &ModelConfig) -> usize {
    let tensors = models::layout::expected_tensors(config);
    let all: usize =
        tensors.iter().filter(|(_, shape)| shape.len() == 2).map(|(_, shape)| shape.iter().product::<usize>()).sum();
    if config.tied_embeddings { all } else { all - config.vocabulary * config.hidden }
}

/// Awaits all futures, polling them together.
async fn all<F: Future + Unpin>(mut futures: Vec<F>) {
    std::future::poll_fn(|context| {
        futures.retain_mut(|future| std::pin::Pin::new(future).poll(context).is_pending());
        if futures.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

fn difference(after: Statistics, before: Statistics) -> Statistics {
    Statistics {
        prefilled: after.prefilled - before.prefilled,
        decoded: after.decoded - before.decoded,
        from_prefix_cache: after.from_prefix_cache - before.from_prefix_cache,
        steps: after.steps - before.steps,
        forward: after.forward - before.forward,
    }
}

/// GFLOP/s of the plain product on a layer's typical shapes and the output layer, weighted as in the model.
fn plain_rate(config: &ModelConfig, rows: usize, threads: usize) -> f64 {
    let hidden = config.hidden;
    let inner = config.layers.iter().find_map(|layer| match &layer.feed_forward {
        models::config::FeedForward::Dense(dense) => Some(dense.intermediate),
        models::config::FeedForward::Experts(_) => None,
    });
    let inner = inner.unwrap_or(hidden);
    let layers = config.layers.len();
    let shapes = [
        (hidden, hidden, 2 * layers),
        (inner, hidden, 2 * layers),
        (hidden, inner, layers),
        (config.vocabulary, hidden, 1),
    ];
    let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started"));
    let (mut operations, mut time) = (0.0, 0.0);
    for (outputs, inputs, count) in shapes {
        // Several copies, so that the tensors come from memory as they do in a model
        let copies = if count == 1 { 1 } else { 8 };
        let matrices: Vec<Vec<f32>> = (0..copies).map(|i| vec![0.01 * (i + 1) as f32; outputs * inputs]).collect();
        let x = vec![0.5_f32; rows * inputs];
        let mut y = vec![0.0_f32; rows * outputs];
        let mut best = f64::INFINITY;
        for _ in 0..5 {
            let started = now();
            pool.install(|| {
                matrices.iter().for_each(|matrix| product(matrix, &x, &mut y, [outputs, inputs, rows], threads));
            });
            best = best.min(started.elapsed().as_secs_f64());
        }
        let calls = count as f64 / copies as f64;
        time += best * calls;
        operations += 2.0 * (outputs * inputs * rows * copies) as f64 * calls;
    }
    operations / time / 1e9
}

/// `y [rows, outputs] = x [rows, inputs] · matrixᵀ` with the `gemm` crate.
#[expect(unsafe_code, reason = "the crate that is compared with takes pointers")]
fn product(matrix: &[f32], x: &[f32], y: &mut [f32], [outputs, inputs, rows]: [usize; 3], threads: usize) {
    assert_eq!((matrix.len(), x.len(), y.len()), (outputs * inputs, rows * inputs, rows * outputs));
    // SAFETY: the three slices have the lengths that the strides and sizes imply, as just checked.
    unsafe {
        gemm::gemm(
            rows,
            outputs,
            inputs,
            y.as_mut_ptr(),
            1,
            outputs as isize,
            false,
            x.as_ptr(),
            1,
            inputs as isize,
            matrix.as_ptr(),
            inputs as isize,
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

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}
