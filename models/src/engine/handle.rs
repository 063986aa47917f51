//! The engine as its callers see it: a thread that runs a model, and requests to it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::EngineSettings;
use super::request::{Completion, EngineError, Request, Statistics, Verification};
use super::scheduler::{Parts, Scheduler};
use super::sequence::{Job, ReplySender};
use super::vocabulary::{Detokenizer, Vocabulary};
use crate::config::{Mixer, ModelConfig};
use crate::decoder::{Capacity, Decoder};
use crate::kernel::{PAGE_STEP, PagedKeyValues};
use crate::sampling::{Sampling, TokenScore};

/// Default size limit of the KV cache in bytes.
const DEFAULT_PAGE_BYTES: usize = 768 << 20;
/// Most tokens of a page.
const MOST_PAGE_TOKENS: usize = 4096;
/// Most alternatives that are reported for a token.
const MOST_TOP: usize = 256;

/// A model for an engine.
pub struct EngineModel {
    /// Configuration of the model.
    pub config: ModelConfig,
    /// Parameters of the model.
    pub decoder: Decoder,
    /// Tokens that end a generation.
    pub stop_tokens: Vec<u32>,
    /// Decodes tokens to text, if the model has a tokenizer.
    pub detokenizer: Option<Box<dyn Detokenizer>>,
}

/// A running model. Any number of tasks may make requests; dropping a request's future cancels it.
pub struct Engine {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    statistics: Arc<Mutex<Statistics>>,
    vocabulary: usize,
    context: usize,
    has_text: bool,
}

impl Engine {
    /// Starts the engine's thread and the compute threads of the settings.
    ///
    /// # Errors
    /// If the settings are invalid, or threads or memory cannot be had.
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
        let rows = settings.rows + settings.chunk;
        let long_from = config.long_from.filter(|from| *from < context);
        let capacity = Capacity { pages, page_tokens, states: settings.rows, positions: context, long_from, rows };
        decoder.start(capacity, pool).map_err(|error| trouble(error.to_string()))?;
        let statistics = Arc::new(Mutex::new(Statistics::default()));
        let has_text = detokenizer.is_some();
        let scheduler = Scheduler::new(Parts {
            decoder,
            vocabulary: Vocabulary { stop_tokens, detokenizer },
            sharing: settings.prefix_cache && !config.is_recurrent(),
            settings: settings.clone(),
            pages,
            context,
            long_from,
            statistics: statistics.clone(),
        });
        let (jobs, queue) = mpsc::channel();
        // A thread of its own: a forward pass would block the tasks of an asynchronous runtime.
        let thread = std::thread::Builder::new().name("engine".to_owned()).spawn(move || scheduler.run(&queue));
        let thread = Some(thread.map_err(|error| trouble(error.to_string()))?);
        Ok(Self { jobs: Some(jobs), thread, statistics, vocabulary: config.vocabulary, context, has_text })
    }

    /// Continues a prompt.
    ///
    /// # Errors
    /// If the request is invalid or the engine has stopped.
    pub async fn generate(&self, request: Request) -> Result<Completion, EngineError> {
        self.check_tokens(&request.prompt)?;
        if request.max_new_tokens == 0 {
            return Err(refuse("max_new_tokens must be at least 1"));
        }
        check_sampling(request.sampling)?;
        if !request.stop_strings.is_empty() && !self.has_text {
            return Err(refuse("stop strings need a tokenizer, and this model has none"));
        }
        self.submit(|reply| Job::Generate { request, reply }).await
    }

    /// Scores each token of `completion` after `prompt` (teacher forcing), with the `top` most likely alternatives.
    ///
    /// # Errors
    /// If the request is invalid or the engine has stopped.
    pub async fn score(&self, prompt: &[u32], completion: &[u32], top: usize) -> Result<Vec<TokenScore>, EngineError> {
        if top > MOST_TOP {
            return Err(refuse("at most 256 runners-up are reported"));
        }
        let Some((tokens, from)) = self.join(prompt, completion)? else { return Ok(Vec::new()) };
        self.submit(|reply| Job::Score { tokens, from, top, reply }).await
    }

    /// Checks by one prefill that `completion` is the result of the sampling rule after `prompt`, and finds the first token
    /// that is not.
    ///
    /// # Errors
    /// If the request is invalid or the engine has stopped.
    pub async fn verify_rollout(
        &self,
        prompt: &[u32],
        completion: &[u32],
        sampling: Sampling,
    ) -> Result<Verification, EngineError> {
        check_sampling(sampling)?;
        let Some((tokens, from)) = self.join(prompt, completion)? else {
            return Ok(Verification { logprobs: Vec::new(), mismatch: None });
        };
        self.submit(|reply| Job::Verify { tokens, from, sampling, reply }).await
    }

    /// Counters since the start.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        *self.statistics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Maximum sequence length in tokens.
    #[must_use]
    pub fn context(&self) -> usize {
        self.context
    }

    /// Sends a job to the engine's thread and waits for its result.
    async fn submit<T>(&self, job: impl FnOnce(ReplySender<T>) -> Job) -> Result<T, EngineError> {
        let stopped = || EngineError::Stopped { detail: None };
        let (reply, answer) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(job(reply)).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Concatenates prompt and completion, with the index where the completion begins; `None` if it is empty.
    fn join(&self, prompt: &[u32], completion: &[u32]) -> Result<Option<(Vec<u32>, usize)>, EngineError> {
        if completion.is_empty() {
            return Ok(None);
        }
        if prompt.is_empty() {
            return Err(refuse("the prompt is empty: nothing can be said about the first token of a text"));
        }
        let tokens = [prompt, completion].concat();
        // The last token is scored and never computed, so it needs no position.
        self.check_tokens(&tokens[..tokens.len() - 1])?;
        self.check_tokens(completion)?;
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
        // The closed channel ends the scheduler's loop.
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // Every request that waited was told of a panic there: its channel was closed.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Engine[{} tokens of context]", self.context)
    }
}

fn check_sampling(sampling: Sampling) -> Result<(), EngineError> {
    match sampling.is_valid() {
        true => Ok(()),
        false => Err(refuse("temperature must be at least 0, top_k at least 1, top_p above 0 and at most 1")),
    }
}

fn refuse(reason: &str) -> EngineError {
    EngineError::Request { reason: reason.to_owned() }
}

/// Pages within the default size, but no more than all rows can use.
fn default_pages(config: &ModelConfig, rows: usize, page_tokens: usize) -> usize {
    let page: usize = config
        .layers
        .iter()
        .map(|layer| match &layer.mixer {
            Mixer::Attention(attention) => PagedKeyValues::bytes(page_tokens, attention.key_heads, attention.head_size),
            Mixer::DeltaNet(_) => 0,
        })
        .sum();
    let usable = rows.saturating_mul(config.max_positions.div_ceil(page_tokens));
    (DEFAULT_PAGE_BYTES / page.max(1)).min(usable).max(1)
}
