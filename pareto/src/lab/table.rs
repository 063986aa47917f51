//! The table of the lab: every scenario against every rule.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::duel::{DuelError, DuelSettings, Verdict};
use crate::lab::limits::upper_limit;
use crate::lab::random::Random;
use crate::lab::scenario::Scenario;
use crate::lab::trial::{Means, Trial, means, sequential, warned};
use crate::lab::world::World;
use crate::mechanisms::{FourStage, Powerset, Window};
use crate::reign::{Reign, ReignError};

/// A rule that the lab can play against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Our duel, paired.
    Sequential,
    /// The margin on means of 2026.
    Window,
    /// The four-stage rule with a margin of 1.5 standard errors.
    FourStage,
    /// Points for subsets of environments.
    Powerset,
}

impl Rule {
    /// All rules, the default first.
    pub const ALL: [Self; 4] = [Self::Sequential, Self::Window, Self::FourStage, Self::Powerset];

    /// The name by which it is chosen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Window => "window",
            Self::FourStage => "four_stage",
            Self::Powerset => "powerset",
        }
    }
}

/// What is simulated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabSettings {
    /// The champion's mean score in each environment.
    pub means: Vec<f64>,
    /// Correlation of two models' outcomes on the same task, for the paired duel. In [0, 1].
    pub correlation: f64,
    /// The same for the public rules, which do not pair. In [0, 1].
    pub unpaired_correlation: f64,
    /// Tasks of the public rules in each environment.
    pub tasks: Vec<usize>,
    /// Our duel.
    pub duel: DuelSettings,
    /// Alpha of the reign.
    pub alpha: f64,
    /// Challengers that the reign has seen before.
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
            alpha: 0.01,
            challengers_before: 0,
            trials: 10_000,
            seed: 1,
        }
    }
}

/// Why the lab cannot play.
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

/// One scenario against one rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The rule.
    pub rule: Rule,
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
}

/// One scenario against all rules asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The scenario.
    pub scenario: Scenario,
    /// One cell a rule, in the order asked for.
    pub cells: Vec<Cell>,
    /// Share of the trials in which its first challenger is warned of as overfitted, with as many known and as many
    /// fresh tasks as the public rules have.
    pub warned: f64,
}

impl LabSettings {
    /// Checks every range.
    pub fn validate(&self) -> Result<(), LabError> {
        self.duel.validate()?;
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

/// Plays every scenario against every rule; `done` is told, from any thread, of every trial that ends.
pub fn play(
    scenarios: &[Scenario],
    rules: &[Rule],
    settings: &LabSettings,
    done: &(dyn Fn() + Sync),
) -> Result<Vec<Row>, LabError> {
    settings.validate()?;
    scenarios
        .iter()
        .map(|scenario| {
            let cells =
                rules.iter().map(|rule| play_rule(scenario, *rule, settings, done)).collect::<Result<_, _>>()?;
            Ok(Row { scenario: scenario.clone(), cells, warned: warned_rate(scenario, settings) })
        })
        .collect()
}

/// Plays one scenario against one rule.
pub fn play_rule(
    scenario: &Scenario,
    rule: Rule,
    settings: &LabSettings,
    done: &(dyn Fn() + Sync),
) -> Result<Cell, LabError> {
    settings.validate()?;
    let reign = Reign::resumed(settings.alpha, settings.challengers_before)?;
    let correlation = if rule == Rule::Sequential { settings.correlation } else { settings.unpaired_correlation };
    let world = World { means: settings.means.clone(), correlation };
    let by_means = match rule {
        Rule::Sequential => None,
        Rule::Window => Some(Means::Window(Window::default())),
        Rule::FourStage => Some(Means::FourStage(FourStage::standard_error(1.5))),
        Rule::Powerset => Some(Means::Powerset(Powerset::default())),
    };
    let label = label(scenario, rule as u64);
    let trials: Vec<Trial> = (0..settings.trials as u64)
        .into_par_iter()
        .map(|trial| {
            let random = Random::new(settings.seed, &[label, trial]);
            let ended = match &by_means {
                None => sequential(scenario, &world, &settings.duel, &reign, random)?,
                Some(rule) => means(scenario, &world, rule, &settings.tasks, random),
            };
            done();
            Ok(ended)
        })
        .collect::<Result<_, LabError>>()?;
    Ok(cell(rule, &trials))
}

/// What tells a scenario's random numbers from all others'.
fn label(scenario: &Scenario, purpose: u64) -> u64 {
    scenario.name.bytes().fold(purpose, |label, byte| label.wrapping_mul(257).wrapping_add(byte.into()))
}

/// How often the screen for overfitting warns of a scenario's challenger.
fn warned_rate(scenario: &Scenario, settings: &LabSettings) -> f64 {
    let world = World { means: settings.means.clone(), correlation: settings.correlation };
    let label = label(scenario, Rule::ALL.len() as u64);
    let warns = |trial: &u64| warned(scenario, &world, &settings.tasks, Random::new(settings.seed, &[label, *trial]));
    let count = (0..settings.trials as u64).into_par_iter().filter(warns).count();
    count as f64 / settings.trials as f64
}

fn cell(rule: Rule, trials: &[Trial]) -> Cell {
    let dethroned = trials.iter().filter(|trial| trial.dethroned_by.is_some()).count();
    let dismissed = trials.iter().filter(|trial| trial.first == Verdict::Defended).count();
    let mut tasks: Vec<f64> = trials.iter().map(|trial| trial.tasks).collect();
    tasks.sort_by(f64::total_cmp);
    let quantile = |share: f64| tasks[((tasks.len() as f64 * share) as usize).min(tasks.len() - 1)];
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
        median_tasks: quantile(0.5),
        ninetieth_tasks: quantile(0.9),
        winning_tasks: winning.get(winning.len() / 2).copied(),
    }
}
