//! Settings of a duel and their ranges.

use serde::{Deserialize, Serialize};

use crate::reign::ReignError;
use crate::scores::MissingChallenger;

/// Meaning of "better".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Worse nowhere (by more than the tolerance) and better on average over the environments (by more than the margin).
    #[default]
    OnAverage,
    /// Worse nowhere (by more than the tolerance) and better somewhere (by more than the margin).
    Somewhere,
    /// Better by more than the margin in every environment.
    Strict,
}

/// Everything a duel needs besides scores and alpha.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DuelSettings {
    /// A challenger worse by no more than this, in mean score, counts as not worse. In [0, 0.5].
    pub tolerance: f64,
    /// A challenger must be better by more than this, in mean score. In [0, 0.5].
    pub margin: f64,
    /// A challenger whose average gain is shown to be smaller than this is dismissed. In (0, 0.5].
    pub futility_margin: f64,
    /// The chance at which a challenger that *is* as good as the futility margin may be dismissed all the same. In
    /// [1e-60, 0.5].
    pub futility_alpha: f64,
    /// Tasks that each environment may spend on one duel.
    pub budget: usize,
    /// Tasks that an environment must have counted before it can settle.
    pub minimum_tasks: usize,
    /// Meaning of "better".
    pub better: Better,
    /// Reference tasks that the champion alone answers beside each task of a bout: they take luck out of its score. 0 is
    /// none; at most 64.
    pub references: usize,
    /// Treatment of a pair in which only the challenger's score is missing.
    pub missing_challenger: MissingChallenger,
    /// Coverage of the reported intervals, which hold at all times at once; they decide nothing. In (0, 1).
    pub interval_coverage: f64,
}

impl Default for DuelSettings {
    fn default() -> Self {
        Self {
            tolerance: 0.04,
            margin: 0.0,
            futility_margin: 0.02,
            futility_alpha: 0.05,
            budget: 3_000,
            minimum_tasks: 10,
            better: Better::default(),
            references: 4,
            missing_challenger: MissingChallenger::default(),
            interval_coverage: 0.95,
        }
    }
}

impl DuelSettings {
    /// Checks every range.
    ///
    /// # Errors
    /// Names the first setting that is out of it.
    pub fn validate(&self) -> Result<(), DuelError> {
        let setting = |name, value: f64, allowed, holds: bool| {
            if holds { Ok(()) } else { Err(DuelError::Setting { name, value, allowed }) }
        };
        let half = 0.0..=0.5;
        setting("tolerance", self.tolerance, "[0, 0.5]", half.contains(&self.tolerance))?;
        setting("margin", self.margin, "[0, 0.5]", half.contains(&self.margin))?;
        let above_none = self.futility_margin > 0.0 && half.contains(&self.futility_margin);
        setting("futility_margin", self.futility_margin, "(0, 0.5]", above_none)?;
        // The bar is a number of environments over it, and an e-process can tell bars of up to 2^256, which is 1e77.
        setting("futility_alpha", self.futility_alpha, "[1e-60, 0.5]", (1e-60..=0.5).contains(&self.futility_alpha))?;
        setting("number of references", self.references as f64, "[0, 64]", self.references <= 64)?;
        let coverage = self.interval_coverage;
        setting("interval_coverage", coverage, "(0, 1)", coverage > 0.0 && coverage < 1.0)?;
        if self.budget == 0 || self.minimum_tasks > self.budget {
            return Err(DuelError::Budget { budget: self.budget, minimum_tasks: self.minimum_tasks });
        }
        Ok(())
    }
}

/// Reasons for which a duel cannot be held.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DuelError {
    /// A setting is out of its range.
    #[error("the duel's {name} is {value}; set it within {allowed}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The range it may have.
        allowed: &'static str,
    },
    /// A setting of the heats is out of its range.
    #[error("the heat's {name} is {value}; set it within {allowed}")]
    HeatSetting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The range it may have.
        allowed: &'static str,
    },
    /// The budget leaves no room for the minimum.
    #[error(
        "a budget of {budget} tasks cannot hold the minimum of {minimum_tasks}; raise the budget or lower the minimum"
    )]
    Budget {
        /// Tasks that each environment may spend.
        budget: usize,
        /// Tasks each environment needs.
        minimum_tasks: usize,
    },
    /// Alpha is not a usable error probability.
    #[error("alpha is {alpha}; it must lie between 1e-60 and 0.5")]
    Alpha {
        /// The value given.
        alpha: f64,
    },
    /// The reign's alpha is no error probability.
    #[error(transparent)]
    Reign(#[from] ReignError),
    /// There is nothing to compare in.
    #[error("a duel needs at least one environment")]
    NoEnvironments,
    /// A saved duel is not one that can be carried on.
    #[error("the saved duel cannot be carried on: {fault}; begin a new one at a number of its own")]
    Saved {
        /// The fault.
        fault: &'static str,
    },
    /// An environment's index is too large.
    #[error("environment {environment} does not exist; the duel has {environments}")]
    UnknownEnvironment {
        /// The index given.
        environment: usize,
        /// Number of environments.
        environments: usize,
    },
    /// A score is no score.
    #[error("task {task} of environment {environment} has the score {score}; scores lie within [0, 1]")]
    Score {
        /// The environment.
        environment: usize,
        /// The position in task order, from 0.
        task: usize,
        /// The value.
        score: f64,
    },
}
