//! A finished rollout: one model's conversation on one task, with its verdict.

use models::responder::Work;
use serde::{Deserialize, Serialize};

/// A finished rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rollout {
    /// The entry's place in the registry's order.
    pub entry: usize,
    /// The environment's place in the settings.
    pub environment: usize,
    /// The task's number.
    pub task: u32,
    /// The task's seed.
    pub seed: u64,
    /// The model's replies in order.
    pub replies: Vec<Reply>,
    /// The verdict's score in [0, 1].
    pub score: f64,
    /// The verdict's reason.
    pub reason: String,
    /// Origin of the failure, if the rollout failed.
    pub fault: Option<Fault>,
    /// The replies can be reproduced from the model's files; a server's cannot.
    pub reproducible: bool,
    /// Number of attempts, counting the successful one.
    pub attempts: u32,
    /// Seconds it took.
    pub seconds: f64,
}

impl Rollout {
    /// True of the same rollout, whoever made it: equal but for the attempts and the time that it took.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        let of_other = Self { attempts: other.attempts, seconds: other.seconds, ..self.clone() };
        of_other == *other && self.score.to_bits() == other.score.to_bits()
    }

    /// The work that its replies took.
    pub(crate) fn work(&self) -> Work {
        self.replies.iter().fold(Work::default(), |sum, reply| sum.plus(reply.work))
    }
}

#[cfg(test)]
impl Rollout {
    /// A rollout of entry 0 on task 0 that scored 0, without replies.
    pub(crate) fn blank() -> Self {
        Self {
            entry: 0,
            environment: 0,
            task: 0,
            seed: 0,
            replies: Vec::new(),
            score: 0.0,
            reason: String::new(),
            fault: None,
            reproducible: true,
            attempts: 1,
            seconds: 0.0,
        }
    }
}

/// One reply: its token ids are the record and its text is derived; where a server sends no ids, its text is the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reply {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// The text, if there are no token ids to derive it from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The reply's token ids.
    pub tokens: Vec<u32>,
    /// The bits of each token's natural log-probability (IEEE 754 single).
    pub logprob_bits: Vec<u32>,
    /// Reason for the end of the reply.
    pub finish: String,
    /// The work that it took.
    #[serde(default)]
    pub work: Work,
}

/// Origin of a failed rollout. Failures of this machine are retried and never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fault {
    /// The model: it scores 0.
    Model,
    /// The environment: the task counts for neither side.
    Environment,
    /// The environment's verifier, which failed on the model's reply: it scores 0, since otherwise a model could remove the
    /// tasks that it would lose.
    Verifier,
    /// The model's budget of work, which was spent before the task: it was not asked, and scores 0.
    Budget,
}

/// A stored word that names no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no fault of a rollout")]
pub(crate) struct UnknownFault(pub String);

impl Fault {
    /// The word that stands for it in the database and in the evidence.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Environment => "environment",
            Self::Verifier => "verifier",
            Self::Budget => "budget",
        }
    }

    /// The side at fault, as the end of a sentence.
    pub(crate) fn side(self) -> &'static str {
        match self {
            Self::Model => "the model",
            Self::Environment => "the environment",
            Self::Verifier => "the environment's verifier",
            Self::Budget => "the model's budget of work",
        }
    }

    /// The fault that was stored as this word.
    ///
    /// # Errors
    /// If no fault has this word.
    pub(crate) fn from_word(word: &str) -> Result<Self, UnknownFault> {
        [Self::Model, Self::Environment, Self::Verifier, Self::Budget]
            .into_iter()
            .find(|fault| fault.word() == word)
            .ok_or_else(|| UnknownFault(word.to_owned()))
    }
}

/// The score that a rollout contributes to a duel: none where the environment failed to make the task.
pub(crate) fn counted_score(score: f64, fault: Option<Fault>) -> Option<f64> {
    (fault != Some(Fault::Environment)).then_some(score)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_stored_under_the_words_of_the_evidence() {
        for fault in [Fault::Model, Fault::Environment, Fault::Verifier, Fault::Budget] {
            assert_eq!(Fault::from_word(fault.word()), Ok(fault));
            assert_eq!(serde_json::to_value(fault).unwrap(), fault.word());
        }
        for word in ["", "Model", "host", "environment "] {
            assert_eq!(Fault::from_word(word), Err(UnknownFault(word.to_owned())));
        }
    }

    #[test]
    fn a_failure_of_the_model_counts_and_one_of_the_environment_does_not() {
        assert_eq!(counted_score(0.5, None), Some(0.5));
        assert_eq!(counted_score(0.0, Some(Fault::Model)), Some(0.0));
        assert_eq!(counted_score(0.0, Some(Fault::Verifier)), Some(0.0));
        assert_eq!(counted_score(0.0, Some(Fault::Environment)), None);
    }
}
