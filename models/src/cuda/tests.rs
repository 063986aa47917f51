//! The decoder on the kernels' stand-in: every family, any composition of steps, and the engine on top.

mod shim;

use std::sync::Arc;

use super::{card::Card, decoder::load};
use crate::{
    config::FeedForward,
    decoder::{Capacity, Decoder, golden},
    engine::{Completion, Engine, EngineModel, EngineSettings, Request, Sampling},
    layout::Layout,
};
use rayon::prelude::*;
use shim::ShimCard;

/// Logits in bfloat16 may be this far from the reference's in single precision.
const TOLERANCE: f32 = 0.1;

fn card() -> Arc<dyn Card> {
    Arc::new(ShimCard::new())
}

fn decoder(card: &Arc<dyn Card>, family: &str) -> (Decoder, usize) {
    let (config, source) = golden::files(family);
    let layout = Layout::of(&config, &source).unwrap();
    (load(card, &config, &source, &layout).unwrap(), config.vocabulary)
}

fn check_family(card: &Arc<dyn Card>, family: &str, chunks: &[usize]) {
    for chunk in chunks.iter().copied() {
        let (decoder, vocabulary) = decoder(card, family);
        let differences = golden::differences(family, decoder, vocabulary, chunk);
        let experts = golden::files(family).0.layers.iter().any(|l| matches!(l.feed_forward, FeedForward::Experts(_)));
        // Rounding may make a router, which among random tensors has no clear favorites, pick another expert.
        let judged = if experts { differences.len() / 3 } else { differences.len() - 1 };
        let ((middle, _), (most, place)) = (&differences[differences.len() / 2], &differences[differences.len() - 1]);
        eprintln!("{family} in chunks of {chunk}: half of the rows within {middle}, all within {most} ({place})");
        assert!(differences[judged].0 < TOLERANCE, "{family}: {}", differences[judged].1);
    }
}

#[test]
fn every_family_agrees_with_the_reference_on_the_kernels() {
    golden::families().par_iter().for_each(|family| check_family(&card(), family, &[48]));
}

fn engine(card: &Arc<dyn Card>, family: &str, rows: usize, chunk: usize, prefix_cache: bool) -> Engine {
    let (config, _) = golden::files(family);
    let (decoder, _) = decoder(card, family);
    let model = EngineModel { config, decoder, stop_tokens: Vec::new(), detokenizer: None };
    let pages = rows * 3;
    let settings = EngineSettings { rows, chunk, pages, prefix_cache, threads: 1, ..EngineSettings::default() };
    Engine::start(model, &settings).unwrap()
}

/// Requests of different lengths, some with a common beginning, and every kind of sampling.
fn requests(count: usize, new: usize) -> Vec<Request> {
    let request = |index: usize| {
        let length = 1 + index * 13 % 47;
        let from = if index.is_multiple_of(3) { 0 } else { index };
        let prompt = (0..length).map(|at| ((at * 7 + from * 31) % 320) as u32).collect();
        let (temperature, top_k, top_p) =
            [(1.0, None, None), (0.7, Some(20), None), (0.0, None, None), (1.3, Some(200), Some(0.9))][index % 4];
        let sampling = Sampling { temperature, top_k, top_p, key: 99 + index as u64 };
        Request { prompt, sampling, max_new_tokens: new, stop_strings: Vec::new() }
    };
    (0..count).map(request).collect()
}

/// Runs requests side by side, some of them a little later than others.
fn run(engine: &Engine, requests: &[Request]) -> Vec<Completion> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut pending: Vec<_> = requests.iter().map(|request| Box::pin(engine.generate(request.clone()))).collect();
        let mut done: Vec<Option<Completion>> = vec![None; requests.len()];
        std::future::poll_fn(|context| {
            for (future, done) in pending.iter_mut().zip(&mut done) {
                if done.is_none()
                    && let std::task::Poll::Ready(result) = future.as_mut().poll(context)
                {
                    *done = Some(result.unwrap());
                }
            }
            if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        done.into_iter().map(Option::unwrap).collect()
    })
}

/// Tokens and bits of log-probabilities.
fn bits(completions: &[Completion]) -> Vec<(Vec<u32>, Vec<u32>)> {
    completions.iter().map(|c| (c.tokens.clone(), c.logprobs.iter().map(|l| l.to_bits()).collect())).collect()
}

/// Generates alone, side by side, in other orders, chunks and batches, with and without a prefix cache, and scores and
/// verifies what was generated: always the same ids and bits. Returns the number of compared tokens.
fn check_invariance(card: &Arc<dyn Card>, family: &str, count: usize, new: usize) -> usize {
    let requests = requests(count, new);
    let first = engine(card, family, 1, 64, false);
    let alone: Vec<Completion> =
        requests.iter().flat_map(|request| run(&first, std::slice::from_ref(request))).collect();
    let mut compared = 0;
    for (rows, chunk, cache) in [(count, 512, false), (count, 5, true), (3, 17, true), (count.div_ceil(2), 1, false)] {
        let engine = engine(card, family, rows, chunk, cache);
        assert_eq!(
            bits(&run(&engine, &requests)),
            bits(&alone),
            "{family}: {rows} rows, chunks of {chunk}, cache {cache}"
        );
        let backwards: Vec<Request> = requests.iter().rev().cloned().collect();
        let mut found = bits(&run(&engine, &backwards));
        found.reverse();
        assert_eq!(found, bits(&alone), "{family} backwards: {rows} rows, chunks of {chunk}, cache {cache}");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for (request, completion) in requests.iter().zip(&alone) {
            let scores = runtime.block_on(engine.score(&request.prompt, &completion.tokens, 3)).unwrap();
            let logprobs: Vec<u32> = scores.iter().map(|score| score.logprob.to_bits()).collect();
            assert_eq!(logprobs, bits(std::slice::from_ref(completion))[0].1, "{family}: score and generation");
            for (score, token) in scores.iter().zip(&completion.tokens) {
                if let Some(place) = score.top.iter().position(|(top, _)| top == token) {
                    assert_eq!((place as u32, score.top[place].1), (score.rank, score.logprob));
                }
            }
            let check = engine.verify_rollout(&request.prompt, &completion.tokens, request.sampling);
            let check = runtime.block_on(check).unwrap();
            assert_eq!(check.mismatch, None, "{family}");
            assert_eq!(check.logprobs, completion.logprobs, "{family}: verification and generation");
            let mut wrong = completion.tokens.clone();
            wrong[new / 2] = (wrong[new / 2] + 1) % 320;
            let check = runtime.block_on(engine.verify_rollout(&request.prompt, &wrong, request.sampling)).unwrap();
            let mismatch = check.mismatch.expect("a changed token is found");
            assert_eq!((mismatch.index, mismatch.chosen), (new / 2, completion.tokens[new / 2]), "{family}");
            compared += 4 * new;
        }
    }
    compared
}

#[test]
fn no_bit_depends_on_batch_order_chunks_or_cache() {
    // Threads of their own: a worker of the pool that waits for an engine would not do that engine's products.
    std::thread::scope(|scope| {
        for family in ["gemma3", "qwen3_5-moe"] {
            scope.spawn(move || assert!(check_invariance(&card(), family, 3, 3) > 0));
        }
    });
}

#[test]
fn a_model_that_does_not_fit_or_suit_the_kernels_is_refused_with_the_reason() {
    let card = card();
    let (mut decoder, _) = decoder(&card, "llama");
    let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap());
    let capacity = Capacity { pages: 1 << 40, page_tokens: 32, states: 4, positions: 64, long_from: None, rows: 64 };
    let error = decoder.start(capacity, pool.clone()).unwrap_err().to_string();
    assert!(
        error.contains("tokens of keys and values, 4 states and 64 rows a step (") && error.contains("are free"),
        "{error}"
    );
    let error = decoder.start(Capacity { rows: 9000, pages: 4, ..capacity }, pool.clone()).unwrap_err().to_string();
    assert!(error.contains("lower `engine.rows` or `engine.chunk`"), "{error}");
    decoder.start(Capacity { pages: 4, ..capacity }, pool).unwrap();
    let (mut config, source) = golden::files("llama");
    let layout = Layout::of(&config, &source).unwrap();
    config.hidden = 20;
    let error = load(&card, &config, &source, &layout).err().unwrap().to_string();
    assert!(
        error.contains("the kernels need a hidden size of at most 16384 that is a multiple of 8, not 20"),
        "{error}"
    );
}

/// The card of this machine, for tests that a device runs by their names.
fn real() -> Arc<dyn Card> {
    let cache = std::env::var_os("DETHRONE_CACHE").map_or_else(std::env::temp_dir, std::path::PathBuf::from);
    Arc::new(super::driver::NvidiaCard::open(&cache, None).unwrap())
}

#[test]
#[ignore = "needs an NVIDIA card"]
fn every_family_agrees_with_the_reference_on_a_card() {
    let card = real();
    golden::families().iter().for_each(|family| check_family(&card, family, &[48, 7, 1]));
}

#[test]
#[ignore = "needs an NVIDIA card"]
fn no_bit_depends_on_batch_order_chunks_or_cache_on_a_card() {
    let card = real();
    for family in &golden::families() {
        eprintln!("{family}: {} tokens compared, none differs", check_invariance(&card, family, 40, 24));
    }
}
