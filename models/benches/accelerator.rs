//! Tokens a second of the whole engine on a graphics processor, and where a step's time goes.
//!
//! `cargo bench -p models --bench accelerator -- MODEL [ROWS,ROWS..] [PREFILLxTOKENS]`: `MODEL` is a folder with safetensors,
//! a GGUF file, or `--random CONFIG.json` for random parameters made on the card. Each sequence has a prompt of 456 tokens;
//! 64 steps are measured once every sequence of a batch is being continued, at contexts of about 520 tokens. Kernels and
//! algorithms are kept in the folder that `DETHRONE_CACHE` names; `--algorithms FILE` forces those of another card.
//!
//! Each batch ends with the digest of what its first sequences drew, ids and bits of log-probabilities: equal in every
//! batch of 16 or more, and on every card under the same algorithms.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use models::{
    config::{FeedForward, ModelConfig},
    cuda::Accelerator,
    decoder::Decoder,
    engine::{Completion, Engine, EngineModel, EngineSettings, Request, Sampling, Statistics},
    gguf::Gguf,
    layout::Layout,
    snapshot::Snapshot,
    tensors::{Safetensors, TensorSource},
};

const PROMPT: usize = 456;
/// Steps that are measured.
const STEPS: u64 = 64;
/// Steps that are profiled.
const PROFILED: u64 = 8;
/// Sequences of a batch, and tokens of each, that its digest covers.
const DIGESTED: (usize, usize) = (16, 64);
/// Prompt tokens of a step.
const CHUNK: usize = 4096;

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let forced = arguments.iter().position(|argument| argument == "--algorithms");
    let forced = forced.map(|place| arguments.splice(place..place + 2, []).nth(1).expect("a file follows"));
    let random = arguments.first().is_some_and(|first| first == "--random");
    let mut rest = arguments.iter().skip(usize::from(random));
    let Some(model) = rest.next() else {
        println!("name a folder with safetensors, a GGUF file, or --random CONFIG.json");
        return;
    };
    let batches: Vec<usize> = rest.next().map_or("1,16,64,128,256", String::as_str).split(',').map(number).collect();
    let prefill: Vec<usize> = rest.next().map_or("4x1024", String::as_str).split('x').map(number).collect();

    let cache = std::env::var_os("DETHRONE_CACHE").map_or_else(std::env::temp_dir, PathBuf::from);
    let started = now();
    let accelerator = Accelerator::open(&cache, forced.as_deref().map(Path::new)).expect("there is a card");
    println!("{:?}, kernels ready in {:.2} s", accelerator.identity(), seconds(started));
    let started = now();
    let (config, decoder) = load(&accelerator, random, Path::new(model));
    let memory = |what: &str| {
        let (free, total) = accelerator.memory().expect("the driver tells");
        println!("{what}: {:.2} of {:.2} GB in use", gigabytes(total - free), gigabytes(total));
    };
    println!("loaded {:.2} GB in {:.2} s", gigabytes(decoder.bytes() as u64), seconds(started));
    memory("with parameters");

    let rows = batches.iter().copied().max().unwrap_or(1).max(prefill[0]);
    let pages = (rows * (PROMPT + 160).div_ceil(32)).max(prefill[0] * prefill[1].div_ceil(32) + prefill[0]);
    let context = Some((PROMPT + 160).max(prefill[1] + 1).min(config.max_positions));
    let settings =
        EngineSettings { rows, chunk: CHUNK, pages, threads: 1, prefix_cache: false, context, ..Default::default() };
    let vocabulary = config.vocabulary;
    let active = active(&config);
    let model = EngineModel { config, decoder, stop_tokens: Vec::new(), detokenizer: None };
    let engine = Engine::start(model, &settings).expect("the engine starts");
    memory("with pages, states and activations");
    let bench = Bench { engine, accelerator, vocabulary };
    for round in 0..2 {
        let before = bench.engine.statistics();
        drop(bench.run(prefill[0], prefill[1], 1, |_| ()));
        let after = difference(bench.engine.statistics(), before);
        let rate = after.prefilled as f64 / after.forward.as_secs_f64();
        let operations = 2.0 * active * rate / 1e12;
        println!(
            "prefill {}x{}, round {round}: {rate:.0} tokens/s, {operations:.0} TFLOP/s in products",
            prefill[0], prefill[1]
        );
    }
    for batch in batches {
        bench.decode(batch);
    }
}

struct Bench {
    engine: Engine,
    accelerator: Accelerator,
    vocabulary: usize,
}

impl Bench {
    /// Runs as many requests at once while another thread watches the statistics.
    fn run(&self, batch: usize, prompt: usize, new: usize, watch: impl FnOnce(&Self) + Send) -> Vec<Completion> {
        let requests = (0..batch).map(|sequence| Request {
            prompt: (0..prompt).map(|i| ((sequence * 7919 + i * 104_729 + 17) % self.vocabulary) as u32).collect(),
            sampling: Sampling { temperature: 1.0, top_k: None, top_p: None, key: sequence as u64 },
            max_new_tokens: new,
            stop_strings: Vec::new(),
        });
        let futures: Vec<_> = requests.map(|request| Box::pin(self.engine.generate(request))).collect();
        std::thread::scope(|scope| {
            scope.spawn(|| watch(self));
            tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts").block_on(all(futures))
        })
        .into_iter()
        .map(|completion| completion.expect("the engine answers"))
        .collect()
    }

    /// Decoding of a batch: tokens a second by the clock, and the share of it in steps; then a profile.
    fn decode(&self, batch: usize) {
        let before = self.engine.statistics();
        // Prompts are computed a chunk at a time, and who comes first must not end before who comes last was measured.
        let prefills = (batch * PROMPT).div_ceil(CHUNK) as u64;
        let new = (prefills + 4 + STEPS + PROFILED + 24) as usize;
        let completions = self.run(batch, PROMPT, new, |bench| {
            let reached = |what: &dyn Fn(Statistics) -> bool| {
                loop {
                    let now_at = difference(bench.engine.statistics(), before);
                    if what(now_at) {
                        return (now_at, now());
                    }
                    std::thread::sleep(Duration::from_micros(20));
                }
            };
            let (ready, _) = reached(&|s| s.prefilled >= (batch * PROMPT) as u64);
            let (first, began) = reached(&|s| s.steps >= ready.steps + 4);
            let (last, ended) = reached(&|s| s.steps >= first.steps + STEPS);
            let (time, part) = (ended.duration_since(began).as_secs_f64(), difference(last, first));
            let step = 1e3 * time / part.steps as f64;
            let share = 100.0 * part.forward.as_secs_f64() / time;
            println!(
                "decode B={batch}: {:.0} tokens/s, {step:.3} ms a step, {share:.1}% of the time in steps",
                part.decoded as f64 / time
            );
            bench.accelerator.begin_profile().expect("events can be made");
            reached(&|s| s.steps >= last.steps + PROFILED);
            print_profile(&bench.accelerator.end_profile().expect("events can be read"));
        });
        println!("decode B={batch}: digest {}", digest(&completions));
    }
}

/// Microseconds a step by kernel, the most expensive first.
fn print_profile(kernels: &[(String, f64, usize)]) {
    let steps = kernels.iter().find(|(name, ..)| name == "embed").map_or(1, |(_, _, count)| *count) as f64;
    let mut kernels = kernels.to_vec();
    kernels.sort_by(|(_, a, _), (_, b, _)| b.total_cmp(a));
    let total: f64 = kernels.iter().map(|(_, time, _)| time).sum();
    let launches: usize = kernels.iter().map(|(_, _, count)| count).sum();
    println!("   {:.0} us in {:.0} launches a step:", 1e3 * total / steps, launches as f64 / steps);
    for (name, time, count) in kernels {
        println!("   {:8.1} us in {:3.0} x {name}", 1e3 * time / steps, count as f64 / steps);
    }
}

fn load(accelerator: &Accelerator, random: bool, path: &Path) -> (ModelConfig, Decoder) {
    let json = |path: &Path| -> ModelConfig {
        let bytes = std::fs::read(path).expect("the configuration can be read");
        let value = serde_json::from_slice(&bytes).expect("the configuration is JSON");
        ModelConfig::parse(&value).expect("the model is supported")
    };
    if random {
        let config = json(path);
        let decoder = accelerator.load_random(&config).expect("the card holds the model");
        return (config, decoder);
    }
    let (config, source): (ModelConfig, Box<dyn TensorSource>) = if path.is_dir() {
        let snapshot = Snapshot::of_folder(path).expect("the folder can be read");
        (json(&path.join("config.json")), Box::new(Safetensors::open(&snapshot).expect("the tensors are sound")))
    } else {
        let gguf = Gguf::open(path).expect("the file is sound");
        (ModelConfig::parse(gguf.config()).expect("the model is supported"), Box::new(gguf))
    };
    let layout = Layout::of(&config, source.as_ref()).expect("the tensors fit the configuration");
    let decoder = accelerator.load(&config, source.as_ref(), &layout).expect("the card holds the model");
    (config, decoder)
}

/// Parameters in the products of a token, without embedding and output layer.
fn active(config: &ModelConfig) -> f64 {
    let tensors = models::layout::expected_tensors(config);
    let outer = ["embed_tokens.weight", "lm_head.weight"];
    let whole: f64 = tensors
        .iter()
        .filter(|(name, shape)| shape.len() == 2 && !outer.iter().any(|outer| name.ends_with(outer)))
        .map(|(_, shape)| shape.iter().product::<usize>() as f64)
        .sum();
    let idle = config.layers.iter().map(|layer| match &layer.feed_forward {
        FeedForward::Dense(_) => 0.0,
        FeedForward::Experts(e) => 3.0 * ((e.count - e.chosen) * e.intermediate * config.hidden) as f64,
    });
    whole - idle.sum::<f64>()
}

fn number(text: &str) -> usize {
    text.parse().expect("a number")
}

fn gigabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}

fn seconds(since: Instant) -> f64 {
    now().duration_since(since).as_secs_f64()
}

/// BLAKE3 of the first sequences' first tokens and the bits of their log-probabilities.
fn digest(completions: &[Completion]) -> String {
    let (sequences, tokens) = DIGESTED;
    let mut hasher = blake3::Hasher::new();
    for completion in completions.iter().take(sequences) {
        for (token, logprob) in completion.tokens.iter().zip(&completion.logprobs).take(tokens) {
            hasher.update(&token.to_le_bytes()).update(&logprob.to_bits().to_le_bytes());
        }
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

/// Awaits all futures, polling them together; what they give, in their order.
async fn all<F: Future + Unpin>(mut futures: Vec<F>) -> Vec<F::Output> {
    let mut done: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in futures.iter_mut().zip(&mut done).filter(|(_, done)| done.is_none()) {
            if let std::task::Poll::Ready(output) = std::pin::Pin::new(future).poll(context) {
                *done = Some(output);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
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

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}
