//! A sequence in the engine: its tokens, pages and partial results.

use tokio::sync::oneshot;

use super::request::{Completion, EngineError, Finish, Mismatch, Request, Verification};
use super::text::TextSoFar;
use super::vocabulary::Vocabulary;
use crate::cache::PageHash;
use crate::sampling::{LogitsResult, LogitsTask, Sampling, TokenScore};

/// The channel of a result; the receiver is dropped to cancel the job.
pub(super) type ReplySender<T> = oneshot::Sender<Result<T, EngineError>>;

/// Most bytes of a reply's tokens as written: so many, and so many for each token that it may have. Texts of people and
/// programs have three to five for each.
const REPLY_BYTES: (usize, usize) = (4096, 64);

/// A job of the engine.
pub(super) enum Job {
    /// Continue a prompt.
    Generate { request: Request, reply: ReplySender<Completion> },
    /// Score each token from index `from` on.
    Score { tokens: Vec<u32>, from: usize, top: usize, reply: ReplySender<Vec<TokenScore>> },
    /// Check each token from index `from` on against the sampling rule.
    Verify { tokens: Vec<u32>, from: usize, sampling: Sampling, reply: ReplySender<Verification> },
}

impl Job {
    /// True if the receiver of the result is gone.
    pub(super) fn is_cancelled(&self) -> bool {
        match self {
            Self::Generate { reply, .. } => reply.is_closed(),
            Self::Score { reply, .. } => reply.is_closed(),
            Self::Verify { reply, .. } => reply.is_closed(),
        }
    }

    pub(super) fn fail(self, error: EngineError) {
        // A cancelled job has no receiver.
        let _ = match self {
            Self::Generate { reply, .. } => reply.send(Err(error)).is_ok(),
            Self::Score { reply, .. } => reply.send(Err(error)).is_ok(),
            Self::Verify { reply, .. } => reply.send(Err(error)).is_ok(),
        };
    }

    /// Tokens known at the start.
    pub(super) fn tokens(&self) -> &[u32] {
        match self {
            Self::Generate { request, .. } => &request.prompt,
            Self::Score { tokens, .. } | Self::Verify { tokens, .. } => tokens,
        }
    }

    /// The first position whose logits are needed.
    pub(super) fn first_wanted(&self) -> usize {
        match self {
            Self::Generate { request, .. } => request.prompt.len() - 1,
            Self::Score { from, .. } | Self::Verify { from, .. } => from - 1,
        }
    }

    /// True if the first wanted position is one of a text longer than `long_from` tokens (LongRoPE). A text that is scored
    /// is long from its first position on, as in one pass over all of it.
    pub(super) fn begins_long(&self, long_from: Option<usize>) -> bool {
        let length = match self {
            Self::Generate { request, .. } => request.prompt.len(),
            Self::Score { tokens, .. } => tokens.len(),
            Self::Verify { from, .. } => *from,
        };
        long_from.is_some_and(|most| length > most)
    }

    /// Most positions that will be computed, in a context of `context` positions.
    pub(super) fn positions(&self, context: usize) -> usize {
        match self {
            Self::Generate { request, .. } => {
                request.prompt.len().saturating_add(request.max_new_tokens - 1).min(context)
            }
            // The logits of the last token are not needed.
            Self::Score { tokens, .. } | Self::Verify { tokens, .. } => tokens.len() - 1,
        }
    }
}

/// Pages of a sequence.
pub(super) struct Held {
    pub(super) pages: Vec<u32>,
    /// Hashes of the full ones, as far as they are known.
    pub(super) hashes: Vec<PageHash>,
}

/// A running sequence.
pub(super) struct Sequence {
    pub(super) id: u64,
    pub(super) job: Job,
    /// Tokens so far.
    pub(super) tokens: Vec<u32>,
    /// Positions with keys and values in the cache.
    pub(super) computed: usize,
    /// Limit of computed positions.
    pub(super) positions: usize,
    pub(super) held: Held,
    /// Number of its pages that were marked as full.
    pub(super) filled: usize,
    /// Index of its row and of its recurrent state.
    pub(super) slot: u32,
    /// Longest text of short factors (LongRoPE).
    long_from: Option<usize>,
    /// True from where it is longer.
    long: bool,
    /// Positions whose results were taken before it was begun anew.
    answered: usize,
    logprobs: Vec<f32>,
    /// Bytes of the generated tokens as written.
    bytes: usize,
    text: TextSoFar,
    scores: Vec<TokenScore>,
    mismatch: Option<Mismatch>,
    finish: Option<Finish>,
}

impl Sequence {
    pub(super) fn new(id: u64, job: Job, held: Held, slot: u32, context: usize, long_from: Option<usize>) -> Self {
        let tokens = job.tokens().to_vec();
        let long = job.begins_long(long_from);
        let positions = job.positions(context);
        Self {
            id,
            job,
            tokens,
            computed: 0,
            positions,
            held,
            filled: 0,
            slot,
            long_from,
            long,
            answered: 0,
            logprobs: Vec::new(),
            bytes: 0,
            text: TextSoFar::default(),
            scores: Vec::new(),
            mismatch: None,
            finish: None,
        }
    }

    /// Number of positions that can be computed now.
    pub(super) fn ready(&self) -> usize {
        let short = if self.long { None } else { self.long_from };
        self.tokens.len().min(self.positions).min(short.unwrap_or(usize::MAX)) - self.computed
    }

    /// The first position whose logits are still needed.
    pub(super) fn first_wanted(&self) -> usize {
        self.job.first_wanted().max(self.answered)
    }

    /// First row of the RoPE table for long texts, if it is one.
    pub(super) fn long_table(&self) -> Option<usize> {
        self.long_from.filter(|_| self.long)
    }

    /// True if it has all positions of a short text and goes on.
    pub(super) fn has_outgrown(&self) -> bool {
        !self.long && self.long_from == Some(self.computed) && !self.is_done()
    }

    /// Begins anew, on other pages, as a long text; the results so far stay.
    pub(super) fn begin_long(&mut self, held: Held) {
        (self.answered, self.computed, self.filled) = (self.computed, 0, 0);
        (self.held, self.long) = (held, true);
    }

    /// True if only the newest token is to be computed.
    pub(super) fn is_decoding(&self) -> bool {
        matches!(self.job, Job::Generate { .. }) && self.ready() == 1 && !self.logprobs.is_empty()
    }

    /// The task on the logits at `position`.
    pub(super) fn task(&self, position: usize) -> LogitsTask {
        // Draws are counted from the reply's first token: prompts of two models differ in length, their draws do not.
        let draw = position - self.job.first_wanted();
        match &self.job {
            Job::Generate { request, .. } => LogitsTask::Sample { sampling: request.sampling, draw },
            Job::Score { top, .. } => LogitsTask::Score { token: self.tokens[position + 1], top: *top },
            Job::Verify { sampling, .. } => {
                LogitsTask::Verify { sampling: *sampling, draw, token: self.tokens[position + 1] }
            }
        }
    }

    /// Takes the result of the next wanted position.
    pub(super) fn accept(&mut self, result: LogitsResult, vocabulary: &Vocabulary, context: usize) {
        match result {
            LogitsResult::Sampled { token, logprob } => self.push_token(token, logprob, vocabulary, context),
            LogitsResult::Scored(score) => self.scores.push(score),
            LogitsResult::Verified { logprob, chosen, shortfall } => {
                let index = self.logprobs.len();
                let recorded = self.tokens[self.job.first_wanted() + 1 + index];
                self.logprobs.push(logprob);
                if chosen != recorded && self.mismatch.is_none() {
                    self.mismatch = Some(Mismatch { index, recorded, chosen, shortfall });
                }
            }
        }
    }

    fn push_token(&mut self, token: u32, logprob: f32, vocabulary: &Vocabulary, context: usize) {
        let Job::Generate { request, .. } = &self.job else { unreachable!("only generation samples tokens") };
        // Broken weights give NaN or infinite logits, of which no token is a meaningful sample.
        if !logprob.is_finite() {
            self.finish = Some(Finish::NotFinite);
            return;
        }
        self.tokens.push(token);
        self.logprobs.push(logprob);
        if vocabulary.stop_tokens.contains(&token) {
            self.finish = Some(Finish::StopToken);
            return;
        }
        self.bytes += vocabulary.bytes(token);
        let most_bytes = REPLY_BYTES.0.saturating_add(REPLY_BYTES.1.saturating_mul(request.max_new_tokens));
        let new = &self.tokens[request.prompt.len()..];
        if !request.stop_strings.is_empty() && self.text.extend(vocabulary, new, &request.stop_strings) {
            self.finish = Some(Finish::StopString);
        } else if new.len() == request.max_new_tokens || self.tokens.len() > context || self.bytes >= most_bytes {
            self.finish = Some(Finish::Length);
        }
    }

    /// True if there is nothing left to compute.
    pub(super) fn is_done(&self) -> bool {
        self.finish.is_some() || (!matches!(self.job, Job::Generate { .. }) && self.computed == self.positions)
    }

    /// Sends the result.
    pub(super) fn finish(self, vocabulary: &Vocabulary) {
        // A cancelled job has no receiver.
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
                let _ = reply.send(Ok(Verification { logprobs: self.logprobs, mismatch: self.mismatch }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generation(prompt: usize, max_new_tokens: usize) -> Job {
        let request =
            Request { prompt: vec![1; prompt], sampling: Sampling::greedy(), max_new_tokens, stop_strings: Vec::new() };
        Job::Generate { request, reply: oneshot::channel().0 }
    }

    fn scoring(tokens: usize, from: usize) -> Job {
        Job::Score { tokens: vec![1; tokens], from, top: 0, reply: oneshot::channel().0 }
    }

    #[test]
    fn a_job_computes_no_position_that_it_does_not_need() {
        for (job, context, positions, first) in [
            (generation(5, 1), 100, 5, 4),
            (generation(5, 10), 100, 14, 4),
            (generation(5, 1000), 100, 100, 4),
            (generation(5, usize::MAX), 100, 100, 4),
            (generation(100, 1), 100, 100, 99),
            (scoring(10, 4), 100, 9, 3),
            (scoring(101, 100), 100, 100, 99),
        ] {
            assert_eq!((job.positions(context), job.first_wanted()), (positions, first));
        }
    }

    #[test]
    fn a_job_whose_receiver_is_gone_is_cancelled() {
        let (reply, receiver) = oneshot::channel();
        let job = Job::Score { tokens: vec![1, 2], from: 1, top: 0, reply };
        assert!(!job.is_cancelled());
        drop(receiver);
        assert!(job.is_cancelled());
        job.fail(EngineError::Stopped { detail: None });
    }

    /// Feeds sampled tokens to a generation until it is finished.
    fn generated(vocabulary: &Vocabulary, max_new_tokens: usize, context: usize, tokens: &[(u32, f32)]) -> Completion {
        let (reply, mut receiver) = oneshot::channel();
        let request =
            Request { prompt: vec![9, 9], sampling: Sampling::greedy(), max_new_tokens, stop_strings: Vec::new() };
        let mut sequence = Sequence::new(
            1,
            Job::Generate { request, reply },
            Held { pages: vec![0], hashes: Vec::new() },
            0,
            context,
            None,
        );
        for (token, logprob) in tokens {
            assert!(!sequence.is_done());
            sequence.accept(LogitsResult::Sampled { token: *token, logprob: *logprob }, vocabulary, context);
        }
        assert!(sequence.is_done());
        sequence.finish(vocabulary);
        receiver.try_recv().unwrap().unwrap()
    }

    #[test]
    fn generation_ends_where_its_text_is_longer_than_any_text_of_so_many_tokens() {
        struct Long;
        impl crate::engine::Detokenizer for Long {
            fn decode(&self, tokens: &[u32]) -> String {
                "a".repeat(1024 * tokens.len())
            }

            fn bytes(&self, _: u32) -> usize {
                1024
            }
        }
        for (limit, kept) in [(64, 8), (128, 12), (2, 2)] {
            let vocabulary = Vocabulary { stop_tokens: Vec::new(), detokenizer: Some(Box::new(Long)) };
            let said = vec![(1, -0.5); kept];
            let completion = generated(&vocabulary, limit, 10_000, &said);
            assert_eq!((completion.finish, completion.tokens.len()), (Finish::Length, kept));
        }
    }

    #[test]
    fn generation_ends_at_a_stop_token_the_limit_the_context_or_a_number_that_is_none() {
        let vocabulary = Vocabulary { stop_tokens: vec![7, 8], detokenizer: None };
        for (limit, context, tokens, kept, finish) in [
            (9, 99, &[(1, -0.5), (8, -0.1)][..], 2, Finish::StopToken),
            (1, 99, &[(7, 0.0)], 1, Finish::StopToken),
            (2, 99, &[(1, -0.5), (2, -0.1)], 2, Finish::Length),
            (9, 3, &[(1, -0.5), (2, -0.1)], 2, Finish::Length),
            (9, 99, &[(1, -0.5), (2, f32::NAN)], 1, Finish::NotFinite),
            (9, 99, &[(1, f32::NEG_INFINITY)], 0, Finish::NotFinite),
        ] {
            let completion = generated(&vocabulary, limit, context, tokens);
            let expected: Vec<u32> = tokens[..kept].iter().map(|(token, _)| *token).collect();
            assert_eq!((completion.finish, completion.tokens), (finish, expected), "{tokens:?}");
            assert_eq!(completion.logprobs.len(), kept);
        }
    }
}
