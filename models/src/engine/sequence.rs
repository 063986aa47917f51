//! One text on its way through the engine.

use tokio::sync::oneshot;

use super::request::{Completion, EngineError, Finish, Misfit, Request, TokenScore, Verification};
use super::score::{Answer, Question};
use super::text::TextSoFar;
use super::{Sampling, Vocabulary};
use crate::cache::PageHash;

/// Where an answer is sent; the other side hangs up to cancel.
pub(super) type Reply<T> = oneshot::Sender<Result<T, EngineError>>;

/// Called with each new token and its log-probability.
pub(super) type Watch = Box<dyn FnMut(u32, f32) + Send>;

/// What is wanted of a text.
pub(super) enum Job {
    /// To be continued.
    Generate { request: Request, watch: Option<Watch>, reply: Reply<Completion> },
    /// Each token from index `from` on to be scored.
    Score { tokens: Vec<u32>, from: usize, top: usize, reply: Reply<Vec<TokenScore>> },
    /// Each token from index `from` on to be held against the sampling rule.
    Verify { tokens: Vec<u32>, from: usize, sampling: Sampling, reply: Reply<Verification> },
}

impl Job {
    /// Whether nobody waits for the answer any more.
    pub(super) fn is_cancelled(&self) -> bool {
        match self {
            Self::Generate { reply, .. } => reply.is_closed(),
            Self::Score { reply, .. } => reply.is_closed(),
            Self::Verify { reply, .. } => reply.is_closed(),
        }
    }

    pub(super) fn fail(self, error: EngineError) {
        // whoever hung up does not want to know
        let _ = match self {
            Self::Generate { reply, .. } => reply.send(Err(error)).is_ok(),
            Self::Score { reply, .. } => reply.send(Err(error)).is_ok(),
            Self::Verify { reply, .. } => reply.send(Err(error)).is_ok(),
        };
    }

    /// The tokens known at the start.
    pub(super) fn tokens(&self) -> &[u32] {
        match self {
            Self::Generate { request, .. } => &request.prompt,
            Self::Score { tokens, .. } | Self::Verify { tokens, .. } => tokens,
        }
    }

    /// The first position whose logits are wanted.
    pub(super) fn first_wanted(&self) -> usize {
        match self {
            Self::Generate { request, .. } => request.prompt.len() - 1,
            Self::Score { from, .. } | Self::Verify { from, .. } => from - 1,
        }
    }

    /// The most positions that will be computed, in a context of `context` positions.
    pub(super) fn positions(&self, context: usize) -> usize {
        match self {
            Self::Generate { request, .. } => (request.prompt.len() + request.max_new_tokens - 1).min(context),
            // the last token's own logits are of no interest
            Self::Score { tokens, .. } | Self::Verify { tokens, .. } => tokens.len() - 1,
        }
    }
}

/// A text that is being computed.
pub(super) struct Sequence {
    pub(super) id: u64,
    pub(super) job: Job,
    /// The text so far.
    pub(super) tokens: Vec<u32>,
    /// How many of its positions have keys and values.
    pub(super) computed: usize,
    /// No more positions than this are computed.
    pub(super) positions: usize,
    pub(super) pages: Vec<u32>,
    /// Hashes of its full pages, as far as they were needed.
    pub(super) hashes: Vec<PageHash>,
    /// How many of its pages were noted as full.
    pub(super) filled: usize,
    /// Its place among the running ones, and that of its recurrent state.
    pub(super) slot: u32,
    logprobs: Vec<f32>,
    text: TextSoFar,
    scores: Vec<TokenScore>,
    misfit: Option<Misfit>,
    finish: Option<Finish>,
}

impl Sequence {
    pub(super) fn new(id: u64, job: Job, pages: Vec<u32>, hashes: Vec<PageHash>, slot: u32, context: usize) -> Self {
        let tokens = job.tokens().to_vec();
        let positions = job.positions(context);
        Self {
            id,
            job,
            tokens,
            computed: 0,
            positions,
            pages,
            hashes,
            filled: 0,
            slot,
            logprobs: Vec::new(),
            text: TextSoFar::default(),
            scores: Vec::new(),
            misfit: None,
            finish: None,
        }
    }

    /// Positions that can be computed now.
    pub(super) fn ready(&self) -> usize {
        self.tokens.len().min(self.positions) - self.computed
    }

    /// Whether only its newest token is to be computed.
    pub(super) fn is_decoding(&self) -> bool {
        matches!(self.job, Job::Generate { .. }) && self.ready() == 1 && !self.logprobs.is_empty()
    }

    /// What is wanted of the logits at `position`.
    pub(super) fn question(&self, position: usize) -> Question {
        match &self.job {
            Job::Generate { request, .. } => Question::Choose { sampling: request.sampling, position: position + 1 },
            Job::Score { top, .. } => Question::Score { token: self.tokens[position + 1], top: *top },
            Job::Verify { sampling, .. } => {
                Question::Verify { sampling: *sampling, position: position + 1, token: self.tokens[position + 1] }
            }
        }
    }

    /// Takes in what was read off the logits at the next wanted position.
    pub(super) fn take(&mut self, answer: Answer, vocabulary: &Vocabulary, context: usize) {
        match answer {
            Answer::Chosen { token, logprob } => self.take_token(token, logprob, vocabulary, context),
            Answer::Scored(score) => self.scores.push(score),
            Answer::Verified { logprob, chosen, shortfall } => {
                let index = self.logprobs.len();
                let recorded = self.tokens[self.job.first_wanted() + 1 + index];
                self.logprobs.push(logprob);
                if chosen != recorded && self.misfit.is_none() {
                    self.misfit = Some(Misfit { index, recorded, chosen, shortfall });
                }
            }
        }
    }

    fn take_token(&mut self, token: u32, logprob: f32, vocabulary: &Vocabulary, context: usize) {
        let Job::Generate { request, watch, .. } = &mut self.job else {
            unreachable!("only generation chooses tokens")
        };
        if !logprob.is_finite() {
            self.finish = Some(Finish::NotFinite);
            return;
        }
        self.tokens.push(token);
        self.logprobs.push(logprob);
        if let Some(watch) = watch {
            watch(token, logprob);
        }
        if vocabulary.stop_tokens.contains(&token) {
            self.finish = Some(Finish::StopToken);
            return;
        }
        let new = &self.tokens[request.prompt.len()..];
        if !request.stop_strings.is_empty() && self.text.extend(vocabulary, new, &request.stop_strings) {
            self.finish = Some(Finish::StopString);
        } else if new.len() == request.max_new_tokens || self.tokens.len() > context {
            self.finish = Some(Finish::Length);
        }
    }

    /// Whether there is nothing left to compute.
    pub(super) fn is_done(&self) -> bool {
        self.finish.is_some() || (!matches!(self.job, Job::Generate { .. }) && self.computed == self.positions)
    }

    /// Sends the answer.
    pub(super) fn finish(self, vocabulary: &Vocabulary) {
        // whoever hung up does not want to know
        match self.job {
            Job::Generate { request, reply, .. } => {
                let finish = self.finish.expect("a sequence is finished when it is done");
                let tokens = self.tokens[request.prompt.len()..].to_vec();
                let text = self.text.finish(vocabulary, &tokens, finish);
                let _ = reply.send(Ok(Completion { tokens, logprobs: self.logprobs, text, finish }));
            }
            Job::Score { reply, .. } => {
                let _ = reply.send(Ok(self.scores));
            }
            Job::Verify { reply, .. } => {
                let _ = reply.send(Ok(Verification { logprobs: self.logprobs, misfit: self.misfit }));
            }
        }
    }
}
