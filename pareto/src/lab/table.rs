//! The table of the lab: every scenario against every mechanism.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::history::Game;
use super::random::Random;
use super::scenario::Scenario;
use super::trial::{Trial, warned};
use super::world::World;
use crate::binomial::upper_limit;
use crate::duel::{DuelError, DuelSettings, Verdict};
use crate::heat::HeatSettings;
use crate::mechanisms::{Comparison, FourStage, Mechanism, Mechanisms, Sequential};
use crate::reign::{Reign, ReignError};

/// Settings of a simulation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabSettings {
    /// The champion's mean score in each environment.
    pub means: Vec<f64>,
    /// Correlation of two models' outcomes on the same task, for the rules that pair tasks. In [0, 1].
    pub correlation: f64,
    /// The same for the public rules, which do not pair. In [0, 1].
    pub unpaired_correlation: f64,
    /// Tasks of the public rules in each environment, and the most of the rules that pair a fixed number.
    pub tasks: Vec<usize>,
    /// Our bouts.
    pub duel: DuelSettings,
    /// Our heats.
    pub heat: HeatSettings,
    /// Alpha of the reign.
    pub alpha: f64,
    /// Bouts that the reign has begun before.
    pub challengers_before: u64,
    /// Trials a cell.
    pub trials: usize,
    /// Seed of all randomness.
    pub seed: u64,
}

impl Default for LabSettings {
    fn default() -> Self {
        Self {
            means: vec![0.5; 4],
            correlation: 0.6,
            unpaired_correlation: 0.0,
            tasks: vec![200, 200, 300, 300],
            duel: DuelSettings::default(),
            heat: HeatSettings::default(),
            alpha: 0.01,
            challengers_before: 0,
            trials: 10_000,
            seed: 1,
        }
    }
}

/// Settings that cannot be simulated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LabError {
    /// A setting is out of its range.
    #[error("the lab's {name} is {value}; set it within {allowed}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The range it may have.
        allowed: &'static str,
    },
    /// The duel's settings are unusable.
    #[error(transparent)]
    Duel(#[from] DuelError),
    /// The reign's alpha is unusable.
    #[error(transparent)]
    Reign(#[from] ReignError),
}

/// One scenario against one mechanism.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// The mechanism's name.
    pub rule: &'static str,
    /// Trials played.
    pub trials: usize,
    /// Trials in which a challenger won.
    pub dethroned: usize,
    /// Share of the trials in which a challenger won.
    pub rate: f64,
    /// Upper 95% confidence limit of that share.
    pub upper: f64,
    /// Share of the trials in which the first challenger was dismissed.
    pub dismissed: f64,
    /// Median of the tasks per environment that the first challenger's comparison took.
    pub median_tasks: f64,
    /// The 90th percentile of them.
    pub ninetieth_tasks: f64,
    /// Median of them over the trials that the first challenger won; none where it won none.
    pub winning_tasks: Option<f64>,
    /// Median of the rollouts, of both models in all environments, that the first challenger's comparison took.
    pub median_rollouts: f64,
}

/// One scenario against all mechanisms asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The scenario.
    pub scenario: Scenario,
    /// One cell for each mechanism, in the order asked for.
    pub cells: Vec<Cell>,
    /// Share of the trials in which its first challenger is warned of as overfitted, with as many known and as many
    /// fresh tasks as the public rules have.
    pub warned: f64,
}

impl LabSettings {
    /// The mechanisms that the lab plays: the duel as set, and of the four-stage rule the variant with a margin of 1.5
    /// standard errors.
    #[must_use]
    pub fn mechanisms(&self) -> Mechanisms {
        Mechanisms {
            sequential: Sequential {
                duel: self.duel.clone(),
                alpha: self.alpha,
                tested: self.challengers_before,
                heat: self.heat.clone(),
            },
            four_stage: FourStage::standard_error(1.5),
            ..Mechanisms::default()
        }
    }

    /// Checks every range.
    ///
    /// # Errors
    /// Names the first setting that is out of it.
    pub fn validate(&self) -> Result<(), LabError> {
        self.duel.validate()?;
        self.heat.validate()?;
        Reign::resumed(self.alpha, self.challengers_before)?;
        let setting = |name, value: f64, allowed, holds: bool| {
            if holds { Ok(()) } else { Err(LabError::Setting { name, value, allowed }) }
        };
        let unit = |value: &f64| (0.0..=1.0).contains(value);
        let count = self.means.len();
        setting("number of means", count as f64, "[1, 20], one for each environment", (1..=20).contains(&count))?;
        setting("number of task counts", self.tasks.len() as f64, "the number of means", self.tasks.len() == count)?;
        for mean in &self.means {
            setting("mean", *mean, "[0, 1]", unit(mean))?;
        }
        for tasks in &self.tasks {
            setting("number of tasks", *tasks as f64, "[1, 1000000]", (1..=1_000_000).contains(tasks))?;
        }
        setting("correlation", self.correlation, "[0, 1]", unit(&self.correlation))?;
        setting("unpaired correlation", self.unpaired_correlation, "[0, 1]", unit(&self.unpaired_correlation))?;
        setting("number of trials", self.trials as f64, "at least 1", self.trials > 0)
    }
}

/// Plays every scenario against every mechanism; `done` is told, from any thread, of every trial that ends.
///
/// # Errors
/// If a setting is out of its range.
pub fn play(
    scenarios: &[Scenario],
    mechanisms: &[&dyn Mechanism],
    settings: &LabSettings,
    done: &(dyn Fn() + Sync),
) -> Result<Vec<Row>, LabError> {
    settings.validate()?;
    let row = |scenario: &Scenario| {
        let cells = mechanisms.iter().map(|mechanism| play_one(scenario, *mechanism, settings, done));
        let cells = cells.collect::<Result<_, _>>()?;
        Ok(Row { scenario: scenario.clone(), cells, warned: warned_rate(scenario, settings) })
    };
    scenarios.iter().map(row).collect()
}

/// Plays one scenario against one mechanism.
///
/// # Errors
/// If a setting is out of its range.
pub fn play_one(
    scenario: &Scenario,
    mechanism: &dyn Mechanism,
    settings: &LabSettings,
    done: &(dyn Fn() + Sync),
) -> Result<Cell, LabError> {
    settings.validate()?;
    let correlation = match mechanism.comparison() {
        Comparison::Duels(_) | Comparison::Pairs(_) => settings.correlation,
        Comparison::Means(_) => settings.unpaired_correlation,
    };
    let game = Game { mechanism, world: World { means: settings.means.clone(), correlation }, tasks: &settings.tasks };
    let label = label(scenario, place(mechanism));
    let trials: Vec<Trial> = (0..settings.trials as u64)
        .into_par_iter()
        .map(|trial| {
            let ended = game.play(scenario, Random::new(settings.seed, &[label, trial]))?;
            done();
            Ok(ended)
        })
        .collect::<Result<_, LabError>>()?;
    Ok(cell(mechanism.name(), &trials))
}

/// A mechanism's place in the list, which is part of the seeds of its trials; the list's length for any other.
fn place(mechanism: &dyn Mechanism) -> u64 {
    let known = Mechanisms::default();
    let same = |other: &&dyn Mechanism| other.name() == mechanism.name();
    known.all().iter().position(same).unwrap_or(known.all().len()) as u64
}

/// Tells a scenario's random numbers from those of all others.
fn label(scenario: &Scenario, purpose: u64) -> u64 {
    scenario.name.bytes().fold(purpose, |label, byte| label.wrapping_mul(257).wrapping_add(byte.into()))
}

/// Share of the trials in which the screen for overfitting warns of a scenario's challenger.
fn warned_rate(scenario: &Scenario, settings: &LabSettings) -> f64 {
    let world = World { means: settings.means.clone(), correlation: settings.correlation };
    let label = label(scenario, Mechanisms::default().all().len() as u64);
    let warns = |trial: &u64| warned(scenario, &world, &settings.tasks, Random::new(settings.seed, &[label, *trial]));
    let count = (0..settings.trials as u64).into_par_iter().filter(warns).count();
    count as f64 / settings.trials as f64
}

pub(super) fn cell(rule: &'static str, trials: &[Trial]) -> Cell {
    let dethroned = trials.iter().filter(|trial| trial.dethroned).count();
    let dismissed = trials.iter().filter(|trial| trial.first == Verdict::Defended).count();
    let sorted = |value: fn(&Trial) -> f64| {
        let mut values: Vec<f64> = trials.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let (tasks, rollouts) = (sorted(|trial| trial.tasks), sorted(|trial| trial.rollouts));
    // The upper of the two in the middle: of tasks that are needed the larger number is the safe one to tell.
    let quantile = |values: &[f64], share: f64| values[((values.len() as f64 * share) as usize).min(values.len() - 1)];
    let mut winning: Vec<f64> =
        trials.iter().filter(|trial| trial.first == Verdict::Dethroned).map(|trial| trial.tasks).collect();
    winning.sort_by(f64::total_cmp);
    Cell {
        rule,
        trials: trials.len(),
        dethroned,
        rate: dethroned as f64 / trials.len() as f64,
        upper: upper_limit(dethroned, trials.len(), 0.95),
        dismissed: dismissed as f64 / trials.len() as f64,
        median_tasks: quantile(&tasks, 0.5),
        ninetieth_tasks: quantile(&tasks, 0.9),
        winning_tasks: winning.get(winning.len() / 2).copied(),
        median_rollouts: quantile(&rollouts, 0.5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(first: Verdict, tasks: usize) -> Trial {
        Trial { dethroned: first == Verdict::Dethroned, first, tasks: tasks as f64, rollouts: 0.0 }
    }

    #[test]
    fn a_cell_has_the_shares_and_the_upper_quantiles_of_its_trials() {
        use Verdict::{Defended, Dethroned, Undecided};
        let check = |trials: &[(Verdict, usize)], rates: (f64, f64), tasks: (f64, f64), winning: Option<f64>| {
            let cell = cell("rule", &trials.iter().map(|(first, tasks)| trial(*first, *tasks)).collect::<Vec<_>>());
            assert_eq!((cell.rate, cell.dismissed), rates, "{trials:?}");
            assert_eq!((cell.median_tasks, cell.ninetieth_tasks, cell.winning_tasks), (tasks.0, tasks.1, winning));
            assert_eq!((cell.rule, cell.trials), ("rule", trials.len()));
            assert!(cell.upper > cell.rate || cell.rate == 1.0, "{cell:?}");
        };
        check(&[(Defended, 7)], (0.0, 1.0), (7.0, 7.0), None);
        check(&[(Dethroned, 7)], (1.0, 0.0), (7.0, 7.0), Some(7.0));
        check(&[(Dethroned, 9), (Undecided, 2)], (0.5, 0.0), (9.0, 9.0), Some(9.0));
        check(&[(Dethroned, 9), (Dethroned, 3), (Dethroned, 5), (Defended, 1)], (0.75, 0.25), (5.0, 9.0), Some(5.0));
        let ten: Vec<_> = (1..=10).rev().map(|tasks| (Defended, tasks)).collect();
        check(&ten, (0.0, 1.0), (6.0, 10.0), None);
    }

    #[test]
    fn a_win_by_a_later_challenger_counts_without_tasks_of_the_first() {
        let trials = [
            Trial { dethroned: true, first: Verdict::Defended, tasks: 4.0, rollouts: 0.0 },
            trial(Verdict::Defended, 8),
        ];
        let cell = cell("rule", &trials);
        assert_eq!((cell.dethroned, cell.rate, cell.dismissed, cell.winning_tasks), (1, 0.5, 1.0, None));
    }

    #[test]
    fn every_scenario_has_random_numbers_of_its_own_under_every_mechanism() {
        let known = Mechanisms::default();
        let mut seen = std::collections::BTreeSet::new();
        for scenario in Scenario::all() {
            for mechanism in known.all() {
                assert!(seen.insert(label(&scenario, place(mechanism))), "{} {}", scenario.name, mechanism.name());
            }
            assert!(seen.insert(label(&scenario, known.all().len() as u64)), "{}: the screen", scenario.name);
        }
        // Constants change nothing about the seeds: variants of a rule meet the same answers.
        assert_eq!(place(&FourStage::standard_error(1.5)), place(&known.four_stage));
    }

    #[test]
    fn settings_are_taken_to_the_ends_of_their_ranges() {
        let check = |settings: LabSettings, refused: Option<&str>| {
            let found = settings.validate().err().map(|error| error.to_string());
            assert_eq!(found.is_some(), refused.is_some(), "{settings:?}: {found:?}");
            assert!(found.unwrap_or_default().contains(refused.unwrap_or_default()), "{settings:?}");
        };
        let known = LabSettings::default;
        check(known(), None);
        check(LabSettings { means: vec![0.0; 20], tasks: vec![1; 20], ..known() }, None);
        check(
            LabSettings { means: vec![0.0; 21], tasks: vec![1; 21], ..known() },
            Some("means is 21; set it within [1, 20]"),
        );
        check(LabSettings { means: vec![1.0], tasks: vec![1_000_000], ..known() }, None);
        check(LabSettings { means: vec![1.0], tasks: vec![1_000_001], ..known() }, Some("number of tasks is 1000001"));
        check(LabSettings { means: vec![0.5], tasks: vec![0], ..known() }, Some("number of tasks is 0"));
        check(LabSettings { means: vec![0.5, 1.01], tasks: vec![1; 2], ..known() }, Some("mean is 1.01"));
        check(LabSettings { means: vec![f64::NAN], tasks: vec![1], ..known() }, Some("mean is NaN"));
        check(LabSettings { correlation: 1.0, unpaired_correlation: 1.0, trials: 1, ..known() }, None);
        check(LabSettings { correlation: -0.1, ..known() }, Some("the lab's correlation is -0.1"));
        check(LabSettings { unpaired_correlation: 1.1, ..known() }, Some("unpaired correlation is 1.1"));
        let duel = DuelSettings { tolerance: 0.6, ..DuelSettings::default() };
        check(LabSettings { duel, ..known() }, Some("the duel's tolerance is 0.6"));
    }

    #[test]
    fn every_trial_that_ends_is_told_of_whatever_the_mechanism() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let settings = LabSettings { means: vec![0.5], tasks: vec![20], trials: 9, ..LabSettings::default() };
        let (mechanisms, told) = (settings.mechanisms(), AtomicUsize::new(0));
        let scenarios = [Scenario::plain("copy", false, &[0.0]), Scenario::plain("gain", true, &[0.4])];
        let done = || {
            told.fetch_add(1, Ordering::Relaxed);
        };
        let rows = play(&scenarios, &mechanisms.all(), &settings, &done).expect("valid settings");
        assert_eq!(told.into_inner(), scenarios.len() * mechanisms.all().len() * settings.trials);
        for (row, scenario) in rows.iter().zip(&scenarios) {
            assert_eq!(row.scenario, *scenario);
            let rules: Vec<_> = row.cells.iter().map(|cell| cell.rule).collect();
            assert_eq!(rules, mechanisms.all().map(|mechanism| mechanism.name()));
        }
    }
}
