//! The job of `validate`, `eval` and `demo`: a window from settings and registry to its results.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use models::cuda::Accelerator;
use models::decoder::Arithmetic;

use crate::chain::{Chain, ChainError, Weights};
use crate::clock::Stopwatch;
use crate::events::Reporter;
use crate::evidence::{HashChain, ValidatorKey, records};
use crate::exit_status::ExitStatus;
use crate::files::{remove_unfinished, window_folder, write_whole};
use crate::loader::ModelLoader;
use crate::problem::{MEND_SETTINGS, Problem};
use crate::record::{Conclusion, Timings};
use crate::registry::{Registry, RegistryError};
use crate::report::{Files, Summary, Timing};
use crate::rollout::{LocalExecutor, TaskRules, open_environments};
use crate::sandbox::{cache_folder, open_sandbox};
use crate::seeds::WindowSeed;
use crate::settings::Settings;
use crate::store::Store;
use crate::window::{Decided, decide, open};

/// A window to decide.
#[derive(Debug)]
pub(crate) struct Job {
    /// The settings.
    pub(crate) settings: Settings,
    /// The database, which is created if it does not exist.
    pub(crate) database: PathBuf,
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
/// If a part of this machine, the hub or the registry failed, or no model was admitted. What was finished is stored.
pub(crate) async fn run<R: Registry, C: Chain>(job: Job, ports: Ports<'_, R, C>) -> Result<Finished, Problem> {
    let Job { settings, database, watch } = job;
    let registry = ports.registry.read().await?;
    let store = Store::open(&database).await?;
    let key = validator_key(&settings)?;
    clear(&window_folder(&settings.output, registry.seed_block))?;
    let (conclusion, timings) = decided(&settings, registry, &store, &ports.reporter).await?;
    let files = Files::of_window(&settings.output, conclusion.terms.seed_block, database);
    // What the weights rest on is on the disk before anybody can act on them.
    store.close().await;
    write(&files.evidence, &evidence(&conclusion, &key))?;
    ports.chain.submit(&Weights::new(&conclusion)).await?;
    let summary = Summary::new(&conclusion, files, Timing::new(watch.elapsed(), &timings));
    write(&summary.files.report, &crate::report::page(&conclusion, &summary))?;
    if conclusion.champion.is_none() {
        let reasons: Vec<String> =
            summary.entries.iter().map(|entry| format!("{}: {}", entry.hotkey, entry.verdict)).collect();
        let problem = Problem::new(ExitStatus::ModelRefused, "no model was admitted, so nobody holds the weight");
        return Err(Problem { causes: reasons, ..problem }.hint("keep the weights of the window before"));
    }
    Ok(Finished { conclusion, summary })
}

/// Removes what killed processes left half written among a window's results. The database's lock is held by now.
fn clear(folder: &Path) -> Result<(), Problem> {
    if folder.is_dir() {
        remove_unfinished(folder).map_err(|cause| cannot_write(folder, &cause))?;
    }
    Ok(())
}

/// The validator's key: the file of the settings, else one in the output folder.
fn validator_key(settings: &Settings) -> Result<ValidatorKey, Problem> {
    let path = settings.key.clone().unwrap_or_else(|| settings.output.join("validator.key"));
    ValidatorKey::read_or_make(&path).map_err(|error| {
        Problem::from_error(ExitStatus::Store, &error)
            .hint("the setting `key` names the file; it is made if it is not there")
    })
}

/// The window's conclusion, decided with rollouts of this machine, and where the time went.
async fn decided(
    settings: &Settings,
    registry: crate::registry::RegistryState,
    store: &Store,
    reporter: &Arc<dyn Reporter>,
) -> Result<(Conclusion, Timings), Problem> {
    let (sandbox, runtime) = open_sandbox(settings, &**reporter)?;
    let environments = open_environments(&settings.environments, &sandbox)
        .await
        .map_err(|error| Problem::from_error(ExitStatus::Usage, &error).hint(MEND_SETTINGS))?;
    let settings = &in_one_arithmetic(settings);
    let loader = ModelLoader::new(settings, &cache_folder()?, Arc::clone(reporter))?;
    let card = loader.card()?;
    let ids = environments.iter().map(|environment| environment.id().clone()).collect();
    let seed = WindowSeed::new(&registry.seed_hash, registry.seed_block, registry.netuid);
    let window = open(registry, settings, (ids, runtime, card), store, &**reporter).await?;
    let rules = TaskRules { environments, seed, sampling: settings.deciding.sampling.clone() };
    let entries = window.entries.clone();
    let executor = LocalExecutor::new(&loader, rules, &entries, settings.engine.rows, &**reporter);
    let Decided { conclusion, checking } = decide(window, &loader, &executor).await?;
    Ok((conclusion, Timings { checking, ..executor.timings() }))
}

/// The settings with `engine.mode = "auto"` resolved: all models of a window are computed in one arithmetic.
fn in_one_arithmetic(settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    if settings.engine.mode == Arithmetic::Auto {
        settings.engine.mode = if Accelerator::is_present() { Arithmetic::Bf16 } else { Arithmetic::Exact };
    }
    settings
}

/// The evidence of a window: one signed record a line.
fn evidence(conclusion: &Conclusion, key: &ValidatorKey) -> String {
    let mut chain = HashChain::default();
    let mut log = String::new();
    for body in records(conclusion, &key.public()) {
        let record = chain.append(&body, key);
        log.push_str(&serde_json::to_string(&record).expect("a record is plain data"));
        log.push('\n');
    }
    log
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
    fn of_window(output: &Path, seed_block: u64, database: PathBuf) -> Self {
        let folder = window_folder(output, seed_block);
        Self {
            weights: folder.join("weights.json"),
            evidence: folder.join("evidence.jsonl"),
            report: folder.join("report.html"),
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
