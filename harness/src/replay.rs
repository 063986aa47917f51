//! Replay: makes rollouts of a log again from the models' files and compares them, which the log alone cannot prove.

use std::path::Path;
use std::sync::Arc;

use environments::{Environment, EnvironmentError, EnvironmentId};
use futures::StreamExt;
use models::admission::Admitted;
use models::engine::EngineSettings;
use models::error::LoadError;
use models::fingerprint::{SketchKey, fingerprint};
use models::responder::Responder;
use models::source::ModelSource;
use sandboxes::Sandbox;

use recorded_model::RecordedModel;

use crate::events::{Event, Reporter};
use crate::evidence::{EvidenceError, Log, RolloutBody};
use crate::loader::{LoaderError, ModelLoader, TextSide, files_of};
use crate::record::{AdmissionOutcome, CardTerms};
use crate::rollout::{OtherEnvironment, RolloutError, TaskRules, open_recorded};
use crate::settings::Settings;
use crate::subprocess::ModelProcess;
use crate::units::Unit;
use crate::window::{WindowError, other_than_crowned, screen_recorded};

mod recorded_model;

/// Recorded rollouts could not be made again, or came out differently.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    /// An environment of the log is unknown or could not be opened.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// A model could not be fetched or loaded.
    #[error(transparent)]
    Loader(#[from] LoaderError),
    /// A model of the log is not the same any more.
    #[error("{model} was admitted and is refused now: {reason}")]
    Changed {
        /// The model reference.
        model: String,
        /// The refusal.
        reason: String,
    },
    /// A rollout failed in every attempt.
    #[error(transparent)]
    Rollout(#[from] RolloutError),
    /// The rollouts were made by a program of another version: of the sandbox, or of an environment.
    #[error("the rollouts were made with {recorded}, and this program has {here}")]
    Another {
        /// The version that the evidence names.
        recorded: String,
        /// The version of this program.
        here: String,
    },
    /// The models cannot be screened again.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// The system gave no randomness to draw a sample with.
    #[error("the system gave no randomness to draw a sample with: {0}")]
    Entropy(getrandom::Error),
    /// The models do not give what the evidence says.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
}

/// Everything that a replay needs beside the log.
pub(crate) struct Replay<'a> {
    /// The hub, the engine's size and files of environments; everything that decides comes from the log.
    pub(crate) settings: &'a Settings,
    /// The cache folder.
    pub(crate) cache: &'a Path,
    /// The sandbox.
    pub(crate) sandbox: &'a Sandbox,
    /// The digest of its runtime.
    pub(crate) runtime: &'a str,
    /// The reporter of progress.
    pub(crate) reporter: Arc<dyn Reporter>,
}

/// Numbers of what a replay has checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Replayed {
    /// Rollouts that were made again.
    pub(crate) made: usize,
    /// Rollouts whose replies were judged again.
    pub(crate) judged: usize,
    /// Rollouts that rest on a failure of the model, such as a conversation without room, which only generation shows.
    pub(crate) failures: usize,
    /// Refusals that follow from the files.
    pub(crate) refusals: usize,
    /// Findings that follow from the files.
    pub(crate) findings: usize,
    /// Refusals for what the hub answered, which nothing shows.
    pub(crate) refusals_of_the_hub: usize,
}

/// Reason where a snapshot is another one than the log names.
const OTHER_FILES: &str = "its files are not those that the evidence names";

/// Compares the card that rollouts were made on with this machine's; neither has one where the CPU makes them.
fn check_card(recorded: Option<&CardTerms>, here: Option<&CardTerms>) -> Result<(), ReplayError> {
    let name = |card: Option<&CardTerms>| card.map_or_else(|| "the CPU".to_owned(), ToString::to_string);
    match recorded == here {
        true => Ok(()),
        false => Err(ReplayError::Another { recorded: name(recorded), here: name(here) }),
    }
}

impl Replay<'_> {
    /// Judges all replies of the log again, admits its refused models again, makes a random sample of `count` of its rollouts
    /// again, and compares files, refusals, tokens, scores and reasons.
    ///
    /// # Errors
    /// If this machine cannot do so, or something comes out differently.
    pub(crate) async fn run(&self, log: &Log, count: usize) -> Result<Replayed, ReplayError> {
        let terms = &log.terms;
        if terms.runtime != self.runtime {
            let (recorded, here) = (format!("sandbox {}", terms.runtime), self.runtime.to_owned());
            return Err(ReplayError::Another { recorded, here });
        }
        let rules = TaskRules {
            environments: self.environments(&terms.environments).await?,
            seed: log.seed()?,
            sampling: terms.settings.deciding.sampling.clone(),
        };
        let chosen = sample(
            log.rollouts.iter().filter(|rollout| rollout.reproducible && !rollout.is_unpaid()).collect(),
            count,
            draw()?,
        );
        // The limits of what may be fetched and loaded are the auditor's own, not those of the log.
        let loader = self.loader(log)?;
        if count > 0 {
            check_card(terms.settings.card.as_ref(), loader.card()?.as_ref())?;
        }
        let mut replayed = Replayed { made: chosen.len(), ..Replayed::default() };
        for entry in 0..terms.entries.len() {
            if let Some(AdmissionOutcome::Refused(reason)) = log.admissions.get(entry).map(|known| &known.outcome) {
                match self.check_refusal(&loader, log, entry, reason).await? {
                    true => replayed.refusals += 1,
                    false => replayed.refusals_of_the_hub += 1,
                }
            }
            if log.admissions.get(entry).is_some_and(|known| known.outcome.is_admitted()) {
                self.admitted(&loader, log, entry).await?;
            }
            let own: Vec<&RolloutBody> = log.rollouts.iter().filter(|rollout| rollout.entry == entry).collect();
            if own.is_empty() {
                continue;
            }
            let admitted = self.admitted(&loader, log, entry).await?;
            let text = admitted.as_deref().map(TextSide::of);
            for rollout in own.into_iter().filter(|rollout| !rollout.is_unpaid()) {
                match self.judge(&rules, text.as_ref(), rollout).await? {
                    true => replayed.judged += 1,
                    false => replayed.failures += 1,
                }
            }
            let again: Vec<&RolloutBody> = chosen.iter().copied().filter(|rollout| rollout.entry == entry).collect();
            if let (Some(admitted), false) = (admitted, again.is_empty()) {
                let model = loader.start(&source(log, entry)?, admitted.snapshot.clone()).await?;
                self.make(&rules, &model, log, &again).await?;
            }
        }
        replayed.findings = self.check_findings(&loader, log).await?;
        Ok(replayed)
    }

    /// Screens the admitted models again; the number of findings that follow from their files. Copies of models that are not
    /// entries of this window cannot be found again.
    async fn check_findings(&self, loader: &ModelLoader, log: &Log) -> Result<usize, ReplayError> {
        let found = screen_recorded(log.terms.clone(), &log.admissions, loader).await?;
        let differs = |what: String| Err(EvidenceError::Differs { what }.into());
        for (entry, finding) in &found {
            match log.findings.get(entry) {
                // Measures are of the secret of whoever takes the fingerprints, and differ in their last digits.
                Some(recorded)
                    if recorded.finding.kind == finding.finding.kind && recorded.original == finding.original => {}
                Some(recorded) if recorded.finding.of.is_none() => {}
                // A model of an earlier window, which is not compared here, can show that an entry has added something.
                None if !log.terms.record.sightings.is_empty() => {}
                Some(_) => return differs(format!("the finding on entry {entry}")),
                None => return differs(format!("that nothing was found on entry {entry}")),
            }
        }
        let of_entries: Vec<usize> =
            log.findings.iter().filter(|(_, record)| record.finding.of.is_some()).map(|(entry, _)| *entry).collect();
        match of_entries.iter().find(|entry| !found.contains_key(entry)) {
            Some(entry) => differs(format!("the finding on entry {entry}")),
            None => Ok(of_entries.len()),
        }
    }

    /// Makes rollouts of one entry again.
    async fn make(
        &self,
        rules: &TaskRules,
        model: &ModelProcess,
        log: &Log,
        rollouts: &[&RolloutBody],
    ) -> Result<(), ReplayError> {
        let label = log.terms.entries[rollouts[0].entry].hotkey.to_string();
        self.reporter.report(Event::Playing { entry: label.clone(), done: 0, total: rollouts.len() });
        let again = rollouts.iter().map(|recorded| self.compare(rules, model, recorded));
        let mut again = futures::stream::iter(again).buffer_unordered(self.settings.engine.rows);
        while let Some(same) = again.next().await {
            let tokens = same?;
            self.reporter.report(Event::RolloutEnded { entry: label.clone(), tokens, score: None });
        }
        self.reporter.report(Event::Played { entry: label });
        Ok(())
    }

    /// Judges the replies of a rollout again; false if it rests on a failure of the model that only generation shows.
    async fn judge(
        &self,
        rules: &TaskRules,
        text: Option<&TextSide>,
        recorded: &RolloutBody,
    ) -> Result<bool, ReplayError> {
        let model = RecordedModel::new(recorded, text.filter(|_| recorded.reproducible));
        self.compare(rules, &model, recorded).await?;
        Ok(!model.has_failed())
    }

    /// Admits a refused model again; false if the hub handed out no files then, so that nothing shows what it answered.
    async fn check_refusal(
        &self,
        loader: &ModelLoader,
        log: &Log,
        entry: usize,
        recorded: &str,
    ) -> Result<bool, ReplayError> {
        let (source, known) = (source(log, entry)?, &log.admissions[entry]);
        let changed = |reason: String| Err(ReplayError::Changed { model: source.to_string(), reason });
        let (reason, files) = match loader.admit_here(&source).await? {
            Err((reason, files)) => (Some(reason), files),
            Ok(admitted) => {
                let files = files_of(&admitted.snapshot);
                (self.refused_later(log, entry, admitted).await?, files)
            }
        };
        match (reason, known.files.is_empty()) {
            (Some(reason), _) if reason == recorded && files == known.files => Ok(!files.is_empty()),
            // What a hub hands out changes; what a file says does not.
            (_, true) if files.is_empty() => Ok(false),
            (_, true) => changed("the hub hands out its files now, and handed out none then".to_owned()),
            (_, false) if files != known.files => changed(OTHER_FILES.to_owned()),
            (Some(reason), false) => {
                let what = format!("the refusal of entry {entry}, which is refused for another reason ({reason}),");
                Err(EvidenceError::Differs { what }.into())
            }
            (None, false) => {
                let what = format!("the refusal of entry {entry}, whose files can be admitted,");
                Err(EvidenceError::Differs { what }.into())
            }
        }
    }

    /// The refusal of a model after its admission: its files are not those that were crowned, or it has no fingerprint.
    async fn refused_later(
        &self,
        log: &Log,
        entry: usize,
        admitted: Box<Admitted>,
    ) -> Result<Option<String>, ReplayError> {
        if let Some(reason) = other_than_crowned(&log.terms, entry, &files_of(&admitted.snapshot)) {
            return Ok(Some(reason));
        }
        let taken = tokio::task::spawn_blocking(move || fingerprint(&admitted, &SketchKey::derive(b""))).await;
        match taken.expect("taking a fingerprint does not panic") {
            Ok(_) => Ok(None),
            Err(LoadError::Refused(refusal)) => Ok(Some(refusal.to_string())),
            Err(error) => {
                let model = log.terms.entries[entry].model.clone();
                Err(ReplayError::Changed { model, reason: error.to_string() })
            }
        }
    }

    /// Makes a rollout again and compares it; the number of new tokens.
    async fn compare(
        &self,
        rules: &TaskRules,
        model: &dyn Responder,
        recorded: &RolloutBody,
    ) -> Result<usize, ReplayError> {
        let RolloutBody { entry, environment, task, .. } = *recorded;
        let made = rules.rollout(model, entry, Unit { task, environment }, &*self.reporter).await?;
        let tokens = made.replies.iter().map(|reply| reply.tokens.len()).sum();
        let made = RolloutBody::of(&made);
        if made == *recorded {
            return Ok(tokens);
        }
        let what = if made.replies != recorded.replies {
            "what the model replied"
        } else if made.work != recorded.work {
            "the work that the model took"
        } else {
            "the verdict"
        };
        let what = format!("{what} in entry {entry}'s task {task} in environment {environment}");
        Err(EvidenceError::Differs { what }.into())
    }

    /// The environments of the log: those of the catalog by name, those in files from the files of the settings.
    async fn environments(&self, recorded: &[EnvironmentId]) -> Result<Vec<Arc<dyn Environment>>, ReplayError> {
        let mut environments = Vec::with_capacity(recorded.len());
        for id in recorded {
            let opened = open_recorded(id, &self.settings.environments, self.sandbox).await?;
            environments
                .push(opened.map_err(|OtherEnvironment { recorded, here }| ReplayError::Another { recorded, here })?);
        }
        Ok(environments)
    }

    /// A loader with the arithmetic and the sampling of the log.
    fn loader(&self, log: &Log) -> Result<ModelLoader, ReplayError> {
        let mut settings = self.settings.clone();
        settings.engine = EngineSettings { mode: log.terms.settings.mode, ..settings.engine };
        settings.deciding.sampling = log.terms.settings.deciding.sampling.clone();
        Ok(ModelLoader::new(&settings, self.cache, Arc::clone(&self.reporter))?)
    }

    /// Fetches the model of an entry, if its files have the recorded digests; none where a server ran it.
    async fn admitted(
        &self,
        loader: &ModelLoader,
        log: &Log,
        entry: usize,
    ) -> Result<Option<Box<Admitted>>, ReplayError> {
        let source = source(log, entry)?;
        let model = source.to_string();
        let served = &log.terms.settings.served;
        if matches!(source, ModelSource::Server(_)) || served.iter().any(|served| served.model.to_string() == model) {
            return Ok(None);
        }
        let admitted = match loader.admit_here(&source).await? {
            Ok(admitted) => admitted,
            Err((reason, _)) => return Err(ReplayError::Changed { model, reason }),
        };
        match log.admissions.get(entry) {
            Some(recorded) if recorded.files == files_of(&admitted.snapshot) => Ok(Some(admitted)),
            _ => Err(ReplayError::Changed { model, reason: OTHER_FILES.to_owned() }),
        }
    }
}

/// The model reference of an entry.
fn source(log: &Log, entry: usize) -> Result<ModelSource, EvidenceError> {
    log.terms.entries[entry].model.parse().map_err(|_| EvidenceError::Incomplete("an entry names no model"))
}

/// Randomness that the writer of the log could not know.
fn draw() -> Result<[u8; 32], ReplayError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(ReplayError::Entropy)?;
    Ok(bytes)
}

/// A uniform sample of `count` items in their order; all items where there are no more. Each item draws a key, and those
/// with the smallest keys are taken.
fn sample<T>(all: Vec<T>, count: usize, randomness: [u8; 32]) -> Vec<T> {
    let mut stream = blake3::Hasher::new_keyed(&randomness).finalize_xof();
    let mut keyed: Vec<(u64, usize, T)> = Vec::with_capacity(all.len());
    for (place, item) in all.into_iter().enumerate() {
        let mut key = [0; 8];
        stream.fill(&mut key);
        keyed.push((u64::from_le_bytes(key), place, item));
    }
    keyed.sort_unstable_by_key(|(key, place, _)| (*key, *place));
    keyed.truncate(count);
    keyed.sort_unstable_by_key(|(_, place, _)| *place);
    keyed.into_iter().map(|(_, _, item)| item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_its_size_and_reaches_everything() {
        let draw = |total: usize, count: usize, seed: u32| {
            let randomness = *blake3::hash(&seed.to_le_bytes()).as_bytes();
            sample((0..total).collect::<Vec<_>>(), count, randomness)
        };
        assert_eq!(draw(3, 9, 1), [0, 1, 2]);
        assert_eq!((draw(3, 0, 1), draw(0, 4, 1)), (vec![], vec![]));
        let mut seen = [0; 10];
        for seed in 0..1_000 {
            let drawn = draw(10, 3, seed);
            assert!(drawn.len() == 3 && drawn.is_sorted(), "{drawn:?}");
            drawn.into_iter().for_each(|place| seen[place] += 1);
        }
        assert!(seen.iter().all(|count| (240..360).contains(count)), "{seen:?}");
        assert_ne!(draw(1_000, 10, 1), draw(1_000, 10, 2));
    }
}
