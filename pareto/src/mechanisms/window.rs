//! The public rule of 2026: better by a fixed margin in some environments, not much worse in the others, on unpaired
//! means.

use serde::{Deserialize, Serialize};

use crate::mechanisms::field::{Field, FieldError, Mechanism, Ruling, mean};

/// Differences smaller than this are rounding.
const SLACK: f64 = 1e-9;

/// The rule's constants in one environment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WindowEnvironment {
    /// Dominant is a mean above the champion's by more than this.
    pub margin: f64,
    /// Not worse is a mean of at least the champion's times one less this.
    pub not_worse_tolerance: f64,
    /// A challenger with fewer scores counts as worse.
    pub min_tasks: usize,
}

impl Default for WindowEnvironment {
    fn default() -> Self {
        Self { margin: 0.03, not_worse_tolerance: 0.02, min_tasks: 1 }
    }
}

/// Both sides' scores in one environment, not paired.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindowScores<'a> {
    /// The constants.
    pub rule: WindowEnvironment,
    /// The champion's scores; none counts as mean 0.
    pub champion: &'a [f64],
    /// The challenger's scores.
    pub challenger: &'a [f64],
}

/// How the challenger stands in one environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowVerdict {
    /// Better by the margin.
    Dominant,
    /// Within the tolerance.
    NotWorse,
    /// Below it, or without enough scores.
    Worse,
}

/// The verdict of one comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowJudgement {
    /// Whether the challenger wins.
    pub dethroned: bool,
    /// One verdict for each environment.
    pub per_environment: Vec<WindowVerdict>,
}

/// Compares champion and challenger; `min_dominant` environments must be dominated, 0 meaning all, and none be worse.
pub fn judge(environments: &[WindowScores<'_>], min_dominant: usize) -> WindowJudgement {
    let per_environment: Vec<WindowVerdict> = environments
        .iter()
        .map(|scores| {
            let means = (mean(scores.champion.iter().copied()), mean(scores.challenger.iter().copied()));
            verdict(scores.rule, means.0, means.1, scores.challenger.len())
        })
        .collect();
    WindowJudgement { dethroned: dethroned(&per_environment, min_dominant), per_environment }
}

fn verdict(rule: WindowEnvironment, champion: f64, challenger: f64, scores: usize) -> WindowVerdict {
    if scores < rule.min_tasks.max(1) {
        WindowVerdict::Worse
    } else if challenger > champion + rule.margin + SLACK {
        WindowVerdict::Dominant
    } else if challenger >= champion * (1.0 - rule.not_worse_tolerance) - SLACK {
        WindowVerdict::NotWorse
    } else {
        WindowVerdict::Worse
    }
}

fn dethroned(per_environment: &[WindowVerdict], min_dominant: usize) -> bool {
    let count = |wanted| per_environment.iter().filter(|verdict| **verdict == wanted).count();
    let needed = if min_dominant == 0 { per_environment.len() } else { min_dominant };
    count(WindowVerdict::Worse) == 0 && count(WindowVerdict::Dominant) >= needed
}

/// The first entry by commitment that beats the champion takes all, else the champion keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// The constants, the same in every environment.
    pub environment: WindowEnvironment,
    /// Environments that must be dominated; 0 is all.
    pub min_dominant: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self { environment: WindowEnvironment::default(), min_dominant: 1 }
    }
}

impl Window {
    /// Whether a challenger's means beat the champion's, each from `scores` tasks.
    pub fn dethrones(&self, champion: &[f64], challenger: &[f64], scores: &[usize]) -> bool {
        let verdicts: Vec<WindowVerdict> = champion
            .iter()
            .zip(challenger)
            .zip(scores)
            .map(|((champion, challenger), scores)| verdict(self.environment, *champion, *challenger, *scores))
            .collect();
        dethroned(&verdicts, self.min_dominant)
    }
}

impl Mechanism for Window {
    fn name(&self) -> &'static str {
        "window"
    }

    fn rule(&self, field: &Field) -> Result<Ruling, FieldError> {
        field.validate()?;
        let Some(champion) = field.reigning() else {
            return Ok(Ruling::winner_takes_all(0, None, Vec::new()));
        };
        let standings = field.standings(0.0);
        let beats = |entry: &usize| {
            let challenger = &standings[*entry];
            *entry != champion && self.dethrones(&standings[champion].means, &challenger.means, &challenger.counts)
        };
        let winner = field.by_commitment().into_iter().find(beats).unwrap_or(champion);
        Ok(Ruling::winner_takes_all(field.entries.len(), Some(winner), Vec::new()))
    }
}
