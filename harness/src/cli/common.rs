//! What the commands that decide a window share: setting up, running, writing the results.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use models::local::LocalModel;
use models::source::{ModelSource, ModelSourceError};
use sandbox_builder::{BuildError, ensure_artifact};
use sandboxes::Sandbox;

use crate::clock::Stopwatch;
use crate::contestant::{check, seat};
use crate::events::{Event, Reporter};
use crate::evidence::{Chain, ValidatorKey, records};
use crate::exit_status::ExitStatus;
use crate::hub::{FetchError, Hub};
use crate::problem::Problem;
use crate::record::Conclusion;
use crate::registry::Registry;
use crate::report::{Files, Summary, Timing};
use crate::reporter::for_this_terminal;
use crate::settings::{Settings, SettingsError};
use crate::store::Store;
use crate::window::{Window, WindowError};

/// A runtime for the commands' waiting; the work is done on threads of the engine and the sandbox.
pub(super) fn block_on<T>(future: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(|error| {
            Problem::new(ExitStatus::Unexpected, format!("cannot start the program's threads: {error}"))
        })?;
    runtime.block_on(future)
}

/// Decides a window and writes its results into `output`.
pub(super) async fn decide(
    settings: Settings,
    registry: Registry,
    database: &Path,
    output: &Path,
    reporter: Arc<dyn Reporter>,
    watch: Stopwatch,
) -> Result<(Conclusion, Summary), Problem> {
    let key_path = settings.key.clone().unwrap_or_else(|| output.join("validator.key"));
    let store = Store::open(database).await.map_err(|error| Problem::from_store(&error))?;
    let key = ValidatorKey::read_or_make(&key_path).map_err(|error| {
        Problem::from_error(ExitStatus::Store, &error)
            .hint("the setting `key` names the file; it is made if it is not there")
    })?;
    let (sandbox, runtime) = open_sandbox(&settings, &*reporter)?;
    let window = Window::open(settings, registry, store, &cache_folder()?, &sandbox, runtime, reporter).await?;
    let conclusion = window.run().await?;
    let spent = window.spent();
    let files = write_results(&conclusion, &key, output, window.database())?;
    window.close().await;
    let timing = Timing::new(watch.elapsed(), &spent);
    let summary = Summary::new(&conclusion, files, timing);
    write(&summary.files.report, crate::report::page(&conclusion, &summary).as_bytes())?;
    if conclusion.champion.is_none() {
        let reasons: Vec<String> =
            summary.entries.iter().map(|entry| format!("{}: {}", entry.hotkey, entry.verdict)).collect();
        let problem = Problem::new(ExitStatus::ModelRefused, "no model was admitted, so nobody holds the weight");
        return Err(Problem { causes: reasons, ..problem }.hint("keep the weights of the window before"));
    }
    Ok((conclusion, summary))
}

/// The folder in which what was fetched or made once is kept.
pub(super) fn cache_folder() -> Result<PathBuf, Problem> {
    sandbox_builder::cache_folder().ok_or_else(|| {
        Problem::new(
            ExitStatus::Assets,
            "there is no folder to keep models and the sandbox guest in: no home folder is known",
        )
        .hint("set DETHRONE_CACHE to a folder with 2 GB of room")
    })
}

/// The sandbox, and the digest of its runtime.
pub(super) fn open_sandbox(settings: &Settings, reporter: &dyn Reporter) -> Result<(Sandbox, String), Problem> {
    let progress = |progress: sandbox_builder::Progress| reporter.report(Event::from(progress));
    let artifact = ensure_artifact(&cache_folder()?, &progress).map_err(|error| guest_problem(&error))?;
    let sandbox = Sandbox::open(settings.sandbox.clone(), &artifact).map_err(|error| sandbox_problem(&error))?;
    Ok((sandbox, artifact.digest().to_string()))
}

/// The problem that a guest which cannot be built is.
pub(super) fn guest_problem(error: &BuildError) -> Problem {
    Problem::from_error(ExitStatus::Assets, error)
        .hint("Python 3 with pip has to be on the PATH; the cache folder may be deleted and is made again")
}

pub(super) fn sandbox_problem(error: &sandboxes::SandboxError) -> Problem {
    let hint = match error {
        sandboxes::SandboxError::Runtime(_) | sandboxes::SandboxError::Instance(_) => {
            "this machine has too little memory or address space for it: lower `sandbox.slots` or the memory limit"
        }
        _ => "Python 3 with pip has to be on the PATH; the cache folder may be deleted and is made again",
    };
    Problem::from_error(ExitStatus::Assets, error).hint(hint)
}

/// The model that somebody wrote on a command line.
pub(super) fn parse_model(model: &str) -> Result<ModelSource, Problem> {
    model.parse().map_err(|error: ModelSourceError| {
        Problem::from_error(ExitStatus::Usage, &error).hint(
            "a model is `owner/name@<40 hex>`, a folder with config.json and safetensors, a .gguf file, or \
             `openai:MODEL@URL` on a server",
        )
    })
}

/// Fetches a model, checks it and brings it to the table of this machine.
pub(super) async fn bring_model(source: &ModelSource, settings: &Settings) -> Result<LocalModel, Problem> {
    let trouble = |error| Problem::from(WindowError::Load { model: source.to_string(), source: error });
    let hub = Hub::new(&settings.hub, &cache_folder()?, &settings.deciding.admission).map_err(WindowError::HubSetup)?;
    let reporter = for_this_terminal();
    let snapshot = hub.fetch(source, &*reporter).await.map_err(|error| match error {
        FetchError::Miner(reason) => {
            Problem::new(ExitStatus::ModelRefused, format!("{source} cannot be used: {reason}"))
        }
        FetchError::Host(error) => WindowError::Hub { model: source.to_string(), source: error }.into(),
    })?;
    let admitted = check(snapshot, &settings.deciding.admission).await.map_err(|error| trouble(error.into()))?;
    seat(admitted, &settings.engine, settings.deciding.sampling.context).await.map_err(trouble)
}

/// The problem that settings which cannot be used are.
pub(super) fn settings_problem(error: &SettingsError) -> Problem {
    Problem::from_error(ExitStatus::Usage, error)
        .hint("`dethrone validate --show-settings` prints every setting with its source")
}

fn write_results(
    conclusion: &Conclusion,
    key: &ValidatorKey,
    output: &Path,
    database: PathBuf,
) -> Result<Files, Problem> {
    let folder = output.join(format!("window-{}", conclusion.terms.seed_block));
    let files = Files {
        weights: folder.join("weights.json"),
        evidence: folder.join("evidence.jsonl"),
        report: folder.join("report.html"),
        database,
    };
    let weights = crate::chain::WeightsFile::new(conclusion);
    let mut text = serde_json::to_string_pretty(&weights).expect("weights are plain data");
    text.push('\n');
    write(&files.weights, text.as_bytes())?;
    let mut chain = Chain::default();
    let mut log = String::new();
    for body in records(conclusion, &key.public()) {
        let record = chain.append(&body, key);
        log.push_str(&serde_json::to_string(&record).expect("a record is plain data"));
        log.push('\n');
    }
    write(&files.evidence, log.as_bytes())?;
    Ok(files)
}

/// Writes a file whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let beside = path.with_extension("new");
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&beside, bytes))
        .and_then(|()| std::fs::rename(&beside, path));
    written.map_err(|error| {
        // The half-written file is of no use to anybody; that it cannot be removed changes nothing.
        let _ = std::fs::remove_file(&beside);
        Problem::new(ExitStatus::Store, format!("cannot write {}: {error}", path.display()))
            .hint("make room or choose another output folder, then run the same command again: all rollouts are kept")
    })
}
