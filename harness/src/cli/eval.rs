//! `dethrone eval`: scores a model before a submission is paid for.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use models::hub::HubKind;
use models::source::ModelSource;
use pareto::duel::Forecast;
use pareto::{Duel, DuelSettings, HeatSettings};

use super::runtime::block_on;
use crate::chain::WeightsFile;
use crate::clock::{self, Stopwatch};
use crate::exit_status::ExitStatus;
use crate::job::{self, Finished, Job, Ports};
use crate::printer::Printer;
use crate::problem::Problem;
use crate::record::{AdmissionOutcome, Conclusion, DuelRecord, ReasonCount, Standing, paired, unit_scores};
use crate::registry::{Entry, Hotkey, RegistryState, Role, Uid};
use crate::report::{Summary, doubt, reason_lines};
use crate::reporter::for_this_terminal;
use crate::settings::{Deciding, Settings, Sources};
use crate::window::Unchallenged;

/// The block that stands for "known before any commitment" in a window of one's own.
const SEED_BLOCK: u64 = 1;

/// Arguments of `dethrone eval`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The model: `owner/name@<40 hex>`, a folder in the Hugging Face layout, a GGUF file, or `openai:MODEL@URL` on a server.
    model: String,
    /// The model to beat, in the same forms.
    #[arg(long, value_name = "MODEL")]
    against: Option<String>,
    /// Tasks to answer in each environment; fewer when the duel settles earlier.
    #[arg(long, value_name = "N", default_value_t = 64)]
    tasks: usize,
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

/// Result of an evaluation.
#[derive(Debug, Serialize)]
struct Evaluation {
    version: u32,
    model: String,
    against: Option<String>,
    seed: u64,
    predicted: Prediction,
    sentence: String,
    /// Further tasks in each environment until the model would dethrone, if things go on as they went; none if that is
    /// more than the validator's budget or the duel would be given up before.
    further_tasks: Option<usize>,
    /// Number of rollouts answered by a server, which no one can reproduce.
    not_reproducible: usize,
    environments: Vec<EnvironmentEvaluation>,
    files: crate::report::Files,
}

/// Predicted end of the model's duel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "&'static str")]
enum Prediction {
    Dethrones,
    Loses,
    Undecided,
    /// Left out by the screen that has this word.
    Screened(&'static str),
    /// Without an opponent there is nothing to predict.
    Scored,
    /// Without a score neither.
    Unscored,
}

/// One environment of an evaluation.
#[derive(Debug, Serialize)]
struct EnvironmentEvaluation {
    environment: String,
    /// Its file, where it has one.
    file: Option<String>,
    tasks: usize,
    mean: f64,
    against_mean: Option<f64>,
    difference: Option<f64>,
    interval: Option<(f64, f64)>,
    /// Further tasks until the model is shown to be not worse here; none if that is more than the validator's budget.
    further_tasks: Option<usize>,
    /// Reasons of the model's scores, the most frequent first.
    reasons: Vec<ReasonCount>,
}

/// Scores the model in a window of its own, with the same code as `validate`.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let watch = Stopwatch::start();
    let model: ModelSource = arguments.model.parse()?;
    let against: Option<ModelSource> = arguments.against.as_deref().map(str::parse).transpose()?;
    let settings = settings(arguments.config.as_deref(), &arguments.set)?;
    let validator_budget = settings.deciding.duel.budget;
    // One opponent, on the tasks asked for: nothing to drop anybody for, and no window before or after.
    let deciding =
        Deciding { duel: budgeted(&settings, arguments.tasks), heat: HeatSettings::none(), ..settings.deciding };
    let settings = Settings { deciding, ..settings };
    let registry = registry(&model, against.as_ref(), arguments.seed);
    let chain = WeightsFile::new(settings.output.clone());
    let database = settings.output.join("eval.sqlite");
    let duel_settings = settings.deciding.duel.clone();
    let ports = Ports { registry: &registry, chain: &chain, reporter: for_this_terminal() };
    let Finished { conclusion, summary } =
        block_on(job::run(Job { settings, unchallenged: Unchallenged::Answers, database, watch }, ports))?;
    let subject = conclusion.entries.len() - 1;
    for concluded in &conclusion.entries {
        if let AdmissionOutcome::Refused(reason) = &concluded.admission.outcome {
            let summary = format!("{} is refused: {reason}", concluded.entry.model);
            return Err(Problem::new(ExitStatus::ModelRefused, summary)
                .hint("a validator refuses it too: change the model as the sentence says"));
        }
    }
    let evaluation = evaluate(&conclusion, &summary, subject, arguments.seed, &duel_settings, validator_budget);
    printer.data(&evaluation, text)?;
    conclusion.nothing_scored().map_or(Ok(()), |reason| Err(Problem::nothing_scored(&reason)))
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
    let registry = registry(&model, None, clock::unix_seconds().unsigned_abs());
    let chain = WeightsFile::new(settings.output.clone());
    let database = settings.output.join("eval.sqlite");
    let ports = Ports { registry: &registry, chain: &chain, reporter: for_this_terminal() };
    let Finished { conclusion, summary } =
        block_on(job::run(Job { settings, unchallenged: Unchallenged::Answers, database, watch }, ports))?;
    // A task that cannot be made takes no time, and a speed of none is no hours.
    if let Some(reason) = conclusion.nothing_scored() {
        return Err(Problem::nothing_scored(&reason));
    }
    let rollouts = conclusion.entries.iter().map(|entry| entry.rollouts.len()).sum();
    let timing = summary.timing;
    Ok(Speed { rollouts, seconds: timing.wall - timing.checking - timing.loading })
}

fn settings(config: Option<&Path>, set: &[String]) -> Result<Settings, Problem> {
    let base = Settings { output: PathBuf::from("dethrone-output/eval"), ..Settings::default() };
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
fn registry(model: &ModelSource, against: Option<&ModelSource>, seed: u64) -> RegistryState {
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
        champion: None,
        former: Vec::new(),
        tested: 0,
        entries,
    }
}

fn evaluate(
    conclusion: &Conclusion,
    summary: &Summary,
    subject: usize,
    seed: u64,
    duel_settings: &DuelSettings,
    validator_budget: usize,
) -> Evaluation {
    let concluded = &conclusion.entries[subject];
    let duel = conclusion.duel_of(subject);
    let against = (subject > 0).then(|| conclusion.entries[0].entry.model.to_string());
    let forecast = duel.map(|duel| forecast(conclusion, duel, duel_settings, validator_budget));
    let environments = conclusion.terms.environments.iter().enumerate().map(|(environment, id)| {
        let (mean, tasks) = concluded.mean(environment);
        let evidence = duel.map(|duel| &duel.decision.environments[environment]);
        EnvironmentEvaluation {
            environment: id.to_string(),
            file: summary.reasons[environment].file.clone(),
            tasks,
            mean: evidence.map_or(mean, |evidence| evidence.challenger_mean),
            against_mean: evidence.map(|evidence| evidence.champion_mean),
            difference: evidence.map(|evidence| evidence.difference),
            interval: evidence.map(|evidence| evidence.interval),
            further_tasks: forecast.as_ref().and_then(|forecast| forecast.environments[environment]),
            reasons: conclusion.reasons(subject, environment),
        }
    });
    Evaluation {
        version: 1,
        model: concluded.entry.model.to_string(),
        against,
        seed,
        predicted: Prediction::of(conclusion, subject),
        sentence: match conclusion.nothing_scored() {
            Some(_) => "no verdict: not one task was scored".to_owned(),
            None => conclusion.verdict_of(subject),
        },
        further_tasks: forecast.as_ref().and_then(Forecast::dethroning),
        not_reproducible: conclusion.not_reproducible(),
        environments: environments.collect(),
        files: summary.files.clone(),
    }
}

impl Prediction {
    fn of(conclusion: &Conclusion, subject: usize) -> Self {
        if conclusion.nothing_scored().is_some() {
            return Self::Unscored;
        }
        match conclusion.standing(subject) {
            Standing::Screened(word) => Self::Screened(word),
            Standing::Champion if conclusion.duel_of(subject).is_some() => Self::Dethrones,
            Standing::Lost => Self::Loses,
            Standing::Undecided => Self::Undecided,
            _ => Self::Scored,
        }
    }
}

impl From<Prediction> for &'static str {
    fn from(prediction: Prediction) -> Self {
        match prediction {
            Prediction::Dethrones => "dethrones",
            Prediction::Loses => "does not dethrone",
            Prediction::Undecided => "undecided",
            Prediction::Screened(word) => word,
            Prediction::Scored => "scored",
            Prediction::Unscored => "not scored",
        }
    }
}

/// Forecast of the duel under the validator's own budget.
fn forecast(conclusion: &Conclusion, duel: &DuelRecord, settings: &DuelSettings, budget: usize) -> Forecast {
    let scores = |entry: usize| unit_scores(&conclusion.entries[entry].rollouts);
    let environments = conclusion.terms.environments.len();
    let pairs = paired(environments, &scores(duel.champion), &scores(duel.challenger));
    let settings = DuelSettings { budget, ..settings.clone() };
    let held = Duel::held(&pairs, &settings, duel.decision.alpha);
    held.expect("the duel was held under these settings and a smaller budget").forecast()
}

/// The mean score, or that there is none.
fn mean(environment: &EnvironmentEvaluation) -> String {
    match environment.tasks {
        0 => "no task was scored".to_owned(),
        tasks => format!("{:.3} over {tasks} tasks", environment.mean),
    }
}

fn text(evaluation: &Evaluation) -> String {
    let mut text = match &evaluation.against {
        Some(against) => format!("{} against {against}: {}", evaluation.model, <&str>::from(evaluation.predicted)),
        None => evaluation.model.clone(),
    };
    for environment in &evaluation.environments {
        text.push_str(&format!("\n\n{}: {}", environment.environment, mean(environment)));
        if let (Some(against), Some(difference), Some((low, high))) =
            (environment.against_mean, environment.difference, environment.interval)
        {
            text.push_str(&format!(", {against:.3} against it; difference {difference:+.3} [{low:+.3}, {high:+.3}]"));
            text.push_str(&match environment.further_tasks {
                Some(0) => "\n  shown to be not worse".to_owned(),
                Some(tasks) => format!("\n  about {tasks} more tasks would show it to be not worse"),
                None => {
                    "\n  more tasks than the validator's budget would be needed to show it to be not worse".to_owned()
                }
            });
        }
        text.push_str(&reason_lines(&environment.reasons, environment.file.as_deref()));
    }
    text.push_str(&format!("\n\n{}", evaluation.sentence));
    if evaluation.predicted == Prediction::Undecided {
        text.push_str(&match evaluation.further_tasks {
            Some(tasks) => {
                format!("\nAbout {tasks} more tasks in each environment would settle it in favour of the model.")
            }
            None => "\nAs things went, it would not dethrone within the validator's budget.".to_owned(),
        });
    }
    if evaluation.not_reproducible > 0 {
        text.push_str(&format!("\n\n{}", doubt(evaluation.not_reproducible)));
    }
    text.push_str(&format!("\n\nreport    {}", evaluation.files.report.display()));
    text
}
