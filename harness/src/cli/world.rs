//! The simulated world of `lab` and `plan`: its arguments, its progress bar, and its errors.

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use pareto::DuelSettings;
use pareto::lab::{LabError, LabSettings};

use crate::exit_status::ExitStatus;
use crate::problem::Problem;
use crate::reporter::{add_bar, shows_bars};

/// The world that is simulated, for `lab` and `plan`.
#[derive(Debug, Args)]
pub(super) struct WorldArguments {
    /// The champion's mean score: one for all environments, or one each.
    #[arg(long, value_delimiter = ',', default_values_t = [0.5])]
    means: Vec<f64>,
    /// Number of environments, where a single mean is given.
    #[arg(long, default_value_t = 4)]
    environments: usize,
    /// Correlation of two models' outcomes on the same task.
    #[arg(long, default_value_t = 0.6)]
    correlation: f64,
    /// Alpha of the whole reign.
    #[arg(long, default_value_t = 0.01)]
    alpha: f64,
    /// Challengers tested earlier in the reign.
    #[arg(long, default_value_t = 0)]
    challengers_before: u64,
    /// Tolerance: a challenger worse by no more than this counts as not worse.
    #[arg(long, default_value_t = DuelSettings::default().tolerance)]
    tolerance: f64,
    /// An average gain shown to be smaller than this ends a duel.
    #[arg(long, default_value_t = DuelSettings::default().futility_margin)]
    futility_margin: f64,
    /// Tasks that each environment may spend on a duel.
    #[arg(long, default_value_t = DuelSettings::default().budget)]
    budget: usize,
    /// Seed of all randomness.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl WorldArguments {
    /// The settings of the simulation.
    pub(super) fn settings(&self, trials: usize) -> LabSettings {
        let means = match self.means.as_slice() {
            [mean] => vec![*mean; self.environments],
            means => means.to_vec(),
        };
        let known = LabSettings::default();
        LabSettings {
            tasks: (0..means.len()).map(|place| known.tasks[place * known.tasks.len() / means.len()]).collect(),
            means,
            correlation: self.correlation,
            alpha: self.alpha,
            challengers_before: self.challengers_before,
            duel: DuelSettings {
                tolerance: self.tolerance,
                futility_margin: self.futility_margin,
                budget: self.budget,
                ..DuelSettings::default()
            },
            trials,
            seed: self.seed,
            ..known
        }
    }
}

/// A bar over trials on a terminal, nothing elsewhere.
pub(super) fn progress(trials: u64) -> ProgressBar {
    if !shows_bars() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {percent}% of {human_len} trials, {eta} left");
    add_bar(ProgressBar::new(trials).with_style(style.expect("the template is valid")))
}

/// The problem of settings that cannot be simulated.
#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
pub(super) fn problem(error: LabError) -> Problem {
    Problem::from_error(ExitStatus::Usage, &error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mean_holds_for_all_environments_and_several_for_one_each() {
        let world = |means: &[f64]| WorldArguments {
            means: means.to_vec(),
            environments: 3,
            correlation: 0.5,
            alpha: 0.01,
            challengers_before: 0,
            tolerance: 0.02,
            futility_margin: 0.03,
            budget: 500,
            seed: 1,
        };
        assert_eq!(world(&[0.4]).settings(10).means, vec![0.4; 3]);
        let settings = world(&[0.4, 0.6]).settings(10);
        assert_eq!((settings.means.len(), settings.tasks.len(), settings.duel.budget), (2, 2, 500));
        settings.validate().expect("valid");
    }
}
