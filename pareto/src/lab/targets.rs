//! The figures that the rule of heats and bouts must reach, each simulated and set beside its target.

use serde::Serialize;

use super::experiment::{Experiment, Outcome, Played, play};
use super::flips::FlipRow;
use super::scenario::Scenario;
use super::table::{LabError, LabSettings};
use crate::binomial::upper_limit;
use crate::duel::{Better, DuelSettings};
use crate::heat::HeatSettings;

/// A figure beside its target.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TargetRow {
    /// The part of the rule that it is about.
    pub part: &'static str,
    /// The challengers.
    pub challengers: &'static str,
    /// The figure.
    pub figure: Figure,
    /// Its value.
    pub value: f64,
    /// The 95% confidence limit on the side of the target.
    pub limit: f64,
    /// The target.
    pub target: Target,
    /// True where the figure is what the target asks for.
    pub met: bool,
    /// Trials played.
    pub trials: usize,
}

/// A number read from the trials of a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Share of the trials in which the challenger wins.
    Wins,
    /// Median of the tasks per environment, heats included, over the trials that it wins.
    WinningTasks,
    /// Mean of the tasks per environment that a loser before it was asked.
    LoserTasks,
    /// Share of the trials in which its bout has number 1.
    FirstBout,
    /// Share of the trials in which two validators' own scores give different verdicts.
    OwnApart,
    /// The same with equal tables.
    AgreedApart,
}

/// A bound on a figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The value is at most this.
    AtMost(f64),
    /// The value is at least this.
    AtLeast(f64),
    /// The upper 95% confidence limit is at most this.
    LimitAtMost(f64),
    /// None: the figure is shown for comparison.
    None,
}

impl Target {
    fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
            Self::LimitAtMost(most) => limit <= most,
            Self::None => true,
        }
    }
}

/// A simulation with the figures that are read from it.
struct Setup {
    part: &'static str,
    challengers: &'static str,
    experiment: Experiment,
    settings: LabSettings,
    figures: Vec<(Figure, Target)>,
}

/// Plays every simulation and sets its figures beside their targets; `done` is told of every trial that ends.
///
/// A cell has as many trials as the settings say; twice as many on the edge of the null, where the limit must be narrow,
/// and a tenth where one trial is thousands of challengers. Of the settings only trials and seed count: every
/// simulation has its own world and its own duel.
///
/// # Errors
/// If a setting is out of its range.
pub fn targets(settings: &LabSettings, done: &(dyn Fn() + Sync)) -> Result<Vec<TargetRow>, LabError> {
    let mut rows = Vec::new();
    for (place, setup) in setups(settings).into_iter().enumerate() {
        let played = play(&setup.experiment, &setup.settings, place as u64, done)?;
        rows.extend(setup.figures.iter().map(|(figure, target)| row(&setup, *figure, *target, &played)));
    }
    Ok(rows)
}

/// Trials that [`targets`] plays.
#[must_use]
pub fn target_trials(settings: &LabSettings) -> u64 {
    setups(settings).iter().map(|setup| setup.settings.trials as u64).sum()
}

fn row(setup: &Setup, figure: Figure, target: Target, played: &Played) -> TargetRow {
    let upper = !matches!(target, Target::AtLeast(_));
    let (value, limit, trials) = match played {
        Played::Trials(trials) => {
            let (value, limit) = figure.of(trials, upper);
            (value, limit, trials.len())
        }
        Played::Flips(row) => {
            let (value, limit) = figure.of_validators(row);
            (value, limit, row.trials)
        }
    };
    let met = target.holds(value, limit);
    TargetRow { part: setup.part, challengers: setup.challengers, figure, value, limit, target, met, trials }
}

impl Figure {
    /// Value and one-sided 95% confidence limit, the upper or the lower one.
    fn of(self, trials: &[Outcome], upper: bool) -> (f64, f64) {
        let share = |holds: fn(&Outcome) -> bool| {
            let count = trials.iter().filter(|trial| holds(trial)).count();
            let value = count as f64 / trials.len() as f64;
            let limit = match upper {
                true => upper_limit(count, trials.len(), 0.95),
                false => 1.0 - upper_limit(trials.len() - count, trials.len(), 0.95),
            };
            (value, limit)
        };
        match self {
            Self::FirstBout => share(|trial| trial.number == Some(1)),
            Self::WinningTasks => median(
                trials.iter().map(|one| one.trial).filter(|trial| trial.dethroned).map(|trial| trial.tasks).collect(),
                upper,
            ),
            Self::LoserTasks => average(&trials.iter().map(|trial| trial.loser_tasks).collect::<Vec<_>>(), upper),
            Self::Wins | Self::OwnApart | Self::AgreedApart => share(|one| one.trial.dethroned),
        }
    }

    fn of_validators(self, row: &FlipRow) -> (f64, f64) {
        let between = if self == Self::OwnApart { &row.own } else { &row.agreed };
        (between.apart, between.upper)
    }
}

/// The median and a limit of it by order: as many values lie beyond it as a binomial count of halves allows.
fn median(mut values: Vec<f64>, upper: bool) -> (f64, f64) {
    if values.is_empty() {
        return (f64::INFINITY, f64::INFINITY);
    }
    values.sort_by(f64::total_cmp);
    let half = 0.5 * values.len() as f64;
    // 1.645 standard deviations of the count below the median, which is half the square root of their number.
    let step = 0.822_4 * (values.len() as f64).sqrt();
    let at = |place: f64| values[(place.max(0.0) as usize).min(values.len() - 1)];
    (at(half), at(if upper { half + step } else { half - step }))
}

/// The mean and its limit by the normal distribution.
fn average(values: &[f64], upper: bool) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    let step = 1.645 * (variance / count).sqrt();
    (mean, if upper { mean + step } else { mean - step })
}

/// All simulations, part by part.
fn setups(settings: &LabSettings) -> Vec<Setup> {
    let mut setups = heats(settings);
    setups.extend(specialists(settings));
    setups.extend(references(settings));
    setups.extend(validators(settings));
    setups
}

fn based(settings: &LabSettings) -> LabSettings {
    LabSettings { trials: settings.trials, seed: settings.seed, ..LabSettings::default() }
}

/// So many challengers of these gains.
fn model(challengers: usize, gains: &[f64]) -> Scenario {
    Scenario { challengers, ..Scenario::plain("challenger", false, gains) }
}

/// A challenger of this gain everywhere behind losers.
fn behind(gain: f64, losers: usize, per_window: usize, loser: f64) -> Experiment {
    Experiment::Newcomer { challenger: model(1, &[gain]), losers: model(losers, &[loser]), per_window }
}

fn heats(settings: &LabSettings) -> Vec<Setup> {
    use Figure::{FirstBout, LoserTasks, WinningTasks, Wins};
    use Target::{AtLeast, AtMost, LimitAtMost};
    const PART: &str = "heats and bouts";
    let base = based(settings);
    let few = LabSettings { trials: (base.trials / 10).max(1), ..base.clone() };
    let setup = |challengers, experiment, settings: &LabSettings, figures: &[(Figure, Target)]| Setup {
        part: PART,
        challengers,
        experiment,
        settings: settings.clone(),
        figures: figures.to_vec(),
    };
    let decoy = -0.3;
    let mut setups = vec![
        setup("+0.10 after nobody", behind(0.1, 0, 1, 0.0), &base, &[(WinningTasks, Target::None)]),
        setup("+0.05 after nobody", behind(0.05, 0, 1, 0.0), &base, &[(WinningTasks, Target::None)]),
        setup(
            "+0.10 after 256 decoys",
            behind(0.1, 256, 1, decoy),
            &base,
            &[(WinningTasks, AtMost(260.0)), (LoserTasks, AtMost(16.0))],
        ),
        setup("+0.05 after 256 decoys", behind(0.05, 256, 1, decoy), &base, &[(WinningTasks, AtMost(720.0))]),
        setup("+0.10 after 4,096 decoys", behind(0.1, 4_096, 64, decoy), &few, &[(WinningTasks, AtMost(260.0))]),
        setup("+0.05 after 4,096 decoys", behind(0.05, 4_096, 64, decoy), &few, &[(WinningTasks, AtMost(720.0))]),
        setup("+0.10 after 256 copies", behind(0.1, 256, 256, 0.0), &base, &[(WinningTasks, AtMost(360.0))]),
        setup("+0.05 after 256 copies", behind(0.05, 256, 256, 0.0), &base, &[(WinningTasks, AtMost(950.0))]),
        setup(
            "+0.10 among 255 copies",
            Experiment::Crowd { challenger: model(1, &[0.1]), crowd: model(255, &[0.0]) },
            &base,
            &[(FirstBout, AtLeast(0.97)), (Wins, Target::None)],
        ),
    ];
    // So wide a tolerance that superiority alone protects, and five times the alpha, so that errors are seen at all.
    let duel = DuelSettings { tolerance: 0.3, futility_margin: 0.03, budget: 1_000, ..DuelSettings::default() };
    let lax = LabSettings { alpha: 0.05, duel, ..base.clone() };
    let crowd = |models: &[(usize, &[f64])]| Experiment::Reign {
        field: models.iter().map(|(count, gains)| model(*count, gains)).collect(),
        windows: 8,
    };
    for (name, models) in [
        ("8 windows of 16 copies, alpha 5%", vec![(16, &[0.0][..])]),
        ("8 windows of 8 copies and 8 decoys, alpha 5%", vec![(8, &[0.0][..]), (8, &[decoy][..])]),
        ("8 windows of 16 at +0.2 in three and -0.3 in one, alpha 5%", vec![(16, &[0.2, 0.2, 0.2, -0.3][..])]),
        ("8 windows of 16 at -0.005, alpha 5%", vec![(16, &[-0.005][..])]),
    ] {
        setups.push(setup(name, crowd(&models), &lax, &[(Wins, LimitAtMost(0.05))]));
    }
    setups
}

/// A bout alone, without a heat before it, at number 1.
fn bout(
    part: &'static str,
    challengers: &'static str,
    gains: &[f64],
    (settings, duel): (&LabSettings, &DuelSettings),
    figures: &[(Figure, Target)],
) -> Setup {
    Setup {
        part,
        challengers,
        experiment: Experiment::Bout { challenger: model(1, gains), guard: Vec::new() },
        settings: LabSettings { duel: duel.clone(), heat: HeatSettings::none(), ..settings.clone() },
        figures: figures.to_vec(),
    }
}

/// Better on average, at several tolerances, on plain pairs.
fn specialists(settings: &LabSettings) -> Vec<Setup> {
    use Figure::{WinningTasks, Wins};
    use Target::{AtLeast, AtMost, LimitAtMost, None};
    const PART: &str = "better on average";
    let base = based(settings);
    let plain = |tolerance: f64| DuelSettings { tolerance, references: 0, ..DuelSettings::default() };
    let four = plain(0.04);
    let at = |challengers, gains: &[f64], figures: &[(Figure, Target)]| {
        bout(PART, challengers, gains, (&base, &four), figures)
    };
    let mut setups = vec![
        at("+0.10 everywhere", &[0.1], &[(WinningTasks, AtMost(170.0))]),
        at("+0.05 everywhere", &[0.05], &[(WinningTasks, AtMost(380.0))]),
        at("+0.10 in one", &[0.1, 0.0], &[(Wins, AtLeast(0.65)), (WinningTasks, None)]),
        at("-0.03 in one, +0.10 in three", &[-0.03, 0.1], &[(Wins, AtMost(0.03))]),
        at("+0.10 in one, -0.05 in three", &[0.1, -0.05], &[(Wins, AtMost(0.0))]),
    ];
    let twice = LabSettings { trials: 2 * base.trials, ..base.clone() };
    for (name, gains) in [
        ("edge of the null: copy", &[0.0][..]),
        ("edge of the null: +0.03 in one, -0.01 in three", &[0.03, -0.01][..]),
        ("edge of the null: -0.04 in one, +0.10 in three", &[-0.04, 0.1][..]),
        ("edge of the null: -0.005 everywhere", &[-0.005][..]),
        ("a step of a cycle: +0.01 in one, -0.019 in three", &[0.01, -0.019][..]),
    ] {
        setups.push(bout(PART, name, gains, (&twice, &four), &[(Wins, LimitAtMost(0.0045))]));
    }
    for (tolerance, better, worse, wins, passes) in [
        (
            0.02,
            "+0.10 in one, tolerance 0.02",
            "-0.03 in one, +0.10 in three, tolerance 0.02",
            AtMost(0.01),
            AtMost(0.005),
        ),
        (
            0.05,
            "+0.10 in one, tolerance 0.05",
            "-0.03 in one, +0.10 in three, tolerance 0.05",
            AtLeast(0.9),
            AtMost(0.15),
        ),
    ] {
        setups.push(bout(PART, better, &[0.1, 0.0], (&base, &plain(tolerance)), &[(Wins, wins), (WinningTasks, None)]));
        setups.push(bout(PART, worse, &[-0.03, 0.1], (&base, &plain(tolerance)), &[(Wins, passes)]));
    }
    setups.extend(guarded(&base));
    setups
}

/// Slow drift in one environment, against the champion of ten reigns ago.
fn guarded(base: &LabSettings) -> Vec<Setup> {
    let setup = |challengers, gains: &[f64], guard: &[f64], figures: &[(Figure, Target)]| {
        let experiment = Experiment::Bout { challenger: model(1, gains), guard: guard.to_vec() };
        let default = DuelSettings::default();
        Setup { experiment, ..bout("guard", challengers, gains, (base, &default), figures) }
    };
    let [wins, tasks] = [Figure::Wins, Figure::WinningTasks];
    vec![
        setup("-0.01 in one, +0.10 in three", &[-0.01, 0.1], &[], &[(wins, Target::None), (tasks, Target::None)]),
        setup(
            "the same, guard 0.06 better in that one",
            &[-0.01, 0.1],
            &[0.06, -0.1],
            &[(wins, Target::LimitAtMost(0.0045))],
        ),
        setup("+0.10, guard equal to the champion", &[0.1], &[0.0], &[(tasks, Target::AtMost(180.0))]),
    ]
}

/// Reference tasks, with the rule that they lower the bound of and with the default.
fn references(settings: &LabSettings) -> Vec<Setup> {
    use Figure::{WinningTasks, Wins};
    use Target::{AtLeast, AtMost, LimitAtMost, None};
    const PART: &str = "reference tasks";
    let base = based(settings);
    let alike = LabSettings { correlation: 0.9, ..base.clone() };
    let pairs = plain_somewhere();
    let somewhere = DuelSettings { references: DuelSettings::default().references, ..pairs.clone() };
    let wide = DuelSettings { tolerance: 0.05, ..DuelSettings::default() };
    let default = DuelSettings::default();
    let mut setups = vec![
        bout(PART, "+0.10 better somewhere, 0.02", &[0.1], (&base, &somewhere), &[(WinningTasks, AtMost(185.0))]),
        bout(PART, "+0.05 better somewhere, 0.02", &[0.05], (&base, &somewhere), &[(WinningTasks, AtMost(480.0))]),
        bout(PART, "+0.10 on plain pairs, 0.02", &[0.1], (&base, &pairs), &[(WinningTasks, None)]),
        bout(PART, "+0.05 on plain pairs, 0.02", &[0.05], (&base, &pairs), &[(WinningTasks, None)]),
        bout(PART, "+0.10, tolerance 0.05", &[0.1], (&base, &wide), &[(WinningTasks, AtMost(128.0))]),
        bout(PART, "+0.05, tolerance 0.05", &[0.05], (&base, &wide), &[(WinningTasks, AtMost(275.0))]),
        bout(
            PART,
            "+0.10 in one, tolerance 0.05",
            &[0.1, 0.0],
            (&base, &wide),
            &[(Wins, AtLeast(0.95)), (WinningTasks, AtMost(1_050.0))],
        ),
        bout(PART, "+0.10, default", &[0.1], (&base, &default), &[(WinningTasks, AtMost(170.0))]),
        bout(PART, "+0.05, default", &[0.05], (&base, &default), &[(WinningTasks, AtMost(380.0))]),
        bout(
            PART,
            "+0.10 in one, default",
            &[0.1, 0.0],
            (&base, &default),
            &[(Wins, AtLeast(0.85)), (WinningTasks, None)],
        ),
        bout(PART, "-0.03 in one, +0.10 in three, default", &[-0.03, 0.1], (&base, &default), &[(Wins, AtMost(0.03))]),
        bout(PART, "+0.10 in one, -0.05 in three, default", &[0.1, -0.05], (&base, &default), &[(Wins, AtMost(0.0))]),
        bout(PART, "+0.10 on plain pairs, correlation 0.9", &[0.1], (&alike, &pairs), &[(WinningTasks, None)]),
        bout(PART, "+0.10, correlation 0.9", &[0.1], (&alike, &somewhere), &[(WinningTasks, AtMost(126.0))]),
        bout(PART, "+0.05 on plain pairs, correlation 0.9", &[0.05], (&alike, &pairs), &[(WinningTasks, None)]),
        bout(PART, "+0.05, correlation 0.9", &[0.05], (&alike, &somewhere), &[(WinningTasks, AtMost(247.0))]),
    ];
    let twice = LabSettings { trials: 2 * base.trials, ..base.clone() };
    for (name, gains) in [
        ("edge of the null: copy, default", &[0.0][..]),
        ("edge of the null: +0.15 in one, -0.05 in three, default", &[0.15, -0.05][..]),
        ("edge of the null: -0.04 in one, +0.30 in three, default", &[-0.04, 0.3][..]),
    ] {
        setups.push(bout(PART, name, gains, (&twice, &default), &[(Wins, LimitAtMost(0.0045))]));
    }
    setups
}

/// Five validators of which each rollout of each is flipped with a chance of 5%.
fn validators(settings: &LabSettings) -> Vec<Setup> {
    let setup = |challengers, settings| Setup {
        part: "agreement",
        challengers,
        experiment: Experiment::Flips { flip: 0.05, gain: 0.03 },
        settings,
        figures: vec![(Figure::OwnApart, Target::None), (Figure::AgreedApart, Target::AtMost(0.0))],
    };
    let base = based(settings);
    let somewhere = LabSettings { duel: plain_somewhere(), ..base.clone() };
    vec![
        setup("+0.03, 5% of rollouts flipped, better somewhere on plain pairs", somewhere),
        setup("+0.03, 5% of rollouts flipped, default", base),
    ]
}

/// The rule that asks for "better somewhere", on plain pairs.
fn plain_somewhere() -> DuelSettings {
    DuelSettings {
        tolerance: 0.02,
        futility_margin: 0.03,
        better: Better::Somewhere,
        references: 0,
        ..DuelSettings::default()
    }
}
