//! One model answers one task: the conversation is driven here, the turns are the environment's, the replies the model's.

mod agent;

use std::sync::Arc;

use environments::{Environment, EnvironmentError, EpisodeError, ErrorOrigin, episode};
use models::engine::Sampling;
use models::responder::{ReplyError, ReplyRule, Reproducibility, Responder};

use crate::clock::Stopwatch;
use crate::events::{Event, Reporter};
use crate::record::{Fault, Rollout};
use crate::seeds::WindowSeed;
use crate::settings::SamplingSettings;
use crate::units::Unit;

use agent::ModelAgent;

/// How often a rollout is tried when this machine is at fault.
const ATTEMPTS: u32 = 3;

/// The environments, the window's seed and the rule of the draws: the same for every model.
pub struct Court {
    /// The environments, in the settings' order.
    pub environments: Vec<Arc<dyn Environment>>,
    /// Where the tasks come from.
    pub seed: WindowSeed,
    /// How a token is drawn.
    pub sampling: SamplingSettings,
}

/// A rollout that could not be made for reasons of this machine, however often it was tried.
#[derive(Debug, thiserror::Error)]
#[error("task {task} of {environment} could not be finished in {ATTEMPTS} attempts")]
pub struct RolloutError {
    /// The task's number.
    pub task: u32,
    /// The environment.
    pub environment: String,
    /// What happened last.
    #[source]
    pub source: EpisodeError<ReplyError>,
}

impl Court {
    /// Makes one rollout.
    ///
    /// # Errors
    /// If the machine failed every time; the unit stays open.
    pub async fn rollout(
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
                Err(error) if attempt < ATTEMPTS => {
                    let what = format!("task {} of {}: {error}", unit.task, environment.id());
                    reporter.report(Event::Retrying { what });
                    attempt += 1;
                }
                Err(source) => {
                    return Err(RolloutError { task: unit.task, environment: environment.id().to_string(), source });
                }
            }
        }
    }

    /// One attempt; trouble of the model or of the environment is a finished rollout, trouble of the machine an error.
    async fn attempt(
        &self,
        model: &dyn Responder,
        environment: &dyn Environment,
        entry: usize,
        unit: Unit,
    ) -> Result<Rollout, EpisodeError<ReplyError>> {
        let seed = self.seed.task(environment.id(), unit.task);
        let record = |replies, score, reason, fault| Rollout {
            entry,
            environment: unit.environment,
            task: unit.task,
            seed: seed.0,
            replies,
            score,
            reason,
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
                Ok(record(agent.into_replies(), verdict.score, verdict.reason.to_string(), None))
            }
            Err(EpisodeError::Agent(ReplyError::Model(reason))) => {
                Ok(record(agent.into_replies(), 0.0, reason, Some(Fault::Model)))
            }
            // A verifier that a reply breaks must not be a way to get rid of a task: the reply scores 0.
            Err(EpisodeError::Environment(error)) if error.origin() == ErrorOrigin::Environment => {
                Ok(record(agent.into_replies(), 0.0, error.to_string(), Some(Fault::Model)))
            }
            Err(error) => Err(error),
        }
    }
}

/// A task that cannot be made is missing for both sides alike: it depends on the seed alone.
fn no_task(error: EnvironmentError) -> Result<String, EpisodeError<ReplyError>> {
    match error.origin() {
        ErrorOrigin::Environment => Ok(error.to_string()),
        ErrorOrigin::Host | ErrorOrigin::Caller => Err(error.into()),
    }
}
