//! The job of `validate`, `eval` and `demo`: a window from settings and registry to its results.

use std::path::Path;
use std::sync::Arc;

use crate::agreed::AgreedRecord;
use crate::chain::{Chain, ChainError, Weights};
use crate::clock::Stopwatch;
use crate::database_location::DatabaseLocation;
use crate::entry_pages::{self, write_entry_pages};
use crate::events::{Event, Reporter};
use crate::evidence::{HashChain, ValidatorKey, records};
use crate::exit_status::ExitStatus;
use crate::files::{remove_unfinished, window_folder, write_whole};
use crate::problem::Problem;
use crate::record::{Conclusion, Timings, WindowTerms};
use crate::registry::{Registry, RegistryError, RegistryState};
use crate::report::{Files, Summary, Timing};
use crate::rollout::{LocalExecutor, TaskRules};
use crate::seeds::WindowSeed;
use crate::settings::Settings;
use crate::store::{Outcome, Store};
use crate::window::{Beginning, Decided, OpenWindow, Unchallenged, WindowContext, decide, open, reopen};
use crate::workers::{Announced, Compatibility, WorkersExecutor};

/// Name of the evidence's file in a window's folder.
pub(crate) const EVIDENCE: &str = "evidence.jsonl";

/// Name of the file with the record for the next window.
const RECORD: &str = "record.json";

/// A window to decide.
#[derive(Debug)]
pub(crate) struct Job {
    /// The settings.
    pub(crate) settings: Settings,
    /// Part of an entry that nobody challenges.
    pub(crate) unchallenged: Unchallenged,
    /// The database; a file is created if it does not exist.
    pub(crate) database: DatabaseLocation,
    /// Runs since the command began.
    pub(crate) watch: Stopwatch,
}

/// Connections of a job to the outside.
pub(crate) struct Ports<'a, R, C> {
    /// The source of the entries.
    pub(crate) registry: &'a R,
    /// The destination of the weights.
    pub(crate) chain: &'a C,
    /// The reporter of progress.
    pub(crate) reporter: Arc<dyn Reporter>,
}

/// A finished job; its results are written.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The conclusion.
    pub(crate) conclusion: Conclusion,
    /// The summary.
    pub(crate) summary: Summary,
}

/// Decides a window and writes its results into the output folder.
///
/// # Errors
/// If a part of this machine, the hub or the registry failed. What was finished is stored.
pub(crate) async fn run<R: Registry, C: Chain>(job: Job, ports: Ports<'_, R, C>) -> Result<Finished, Problem> {
    let Job { settings, unchallenged, database, watch } = job;
    let registry = ports.registry.read().await?;
    let store = Store::open(&database).await?;
    let (key, is_new) = validator_key(&settings)?;
    if is_new && store.latest_decided(registry.netuid).await?.is_some() {
        ports.reporter.report(Event::Warned { sentence: another_key(&key) });
    }
    let given = given_record(&settings, &registry)?;
    let context = WindowContext::open(&settings, key.sketches(), ports.reporter).await?;
    let window = WindowJob { settings: &settings, key: &key, context: &context, store: &store, unchallenged };
    let (conclusion, timings) = Box::pin(window.run(registry, given)).await?;
    store.close().await;
    ports.chain.submit(&Weights::new(&conclusion)).await?;
    let folder = window_folder(&settings.output, conclusion.terms.seed_block);
    write_entry_pages(&conclusion, &context, &folder).await?;
    let summary = publish(&settings, &conclusion, (watch, &timings), database)?;
    Ok(Finished { conclusion, summary })
}

impl Finished {
    /// The job, if a model was admitted.
    ///
    /// # Errors
    /// If none was, with the reason of each entry.
    pub(crate) fn decided(self) -> Result<Self, Problem> {
        if self.conclusion.champion.is_some() { Ok(self) } else { Err(nobody_admitted(&self.summary)) }
    }
}

/// Writes a window's page; its summary.
///
/// # Errors
/// If the page cannot be written.
pub(crate) fn publish(
    settings: &Settings,
    conclusion: &Conclusion,
    (watch, timings): (Stopwatch, &Timings),
    database: DatabaseLocation,
) -> Result<Summary, Problem> {
    let files = Files::of_window(settings, conclusion.terms.seed_block, database);
    let names: Vec<String> = settings.environments.iter().map(|choice| choice.name.clone()).collect();
    let summary = Summary::new(conclusion, &names, files, Timing::new(watch.elapsed(), timings));
    write(&summary.files.report, &crate::report::page(conclusion, &summary))?;
    Ok(summary)
}

/// The problem that nobody holds the weight, with the reason of each entry.
fn nobody_admitted(summary: &Summary) -> Problem {
    let reasons: Vec<String> =
        summary.entries.iter().map(|entry| format!("{}: {}", entry.hotkey, entry.verdict)).collect();
    let problem = Problem::new(ExitStatus::ModelRefused, "no model was admitted, so nobody holds the weight");
    Problem { causes: reasons, ..problem }.hint("keep the weights of the window before")
}

/// Removes what killed processes left half written among a window's results. The database's lock is held by now.
fn clear(folder: &Path) -> Result<(), Problem> {
    if folder.is_dir() {
        remove_unfinished(folder).map_err(|cause| cannot_write(folder, &cause))?;
    }
    Ok(())
}

/// The warning that a key was made although windows have been signed.
pub(crate) fn another_key(key: &ValidatorKey) -> String {
    format!(
        "the validator's key was not there, though windows have been decided: from now on {} signs, which nobody knows to be \
         this validator; put the old file back, or publish the new key",
        key.public()
    )
}

/// The validator's key: the file of the settings, else one in the output folder; true if it was made.
pub(crate) fn validator_key(settings: &Settings) -> Result<(ValidatorKey, bool), Problem> {
    let path = settings.key.clone().unwrap_or_else(|| settings.output.join("validator.key"));
    ValidatorKey::read_or_make(&path).map_err(|error| {
        Problem::from_error(ExitStatus::Store, &error)
            .hint("the setting `key` names the file; it is made if it is not there")
    })
}

/// The record that the settings name for this window, if they name one.
fn given_record(settings: &Settings, registry: &RegistryState) -> Result<Option<Beginning>, Problem> {
    let Some(path) = &settings.record else { return Ok(None) };
    Ok(Some(AgreedRecord::read(path, registry.netuid, registry.seed_block)?.beginning()))
}

/// One window to decide, with what it shares with others.
pub(crate) struct WindowJob<'a> {
    /// The settings.
    pub(crate) settings: &'a Settings,
    /// The key that signs the evidence.
    pub(crate) key: &'a ValidatorKey,
    /// Environments and models.
    pub(crate) context: &'a WindowContext,
    /// The database.
    pub(crate) store: &'a Store,
    /// Part of an entry that nobody challenges.
    pub(crate) unchallenged: Unchallenged,
}

impl WindowJob<'_> {
    /// The window's conclusion, decided with rollouts of this machine, and where the time went. Its evidence is written: what
    /// the weights rest on is on the disk before anybody can act on them.
    ///
    /// # Errors
    /// If a part of this machine or the hub failed. What was finished is stored.
    pub(crate) async fn run(
        &self,
        registry: RegistryState,
        given: Option<Beginning>,
    ) -> Result<(Conclusion, Timings), Problem> {
        let WindowContext { settings, environments, runtime, loader, card, reporter } = self.context;
        clear(&window_folder(&self.settings.output, registry.seed_block))?;
        self.close_interrupted(&registry).await?;
        let ids = environments.iter().map(|environment| environment.id().clone()).collect();
        let seed = WindowSeed::new(&registry.seed_hash, registry.seed_block, registry.netuid);
        let terms = (ids, runtime.clone(), card.clone());
        let window = open(registry, given, settings, terms, self.store, &**reporter).await?;
        let window = OpenWindow { unchallenged: self.unchallenged, ..window };
        let sampling = settings.deciding.sampling.clone();
        let rules = TaskRules { environments: environments.clone(), seed, sampling };
        let entries = window.entries.clone();
        let local = LocalExecutor::new(loader, rules, &entries, settings.engine.rows, &**reporter);
        let decided = match self.workers(&window, &local).await? {
            Some(workers) => Box::pin(decide(window, loader, Some(&workers))).await?,
            None => Box::pin(decide(window, loader, Some(&local))).await?,
        };
        self.finish(&decided).await?;
        let Decided { conclusion, checking, .. } = decided;
        Ok((conclusion, Timings { checking, ..local.timings() }))
    }

    /// The workers, if the settings let them make the rollouts; `local` settles what they disagree on.
    async fn workers<'a>(
        &self,
        window: &OpenWindow<'_>,
        local: &'a LocalExecutor<'a>,
    ) -> Result<Option<WorkersExecutor<'a>>, Problem> {
        let settings = &self.context.settings;
        // An evaluation has a database of its own, which no worker reaches.
        if !settings.workers.enabled || self.store.location().file().is_some() {
            return Ok(None);
        }
        let announced = Announced {
            run: window.run,
            models: window.terms.entries.iter().map(|entry| entry.model.clone()).collect(),
            compatibility: Compatibility::of_window(&window.terms.settings, &window.terms.runtime),
            referee: local,
        };
        Ok(Some(WorkersExecutor::open(self.store.location(), &settings.workers, announced).await?))
    }

    /// Closes the windows before this one that have begun bouts and came to no end, with the rollouts that are stored: what
    /// they have spent of the reign's alpha stays spent.
    async fn close_interrupted(&self, registry: &RegistryState) -> Result<(), Problem> {
        let WindowContext { loader, reporter, .. } = self.context;
        for run in self.store.unfinished_runs(registry.netuid, registry.seed_block).await? {
            let window = reopen(run, self.store, &**reporter).map_err(|error| {
                Problem::from_error(ExitStatus::Store, &error).hint("restore the database from a copy")
            })?;
            let decided = decide(window, loader, None).await?;
            let sentence = format!(
                "window {} came to no end: it is closed with the rollouts that are stored, and its bouts count",
                decided.conclusion.terms.seed_block
            );
            reporter.report(Event::Overridden { sentence });
            self.finish(&decided).await?;
        }
        Ok(())
    }

    /// Writes a decided window's evidence, then its outcome: a window with an outcome has evidence.
    async fn finish(&self, decided: &Decided) -> Result<(), Problem> {
        let Decided { conclusion, run, .. } = decided;
        let (log, hash) = evidence(conclusion, self.key);
        let WindowTerms { netuid, seed_block, .. } = conclusion.terms;
        let folder = window_folder(&self.settings.output, seed_block);
        write(&folder.join(EVIDENCE), &log)?;
        let handed_on = AgreedRecord::new(netuid, seed_block, Some(hash.clone()), conclusion.record.clone());
        write(&folder.join(RECORD), &handed_on.text())?;
        if let Some(champion) = conclusion.champion {
            let champion = &conclusion.entries[champion].entry.hotkey;
            let outcome = Outcome { record: conclusion.record.clone(), log: Some(hash) };
            self.store.finish_run(*run, champion, &outcome).await?;
        }
        Ok(())
    }
}

/// The evidence of a window, one signed record a line, and the hash of its last record.
pub(crate) fn evidence(conclusion: &Conclusion, key: &ValidatorKey) -> (String, String) {
    let mut chain = HashChain::default();
    let (mut log, mut hash) = (String::new(), String::new());
    for body in records(conclusion, &key.public()) {
        let record = chain.append(&body, key);
        log.push_str(&serde_json::to_string(&record).expect("a record is plain data"));
        log.push('\n');
        hash = record.hash;
    }
    (log, hash)
}

fn write(path: &Path, text: &str) -> Result<(), Problem> {
    write_whole(path, text.as_bytes()).map_err(|cause| cannot_write(path, &cause))
}

fn cannot_write(path: &Path, cause: &std::io::Error) -> Problem {
    Problem::new(ExitStatus::Store, format!("cannot write {}: {cause}", path.display()))
        .hint("make room or choose another output folder, then run the same command again: all rollouts are kept")
}

impl Files {
    /// The files of a window with this seed block.
    fn of_window(settings: &Settings, seed_block: u64, database: DatabaseLocation) -> Self {
        let folder = window_folder(&settings.output, seed_block);
        Self {
            weights: folder.join("weights.json"),
            evidence: folder.join(EVIDENCE),
            report: folder.join("report.html"),
            entries: (settings.report_rollouts > 0).then(|| entry_pages::folder(&folder)),
            database,
        }
    }
}

impl From<ChainError> for Problem {
    fn from(error: ChainError) -> Self {
        let ChainError::File { path, cause } = error;
        cannot_write(&path, &cause)
    }
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        Self::from_error(ExitStatus::Source, &error).hint("the setting `registry` names the file; the README shows one")
    }
}

#[cfg(test)]
mod tests;
