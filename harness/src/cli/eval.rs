//! `dethrone eval`: scores models before a submission is paid for.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::RangedU64ValueParser;
use serde::Serialize;

use models::hub::HubKind;
use models::source::ModelSource;
use pareto::{DuelSettings, HeatSettings};

use super::runtime::block_on;
use crate::chain::WeightsFile;
use crate::clock::{self, Stopwatch};
use crate::database_location::DatabaseLocation;
use crate::exit_status::ExitStatus;
use crate::files::write_whole;
use crate::job::{self, Finished, Job, Ports};
use crate::printer::Printer;
use crate::problem::Problem;
use crate::record::{AdmissionOutcome, ReasonCount};
use crate::registry::{Entry, Hotkey, RegistryState, Role, Uid};
use crate::reporter::for_this_terminal;
use crate::settings::{Deciding, Settings, Sources};
use crate::window::Unchallenged;

mod evaluation;
mod text;

use evaluation::Evaluation;

/// The block that stands for "known before any commitment" in a window of one's own.
const SEED_BLOCK: u64 = 1;

/// The folder of evaluations for which no other is named.
const SHARED: &str = "dethrone-output/eval";
/// The file that names the evaluation which lies in a folder of its own.
const MARK: &str = "evaluation";

/// Arguments of `dethrone eval`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The models: `owner/name@<40 hex>`, a folder in the Hugging Face layout, a GGUF file, or `openai:MODEL@URL` on a server.
    #[arg(required = true, value_name = "MODEL")]
    models: Vec<String>,
    /// The model to beat, in the same forms, or `champion`: the one that earns most on the subnet of the settings' chain.
    #[arg(long, value_name = "MODEL")]
    against: Option<String>,
    /// Environments in place of the settings', such as `sat:2,abduction`.
    #[arg(long, value_name = "LIST")]
    env: Option<String>,
    /// Tasks to answer in each environment; fewer when the duel settles earlier.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    tasks: usize,
    /// Models that had their bout in the champion's reign before: the more, the more a model must show.
    #[arg(long, value_name = "N", default_value_t = 0)]
    tested: u64,
    /// The seed of the tasks; the same seed goes on where an earlier evaluation was interrupted.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// The settings file (TOML) of the validator to predict.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A setting, such as `engine.rows=16`; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Scores each model in a window of its own, with the same code as `validate`.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let models = arguments.models.iter().map(|model| model.parse()).collect::<Result<Vec<ModelSource>, _>>()?;
    let environments = arguments.env.iter().map(|list| format!("environments={list}"));
    let set: Vec<String> = arguments.set.iter().cloned().chain(environments).collect();
    let settings = settings(arguments.config.as_deref(), &set)?;
    let against = match arguments.against.as_deref() {
        Some("champion") => Some(champion(&settings)?),
        Some(model) => Some(model.parse()?),
        None => None,
    };
    // Of several models none is played while another one's path is misspelt.
    models.iter().chain(&against).try_for_each(is_there)?;
    let mut evaluations = Vec::new();
    let mut unscored = None;
    for model in &models {
        let (evaluation, reason) = evaluate(arguments, model, against.as_ref(), &settings)?;
        evaluations.push(evaluation);
        unscored = unscored.or(reason);
    }
    match evaluations.as_slice() {
        [evaluation] => printer.data(evaluation, text::one)?,
        _ => printer.data(&evaluations, |evaluations| text::several(evaluations))?,
    }
    unscored.map_or(Ok(()), |reason| Err(Problem::nothing_scored(&reason)))
}

/// The model that earns most on the subnet of the settings' chain.
#[cfg(feature = "chain")]
fn champion(settings: &Settings) -> Result<ModelSource, Problem> {
    super::pull::champion_of_chain(settings)
}

#[cfg(not(feature = "chain"))]
fn champion(_: &Settings) -> Result<ModelSource, Problem> {
    Err(Problem::new(ExitStatus::Usage, "this program was built without the chain, so that it knows no champion")
        .hint("name the model: --against MODEL"))
}

/// The evaluation of one model, and the reason if nothing was scored.
fn evaluate(
    arguments: &Arguments,
    model: &ModelSource,
    against: Option<&ModelSource>,
    settings: &Settings,
) -> Result<(Evaluation, Option<ReasonCount>), Problem> {
    let watch = Stopwatch::start();
    let validator_budget = settings.deciding.duel.budget;
    // One opponent, on the tasks asked for: nothing to drop anybody for, and no window before or after.
    let deciding =
        Deciding { duel: budgeted(settings, arguments.tasks), heat: HeatSettings::none(), ..settings.deciding.clone() };
    let is_shared = arguments.config.is_some() || arguments.models.len() > 1 || settings.output == Path::new(SHARED);
    let output = place(&settings.output, is_shared, folder(settings, model, against, arguments.seed))?;
    let settings = Settings { deciding, output, ..settings.clone() };
    let registry = registry(model, against, (arguments.seed, arguments.tested));
    let chain = WeightsFile::new(settings.output.clone());
    let database = DatabaseLocation::File(settings.output.join("eval.sqlite"));
    let duel_settings = settings.deciding.duel.clone();
    let ports = Ports { registry: &registry, chain: &chain, reporter: for_this_terminal() };
    let Finished { conclusion, summary } =
        block_on(job::run(Job { settings, unchallenged: Unchallenged::Answers, database, watch }, ports))?;
    for concluded in &conclusion.entries {
        if let AdmissionOutcome::Absent(reason) | AdmissionOutcome::Left(reason) = &concluded.admission.outcome {
            let summary = format!("{} could not be run: {reason}", concluded.entry.model);
            return Err(Problem::new(ExitStatus::Incomplete, summary)
                .hint("a validator that meets the same leaves it out of the window; run the same command again"));
        }
        if let AdmissionOutcome::Refused(reason) = &concluded.admission.outcome {
            let summary = format!("{} is refused: {reason}", concluded.entry.model);
            return Err(Problem::new(ExitStatus::ModelRefused, summary)
                .hint("a validator refuses it too: change the model as the sentence says"));
        }
    }
    let subject = (conclusion.entries.len() - 1, arguments.seed);
    let evaluation = Evaluation::new(&conclusion, &summary, subject, &duel_settings, validator_budget);
    Ok((evaluation, conclusion.nothing_scored()))
}

/// Refuses the path of a file or folder that is not there.
fn is_there(model: &ModelSource) -> Result<(), Problem> {
    match model {
        ModelSource::Folder(path) | ModelSource::Gguf(path) if !path.exists() => {
            Err(Problem::new(ExitStatus::Source, format!("there is no model at {}", path.display()))
                .hint("check the path; a model is a folder with config.json and safetensors, or a .gguf file"))
        }
        _ => Ok(()),
    }
}

/// Place of an evaluation: the folder that is named for it, if nothing or the same evaluation lies there, and else a folder
/// in one that evaluations share.
fn place(output: &Path, is_shared: bool, name: String) -> Result<PathBuf, Problem> {
    let mark = output.join(MARK);
    let is_here = std::fs::read_to_string(&mark).is_ok_and(|found| found == name);
    let is_free = || output.read_dir().map_or(true, |mut entries| entries.next().is_none());
    if is_shared || !(is_here || is_free()) {
        return Ok(output.join(name));
    }
    std::fs::create_dir_all(output).and_then(|()| write_whole(&mark, name.as_bytes())).map_err(|error| {
        Problem::new(ExitStatus::Usage, format!("{} cannot be written: {error}", mark.display()))
            .hint("the setting `output` names the folder")
    })?;
    Ok(output.to_owned())
}

/// Name of an evaluation: one for each model, opponent and seed, so that none takes another's place. Files on this machine
/// that have changed are another model, and so is one that other limits admit.
fn folder(settings: &Settings, model: &ModelSource, against: Option<&ModelSource>, seed: u64) -> String {
    let limits = serde_json::to_string(&settings.deciding.admission).expect("settings are plain data");
    let name = |model: &ModelSource| {
        let reference = model.to_string();
        let (path, _) = reference.rsplit_once('@').unwrap_or((&reference, ""));
        let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or(path);
        let plain = |letter: char| if letter.is_ascii_alphanumeric() || ".-_".contains(letter) { letter } else { '-' };
        let short: String = last.chars().take(40).map(plain).collect();
        let mut digest = blake3::Hasher::new();
        for part in [reference.clone(), limits.clone()].into_iter().chain(file_states(model)) {
            digest.update(part.as_bytes()).update(&[0]);
        }
        format!("{short}-{}", &digest.finalize().to_hex()[..6])
    };
    let against = against.map_or_else(String::new, |against| format!("-against-{}", name(against)));
    format!("{}{against}-seed{seed}", name(model))
}

/// Names, sizes and times of a model's files on this machine; none where it has none here.
fn file_states(model: &ModelSource) -> Vec<String> {
    let state = |path: &Path| {
        let metadata = path.metadata().ok()?;
        Some(format!("{} {} {:?}", path.display(), metadata.len(), metadata.modified().ok()))
    };
    let mut states: Vec<String> = match model {
        ModelSource::Gguf(path) => state(path).into_iter().collect(),
        ModelSource::Folder(path) => {
            path.read_dir().into_iter().flatten().flatten().filter_map(|entry| state(&entry.path())).collect()
        }
        ModelSource::Hub(_) | ModelSource::Server(_) => Vec::new(),
    };
    states.sort();
    states
}

/// Speed at which this machine answers and judges a model's tasks, engine and sandbox together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Speed {
    /// Rollouts made.
    pub(super) rollouts: usize,
    /// Time that they took, in seconds: all but fetching, checking and loading the model, which is done once.
    pub(super) seconds: f64,
}

impl Speed {
    /// Rollouts an hour.
    pub(super) fn rollouts_per_hour(self) -> f64 {
        self.rollouts as f64 * 3_600.0 / self.seconds
    }
}

/// Measures the speed with a model on so many fresh tasks in each environment, under a validator's settings.
pub(super) fn measure(model: &str, config: Option<&Path>, tasks: usize) -> Result<Speed, Problem> {
    let watch = Stopwatch::start();
    let model: ModelSource = model.parse()?;
    let settings = settings(config, &[])?;
    let deciding = Deciding { duel: budgeted(&settings, tasks), ..settings.deciding };
    let settings = Settings { deciding, output: settings.output.join("speed"), ..settings };
    // Tasks of the moment: none of them is in the database already, and whatever is in the summary was made now.
    let registry = registry(&model, None, (clock::unix_seconds().unsigned_abs(), 0));
    let chain = WeightsFile::new(settings.output.clone());
    let database = DatabaseLocation::File(settings.output.join("eval.sqlite"));
    let ports = Ports { registry: &registry, chain: &chain, reporter: for_this_terminal() };
    let job = Job { settings, unchallenged: Unchallenged::Answers, database, watch };
    let Finished { conclusion, summary } = block_on(job::run(job, ports))?.decided()?;
    // A task that cannot be made takes no time, and a speed of none is no hours.
    if let Some(reason) = conclusion.nothing_scored() {
        return Err(Problem::nothing_scored(&reason));
    }
    let rollouts = conclusion.entries.iter().map(|entry| entry.rollouts.len()).sum();
    let timing = summary.timing;
    Ok(Speed { rollouts, seconds: timing.wall - timing.checking - timing.loading })
}

fn settings(config: Option<&Path>, set: &[String]) -> Result<Settings, Problem> {
    let base = Settings { output: PathBuf::from(SHARED), ..Settings::default() };
    let mut settings = Sources::new(&base, config, set).and_then(|sources| sources.settings())?;
    if config.is_some() {
        settings.output.push("eval");
    }
    if settings.hub.folder.is_none() {
        settings.hub.kind = HubKind::HuggingFace;
    }
    Ok(settings)
}

fn budgeted(settings: &Settings, tasks: usize) -> DuelSettings {
    let duel = settings.deciding.duel.clone();
    DuelSettings { budget: tasks, minimum_tasks: duel.minimum_tasks.min(tasks), references: 0, ..duel }
}

/// A registry of the opponent, who reigns, and the model.
fn registry(model: &ModelSource, against: Option<&ModelSource>, (seed, tested): (u64, u64)) -> RegistryState {
    let entry = |uid, hotkey: &str, model: &ModelSource, position| Entry {
        hotkey: Hotkey(hotkey.to_owned()),
        uid: Some(Uid(uid)),
        model: model.clone(),
        committed: 0,
        position,
        role: Role::Committed,
    };
    let mut entries: Vec<Entry> = against.map(|against| entry(1, "against", against, 0)).into_iter().collect();
    entries.push(entry(2, "model", model, 1));
    let seed_hash = blake3::derive_key("dethrone 2026-11 evaluation seed", &seed.to_le_bytes());
    RegistryState {
        netuid: 0,
        seed_block: SEED_BLOCK,
        seed_hash,
        snapshot: None,
        owners: Default::default(),
        champion: against.map(|_| Hotkey("against".to_owned())),
        former: Vec::new(),
        tested,
        entries,
    }
}

#[cfg(test)]
mod tests;
