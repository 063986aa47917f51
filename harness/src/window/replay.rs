//! Making recorded rollouts again: what an audit cannot derive from the log alone, and whoever has the models can.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use environments::{Environment, EnvironmentId};
use futures::StreamExt;
use models::decoder::Arithmetic;
use models::engine::EngineSettings;
use models::error::LoadError;
use models::local::LocalModel;
use sandboxes::Sandbox;

use super::door::files_of;
use super::{WindowError, open_environment};
use crate::contestant::{check, seat};
use crate::events::{Event, Reporter};
use crate::evidence::{EvidenceError, Log, RolloutBody};
use crate::hub::{FetchError, Hub};
use crate::record::WindowTerms;
use crate::rollout::Court;
use crate::settings::Settings;
use crate::units::Unit;

/// Why recorded rollouts could not be made again, or what came out differently.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Something on this machine is in the way.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// The rollouts were made by a program of another version: of the sandbox, or of an environment.
    #[error("the rollouts were made with {recorded}, and this program has {here}")]
    Another {
        /// What the evidence names.
        recorded: String,
        /// What there is.
        here: String,
    },
    /// There is no randomness to draw a sample with.
    #[error("the system gave no randomness to draw a sample with: {0}")]
    Entropy(getrandom::Error),
    /// The evidence says what its models do not.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
}

/// Who makes rollouts again, and where.
pub struct Replay<'a> {
    /// The hub, the engine's size and researchers' environments; all that decides comes from the log.
    pub settings: &'a Settings,
    /// The cache folder.
    pub cache: &'a Path,
    /// The sandbox.
    pub sandbox: &'a Sandbox,
    /// The digest of its runtime.
    pub runtime: &'a str,
    /// Who is told of progress.
    pub reporter: &'a dyn Reporter,
}

impl Replay<'_> {
    /// Makes `count` of the log's rollouts again, which ones nobody can know before, and compares tokens, scores and
    /// reasons; says how many it were.
    ///
    /// # Errors
    /// If this machine cannot make them, or one comes out differently.
    pub async fn run(&self, log: &Log, count: usize) -> Result<usize, ReplayError> {
        let terms = &log.terms;
        if terms.runtime != self.runtime {
            let (recorded, here) = (format!("sandbox {}", terms.runtime), self.runtime.to_owned());
            return Err(ReplayError::Another { recorded, here });
        }
        if terms.settings.mode == Arithmetic::Bf16 {
            let recorded = "a graphics processor, whose results are those of one make of card".to_owned();
            return Err(ReplayError::Another { recorded, here: "no way to know which one it was".to_owned() });
        }
        let court = Court {
            environments: self.environments(&terms.environments).await?,
            seed: log.seed()?,
            sampling: terms.settings.deciding.sampling.clone(),
        };
        let chosen = sample(log.rollouts.iter().filter(|rollout| rollout.reproducible).collect(), count, draw()?);
        let mut by_entry: BTreeMap<usize, Vec<&RolloutBody>> = BTreeMap::new();
        for rollout in &chosen {
            by_entry.entry(rollout.entry).or_default().push(*rollout);
        }
        for (entry, rollouts) in by_entry {
            let model = self.bring(log, entry).await?;
            let label = terms.entries[entry].hotkey.to_string();
            self.reporter.report(Event::Playing { entry: label.clone(), done: 0, total: rollouts.len() });
            let again = rollouts.iter().map(|recorded| self.compare(&court, &model, recorded));
            let mut again = futures::stream::iter(again).buffer_unordered(self.settings.engine.rows);
            while let Some(same) = again.next().await {
                same?;
                self.reporter.report(Event::RolloutEnded { entry: label.clone() });
            }
            self.reporter.report(Event::Played { entry: label });
        }
        Ok(chosen.len())
    }

    async fn compare(&self, court: &Court, model: &LocalModel, recorded: &RolloutBody) -> Result<(), ReplayError> {
        let RolloutBody { entry, environment, task, .. } = *recorded;
        let made = court.rollout(model, entry, Unit { task, environment }, self.reporter).await;
        let made = RolloutBody::of(&made.map_err(WindowError::from)?);
        if made == *recorded {
            return Ok(());
        }
        let what = if made.replies == recorded.replies { "the verdict" } else { "what the model replied" };
        let what = format!("{what} in entry {entry}'s task {task} in environment {environment}");
        Err(EvidenceError::Differs { what }.into())
    }

    /// The environments of the log: of the catalog by name, of researchers' files those that the settings name.
    async fn environments(&self, recorded: &[EnvironmentId]) -> Result<Vec<Arc<dyn Environment>>, ReplayError> {
        let mut environments = Vec::with_capacity(recorded.len());
        for id in recorded {
            let mut found = Vec::new();
            if id.file.is_none() {
                found.push(open_environment(&id.name, id.tier, self.sandbox).await?);
            } else {
                for choice in self.settings.environments.iter().filter(|choice| choice.name.ends_with(".py")) {
                    // One that cannot be opened is not the one that is looked for.
                    found.extend(open_environment(&choice.name, choice.tier, self.sandbox).await.ok());
                }
            }
            let here: Vec<String> = found.iter().map(|environment| environment.id().to_string()).collect();
            let same = found.into_iter().find(|environment| environment.id() == id);
            let another = || ReplayError::Another {
                recorded: format!("{id}{}", id.file.as_ref().map(|file| format!(" ({file})")).unwrap_or_default()),
                here: if here.is_empty() { "none of that name".to_owned() } else { here.join(", ") },
            };
            environments.push(same.ok_or_else(another)?);
        }
        Ok(environments)
    }

    /// The model of an entry, from files of the recorded digests.
    async fn bring(&self, log: &Log, entry: usize) -> Result<LocalModel, ReplayError> {
        let WindowTerms { entries, settings, .. } = &log.terms;
        let model = entries[entry].model.clone();
        let changed = |reason: String| WindowError::Changed { model: model.clone(), reason };
        let source = model.parse().map_err(|_| EvidenceError::Incomplete("an entry names no model"))?;
        // What may be fetched and loaded here is for whoever audits to say, and not for the log.
        let limits = &self.settings.deciding.admission;
        let hub = Hub::new(&self.settings.hub, self.cache, limits).map_err(WindowError::HubSetup)?;
        let snapshot = hub.fetch(&source, self.reporter).await.map_err(|error| match error {
            FetchError::Miner(reason) => changed(reason),
            FetchError::Host(source) => WindowError::Hub { model: model.clone(), source },
        })?;
        let recorded = log.admissions.iter().find(|admission| admission.entry == entry);
        if recorded.is_none_or(|recorded| recorded.admission.files != files_of(&snapshot)) {
            return Err(changed("its files are not those that the evidence names".to_owned()).into());
        }
        let trouble = |source| WindowError::Load { model: model.clone(), source };
        let admitted = check(snapshot, limits).await.map_err(|error| match error {
            LoadError::Refused(refusal) => changed(refusal.to_string()),
            error => trouble(error.into()),
        })?;
        let engine = EngineSettings { mode: settings.mode, ..self.settings.engine.clone() };
        Ok(seat(admitted, &engine, settings.deciding.sampling.context).await.map_err(trouble)?)
    }
}

/// A number that whoever wrote the log could not know.
fn draw() -> Result<u64, ReplayError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(ReplayError::Entropy)?;
    Ok(u64::from_le_bytes(bytes))
}

/// So many of them, each as likely as the others, in their order; all where there are no more.
fn sample<T>(all: Vec<T>, count: usize, seed: u64) -> Vec<T> {
    let mut random = pareto::lab::Random::new(seed, &[]);
    let mut wanted = count.min(all.len());
    let mut left = all.len();
    all.into_iter()
        .filter(|_| {
            let taken = random.uniform() * (left as f64) < wanted as f64;
            left -= 1;
            wanted -= usize::from(taken);
            taken
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_its_size_and_reaches_everything() {
        let draw = |total: usize, count: usize, seed| sample((0..total).collect::<Vec<_>>(), count, seed);
        assert_eq!(draw(3, 9, 1), [0, 1, 2]);
        assert_eq!((draw(3, 0, 1), draw(0, 4, 1)), (vec![], vec![]));
        let mut seen = [0; 10];
        for seed in 0..1_000 {
            let drawn = draw(10, 3, seed);
            assert_eq!(drawn.len(), 3);
            drawn.into_iter().for_each(|place| seen[place] += 1);
        }
        assert!(seen.iter().all(|count| (240..360).contains(count)), "{seen:?}");
    }
}
