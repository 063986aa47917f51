//! The engine: many texts at once on one model, none of which can tell whether it is alone.

mod request;
mod sampling;
mod scheduler;
mod score;
mod sequence;
mod text;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::config::{Mixer, ModelConfig};
use crate::decoder::{Arithmetic, Decoder, Room};
use crate::kernel::{PAGE_STEP, PagedKeyValues};
use scheduler::Scheduler;
use sequence::{Job, Reply, Watch};

pub use request::{Completion, EngineError, Finish, Misfit, Request, Statistics, TokenScore, Verification};
pub use sampling::Sampling;

/// Keys and values take at most about this many bytes unless the settings say how many pages there are.
const DEFAULT_PAGE_BYTES: usize = 768 << 20;
/// No page has more tokens than this.
const MOST_PAGE_TOKENS: usize = 4096;
/// No more runners-up than this are reported for a token.
const MOST_TOP: usize = 256;

/// Settings of the inference engine. Only the mode and the context change a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineSettings {
    /// Arithmetic of the linear layers. Every validator of a subnet has to choose the same.
    pub mode: Arithmetic,
    /// Sequences computed at once.
    pub rows: usize,
    /// Prompt tokens computed in one step, besides one token of each sequence that is being continued.
    pub chunk: usize,
    /// Pages of the KV cache; 0 takes as many as fit 768 MiB, and no more than the rows can use.
    pub pages: usize,
    /// Tokens of a page, a multiple of 32. Only whole pages are shared.
    pub page_tokens: usize,
    /// CPU threads; 0 takes all cores.
    pub threads: usize,
    /// Reuse the KV cache of prefixes that prompts have in common; recurrent layers have none to reuse.
    pub prefix_cache: bool,
    /// The longest sequence in tokens where the model has room for more; as much as the pages hold where not given.
    /// Not read from a file: the caller has a setting of its own for it, since results depend on it.
    #[serde(skip)]
    pub context: Option<usize>,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            mode: Arithmetic::Exact,
            rows: 64,
            chunk: 512,
            pages: 512,
            page_tokens: 32,
            threads: 0,
            prefix_cache: true,
            context: None,
        }
    }
}

/// What turns tokens into text.
pub trait Detokenizer: Send {
    /// The text of some tokens, special ones left out.
    fn decode(&self, tokens: &[u32]) -> String;
}

/// What an engine needs to know about tokens.
struct Vocabulary {
    stop_tokens: Vec<u32>,
    detokenizer: Option<Box<dyn Detokenizer>>,
}

impl Vocabulary {
    fn decode(&self, tokens: &[u32]) -> String {
        self.detokenizer.as_ref().map(|detokenizer| detokenizer.decode(tokens)).unwrap_or_default()
    }
}

/// What an engine runs.
pub struct EngineModel {
    /// The model's description.
    pub config: ModelConfig,
    /// Its parameters.
    pub decoder: Decoder,
    /// Tokens that end a continuation.
    pub stop_tokens: Vec<u32>,
    /// What turns tokens into text, where there is something.
    pub detokenizer: Option<Box<dyn Detokenizer>>,
}

/// A running model. Requests may be made from any number of tasks; dropping a request's future cancels it.
pub struct Engine {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    statistics: Arc<Mutex<Statistics>>,
    vocabulary: usize,
    context: usize,
    has_text: bool,
}

impl Engine {
    /// Starts a thread for the model and as many to compute with as the settings say.
    pub fn start(model: EngineModel, settings: &EngineSettings) -> Result<Self, EngineError> {
        let trouble = |reason: String| EngineError::Start { reason };
        if settings.rows == 0 || settings.chunk == 0 {
            return Err(trouble("rows and chunk must be at least 1".to_owned()));
        }
        let page_tokens = settings.page_tokens;
        if page_tokens == 0 || !page_tokens.is_multiple_of(PAGE_STEP) || page_tokens > MOST_PAGE_TOKENS {
            return Err(trouble(format!(
                "a page cannot have {page_tokens} tokens; set a multiple of {PAGE_STEP}, at most {MOST_PAGE_TOKENS}"
            )));
        }
        let EngineModel { config, mut decoder, stop_tokens, detokenizer } = model;
        let wanted = settings.context.map(|context| context.min(config.max_positions));
        let least = wanted.map_or(1, |context| context.div_ceil(page_tokens).max(1));
        let pages = match settings.pages {
            0 => default_pages(&config, settings.rows, page_tokens).max(least),
            pages => pages,
        };
        if pages < least {
            let context = wanted.unwrap_or_default();
            return Err(trouble(format!(
                "{pages} pages of {page_tokens} tokens hold no text of {context} tokens; {least} pages would"
            )));
        }
        let context = wanted.unwrap_or_else(|| config.max_positions.min(pages.saturating_mul(page_tokens)));
        let threads = match settings.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("model-{index}"))
            .build()
            .map_err(|error| trouble(error.to_string()))?;
        let pool = Arc::new(pool);
        let room = Room { pages, page_tokens, states: settings.rows, positions: context };
        decoder.start(room, pool.clone()).map_err(|error| trouble(error.to_string()))?;
        let statistics = Arc::new(Mutex::new(Statistics::default()));
        let has_text = detokenizer.is_some();
        let scheduler = Scheduler::new(scheduler::Parts {
            decoder,
            pool,
            vocabulary: Vocabulary { stop_tokens, detokenizer },
            vocabulary_size: config.vocabulary,
            sharing: settings.prefix_cache && !config.is_recurrent(),
            settings: settings.clone(),
            pages,
            context,
            statistics: statistics.clone(),
        });
        let (jobs, queue) = mpsc::channel();
        let thread = std::thread::Builder::new().name("engine".to_owned()).spawn(move || scheduler.run(&queue));
        let thread = Some(thread.map_err(|error| trouble(error.to_string()))?);
        Ok(Self { jobs: Some(jobs), thread, statistics, vocabulary: config.vocabulary, context, has_text })
    }

    /// Continues a text.
    pub async fn generate(&self, request: Request) -> Result<Completion, EngineError> {
        self.start_generation(request, None).await
    }

    /// Continues a text and calls `watch` with each new token and its log-probability as soon as it is chosen. The call
    /// comes from the engine's thread, so that it has to be short.
    pub async fn generate_watched(
        &self,
        request: Request,
        watch: impl FnMut(u32, f32) + Send + 'static,
    ) -> Result<Completion, EngineError> {
        self.start_generation(request, Some(Box::new(watch))).await
    }

    /// How each token of `completion` fares after `prompt`, with the `top` most likely tokens at its place.
    pub async fn score(&self, prompt: &[u32], completion: &[u32], top: usize) -> Result<Vec<TokenScore>, EngineError> {
        if top > MOST_TOP {
            return Err(refuse("at most 256 runners-up are reported"));
        }
        let Some((tokens, from)) = self.join(prompt, completion)? else { return Ok(Vec::new()) };
        self.ask(|reply| Job::Score { tokens, from, top, reply }).await
    }

    /// Whether `completion` is what the sampling rule gives after `prompt`, and the first token that is not.
    pub async fn verify_rollout(
        &self,
        prompt: &[u32],
        completion: &[u32],
        sampling: Sampling,
    ) -> Result<Verification, EngineError> {
        if !sampling.is_valid() {
            return Err(refuse("temperature must be at least 0, top_k at least 1, top_p above 0 and at most 1"));
        }
        let Some((tokens, from)) = self.join(prompt, completion)? else {
            return Ok(Verification { logprobs: Vec::new(), misfit: None });
        };
        self.ask(|reply| Job::Verify { tokens, from, sampling, reply }).await
    }

    /// What the engine has done so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        *self.statistics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The longest text, in tokens, that can be computed.
    #[must_use]
    pub fn context(&self) -> usize {
        self.context
    }

    async fn start_generation(&self, request: Request, watch: Option<Watch>) -> Result<Completion, EngineError> {
        self.check_tokens(&request.prompt)?;
        if request.max_new_tokens == 0 {
            return Err(refuse("max_new_tokens must be at least 1"));
        }
        if !request.sampling.is_valid() {
            return Err(refuse("temperature must be at least 0, top_k at least 1, top_p above 0 and at most 1"));
        }
        if !request.stop_strings.is_empty() && !self.has_text {
            return Err(refuse("stop strings need a tokenizer, and this model has none"));
        }
        self.ask(|reply| Job::Generate { request, watch, reply }).await
    }

    async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, EngineError> {
        let stopped = || EngineError::Stopped { detail: None };
        let (reply, answer) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(job(reply)).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Prompt and completion in one, and where the completion begins; `None` if it is empty.
    fn join(&self, prompt: &[u32], completion: &[u32]) -> Result<Option<(Vec<u32>, usize)>, EngineError> {
        if completion.is_empty() {
            return Ok(None);
        }
        let tokens = [prompt, completion].concat();
        self.check_tokens(&tokens[..tokens.len() - 1])?;
        self.check_tokens(completion)?;
        if prompt.is_empty() {
            return Err(refuse("the prompt is empty: nothing can be said about the first token of a text"));
        }
        Ok(Some((tokens, prompt.len())))
    }

    fn check_tokens(&self, tokens: &[u32]) -> Result<(), EngineError> {
        if tokens.is_empty() {
            return Err(refuse("the prompt is empty: give at least one token"));
        }
        if let Some(token) = tokens.iter().find(|token| **token as usize >= self.vocabulary) {
            return Err(refuse(&format!("token {token} is not below the vocabulary of {}", self.vocabulary)));
        }
        if tokens.len() > self.context {
            let (length, context) = (tokens.len(), self.context);
            return Err(refuse(&format!("the text has {length} tokens and the engine has room for {context}")));
        }
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // a panic there was reported to every request that waited
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Engine[{} tokens of context]", self.context)
    }
}

fn refuse(reason: &str) -> EngineError {
    EngineError::Request { reason: reason.to_owned() }
}

/// Pages that fit the default size, and no more than all rows can use.
fn default_pages(config: &ModelConfig, rows: usize, page_tokens: usize) -> usize {
    let page: usize = config
        .layers
        .iter()
        .map(|layer| match &layer.mixer {
            Mixer::Attention(attention) => PagedKeyValues::bytes(page_tokens, attention.key_heads, attention.head_size),
            Mixer::DeltaNet(_) => 0,
        })
        .sum();
    let usable = rows * config.max_positions.div_ceil(page_tokens);
    (DEFAULT_PAGE_BYTES / page.max(1)).clamp(1, usable)
}
