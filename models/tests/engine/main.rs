//! The engine on the tiny reference checkpoints: right tokens, and the same bits however the work is cut up.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod long_texts;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

use models::config::ModelConfig;
use models::decoder::{Arithmetic, Decoder};
use models::engine::{Completion, Detokenizer, Engine, EngineModel, EngineSettings, Finish, Request, Sampling};
use models::snapshot::Snapshot;
use models::{
    error::LoadError,
    layout::Layout,
    tensors::{Safetensors, TensorSource},
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// The families that there are tiny checkpoints of: the names of the folders.
fn families() -> Vec<String> {
    let folders = std::fs::read_dir(folder("")).unwrap().map(Result::unwrap);
    let folders = folders.filter(|entry| entry.file_type().unwrap().is_dir());
    let mut families: Vec<String> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
    families.sort();
    families
}

fn folder(family: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/golden")).join(family)
}

fn files(family: &str) -> (ModelConfig, Safetensors) {
    let config = std::fs::read(folder(family).join("config.json")).unwrap();
    let config = ModelConfig::parse(&serde_json::from_slice(&config).unwrap()).unwrap();
    let source = Safetensors::open(&Snapshot::of_folder(&folder(family)).unwrap()).unwrap();
    (config, source)
}

fn load(config: &ModelConfig, source: &dyn TensorSource, arithmetic: Arithmetic) -> Decoder {
    let layout = Layout::of(config, source).unwrap();
    Decoder::load(config, source, &layout, arithmetic).unwrap()
}

fn parts(family: &str) -> (ModelConfig, Decoder) {
    let (config, source) = files(family);
    let decoder = load(&config, &source, Arithmetic::Exact);
    (config, decoder)
}

fn engine(family: &str, settings: &EngineSettings) -> Engine {
    let (config, decoder) = parts(family);
    Engine::start(EngineModel { config, decoder, stop_tokens: Vec::new(), detokenizer: None }, settings).unwrap()
}

fn small() -> EngineSettings {
    EngineSettings { rows: 4, pages: 64, ..EngineSettings::default() }
}

/// Settings of the reference: one sequence after another.
fn alone() -> EngineSettings {
    EngineSettings { rows: 1, pages: 16, prefix_cache: false, ..EngineSettings::default() }
}

fn greedy(prompt: &[u32], max_new_tokens: usize) -> Request {
    Request { prompt: prompt.to_vec(), sampling: Sampling::greedy(), max_new_tokens, stop_strings: Vec::new() }
}

/// The reference's greedy continuation: 16 tokens given, 24 generated.
fn reference(family: &str) -> Vec<u32> {
    let bytes = std::fs::read(folder(family).join("expected.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let ids = tensors.tensor("greedy_ids").unwrap();
    ids.data().chunks_exact(8).map(|id| i64::from_le_bytes(id.try_into().unwrap()) as u32).collect()
}

#[tokio::test]
async fn greedy_continuations_are_those_of_the_reference() {
    for family in &families() {
        let expected = reference(family);
        let engine = engine(family, &small());
        let completion = engine.generate(greedy(&expected[..16], 24)).await.unwrap();
        assert_eq!(completion.tokens, expected[16..], "{family}");
        assert_eq!(completion.finish, Finish::Length);
    }
}

/// A checkpoint whose last norm overflows.
struct Overflowing(Safetensors);

impl TensorSource for Overflowing {
    fn names(&self) -> Vec<String> {
        self.0.names()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.0.shape(name)
    }

    fn read(&self, name: &str) -> Result<Vec<f32>, LoadError> {
        let mut values = self.0.read(name)?;
        if name == "model.norm.weight" {
            values.fill(f32::MAX);
        }
        Ok(values)
    }
}

#[tokio::test]
async fn logits_that_are_no_numbers_end_a_reply_and_say_so() {
    let (config, source) = files("llama");
    let decoder = load(&config, &Overflowing(source), Arithmetic::Exact);
    let model = EngineModel { config, decoder, stop_tokens: Vec::new(), detokenizer: None };
    let engine = Engine::start(model, &small()).unwrap();
    let sampled = Sampling { temperature: 0.8, top_k: Some(50), top_p: Some(0.9), key: 7 };
    for sampling in [Sampling::greedy(), sampled] {
        let completion = engine.generate(Request { sampling, ..greedy(&[1, 2, 3], 8) }).await.unwrap();
        assert_eq!((completion.finish, completion.tokens), (Finish::NotFinite, Vec::new()));
        assert!(completion.logprobs.is_empty());
    }
}

/// Requests with common beginnings, of many lengths, some sampled and some greedy.
fn mixed_requests() -> Vec<Request> {
    let header: Vec<u32> = (0..70).map(|i| (i * 37 + 11) % 320).collect();
    (0..10_usize)
        .map(|index| {
            let mut prompt = header[..[3, 32, 33, 64, 70][index % 5]].to_vec();
            prompt.extend((0..index as u32 * 7 % 20).map(|i| (i * 13 + index as u32) % 320));
            let sampling = match index % 3 {
                0 => Sampling::greedy(),
                1 => Sampling { temperature: 0.8, top_k: None, top_p: None, key: index as u64 },
                _ => Sampling { temperature: 1.3, top_k: Some(50), top_p: Some(0.9), key: index as u64 },
            };
            Request { prompt, sampling, max_new_tokens: 5 + index * 5, stop_strings: Vec::new() }
        })
        .collect()
}

/// Tokens and the bits of their log-probabilities.
fn bits(completions: &[Completion]) -> Vec<(Vec<u32>, Vec<u32>)> {
    completions.iter().map(|c| (c.tokens.clone(), c.logprobs.iter().map(|l| l.to_bits()).collect())).collect()
}

/// Runs all requests at once, submitted in the given order; results in the order of the requests.
async fn run(engine: &Engine, requests: &[Request], order: &[usize]) -> Vec<Completion> {
    let mut results: Vec<Option<Completion>> = vec![None; requests.len()];
    let mut futures: Vec<_> = order.iter().map(|index| Box::pin(engine.generate(requests[*index].clone()))).collect();
    // First contact in order: a request is handed over when its future is polled first
    for (future, index) in futures.iter_mut().zip(order) {
        tokio::select! {
            biased;
            result = future => results[*index] = Some(result.unwrap()),
            () = std::future::ready(()) => {}
        }
    }
    for (future, index) in futures.into_iter().zip(order) {
        if results[*index].is_none() {
            results[*index] = Some(future.await.unwrap());
        }
    }
    results.into_iter().map(|result| result.unwrap()).collect()
}

#[tokio::test]
async fn no_bit_depends_on_how_the_work_is_cut_up() {
    let requests = mixed_requests();
    let forwards: Vec<usize> = (0..requests.len()).collect();
    let backwards: Vec<usize> = forwards.iter().rev().copied().collect();
    let shuffled = vec![3, 7, 0, 9, 2, 5, 8, 1, 6, 4];
    for family in &families() {
        let alone = alone();
        let expected = bits(&run(&engine(family, &alone), &requests, &forwards).await);
        for (rows, chunk, pages, page_tokens, threads, prefix_cache, order) in [
            (16, 512, 200, 32, 1, false, &forwards),
            (16, 512, 100, 64, 2, true, &backwards),
            (3, 1, 20, 32, 1, true, &shuffled),
            (5, 7, 24, 96, 2, true, &forwards),
            (8, 33, 12, 32, 2, false, &shuffled),
            (10, 64, 9, 256, 1, true, &backwards),
        ] {
            let settings =
                EngineSettings { rows, chunk, pages, page_tokens, threads, prefix_cache, ..EngineSettings::default() };
            let engine = engine(family, &settings);
            for round in 0..2 {
                let found = bits(&run(&engine, &requests, order).await);
                assert_eq!(found, expected, "{family}, round {round}, {settings:?}");
            }
        }
    }
}

/// One way to cut the same work up.
#[derive(Debug, Clone)]
struct Cut {
    family: usize,
    settings: EngineSettings,
    /// In which order requests arrive.
    order: Vec<usize>,
    /// Numbers of requests that arrive together; the next ones come when these are done.
    waves: Vec<usize>,
}

fn cut() -> impl Strategy<Value = Cut> {
    let requests: Vec<usize> = (0..mixed_requests().len()).collect();
    let prefix_cache = proptest::bool::ANY;
    let settings = (1..=20_usize, 1..=90_usize, 6..=120_usize, 1..=8_usize, 1..=2_usize, prefix_cache).prop_map(
        |(rows, chunk, pages, page_steps, threads, prefix_cache)| EngineSettings {
            rows,
            chunk,
            pages,
            page_tokens: 32 * page_steps,
            threads,
            prefix_cache,
            ..EngineSettings::default()
        },
    );
    let waves = proptest::collection::vec(1..=10_usize, 10);
    (0..families().len(), settings, Just(requests).prop_shuffle(), waves)
        .prop_map(|(family, settings, order, waves)| Cut { family, settings, order, waves })
}

/// Each family's requests one after another, alone and without a cache.
fn expected_bits(family: &str) -> Vec<(Vec<u32>, Vec<u32>)> {
    type Bits = Vec<(Vec<u32>, Vec<u32>)>;
    static KNOWN: Mutex<BTreeMap<String, Bits>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap();
    let compute = || {
        let alone = alone();
        let requests = mixed_requests();
        let order: Vec<usize> = (0..requests.len()).collect();
        bits(&runtime().block_on(run(&engine(family, &alone), &requests, &order)))
    };
    known.entry(family.to_owned()).or_insert_with(compute).clone()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_gives_the_same_tokens_and_the_same_bits(cut in cut()) {
        let family = &families()[cut.family];
        let expected = expected_bits(family);
        let (engine, requests) = (engine(family, &cut.settings), mixed_requests());
        let mut left = cut.order.as_slice();
        for size in cut.waves.iter().cycle() {
            let (wave, rest) = left.split_at((*size).min(left.len()));
            let together: Vec<Request> = wave.iter().map(|index| requests[*index].clone()).collect();
            let order: Vec<usize> = (0..together.len()).collect();
            let found = bits(&runtime().block_on(run(&engine, &together, &order)));
            for (found, index) in found.iter().zip(wave) {
                prop_assert_eq!(found, &expected[*index], "request {} of {}", index, family);
            }
            left = rest;
            if left.is_empty() {
                break;
            }
        }
    }
}

#[tokio::test]
async fn eight_bit_blocks_have_bits_of_their_own_that_do_not_depend_on_the_cut_either() {
    let requests = mixed_requests();
    let order: Vec<usize> = (0..requests.len()).collect();
    for family in &families() {
        let engine = |settings: &EngineSettings| {
            let (config, source) = files(family);
            let decoder = load(&config, &source, Arithmetic::EightBit);
            let model = EngineModel { config, decoder, stop_tokens: Vec::new(), detokenizer: None };
            Engine::start(model, settings).unwrap()
        };
        let (alone, together) = (engine(&EngineSettings { rows: 1, ..small() }), engine(&small()));
        let expected = bits(&run(&alone, &requests, &order).await);
        assert_eq!(bits(&run(&together, &requests, &order).await), expected, "{family}");
        let exact = bits(&run(&self::engine(family, &small()), &requests, &order).await);
        assert_ne!(exact, expected, "{family}");
    }
}

#[tokio::test]
async fn scoring_gives_the_bits_that_generation_reported() {
    for family in &families() {
        let engine = engine(family, &EngineSettings { chunk: 13, ..small() });
        let requests = mixed_requests();
        let order: Vec<usize> = (0..requests.len()).collect();
        let completions = run(&engine, &requests, &order).await;
        for (request, completion) in requests.iter().zip(&completions) {
            let scores = engine.score(&request.prompt, &completion.tokens, 3).await.unwrap();
            let found: Vec<u32> = scores.iter().map(|score| score.logprob.to_bits()).collect();
            assert_eq!(found, bits(std::slice::from_ref(completion))[0].1, "{family}");
            for (score, token) in scores.iter().zip(&completion.tokens) {
                assert_eq!(score.top.len(), 3);
                if score.rank < 3 {
                    assert_eq!(score.top[score.rank as usize], (*token, score.logprob));
                }
            }
            if request.sampling == Sampling::greedy() {
                assert!(scores.iter().all(|score| score.rank == 0));
            }
        }
    }
}

#[tokio::test]
async fn a_recorded_rollout_is_verified_and_the_first_foreign_token_is_named() {
    let engine = engine("qwen3", &small());
    for request in mixed_requests() {
        let completion = engine.generate(request.clone()).await.unwrap();
        let verification = engine.verify_rollout(&request.prompt, &completion.tokens, request.sampling).await.unwrap();
        assert_eq!(verification.mismatch, None);
        assert_eq!(verification.logprobs, completion.logprobs);
        let mut forged = completion.tokens.clone();
        let index = forged.len() / 2;
        forged[index] = (forged[index] + 1) % 320;
        let verification = engine.verify_rollout(&request.prompt, &forged, request.sampling).await.unwrap();
        let mismatch = verification.mismatch.unwrap();
        assert_eq!(
            (mismatch.index, mismatch.recorded, mismatch.chosen),
            (index, forged[index], completion.tokens[index])
        );
        assert!(mismatch.shortfall > 0.0);
    }
}

#[tokio::test]
async fn draws_are_counted_from_the_first_token_of_the_reply() {
    let engine = engine("llama", &small());
    // So hot that the noise alone chooses: what is left is the order of the draws.
    let hot = |key| Sampling { temperature: 1e9, key, ..Sampling::greedy() };
    let reply = async |prompt: &[u32], key| {
        let request = Request { sampling: hot(key), ..greedy(prompt, 12) };
        engine.generate(request).await.unwrap().tokens
    };
    let (short, long) = (reply(&[5, 6], 7).await, reply(&[9; 40], 7).await);
    assert_eq!(short, long);
    assert_ne!(reply(&[5, 6], 8).await, short);
    let verified = engine.verify_rollout(&[9; 40], &short, hot(7)).await.unwrap();
    assert_eq!(verified.mismatch, None);
}

#[tokio::test]
async fn a_common_header_is_computed_once() {
    let (mut config, decoder) = parts("llama");
    config.max_positions = 1024;
    let model = EngineModel { config, decoder, stop_tokens: Vec::new(), detokenizer: None };
    let settings = EngineSettings { rows: 64, pages: 512, ..EngineSettings::default() };
    let engine = Engine::start(model, &settings).unwrap();
    let header: Vec<u32> = (0..512).map(|i| i * 5 % 320).collect();
    let requests: Vec<Request> =
        (0..64).map(|i| greedy(&[header.as_slice(), &[i, i + 1, i + 2]].concat(), 4)).collect();
    let order: Vec<usize> = (0..64).collect();
    run(&engine, &requests, &order).await;
    let statistics = engine.statistics();
    assert_eq!(statistics.prefilled, 512 + 64 * 3);
    assert_eq!(statistics.from_prefix_cache, 63 * 512);
    assert_eq!(statistics.decoded, 64 * 4);
}

#[tokio::test]
async fn a_dropped_request_makes_room_for_others() {
    let engine = engine("llama", &EngineSettings { rows: 1, pages: 16, ..EngineSettings::default() });
    let endless = engine.generate(greedy(&[1, 2, 3], 400));
    let short = engine.generate(greedy(&[1, 2, 3], 2));
    {
        let mut endless = Box::pin(endless);
        tokio::select! {
            biased;
            _ = &mut endless => panic!("400 tokens cannot be done at first sight"),
            () = std::future::ready(()) => {}
        }
    }
    assert_eq!(short.await.unwrap().tokens.len(), 2);
    assert!(engine.statistics().decoded < 400);
}

#[tokio::test]
async fn a_stop_token_ends_a_continuation_and_is_part_of_it() {
    let expected = reference("mistral");
    let (config, decoder) = parts("mistral");
    let stop = expected[20];
    let model = EngineModel { config, decoder, stop_tokens: vec![stop], detokenizer: None };
    let engine = Engine::start(model, &small()).unwrap();
    let completion = engine.generate(greedy(&expected[..16], 24)).await.unwrap();
    let end = 16 + expected[16..].iter().position(|token| *token == stop).unwrap();
    assert_eq!(completion.tokens, expected[16..=end]);
    assert_eq!(completion.finish, Finish::StopToken);
}

/// Letters for the first tokens, so that texts can be read.
struct Letters;

impl Detokenizer for Letters {
    fn bytes(&self, _: u32) -> usize {
        1
    }

    fn decode(&self, tokens: &[u32]) -> String {
        tokens.iter().map(|token| char::from(b'a' + (token % 26) as u8)).collect()
    }
}

#[tokio::test]
async fn a_stop_string_ends_a_continuation_and_is_no_part_of_its_text() {
    let expected = reference("mistral");
    let (config, decoder) = parts("mistral");
    let model = EngineModel { config, decoder, stop_tokens: Vec::new(), detokenizer: Some(Box::new(Letters)) };
    let engine = Engine::start(model, &small()).unwrap();
    let text = Detokenizer::decode(&Letters, &expected[16..]);
    let stop = text[7..10].to_owned();
    let first = text.find(&stop).unwrap();
    let request = Request { stop_strings: vec!["not there".to_owned(), stop], ..greedy(&expected[..16], 24) };
    let completion = engine.generate(request).await.unwrap();
    assert_eq!(completion.finish, Finish::StopString);
    assert_eq!(completion.text, text[..first]);
    assert_eq!(completion.tokens, expected[16..16 + first + 3]);
    let whole = engine.generate(greedy(&expected[..16], 24)).await.unwrap();
    assert_eq!(whole.text, text);
}

#[tokio::test]
async fn the_longest_text_depends_on_the_context_and_not_on_the_pages() {
    for (pages, page_tokens) in [(4, 32), (1, 128), (64, 32), (0, 32)] {
        let settings = EngineSettings { pages, page_tokens, context: Some(100), ..small() };
        let engine = engine("llama", &settings);
        assert_eq!(engine.context(), 100, "{settings:?}");
        let completion = engine.generate(greedy(&[1; 90], 400)).await.unwrap();
        assert_eq!((completion.tokens.len(), completion.finish), (11, Finish::Length));
        assert!(engine.generate(greedy(&[1; 101], 1)).await.is_err());
    }
    let (config, decoder) = parts("llama");
    let model = EngineModel { config, decoder, stop_tokens: Vec::new(), detokenizer: None };
    let settings = EngineSettings { pages: 3, context: Some(100), ..small() };
    let error = Engine::start(model, &settings).unwrap_err().to_string();
    assert!(error.contains("3 pages of 32 tokens hold no text of 100 tokens; 4 pages would"), "{error}");
}

#[tokio::test]
async fn requests_that_cannot_be_run_are_refused_with_a_reason() {
    let engine = engine("llama", &EngineSettings { pages: 2, ..small() });
    let good = greedy(&[1, 2], 4);
    for (request, reason) in [
        (Request { prompt: Vec::new(), ..good.clone() }, "the prompt is empty"),
        (Request { prompt: vec![320], ..good.clone() }, "token 320"),
        (Request { prompt: vec![1; 65], ..good.clone() }, "room for 64"),
        (Request { max_new_tokens: 0, ..good.clone() }, "at least 1"),
        (Request { sampling: Sampling { temperature: -1.0, ..Sampling::greedy() }, ..good.clone() }, "temperature"),
        (Request { stop_strings: vec!["x".to_owned()], ..good.clone() }, "tokenizer"),
    ] {
        let error = engine.generate(request).await.unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    let (config, decoder) = parts("llama");
    let model = EngineModel { config, decoder, stop_tokens: Vec::new(), detokenizer: None };
    let error = Engine::start(model, &EngineSettings { page_tokens: 48, ..small() }).unwrap_err().to_string();
    assert!(error.contains("a page cannot have 48 tokens; set a multiple of 32"), "{error}");
    let completion = engine.generate(greedy(&[1; 60], 400)).await.unwrap();
    assert_eq!((completion.tokens.len(), completion.finish), (5, Finish::Length));
    assert!(engine.score(&[], &[1], 0).await.is_err());
    assert!(engine.score(&[1], &[], 0).await.unwrap().is_empty());
}

#[tokio::test]
async fn any_stop_token_ends_a_generation_also_as_the_first_token() {
    let expected = reference("llama");
    let first = expected[16];
    let (config, decoder) = parts("llama");
    let model = EngineModel { config, decoder, stop_tokens: vec![319, first], detokenizer: None };
    let engine = Engine::start(model, &small()).unwrap();
    let completion = engine.generate(greedy(&expected[..16], 24)).await.unwrap();
    assert_eq!((completion.tokens, completion.finish), (vec![first], Finish::StopToken));
    assert_eq!(completion.text, "");
}

#[tokio::test]
async fn a_limit_beyond_every_context_ends_with_the_context() {
    let engine = engine("llama", &EngineSettings { context: Some(64), ..small() });
    let completion = engine.generate(greedy(&[1, 2, 3], usize::MAX)).await.unwrap();
    assert_eq!((completion.tokens.len(), completion.finish), (62, Finish::Length));
}

#[tokio::test]
async fn a_prompt_is_found_again_in_the_prefix_cache_unless_the_model_is_recurrent() {
    let prompt: Vec<u32> = (0..97).map(|i| i * 3 % 320).collect();
    for (family, prefix_cache, expected) in
        [("llama", true, 96), ("gemma3", true, 96), ("llama", false, 0), ("qwen3-next", true, 0)]
    {
        let engine = engine(family, &EngineSettings { prefix_cache, ..small() });
        let first = engine.generate(greedy(&prompt, 3)).await.unwrap();
        assert_eq!(engine.statistics().from_prefix_cache, 0, "{family}");
        assert_eq!(engine.generate(greedy(&prompt, 3)).await.unwrap(), first, "{family}");
        assert_eq!(engine.statistics().from_prefix_cache, expected, "{family}, {prefix_cache}");
    }
}

#[tokio::test]
async fn a_reply_is_found_again_when_the_conversation_goes_on() {
    let engine = engine("llama", &small());
    let prompt: Vec<u32> = (0..40).map(|i| i * 11 % 320).collect();
    let reply = engine.generate(greedy(&prompt, 60)).await.unwrap();
    let longer = [prompt.as_slice(), &reply.tokens, &[5, 6]].concat();
    let cached = engine.generate(greedy(&longer, 4)).await.unwrap();
    assert_eq!(engine.statistics().from_prefix_cache, 96, "three whole pages of prompt and reply");
    let fresh = self::engine("llama", &alone()).generate(greedy(&longer, 4)).await.unwrap();
    assert_eq!(cached, fresh);
}

/// Polls requests once, so that they are handed over, and drops them.
async fn start_and_drop(engine: &Engine, requests: &[Request]) {
    let mut futures: Vec<_> = requests.iter().map(|request| Box::pin(engine.generate(request.clone()))).collect();
    for future in &mut futures {
        tokio::select! {
            biased;
            _ = future => {}
            () = std::future::ready(()) => {}
        }
    }
}

#[tokio::test]
async fn dropped_requests_change_no_bit_of_the_others_and_give_their_pages_back() {
    for family in ["llama", "gemma3", "qwen3-next", "qwen3_5-moe"] {
        let requests = mixed_requests();
        let order: Vec<usize> = (0..requests.len()).collect();
        let expected = bits(&run(&engine(family, &alone()), &requests, &order).await);
        let engine = engine(family, &EngineSettings { pages: 8, chunk: 40, ..small() });
        for round in 0..4 {
            start_and_drop(&engine, &requests[round..round + 5]).await;
            let kept = &requests[2 * round..2 * round + 2];
            let found = bits(&run(&engine, kept, &[1, 0]).await);
            assert_eq!(found, expected[2 * round..2 * round + 2], "{family}, round {round}");
        }
        // A sequence that needs every page runs once all of them are back.
        let whole = engine.generate(greedy(&[1; 8 * 32], 1)).await.unwrap();
        assert_eq!(whole.tokens.len(), 1, "{family}");
    }
}

#[tokio::test]
async fn scores_and_checks_share_a_batch_with_generation_without_changing_a_bit() {
    let requests = mixed_requests();
    let order: Vec<usize> = (0..requests.len()).collect();
    let expected = run(&engine("qwen3", &alone()), &requests, &order).await;
    let engine = engine("qwen3", &EngineSettings { chunk: 17, ..small() });
    let generations = requests.iter().map(|request| engine.generate(request.clone()));
    let scores = requests
        .iter()
        .zip(&expected)
        .map(|(request, completion)| engine.score(&request.prompt, &completion.tokens, 1));
    let checks = requests
        .iter()
        .zip(&expected)
        .map(|(request, completion)| engine.verify_rollout(&request.prompt, &completion.tokens, request.sampling));
    let (generated, (scored, checked)) =
        tokio::join!(all(generations.collect()), async { tokio::join!(all(scores.collect()), all(checks.collect())) });
    for (index, completion) in expected.iter().enumerate() {
        assert_eq!(generated[index].as_ref().unwrap(), completion);
        let scored = scored[index].as_ref().unwrap().iter().map(|score| score.logprob.to_bits());
        assert!(scored.eq(completion.logprobs.iter().map(|logprob| logprob.to_bits())), "request {index}");
        let check = checked[index].as_ref().unwrap();
        assert_eq!((check.mismatch, &check.logprobs), (None, &completion.logprobs), "request {index}");
    }
}

/// Awaits futures together; results in their order.
async fn all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, result) in &mut futures {
            if result.is_none()
                && let std::task::Poll::Ready(output) = future.as_mut().poll(context)
            {
                *result = Some(output);
            }
        }
        match futures.iter().all(|(_, result)| result.is_some()) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    futures.into_iter().map(|(_, result)| result.unwrap()).collect()
}

#[tokio::test]
async fn scores_and_checks_that_cannot_be_run_are_refused_with_a_reason() {
    let engine = engine("llama", &EngineSettings { pages: 2, ..small() });
    for (prompt, completion, top, reason) in [
        (&[][..], &[1][..], 0, "nothing can be said about the first token"),
        (&[1], &[320], 0, "token 320"),
        (&[320], &[1], 0, "token 320"),
        (&[1], &[1], 257, "at most 256"),
        (&[1; 60], &[1; 6], 0, "room for 64"),
    ] {
        let error = engine.score(prompt, completion, top).await.unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    // The last token needs no position of its own.
    assert_eq!(engine.score(&[1; 60], &[1; 5], 256).await.unwrap().len(), 5);
    let wrong = Sampling { top_p: Some(0.0), ..Sampling::greedy() };
    assert!(engine.verify_rollout(&[1], &[2], wrong).await.unwrap_err().to_string().contains("top_p"));
    assert!(engine.verify_rollout(&[1], &[], Sampling::greedy()).await.unwrap().logprobs.is_empty());
}

#[tokio::test]
async fn settings_that_cannot_run_are_refused_with_a_reason() {
    for (settings, reason) in [
        (EngineSettings { rows: 0, ..small() }, "rows and chunk must be at least 1"),
        (EngineSettings { chunk: 0, ..small() }, "rows and chunk must be at least 1"),
        (EngineSettings { page_tokens: 0, ..small() }, "a page cannot have 0 tokens"),
        (EngineSettings { page_tokens: 4128, ..small() }, "a page cannot have 4128 tokens"),
        (EngineSettings { pages: 1, context: Some(33), ..small() }, "2 pages would"),
    ] {
        let (config, decoder) = parts("llama");
        let model = EngineModel { config, decoder, stop_tokens: Vec::new(), detokenizer: None };
        let error = Engine::start(model, &settings).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}
