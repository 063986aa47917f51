//! Numbered tasks of environments, and verdicts about replies to them.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use environments::{Environment, EnvironmentError, EnvironmentId, Message, Seed, Task, Turn, VerdictReason};
use lru::LruCache;
use serde::{Deserialize, Serialize};

/// Tasks that are kept for the verdicts about them.
const KEPT: NonZeroUsize = NonZeroUsize::new(4_096).expect("a constant above zero");

/// The seed of a training task: BLAKE3 in key derivation mode, under another context than windows have.
fn training_seed(environment: &EnvironmentId, number: u64) -> Seed {
    let mut hasher = blake3::Hasher::new_derive_key("dethrone 2026-11 training seed");
    hasher.update(environment.task_label().as_bytes()).update(&[0]).update(&number.to_le_bytes());
    let bytes = hasher.finalize();
    Seed(u64::from_le_bytes(bytes.as_bytes()[..8].try_into().expect("a digest has 32 bytes")))
}

/// A training task as a model gets it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct TrainingTask {
    /// Name, version and tier of its environment.
    pub(crate) environment: String,
    /// Its number.
    pub(crate) number: u64,
    /// The first messages.
    pub(crate) messages: Vec<Message>,
    /// Most new tokens of a reply.
    pub(crate) max_new_tokens: u32,
    /// Most replies of a conversation.
    pub(crate) turn_cap: u32,
    /// Replies that score 1, one for each turn; none if they were not asked for or the environment knows none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) answer: Option<Vec<String>>,
}

/// Replies to a training task, in order.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attempt {
    /// The environment, as `TrainingTask` names it or in short, such as `sat:2`.
    pub(crate) environment: String,
    /// The task's number.
    pub(crate) number: u64,
    /// The model's replies.
    pub(crate) replies: Vec<String>,
}

/// State of a conversation after the replies that were given.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Judged {
    /// The score in [0, 1]; none while the conversation goes on.
    pub(crate) score: Option<f64>,
    /// The reason of the score.
    pub(crate) reason: Option<String>,
    /// Messages that the model answers next; empty when it has ended.
    pub(crate) messages: Vec<Message>,
}

/// A training task cannot be made or judged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrainingError {
    /// No environment has this name here.
    #[error("there is no environment {name:?} here; there are {known}")]
    Unknown {
        /// The name.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The conversation ended before the last of the replies.
    #[error("task {number} of {environment} ended after {turns} of the {given} replies")]
    TooManyReplies {
        /// The environment.
        environment: String,
        /// The task's number.
        number: u64,
        /// Replies that were judged.
        turns: usize,
        /// Replies that were given.
        given: usize,
    },
    /// The environment failed.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
}

/// Environments whose tasks are trained on.
pub(crate) struct TrainingTasks {
    environments: Vec<(String, Arc<dyn Environment>)>,
    kept: Mutex<LruCache<(usize, u64), Arc<Task>>>,
}

impl TrainingTasks {
    /// Environments by the short forms that name them, such as `sat:2`.
    pub(crate) fn new(environments: Vec<(String, Arc<dyn Environment>)>) -> Self {
        Self { environments, kept: Mutex::new(LruCache::new(KEPT)) }
    }

    /// Name, version and tier of each environment, with the short form that names it.
    pub(crate) fn names(&self) -> impl Iterator<Item = (String, &str)> {
        self.environments.iter().map(|(short, environment)| (environment.id().to_string(), short.as_str()))
    }

    /// The task of a number, with a right reply if that is asked for and known.
    ///
    /// # Errors
    /// If no environment has the name, or it fails.
    pub(crate) async fn task(&self, name: &str, number: u64, answer: bool) -> Result<TrainingTask, TrainingError> {
        let place = self.place(name)?;
        let (environment, task) = (&*self.environments[place].1, self.made(place, number).await?);
        Ok(TrainingTask {
            environment: environment.id().to_string(),
            number,
            messages: environment.opening(&task).messages().to_vec(),
            max_new_tokens: environment.max_new_tokens(),
            turn_cap: environment.turn_cap(),
            answer: if answer { environment.oracle(&task).await? } else { None },
        })
    }

    /// Judges replies to a task as a validator does, or tells what the model answers next.
    ///
    /// # Errors
    /// If no environment has the name, it fails, or the conversation has ended before the last reply.
    pub(crate) async fn judge(&self, attempt: &Attempt) -> Result<Judged, TrainingError> {
        let place = self.place(&attempt.environment)?;
        let (environment, task) = (&*self.environments[place].1, self.made(place, attempt.number).await?);
        let mut conversation = environment.opening(&task);
        let mut next = conversation.messages().to_vec();
        let cap = environment.turn_cap().max(1) as usize;
        for (turn, reply) in attempt.replies.iter().enumerate() {
            conversation.push(Message::assistant(reply.clone()));
            let (score, reason) = match environment.turn(&task, &conversation).await? {
                Turn::Done(verdict) => (verdict.score, verdict.to_string()),
                Turn::Continue(_) if turn + 1 == cap => (0.0, VerdictReason::TurnCap.to_string()),
                Turn::Continue(message) => {
                    next = vec![message.clone()];
                    conversation.push(message);
                    continue;
                }
            };
            if turn + 1 < attempt.replies.len() {
                return Err(TrainingError::TooManyReplies {
                    environment: environment.id().to_string(),
                    number: attempt.number,
                    turns: turn + 1,
                    given: attempt.replies.len(),
                });
            }
            return Ok(Judged { score: Some(score), reason: Some(reason), messages: Vec::new() });
        }
        Ok(Judged { score: None, reason: None, messages: next })
    }

    fn place(&self, name: &str) -> Result<usize, TrainingError> {
        let is_it = |(short, environment): &(String, Arc<dyn Environment>)| {
            short == name || environment.id().to_string() == name
        };
        self.environments.iter().position(is_it).ok_or_else(|| TrainingError::Unknown {
            name: name.to_owned(),
            known: self.environments.iter().map(|(short, _)| short.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    async fn made(&self, place: usize, number: u64) -> Result<Arc<Task>, EnvironmentError> {
        if let Some(task) = self.kept.lock().expect("no holder panics").get(&(place, number)) {
            return Ok(Arc::clone(task));
        }
        let environment = &self.environments[place].1;
        let task = Arc::new(environment.task(training_seed(environment.id(), number)).await?);
        self.kept.lock().expect("no holder panics").put((place, number), Arc::clone(&task));
        Ok(task)
    }
}

#[cfg(test)]
mod tests;
