//! `dethrone decide`: applies a rule to recorded scores.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use pareto::consensus::{Epoch, run_epoch};
use pareto::mechanisms::{
    Comparison, EntryMeans, Field, FieldEntry, FourStage, Mechanism, Mechanisms, Sequential, Sides, WindowMargin,
    WindowRule,
};
use pareto::{DuelSettings, HeatSettings, Names, explain};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::problem::Problem;

/// The name by which an epoch of the chain's consensus is chosen, beside the mechanisms.
const YUMA: &str = "yuma";

/// Scores in a file, and the rule for them.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The rule.
    #[arg(long, value_parser = rules(), default_value = Mechanisms::default().all()[0].name())]
    mechanism: String,
    /// Alpha of the whole reign, for `sequential`.
    #[arg(long, default_value_t = 0.01)]
    alpha: f64,
    /// Number of this bout in the reign, for `sequential`; the first of several where a field has more.
    #[arg(long, default_value_t = 1)]
    challenger: u64,
    /// Shortfall that still counts as not worse, for `sequential`; as the file says, or the default, where not given.
    #[arg(long)]
    tolerance: Option<f64>,
    /// Margin in standard errors instead of a share of the errors, for `four_stage`.
    #[arg(long)]
    standard_errors: Option<f64>,
    /// The cases as JSON: duels, with both sides' scores; fields, with every miner's means or scores; or epochs, for
    /// `yuma`.
    file: PathBuf,
}

/// The names of all mechanisms, written with `_` or with `-`, and `yuma`.
fn rules() -> impl TypedValueParser<Value = String> {
    let value = |name: &'static str, about: &'static str| {
        PossibleValue::new(name).alias(&*name.replace('_', "-").leak()).help(about)
    };
    let known = Mechanisms::default();
    let mechanisms = known.all().map(|mechanism| value(mechanism.name(), mechanism.about()));
    let all = mechanisms.into_iter().chain([value(YUMA, "One epoch of the chain's consensus")]);
    PossibleValuesParser::new(all).map(|name| name.replace('-', "_"))
}

/// Reads the file, decides every case and prints the outcomes.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let path = &arguments.file;
    if arguments.mechanism == YUMA {
        let file: EpochFile = read(path)?;
        let cases = each(&file.vectors, path, |vector| yuma(&vector.input))?;
        return printer.data(&Cases { cases }, epochs_text);
    }
    if read::<Layout>(path)?.cases.iter().all(|case| case.miners.is_some()) {
        let file: FieldFile = read(path)?;
        let cases = each(&file.cases, path, |case| field(case, &file, arguments))?;
        return printer.data(&Cases { cases }, fields_text);
    }
    let file: DuelFile = read(path)?;
    let cases = each(&file.cases, path, |case| duel(case, &file.duel, arguments))?;
    printer.data(&Cases { cases }, duels_text)
}

/// As much of a file as tells fields from duels.
#[derive(Debug, Deserialize)]
struct Layout {
    cases: Vec<CaseLayout>,
}

#[derive(Debug, Deserialize)]
struct CaseLayout {
    miners: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct DuelFile {
    /// The duel's settings, for `sequential`.
    #[serde(default)]
    duel: DuelSettings,
    cases: Vec<DuelCase>,
}

#[derive(Debug, Deserialize)]
struct DuelCase {
    environments: Vec<DuelEnvironment>,
    #[serde(default = "default_min_dominant")]
    min_dominant: usize,
}

#[derive(Debug, Deserialize)]
struct DuelEnvironment {
    id: String,
    #[serde(default = "default_margin")]
    margin: f64,
    #[serde(default = "default_not_worse_tolerance")]
    not_worse_tolerance: f64,
    #[serde(default = "default_min_tasks")]
    min_tasks: usize,
    /// By task; `null` is a score that could not be had.
    champion: Vec<Option<f64>>,
    challenger: Vec<Option<f64>>,
    /// The champion's mean score on the reference tasks of each task, for `sequential`; plain differences without.
    #[serde(default)]
    reference: Vec<Option<f64>>,
    /// Scores of the champion of ten reigns ago, for `sequential`; no guard without.
    #[serde(default)]
    guard: Vec<Option<f64>>,
}

#[derive(Debug, Deserialize)]
struct FieldFile {
    /// The constants of `four_stage`.
    #[serde(default)]
    constants: FourStage,
    /// The bouts' settings, for `sequential`.
    #[serde(default)]
    duel: DuelSettings,
    /// The heats' settings, for `sequential`: scores are then listed by the task numbers of a window, heat, bouts and
    /// reference tasks. Without them everybody has a bout, and the lists are those of the bouts' tasks.
    #[serde(default)]
    heat: Option<HeatSettings>,
    cases: Vec<FieldCase>,
}

#[derive(Debug, Deserialize)]
struct FieldCase {
    environments: Vec<String>,
    /// Uid of the reigning champion; without one the earliest reigns.
    #[serde(default)]
    champion: Option<u16>,
    miners: Vec<Miner>,
}

#[derive(Debug, Deserialize)]
struct Miner {
    uid: u16,
    first_block: u64,
    #[serde(default)]
    means: BTreeMap<String, f64>,
    #[serde(default)]
    valid: BTreeMap<String, bool>,
    #[serde(default)]
    counts: BTreeMap<String, usize>,
    /// By task, in place of means, counts and validity; `null` is a score that could not be had.
    #[serde(default)]
    scores: Option<BTreeMap<String, Vec<Option<f64>>>>,
}

#[derive(Debug, Deserialize)]
struct EpochFile {
    vectors: Vec<EpochCase>,
}

#[derive(Debug, Deserialize)]
struct EpochCase {
    input: Epoch,
}

#[derive(Debug, Serialize)]
struct Cases<T> {
    cases: Vec<T>,
}

#[derive(Debug, Serialize)]
struct DuelRuling {
    winner: &'static str,
    per_environment: Vec<&'static str>,
    /// For people only.
    #[serde(skip)]
    why: Option<String>,
}

#[derive(Debug, Serialize)]
struct FieldRuling {
    weights: BTreeMap<u16, f64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EpochRuling {
    stake_weight: Vec<u16>,
    consensus: Vec<u16>,
    incentive: Vec<u16>,
    dividends: Vec<u16>,
    validator_trust: Vec<u16>,
}

fn default_min_dominant() -> usize {
    WindowRule::default().min_dominant
}

fn default_min_tasks() -> usize {
    WindowMargin::default().min_tasks
}

fn default_margin() -> f64 {
    WindowMargin::default().margin
}

fn default_not_worse_tolerance() -> f64 {
    WindowMargin::default().not_worse_tolerance
}

/// Reads a JSON file of this layout.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Problem> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Problem::new(ExitStatus::Source, format!("cannot read {shown}: {error}"))
            .hint("name a JSON file; `tests/fixtures/vectors` holds one of each layout")
    })?;
    // Editors on some systems write a byte order mark before the text.
    serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
        Problem::new(ExitStatus::Usage, format!("{shown} is not laid out as this command expects: {error}"))
            .hint("`tests/fixtures/vectors` holds a file of each layout; `--mechanism` says which one is expected")
    })
}

/// Rules on every case; the error of a case that cannot be ruled on begins with its place.
fn each<C, R>(cases: &[C], path: &Path, rule: impl Fn(&C) -> Result<R, String>) -> Result<Vec<R>, Problem> {
    let placed = |(place, case)| {
        rule(case).map_err(|why| Problem::new(ExitStatus::Usage, format!("case {place} of {}: {why}", path.display())))
    };
    cases.iter().enumerate().map(placed).collect()
}

struct CaseNames<'a>(&'a DuelCase);

impl Names for CaseNames<'_> {
    fn champion(&self) -> String {
        "the champion".to_owned()
    }

    fn challenger(&self) -> String {
        "the challenger".to_owned()
    }

    fn environment(&self, environment: usize) -> String {
        self.0.environments[environment].id.clone()
    }
}

/// The settings of a file and the flags over them.
fn sequential(duel: &DuelSettings, heat: HeatSettings, arguments: &Arguments) -> Sequential {
    Sequential {
        heat,
        duel: DuelSettings { tolerance: arguments.tolerance.unwrap_or(duel.tolerance), ..duel.clone() },
        alpha: arguments.alpha,
        tested: arguments.challenger.saturating_sub(1),
    }
}

/// The mechanism that the arguments name.
fn chosen<'a>(mechanisms: &'a Mechanisms, arguments: &Arguments) -> Result<&'a dyn Mechanism, String> {
    mechanisms.named(&arguments.mechanism).ok_or_else(|| format!("there is no rule `{}`", arguments.mechanism))
}

fn duel(case: &DuelCase, settings: &DuelSettings, arguments: &Arguments) -> Result<DuelRuling, String> {
    let margin = |one: &DuelEnvironment| WindowMargin {
        margin: one.margin,
        not_worse_tolerance: one.not_worse_tolerance,
        min_tasks: one.min_tasks,
    };
    let mechanisms = Mechanisms {
        sequential: sequential(settings, HeatSettings::none(), arguments),
        window: WindowRule { margins: case.environments.iter().map(margin).collect(), min_dominant: case.min_dominant },
        ..Mechanisms::default()
    };
    let sides: Vec<Sides<'_>> = case.environments.iter().map(sides).collect();
    let judgement = chosen(&mechanisms, arguments)?.compare(&sides).map_err(|error| error.to_string())?;
    Ok(DuelRuling {
        winner: if judgement.dethroned { "challenger" } else { "champion" },
        per_environment: judgement.per_environment.iter().map(|verdict| verdict.word()).collect(),
        why: judgement.decision.map(|decision| explain(&decision, &CaseNames(case))),
    })
}

fn sides(one: &DuelEnvironment) -> Sides<'_> {
    Sides {
        environment: &one.id,
        champion: &one.champion,
        challenger: &one.challenger,
        reference: &one.reference,
        guard: &one.guard,
    }
}

fn field(case: &FieldCase, file: &FieldFile, arguments: &Arguments) -> Result<FieldRuling, String> {
    let standard_errors = arguments.standard_errors.or(file.constants.standard_errors);
    // Without heats a list holds the scores of pairs and nothing else.
    let (duel, heat) = match &file.heat {
        Some(heat) => (file.duel.clone(), heat.clone()),
        None => (DuelSettings { references: 0, ..file.duel.clone() }, HeatSettings::none()),
    };
    let mechanisms = Mechanisms {
        sequential: sequential(&duel, heat, arguments),
        four_stage: FourStage { standard_errors, ..file.constants.clone() },
        ..Mechanisms::default()
    };
    let mechanism = chosen(&mechanisms, arguments)?;
    let place = |uid: u16| {
        let place = case.miners.iter().position(|miner| miner.uid == uid);
        place.ok_or_else(|| format!("the champion is uid {uid}, and no miner has it"))
    };
    let champion = case.champion.map(place).transpose()?;
    let ruling = if case.miners.iter().any(|miner| miner.scores.is_some()) {
        mechanism.rule(&scored(case, champion)?)
    } else {
        let Comparison::Means(rule) = mechanism.comparison() else {
            return Err(format!("`{}` pairs scores by task, and means have none; give `scores`", mechanism.name()));
        };
        let counted = standard_errors.is_some();
        let means = case.miners.iter().map(|miner| means(miner, &case.environments, counted));
        rule.rule_on_means(&means.collect::<Result<Vec<_>, _>>()?, champion)
    };
    let ruling = ruling.map_err(|error| error.to_string())?;
    let mut by_uid: BTreeMap<u16, f64> = case.miners.iter().map(|miner| miner.uid).zip(ruling.weights).collect();
    // What was taken from small weights goes to uid 0; a field without any winner gives nobody anything.
    if ruling.burned > 0.0 && by_uid.values().any(|weight| *weight > 0.0) {
        *by_uid.entry(0).or_insert(0.0) += ruling.burned;
    }
    Ok(FieldRuling { weights: by_uid })
}

/// A field with scores by task.
fn scored(case: &FieldCase, champion: Option<usize>) -> Result<Field, String> {
    let mut entries = Vec::with_capacity(case.miners.len());
    for miner in &case.miners {
        let known = miner.scores.as_ref().ok_or_else(|| format!("uid {} has no scores, and others have", miner.uid))?;
        let scores = |name: &String| {
            known.get(name).cloned().ok_or_else(|| format!("uid {} has no scores in {name}", miner.uid))
        };
        entries.push(FieldEntry {
            committed: miner.first_block,
            position: miner.uid.into(),
            scores: case.environments.iter().map(scores).collect::<Result<_, _>>()?,
        });
    }
    Ok(Field { environments: case.environments.len(), entries, champion })
}

/// A miner's means; where the scores behind them count, their number must be given.
fn means(miner: &Miner, environments: &[String], counted: bool) -> Result<EntryMeans, String> {
    let mut means = EntryMeans::new((miner.first_block, miner.uid.into()));
    for name in environments {
        let mean = miner.means.get(name);
        let valid = miner.valid.get(name).copied().unwrap_or(mean.is_some());
        if valid && mean.is_none() {
            return Err(format!("uid {} is valid in {name} but has no mean there", miner.uid));
        }
        if valid && counted && !miner.counts.contains_key(name) {
            return Err(format!("uid {} has no count in {name}, which `--standard-errors` needs", miner.uid));
        }
        means.push(mean.copied().unwrap_or(0.0), miner.counts.get(name).copied().unwrap_or(1), valid);
    }
    Ok(means)
}

fn yuma(epoch: &Epoch) -> Result<EpochRuling, String> {
    let result = run_epoch(epoch).map_err(|error| error.to_string())?;
    Ok(EpochRuling {
        stake_weight: result.stake_weight,
        consensus: result.consensus,
        incentive: result.incentive,
        dividends: result.dividends,
        validator_trust: result.validator_trust,
    })
}

fn duels_text(cases: &Cases<DuelRuling>) -> String {
    let line = |(place, case): (usize, &DuelRuling)| match &case.why {
        Some(why) => format!("case {place}: {why}"),
        None => format!("case {place}: {} ({})", case.winner, case.per_environment.join(", ")),
    };
    cases.cases.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

fn fields_text(cases: &Cases<FieldRuling>) -> String {
    let line = |(place, case): (usize, &FieldRuling)| {
        let shares = case.weights.iter().filter(|(_, weight)| **weight > 0.0);
        let shares: Vec<String> = shares.map(|(uid, weight)| format!("uid {uid} {:.2}%", 100.0 * weight)).collect();
        format!("case {place}: {}", if shares.is_empty() { "nobody".to_owned() } else { shares.join(", ") })
    };
    cases.cases.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

fn epochs_text(cases: &Cases<EpochRuling>) -> String {
    let line = |(place, case): (usize, &EpochRuling)| {
        let percent = |values: &[u16], uid: usize| 100.0 * f64::from(values[uid]) / 65_535.0;
        let earning = (0..case.dividends.len()).filter(|uid| case.dividends[*uid] > 0 || case.incentive[*uid] > 0);
        let rows = earning.map(|uid| {
            format!(
                "  uid {uid}: incentive {:.2}%, dividends {:.2}%, trust {:.2}%",
                percent(&case.incentive, uid),
                percent(&case.dividends, uid),
                percent(&case.validator_trust, uid)
            )
        });
        format!("case {place}:\n{}", rows.collect::<Vec<_>>().join("\n"))
    };
    cases.cases.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
