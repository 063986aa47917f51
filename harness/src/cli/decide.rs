//! `dethrone decide`: what would a rule make of these scores?

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use pareto::consensus::{Epoch, run_epoch};
use pareto::mechanisms::{
    FourStage, FourStageMargin, Powerset, Standing, WindowEnvironment, WindowScores, WindowVerdict, judge,
};
use pareto::{DuelSettings, Names, Pair, PairedScores, Reign, Verdict, explain};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::problem::Problem;

/// Scores in a file, and the rule for them.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The rule.
    #[arg(long, value_enum, default_value_t)]
    mechanism: Mechanism,
    /// Alpha of the whole reign, for `sequential`.
    #[arg(long, default_value_t = 0.01)]
    alpha: f64,
    /// Number of this challenger in the reign, for `sequential`.
    #[arg(long, default_value_t = 1)]
    challenger: u64,
    /// How much worse still counts as not worse, for `sequential`; as the file says, or the default, where not given.
    #[arg(long)]
    tolerance: Option<f64>,
    /// Margin in standard errors instead of a share of the errors, for `four_stage`.
    #[arg(long)]
    standard_errors: Option<f64>,
    /// The cases as JSON: duels for `sequential` and `window`, fields for `four-stage` and `powerset`, epochs for
    /// `yuma`.
    file: PathBuf,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Mechanism {
    /// The sequential duel.
    #[default]
    Sequential,
    /// A fixed margin on means.
    Window,
    /// A Pareto filter in every subset of environments.
    #[value(name = "four_stage", alias = "four-stage")]
    FourStage,
    /// Points for every subset of environments won.
    Powerset,
    /// One epoch of the chain's consensus.
    Yuma,
}

/// Reads the file, decides every case and prints what came of it.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    match arguments.mechanism {
        Mechanism::Sequential => {
            let file: DuelFile = read(&arguments.file)?;
            let cases = each(&file.cases, &arguments.file, |case| sequential(case, &file.duel, arguments))?;
            printer.data(&Cases { cases }, duels_text)
        }
        Mechanism::Window => {
            let file: DuelFile = read(&arguments.file)?;
            let cases = each(&file.cases, &arguments.file, window)?;
            printer.data(&Cases { cases }, duels_text)
        }
        Mechanism::FourStage | Mechanism::Powerset => {
            let file: FieldFile = read(&arguments.file)?;
            let cases = each(&file.cases, &arguments.file, |case| field(case, &file.constants, arguments))?;
            printer.data(&Cases { cases }, fields_text)
        }
        Mechanism::Yuma => {
            let file: EpochFile = read(&arguments.file)?;
            let cases = each(&file.vectors, &arguments.file, |vector| yuma(&vector.input))?;
            printer.data(&Cases { cases }, epochs_text)
        }
    }
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
    #[serde(default = "one")]
    min_dominant: usize,
}

#[derive(Debug, Deserialize)]
struct DuelEnvironment {
    id: String,
    #[serde(default = "default_margin")]
    margin: f64,
    #[serde(default = "default_not_worse_tolerance")]
    not_worse_tolerance: f64,
    #[serde(default = "one")]
    min_tasks: usize,
    /// By task; `null` is a score that could not be had.
    champion: Vec<Option<f64>>,
    challenger: Vec<Option<f64>>,
}

#[derive(Debug, Deserialize)]
struct FieldFile {
    #[serde(default)]
    constants: Constants,
    cases: Vec<FieldCase>,
}

/// The constants that a file of fields may state for `four_stage`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Constants {
    error_rate_reduction: Option<f64>,
    min_improvement: Option<f64>,
    max_improvement: Option<f64>,
    max_layers: Option<usize>,
    subset_weight_exponent: Option<f64>,
    decay_factor: Option<f64>,
    min_weight_threshold: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct FieldCase {
    environments: Vec<String>,
    miners: Vec<Miner>,
}

#[derive(Debug, Deserialize)]
struct Miner {
    uid: u16,
    first_block: u64,
    means: BTreeMap<String, f64>,
    #[serde(default)]
    valid: BTreeMap<String, bool>,
    #[serde(default)]
    counts: BTreeMap<String, usize>,
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

fn one() -> usize {
    1
}

fn default_margin() -> f64 {
    WindowEnvironment::default().margin
}

fn default_not_worse_tolerance() -> f64 {
    WindowEnvironment::default().not_worse_tolerance
}

/// Reads a JSON file of this layout.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Problem> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Problem::new(ExitStatus::Source, format!("cannot read {shown}: {error}")))?;
    serde_json::from_str(&text).map_err(|error| {
        Problem::new(ExitStatus::Usage, format!("{shown} is not laid out as this command expects: {error}"))
            .hint("`tests/fixtures/vectors` holds a file of each layout; `--mechanism` says which one is expected")
    })
}

/// Rules on every case; a case that cannot be ruled on is named by its place.
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

/// A task is a pair, by place; a score that is missing in the middle or at the end counts as the duel's settings say.
fn sequential(case: &DuelCase, duel: &DuelSettings, arguments: &Arguments) -> Result<DuelRuling, String> {
    let pairs = |one: &DuelEnvironment| {
        let score = |scores: &[Option<f64>], task: usize| scores.get(task).copied().flatten();
        let tasks = one.champion.len().max(one.challenger.len());
        let pair = |task| Pair { champion: score(&one.champion, task), challenger: score(&one.challenger, task) };
        (0..tasks).map(pair).collect()
    };
    let scores = PairedScores { environments: case.environments.iter().map(pairs).collect() };
    let settings = DuelSettings { tolerance: arguments.tolerance.unwrap_or(duel.tolerance), ..duel.clone() };
    let reign = Reign::new(arguments.alpha).map_err(|error| error.to_string())?;
    let alpha = reign.alpha_of(arguments.challenger);
    let decision = pareto::duel(&scores, &settings, alpha).map_err(|error| error.to_string())?;
    let inferior = |environment: usize| decision.reason == pareto::Reason::Inferior { environment };
    let standing = |(environment, evidence): (usize, &pareto::EnvironmentEvidence)| {
        if inferior(environment) {
            "worse"
        } else if evidence.superiority_log_e >= decision.needed_log_e {
            "dominant"
        } else if evidence.settled_after.is_some() {
            "not_worse"
        } else {
            "undecided"
        }
    };
    Ok(DuelRuling {
        winner: if decision.verdict == Verdict::Dethroned { "challenger" } else { "champion" },
        per_environment: decision.environments.iter().enumerate().map(standing).collect(),
        why: Some(explain(&decision, &CaseNames(case))),
    })
}

fn window(case: &DuelCase) -> Result<DuelRuling, String> {
    let known = |scores: &[Option<f64>]| scores.iter().copied().collect::<Option<Vec<f64>>>();
    let sides = case.environments.iter().map(|one| {
        let sides = known(&one.champion).zip(known(&one.challenger));
        sides.ok_or_else(|| format!("a score is missing in {}, which this rule has no answer to; leave it out", one.id))
    });
    let sides = sides.collect::<Result<Vec<_>, _>>()?;
    let scores: Vec<WindowScores<'_>> = case
        .environments
        .iter()
        .zip(&sides)
        .map(|(one, (champion, challenger))| WindowScores {
            rule: WindowEnvironment {
                margin: one.margin,
                not_worse_tolerance: one.not_worse_tolerance,
                min_tasks: one.min_tasks,
            },
            champion,
            challenger,
        })
        .collect();
    let judgement = judge(&scores, case.min_dominant);
    let word = |verdict: &WindowVerdict| match verdict {
        WindowVerdict::Dominant => "dominant",
        WindowVerdict::NotWorse => "not_worse",
        WindowVerdict::Worse => "worse",
    };
    Ok(DuelRuling {
        winner: if judgement.dethroned { "challenger" } else { "champion" },
        per_environment: judgement.per_environment.iter().map(word).collect(),
        why: None,
    })
}

fn field(case: &FieldCase, constants: &Constants, arguments: &Arguments) -> Result<FieldRuling, String> {
    if case.environments.len() > 20 {
        return Err(format!("{} environments have too many subsets; give at most 20", case.environments.len()));
    }
    let counted = arguments.standard_errors.is_some();
    let standings =
        case.miners.iter().map(|miner| standing(miner, &case.environments, counted)).collect::<Result<Vec<_>, _>>()?;
    let (weights, burned) = match arguments.mechanism {
        Mechanism::Powerset => (Powerset::default().weigh(&standings, case.environments.len()), 0.0),
        _ => four_stage(constants, arguments).weigh(&standings, case.environments.len()),
    };
    let mut by_uid: BTreeMap<u16, f64> = case.miners.iter().map(|miner| miner.uid).zip(weights).collect();
    // What was taken from small weights goes to uid 0; a field without any winner gives nobody anything.
    if burned > 0.0 && by_uid.values().any(|weight| *weight > 0.0) {
        *by_uid.entry(0).or_insert(0.0) += burned;
    }
    Ok(FieldRuling { weights: by_uid })
}

/// What the rules see of a miner; where the scores behind a mean count, their number must be there.
fn standing(miner: &Miner, environments: &[String], counted: bool) -> Result<Standing, String> {
    let mut standing = Standing {
        order: (miner.first_block, miner.uid.into()),
        means: Vec::with_capacity(environments.len()),
        counts: Vec::with_capacity(environments.len()),
        valid: Vec::with_capacity(environments.len()),
    };
    for name in environments {
        let mean = miner.means.get(name);
        let valid = miner.valid.get(name).copied().unwrap_or(mean.is_some());
        if valid && mean.is_none() {
            return Err(format!("uid {} is valid in {name} but has no mean there", miner.uid));
        }
        if valid && counted && !miner.counts.contains_key(name) {
            return Err(format!("uid {} has no count in {name}, which `--standard-errors` needs", miner.uid));
        }
        standing.means.push(mean.copied().unwrap_or(0.0));
        standing.counts.push(miner.counts.get(name).copied().unwrap_or(1));
        standing.valid.push(valid);
    }
    Ok(standing)
}

fn four_stage(constants: &Constants, arguments: &Arguments) -> FourStage {
    let default = FourStage::default();
    let margin = match (arguments.standard_errors, constants.error_rate_reduction) {
        (Some(z), _) => FourStageMargin::StandardError { z },
        (None, Some(rate)) => FourStageMargin::ErrorReduction { rate },
        (None, None) => default.margin,
    };
    FourStage {
        margin,
        min_improvement: constants.min_improvement.unwrap_or(default.min_improvement),
        max_improvement: constants.max_improvement.unwrap_or(default.max_improvement),
        max_layers: constants.max_layers.unwrap_or(default.max_layers),
        layer_factor: constants.subset_weight_exponent.unwrap_or(default.layer_factor),
        decay_factor: constants.decay_factor.unwrap_or(default.decay_factor),
        min_weight: constants.min_weight_threshold.unwrap_or(default.min_weight),
        ..default
    }
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
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn arguments(mechanism: Mechanism) -> Arguments {
        Arguments {
            mechanism,
            alpha: 0.01,
            challenger: 1,
            tolerance: None,
            standard_errors: None,
            file: PathBuf::new(),
        }
    }

    fn fixture(name: &str) -> Value {
        let path = format!("{}/../tests/fixtures/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
        read(Path::new(&path)).expect("the fixture is there")
    }

    #[test]
    fn recorded_duels_are_decided_as_recorded() {
        let value = fixture("window");
        let file: DuelFile = serde_json::from_value(value.clone()).expect("the layout");
        for (place, case) in file.cases.iter().enumerate() {
            let found = serde_json::to_value(window(case).expect("whole scores")).expect("plain data");
            let expected = &value["cases"][place]["expected"];
            let expected = json!({"winner": expected["winner"], "per_environment": expected["per_environment"]});
            assert_eq!(found, expected, "case {place}");
        }
    }

    #[test]
    fn recorded_fields_get_the_recorded_weights() {
        let value = fixture("four_stage");
        let file: FieldFile = serde_json::from_value(value.clone()).expect("the layout");
        for (place, case) in file.cases.iter().enumerate() {
            let found = field(case, &file.constants, &arguments(Mechanism::FourStage)).expect("a field").weights;
            let expected: BTreeMap<u16, f64> =
                serde_json::from_value(value["cases"][place]["expected"].clone()).expect("weights by uid");
            assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "case {place}");
            for (uid, weight) in &found {
                assert!((weight - expected[uid]).abs() < 1e-9, "case {place}, uid {uid}: {weight}");
            }
        }
    }

    #[test]
    fn any_recorded_duel_can_be_decided_sequentially_and_is_explained() {
        let file: DuelFile = serde_json::from_value(fixture("window")).expect("the layout");
        for case in &file.cases {
            let ruling = sequential(case, &file.duel, &arguments(Mechanism::Sequential)).expect("a duel");
            assert_eq!(ruling.per_environment.len(), case.environments.len());
            assert!(ruling.why.expect("a reason").ends_with('.'));
        }
    }

    #[test]
    fn a_score_that_is_missing_counts_against_the_challenger() {
        let decided = |challenger: Value| {
            let case = json!({"environments": [{"id": "sat", "champion": vec![0.5; 200], "challenger": challenger}]});
            let case: DuelCase = serde_json::from_value(case).expect("the layout");
            let settings = DuelSettings { budget: 200, ..DuelSettings::default() };
            let ruling = sequential(&case, &settings, &arguments(Mechanism::Sequential)).expect("a duel");
            (ruling.winner, window(&case).is_ok())
        };
        let right = |count: usize| json!(vec![Some(1.0); count]);
        let gaps: Vec<Option<f64>> = (0..200).map(|task| (task % 4 == 0).then_some(1.0)).collect();
        assert_eq!(decided(right(200)), ("challenger", true));
        assert_eq!(decided(right(5)).0, "champion");
        assert_eq!(decided(json!(gaps)), ("champion", false));
    }

    #[test]
    fn standard_errors_need_counts() {
        let miner = json!({"uid": 3, "first_block": 1, "means": {"sat": 0.5}});
        let case = json!({"environments": ["sat"], "miners": [miner]});
        let case: FieldCase = serde_json::from_value(case).expect("the layout");
        let arguments = Arguments { standard_errors: Some(1.5), ..arguments(Mechanism::FourStage) };
        let why = field(&case, &Constants::default(), &arguments).expect_err("no counts");
        assert_eq!(why, "uid 3 has no count in sat, which `--standard-errors` needs");
    }

    #[test]
    fn a_case_that_cannot_be_ruled_on_is_named() {
        let case = json!({"environments": ["sat"], "miners": [{"uid": 3, "first_block": 1, "means": {}, "valid": {"sat": true}}]});
        let case: FieldCase = serde_json::from_value(case).expect("the layout");
        let rule = |case: &FieldCase| field(case, &Constants::default(), &arguments(Mechanism::Powerset));
        let problem = each(&[case], Path::new("field.json"), rule).expect_err("no mean");
        assert_eq!(problem.summary, "case 0 of field.json: uid 3 is valid in sat but has no mean there");
    }
}
