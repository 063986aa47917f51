//! What the engine is asked and what it answers.

use super::Sampling;

/// A text to continue.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The text so far, at least one token.
    pub prompt: Vec<u32>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// No more than this many tokens are generated.
    pub max_new_tokens: usize,
    /// Generation ends as soon as one of these appears in the new text.
    pub stop_strings: Vec<String>,
}

/// A finished continuation. The token ids are what counts; the text is derived from them.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// The new tokens, a stop token included.
    pub tokens: Vec<u32>,
    /// Each new token's log-probability under the model itself: temperature 1, nothing cut off.
    pub logprobs: Vec<f32>,
    /// The new text up to a stop token or stop string; empty if the model has no tokenizer.
    pub text: String,
    /// Why it ended.
    pub finish: Finish,
}

/// Why a continuation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The model chose a stop token.
    StopToken,
    /// A stop string appeared.
    StopString,
    /// The limit of new tokens, or of the model's own context, was reached.
    Length,
    /// The model's logits were not numbers; the tokens so far are what there is.
    NotFinite,
}

/// How a given token fares under the model.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenScore {
    /// Its log-probability: temperature 1, nothing cut off.
    pub logprob: f32,
    /// How many tokens are more likely; equals with a lower id count.
    pub rank: u32,
    /// The most likely tokens with their log-probabilities, most likely first.
    pub top: Vec<(u32, f32)>,
}

/// Whether a recorded continuation is the one that the sampling rule gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Verification {
    /// Each recorded token's log-probability, to be held against the recorded ones.
    pub logprobs: Vec<f32>,
    /// The first token that does not fit; `None` if all do.
    pub misfit: Option<Misfit>,
}

/// A recorded token that the sampling rule would not have chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Misfit {
    /// Its index in the continuation.
    pub index: usize,
    /// What was recorded.
    pub recorded: u32,
    /// What the rule chooses.
    pub chosen: u32,
    /// By how much the recorded token falls short of the chosen one, in units of logit / temperature plus noise. Tiny
    /// where the record comes from a device that rounds differently.
    pub shortfall: f64,
}

/// Why the engine could not answer; none of it is a verdict on a model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The request cannot be run as it is.
    #[error("the request cannot be run: {reason}")]
    Request {
        /// What to change.
        reason: String,
    },
    /// The engine has shut down.
    #[error("the engine has stopped{}", detail.as_ref().map(|d| format!(": {d}")).unwrap_or_default())]
    Stopped {
        /// What brought it down, if anything did.
        detail: Option<String>,
    },
    /// The engine could not be set up.
    #[error("the engine cannot start: {reason}")]
    Start {
        /// What to change.
        reason: String,
    },
}

/// What the engine has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Prompt tokens computed.
    pub prefilled: u64,
    /// Tokens generated.
    pub decoded: u64,
    /// Prompt tokens that did not have to be computed.
    pub from_prefix_cache: u64,
    /// Steps run.
    pub steps: u64,
    /// Time spent in the forward pass, choosing tokens included.
    pub forward: std::time::Duration,
}
