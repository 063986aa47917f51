//! Continuous batching: composes and runs one step after the other.
//!
//! A sequence is admitted when a row and enough pages for its full length are free, so that no running sequence is ever
//! preempted. Only a text that grows beyond the original length of LongRoPE is begun anew, since all its keys turn otherwise
//! from then on; until there are pages for it, nothing is admitted. A step contains the newest token of every decoding sequence and, up to the chunk size, prompt tokens in
//! order of arrival.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use super::request::{EngineError, Statistics};
use super::sequence::{Held, Job, Sequence};
use super::settings::EngineSettings;
use super::vocabulary::Vocabulary;
use crate::cache::{Access, Pages, extend_hashes};
use crate::{
    decoder::{Decoder, Step},
    error::DeviceError,
    sampling::{LogitsResult, LogitsTask},
};

/// Parts of a scheduler.
pub(super) struct Parts {
    pub(super) decoder: Decoder,
    pub(super) vocabulary: Vocabulary,
    pub(super) sharing: bool,
    pub(super) settings: EngineSettings,
    pub(super) pages: usize,
    pub(super) context: usize,
    pub(super) long_from: Option<usize>,
    pub(super) statistics: Arc<Mutex<Statistics>>,
}

/// The state of the engine's thread.
pub(super) struct Scheduler {
    parts: Parts,
    pages: Pages,
    waiting: VecDeque<Job>,
    /// Running sequences in order of arrival.
    running: Vec<Sequence>,
    free_slots: Vec<u32>,
    next_id: u64,
    step: Step,
    statistics: Statistics,
}

/// The share of one sequence in a step.
struct Share {
    /// Index into the running sequences.
    index: usize,
    tokens: usize,
    results: usize,
}

impl Scheduler {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            pages: Pages::new(parts.pages),
            waiting: VecDeque::new(),
            running: Vec::new(),
            free_slots: (0..parts.settings.rows as u32).rev().collect(),
            next_id: 0,
            step: Step::default(),
            statistics: Statistics::default(),
            parts,
        }
    }

    /// Runs until the handle is dropped or the device fails.
    pub(super) fn run(mut self, queue: &mpsc::Receiver<Job>) {
        loop {
            if self.waiting.is_empty() && self.running.is_empty() {
                match queue.recv() {
                    Ok(job) => self.waiting.push_back(job),
                    Err(mpsc::RecvError) => return,
                }
            }
            loop {
                match queue.try_recv() {
                    Ok(job) => self.waiting.push_back(job),
                    Err(mpsc::TryRecvError::Empty) => break,
                    Err(mpsc::TryRecvError::Disconnected) => return,
                }
            }
            // Before admission, so that their rows and pages are free for it.
            self.drop_cancelled();
            if self.begin_long_texts() {
                self.admit();
            }
            let shares = self.plan();
            if shares.is_empty() {
                continue;
            }
            match self.compute(&shares) {
                Ok(results) => self.apply(&shares, results),
                Err(error) => return self.fail(queue, &error),
            }
        }
    }

    fn drop_cancelled(&mut self) {
        self.waiting.retain(|job| !job.is_cancelled());
        while let Some(index) = self.running.iter().position(|sequence| sequence.job.is_cancelled()) {
            self.remove(index);
        }
    }

    /// Admits waiting jobs in order of arrival while rows and pages are free.
    fn admit(&mut self) {
        let page_tokens = self.parts.settings.page_tokens;
        while let (Some(job), Some(slot)) = (self.waiting.front(), self.free_slots.last().copied()) {
            let mut hashes = Vec::new();
            if self.parts.sharing {
                let long = job.begins_long(self.parts.long_from);
                extend_hashes(&mut hashes, job.tokens(), page_tokens, job.first_wanted() / page_tokens, long);
            }
            let count = job.positions(self.parts.context).div_ceil(page_tokens);
            let id = self.next_id;
            // A job that does not fit blocks later ones, so that long prompts are not starved by short ones.
            let Some(pages) = self.pages.claim(id, &hashes, count) else { return };
            let job = self.waiting.pop_front().expect("a waiting job was found");
            self.free_slots.pop();
            self.next_id += 1;
            let Parts { context, long_from, .. } = self.parts;
            self.running.push(Sequence::new(id, job, Held { pages, hashes }, slot, context, long_from));
        }
    }

    /// Begins texts anew that have grown beyond the short factors of LongRoPE. False if one still waits for pages.
    fn begin_long_texts(&mut self) -> bool {
        let page_tokens = self.parts.settings.page_tokens;
        let mut all = true;
        for sequence in self.running.iter_mut().filter(|sequence| sequence.has_outgrown()) {
            // Others may read the pages of the short text, so it leaves them as they are.
            self.pages.release(sequence.id, &std::mem::take(&mut sequence.held.pages));
            let mut hashes = Vec::new();
            if self.parts.sharing {
                let shared = sequence.computed / page_tokens;
                extend_hashes(&mut hashes, &sequence.tokens, page_tokens, shared, true);
            }
            match self.pages.claim(sequence.id, &hashes, sequence.positions.div_ceil(page_tokens)) {
                Some(pages) => sequence.begin_long(Held { pages, hashes }),
                None => all = false,
            }
        }
        all
    }

    /// Composes the next step: decodes first, then prompt chunks.
    fn plan(&mut self) -> Vec<Share> {
        self.step.clear();
        let mut shares = Vec::with_capacity(self.running.len());
        let mut budget = self.parts.settings.chunk;
        for index in 0..self.running.len() {
            // Decodes do not count against the chunk, which bounds the delay that prompts cause them.
            let tokens = if self.running[index].is_decoding() {
                1
            } else {
                let tokens = self.prefill(index, budget);
                budget -= tokens;
                tokens
            };
            if tokens > 0 {
                shares.push(self.add(index, tokens));
            }
        }
        shares
    }

    /// Number of prompt tokens of a sequence to compute now, at most `budget`. Pages found in the prefix cache are skipped,
    /// pages that another sequence is filling are waited for.
    fn prefill(&mut self, index: usize, budget: usize) -> usize {
        let page_tokens = self.parts.settings.page_tokens;
        let sequence = &mut self.running[index];
        let shared = if self.parts.sharing { sequence.first_wanted() / page_tokens } else { 0 };
        while sequence.computed.is_multiple_of(page_tokens) && sequence.computed / page_tokens < shared {
            match self.pages.access(sequence.held.pages[sequence.computed / page_tokens], sequence.id) {
                Access::Filled => {
                    sequence.computed += page_tokens;
                    sequence.filled += 1;
                    self.statistics.from_prefix_cache += page_tokens as u64;
                }
                Access::Wait => return 0,
                Access::Write => break,
            }
        }
        let limit = sequence.computed + sequence.ready().min(budget);
        let mut end = sequence.computed;
        while end < limit {
            let page = end / page_tokens;
            let foreign = page < shared && self.pages.access(sequence.held.pages[page], sequence.id) != Access::Write;
            // The chunk ends where the next step can skip a page or has to wait for it.
            if foreign {
                break;
            }
            end = limit.min((page + 1) * page_tokens);
        }
        end - sequence.computed
    }

    /// Adds the next tokens of a sequence to the step.
    fn add(&mut self, index: usize, tokens: usize) -> Share {
        let sequence = &self.running[index];
        let (start, end) = (sequence.computed, sequence.computed + tokens);
        let pages = sequence.held.pages[..end.div_ceil(self.parts.settings.page_tokens)].to_vec();
        let wanted = sequence.first_wanted().clamp(start, end) - start..tokens;
        let results = wanted.len();
        self.step.push(&sequence.tokens[start..end], start, pages, sequence.slot, wanted);
        if let Some(first) = sequence.long_table() {
            self.step.rotate_last_from(first);
        }
        Share { index, tokens, results }
    }

    /// Runs the step and samples or scores the wanted rows.
    fn compute(&mut self, shares: &[Share]) -> Result<Vec<LogitsResult>, DeviceError> {
        let tasks: Vec<LogitsTask> = shares
            .iter()
            .flat_map(|share| {
                let sequence = &self.running[share.index];
                let end = sequence.computed + share.tokens;
                (end - share.results..end).map(|position| sequence.task(position))
            })
            .collect();
        let started = now();
        let results = self.parts.decoder.answer(&self.step, &tasks)?;
        self.statistics.forward += started.elapsed();
        self.statistics.steps += 1;
        Ok(results)
    }

    /// Distributes the results and removes finished sequences.
    fn apply(&mut self, shares: &[Share], results: Vec<LogitsResult>) {
        let page_tokens = self.parts.settings.page_tokens;
        let mut results = results.into_iter();
        for share in shares {
            let sequence = &mut self.running[share.index];
            if !sequence.is_decoding() {
                self.statistics.prefilled += share.tokens as u64;
            }
            sequence.computed += share.tokens;
            while sequence.filled < sequence.computed / page_tokens {
                if self.parts.sharing {
                    let long = sequence.long_table().is_some();
                    extend_hashes(&mut sequence.held.hashes, &sequence.tokens, page_tokens, sequence.filled + 1, long);
                }
                self.pages
                    .fill(sequence.held.pages[sequence.filled], sequence.held.hashes.get(sequence.filled).copied());
                sequence.filled += 1;
            }
            for result in results.by_ref().take(share.results) {
                if matches!(result, LogitsResult::Sampled { .. }) {
                    self.statistics.decoded += 1;
                }
                sequence.accept(result, &self.parts.vocabulary, self.parts.context);
            }
        }
        *self.parts.statistics.lock().unwrap_or_else(PoisonError::into_inner) = self.statistics;
        while let Some(index) = self.running.iter().position(Sequence::is_done) {
            self.remove(index).finish(&self.parts.vocabulary);
        }
    }

    /// Removes a sequence and releases its pages and its row.
    fn remove(&mut self, index: usize) -> Sequence {
        let sequence = self.running.remove(index);
        self.pages.release(sequence.id, &sequence.held.pages);
        self.free_slots.push(sequence.slot);
        sequence
    }

    /// Fails all jobs with the device's error.
    fn fail(self, queue: &mpsc::Receiver<Job>, error: &DeviceError) {
        let error = EngineError::Stopped { detail: Some(error.to_string()) };
        let running = self.running.into_iter().map(|sequence| sequence.job);
        for job in running.chain(self.waiting).chain(queue.try_iter()) {
            job.fail(error.clone());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "only counted in the statistics; no result depends on it")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}
