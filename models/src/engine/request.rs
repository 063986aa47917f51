//! Requests to the engine and their results.

use crate::sampling::Sampling;

/// A request for a completion.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Prompt token ids, at least one.
    pub prompt: Vec<u32>,
    /// Sampling parameters.
    pub sampling: Sampling,
    /// Limit of generated tokens.
    pub max_new_tokens: usize,
    /// Generation ends when one of these appears in the generated text.
    pub stop_strings: Vec<String>,
}

/// A finished completion. The token ids are authoritative; the text is decoded from them.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// Generated token ids, including a stop token.
    pub tokens: Vec<u32>,
    /// Log-probability of each generated token at temperature 1, without top-k and top-p.
    pub logprobs: Vec<f32>,
    /// Generated text up to a stop token or stop string; empty if the model has no tokenizer.
    pub text: String,
    /// The reason why generation ended.
    pub finish: Finish,
}

/// Reasons why generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// A stop token was sampled.
    StopToken,
    /// A stop string appeared in the text.
    StopString,
    /// The token limit or the end of the context was reached.
    Length,
    /// The logits were not finite; the tokens before are kept.
    NotFinite,
}

/// Result of checking a recorded completion against the sampling rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Verification {
    /// Log-probability of each recorded token, for comparison with recorded log-probabilities.
    pub logprobs: Vec<f32>,
    /// The first token that differs; `None` if all agree.
    pub mismatch: Option<Mismatch>,
}

/// A recorded token that the sampling rule does not choose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mismatch {
    /// Index in the completion.
    pub index: usize,
    /// The recorded token.
    pub recorded: u32,
    /// The token that the rule chooses.
    pub chosen: u32,
    /// Difference of the two tokens in logit / temperature plus noise. Tiny if the record comes from a device that rounds
    /// differently.
    pub shortfall: f64,
}

/// The error of a request that gave no result. It says nothing about the model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The request is invalid.
    #[error("the request cannot be run: {reason}")]
    Request {
        /// The reason.
        reason: String,
    },
    /// The engine has shut down.
    #[error("the engine has stopped{}", detail.as_ref().map(|d| format!(": {d}")).unwrap_or_default())]
    Stopped {
        /// The device's error, if one stopped it.
        detail: Option<String>,
    },
    /// The engine could not be started.
    #[error("the engine cannot start: {reason}")]
    Start {
        /// The reason.
        reason: String,
    },
}

/// Counters of an engine since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Prompt tokens computed.
    pub prefilled: u64,
    /// Tokens generated.
    pub decoded: u64,
    /// Prompt tokens found in the prefix cache.
    pub from_prefix_cache: u64,
    /// Steps run.
    pub steps: u64,
    /// Total time of forward passes, including sampling.
    pub forward: std::time::Duration,
}
