//! One rollout: the conversation of a model with an environment about one task, and its verdict.

use std::sync::Arc;

use environments::{Environment, EnvironmentError, EpisodeError, ErrorOrigin, episode};
use models::engine::Sampling;
use models::responder::{ReplyError, ReplyRule, Reproducibility, Responder};
use models::untrusted::UntrustedText;

use crate::clock::Stopwatch;
use crate::events::{Event, Reporter};
use crate::record::{Fault, Rollout};
use crate::seeds::WindowSeed;
use crate::settings::SamplingSettings;
use crate::units::Unit;

use super::agent::ModelAgent;

/// Attempts at a rollout that fails through a fault of this machine.
const ATTEMPTS: u32 = 3;

/// Rules of a window's tasks, the same for every model: environments, seed and sampling.
pub(crate) struct TaskRules {
    /// The environments, in the settings' order.
    pub(crate) environments: Vec<Arc<dyn Environment>>,
    /// The seed of the tasks.
    pub(crate) seed: WindowSeed,
    /// Sampling of tokens.
    pub(crate) sampling: SamplingSettings,
}

/// A rollout failed in every attempt through a fault of this machine.
#[derive(Debug, thiserror::Error)]
#[error("task {task} of {environment} could not be finished in {attempts} attempt{}", if *attempts == 1 { "" } else { "s" })]
pub(crate) struct RolloutError {
    /// The task's number.
    pub(crate) task: u32,
    /// The environment.
    pub(crate) environment: String,
    /// Attempts made.
    pub(crate) attempts: u32,
    /// The last attempt's error.
    #[source]
    pub(crate) source: EpisodeError<ReplyError>,
}

impl TaskRules {
    /// Makes one rollout.
    ///
    /// # Errors
    /// If this machine was at fault in every attempt; the unit stays unfinished.
    pub(crate) async fn rollout(
        &self,
        model: &dyn Responder,
        entry: usize,
        unit: Unit,
        reporter: &dyn Reporter,
    ) -> Result<Rollout, RolloutError> {
        let environment = &*self.environments[unit.environment];
        let watch = Stopwatch::start();
        let mut attempt = 1;
        loop {
            match self.attempt(model, environment, entry, unit).await {
                Ok(rollout) => {
                    return Ok(Rollout { attempts: attempt, seconds: watch.elapsed().as_secs_f64(), ..rollout });
                }
                Err(error) if attempt < ATTEMPTS && !is_final(&error) => {
                    let error = UntrustedText::sentence(&error.to_string());
                    let what = format!("task {} of {}: {error}", unit.task, environment.id());
                    reporter.report(Event::Retrying { what });
                    attempt += 1;
                }
                Err(source) => {
                    let environment = environment.id().to_string();
                    return Err(RolloutError { task: unit.task, environment, attempts: attempt, source });
                }
            }
        }
    }

    /// One attempt. A fault of the model or of the environment is a finished rollout, one of this machine an error.
    async fn attempt(
        &self,
        model: &dyn Responder,
        environment: &dyn Environment,
        entry: usize,
        unit: Unit,
    ) -> Result<Rollout, EpisodeError<ReplyError>> {
        let seed = self.seed.task(environment.id(), unit.task);
        // A reason may hold words of the environment, of the sandbox or of the model's template.
        let record = |replies, score, reason: String, fault| Rollout {
            entry,
            environment: unit.environment,
            task: unit.task,
            seed: seed.0,
            replies,
            score,
            reason: UntrustedText::sentence(&reason).into(),
            fault,
            reproducible: model.reproducibility() == Reproducibility::Exact,
            attempts: 1,
            seconds: 0.0,
        };
        let task = match environment.task(seed).await {
            Ok(task) => task,
            Err(error) => {
                return no_task(error).map(|reason| record(Vec::new(), 0.0, reason, Some(Fault::Environment)));
            }
        };
        let sampling = Sampling {
            temperature: self.sampling.temperature,
            top_k: self.sampling.top_k,
            top_p: self.sampling.top_p,
            key: self.seed.sampling_key(environment.id(), unit.task),
        };
        let rule = ReplyRule { sampling, max_new_tokens: environment.max_new_tokens() as usize };
        let mut agent = ModelAgent::new(model, rule);
        match episode(environment, &task, &mut agent).await {
            Ok(episode) => {
                let verdict = episode.verdict;
                Ok(record(agent.into_replies(), verdict.score, verdict.to_string(), None))
            }
            Err(EpisodeError::Agent(ReplyError::Model(reason))) => {
                Ok(record(agent.into_replies(), 0.0, reason, Some(Fault::Model)))
            }
            // A reply that breaks the verifier scores 0: otherwise a model could remove the tasks that it would lose.
            Err(EpisodeError::Environment(error)) if error.origin() == ErrorOrigin::Environment => {
                Ok(record(agent.into_replies(), 0.0, error.to_string(), Some(Fault::Verifier)))
            }
            Err(error) => Err(error),
        }
    }
}

/// True for an error of a server: a request has attempts of its own, and what is refused for good is not asked again.
fn is_final(error: &EpisodeError<ReplyError>) -> bool {
    matches!(error, EpisodeError::Agent(ReplyError::Remote(_)))
}

/// The reason of a task that the environment fails to make. It depends on the seed alone, so it is missing on both sides.
fn no_task(error: EnvironmentError) -> Result<String, EpisodeError<ReplyError>> {
    match error.origin() {
        ErrorOrigin::Environment => Ok(error.to_string()),
        ErrorOrigin::Host | ErrorOrigin::Caller => Err(error.into()),
    }
}
