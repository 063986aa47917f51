//! Heats: a cheap first round that drops the hopeless and ranks the rest, and spends nothing of alpha.
//!
//! Everybody who waits for a bout answers the first tasks of the window. A wealth against "no better on average" that reaches
//! the bar `pass` gets a challenger through; one against "better by `gain` on average", and one an environment against "not
//! worse than the tolerance", drop it early. Those who get through are ranked by their wealth at the end, and the best
//! `bouts` of them get a bout: a [`Duel`](crate::Duel) on fresh tasks.
//!
//! **Why this cannot cost alpha.** A bout's tasks are drawn after its number is fixed, so that ranks and numbers may depend on
//! heats in any way: see [`reign`](crate::reign). A heat's bars are therefore a matter of thrift, not of the promise.
//!
//! **Why sybils gain nothing by it.** A model that is not better on average gets through with probability at most 1 / `pass`
//! (Ville's inequality: its wealth is a supermartingale from 1), and a window has at most `bouts` new bouts. N such models
//! use up at most min(N / `pass`, `bouts` x windows) numbers in expectation; models that are clearly worse use none.
//!
//! A heat moves in rounds of one task in every environment, read at their ends: the order of arrival leaves no trace. A
//! round with a missing pair is left out of the two wealths about the average.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::duel::{DuelError, DuelSettings, Fit, worse};
use crate::eprocess::{Bets, CAREFUL_PRIOR, EProcess, Null};
use crate::scores::Pair;

/// Everything that a heat needs besides the duel's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeatSettings {
    /// Tasks of the heat in each environment. 0 is no heat: all who wait have a bout, in order of commitment.
    pub tasks: usize,
    /// Odds against "no better on average" that let a challenger through. In [1, 1e60].
    pub pass: f64,
    /// Odds against "better by the gain on average" at which it is dropped; of "not worse than the tolerance" in some
    /// environment, too. In [1, 1e60].
    pub drop: f64,
    /// The average gain below which a challenger is not worth a bout, in mean score. In (0, 0.5].
    pub gain: f64,
    /// New bouts a window, for the best of those who get through.
    pub bouts: usize,
}

impl Default for HeatSettings {
    fn default() -> Self {
        Self { tasks: 150, pass: 5.0, drop: 20.0, gain: 0.05, bouts: 4 }
    }
}

impl HeatSettings {
    /// No heats: everybody has a bout, in order of commitment.
    #[must_use]
    pub fn none() -> Self {
        Self { tasks: 0, bouts: usize::MAX, ..Self::default() }
    }

    /// Checks every range.
    ///
    /// # Errors
    /// Names the first setting that is out of it.
    pub fn validate(&self) -> Result<(), DuelError> {
        let setting = |name, value: f64, allowed, holds: bool| {
            if holds { Ok(()) } else { Err(DuelError::HeatSetting { name, value, allowed }) }
        };
        let odds = 1.0..=1e60;
        setting("pass", self.pass, "[1, 1e60]", odds.contains(&self.pass))?;
        setting("drop", self.drop, "[1, 1e60]", odds.contains(&self.drop))?;
        setting("gain", self.gain, "(0, 0.5]", self.gain > 0.0 && self.gain <= 0.5)?;
        setting("number of bouts", self.bouts as f64, "at least 1", self.bouts > 0)
    }
}

/// End of a heat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeatReason {
    /// It gets through: it is better on average at the odds asked for.
    Passed,
    /// Dropped: its average gain is too small to be worth a bout.
    Futile,
    /// Dropped: it is worse by more than the tolerance in an environment.
    Inferior {
        /// The environment.
        environment: usize,
    },
    /// Dropped: the heat ended before the odds were reached.
    TasksSpent,
    /// The scores given end before the heat does.
    MoreTasksNeeded,
}

/// State or outcome of a heat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeatDecision {
    /// The test that ended it.
    pub reason: HeatReason,
    /// Log wealth against "no better on average", by which those who get through are ranked.
    pub log_e: f64,
    /// Log wealth that gets through.
    pub needed_log_e: f64,
    /// Rounds read: tasks in each environment.
    pub tasks: usize,
    /// Rounds after which that was reached.
    pub passed_after: Option<usize>,
    /// Mean of challenger minus champion in each environment; 0 without any pair that counted.
    pub differences: Vec<f64>,
}

/// A challenger's heat in progress.
#[derive(Clone, Debug)]
pub struct Heat {
    settings: HeatSettings,
    duel: DuelSettings,
    /// Those who get through play on to the end, to be ranked there.
    whole: bool,
    better: Bets,
    futile: Bets,
    inferior: Bets,
    up: EProcess,
    down: EProcess,
    places: Vec<Place>,
    /// Environments without a waiting pair.
    missing: usize,
    tasks: usize,
    passed_after: Option<usize>,
    end: Option<HeatReason>,
}

/// One environment's part in a heat.
#[derive(Clone, Debug, Default)]
struct Place {
    queue: VecDeque<Pair>,
    pushed: usize,
    difference: Option<f64>,
    sum: f64,
    counted: usize,
    worse: EProcess,
    fit: Fit,
}

impl Heat {
    /// A heat before its first task; where it is `whole`, a challenger that gets through plays on to the end.
    ///
    /// # Errors
    /// If a setting is out of its range or there is no environment.
    pub fn new(
        environments: usize,
        settings: &HeatSettings,
        duel: &DuelSettings,
        whole: bool,
    ) -> Result<Self, DuelError> {
        settings.validate()?;
        duel.validate()?;
        if environments == 0 {
            return Err(DuelError::NoEnvironments);
        }
        let mut heat = Self {
            settings: settings.clone(),
            duel: duel.clone(),
            whole,
            better: Bets::against(Null::AtMost(duel.margin)),
            futile: Bets::against(Null::AtLeast(settings.gain)),
            inferior: Bets::against(Null::AtLeast(worse(duel))),
            up: EProcess::default(),
            down: EProcess::with(CAREFUL_PRIOR),
            places: vec![Place::default(); environments],
            missing: environments,
            tasks: 0,
            passed_after: None,
            end: None,
        };
        if heat.settings.tasks == 0 {
            heat.end = Some(HeatReason::Passed);
        }
        Ok(heat)
    }

    /// Takes the next pair of an environment, in its task order, and returns how the heat ended once it has.
    ///
    /// A pair that arrives before its round waits for it; one that arrives after the end is checked and not read.
    ///
    /// # Errors
    /// If the environment does not exist or a score is outside [0, 1].
    pub fn push(&mut self, environment: usize, pair: Pair) -> Result<Option<HeatReason>, DuelError> {
        let environments = self.places.len();
        let Some(place) = self.places.get_mut(environment) else {
            return Err(DuelError::UnknownEnvironment { environment, environments });
        };
        if let Some(score) = pair.out_of_range() {
            return Err(DuelError::Score { environment, task: place.pushed, score });
        }
        place.pushed += 1;
        if self.end.is_none() {
            self.missing -= usize::from(place.queue.is_empty());
            place.queue.push_back(pair);
            while self.missing == 0 && self.end.is_none() {
                self.round();
            }
        }
        Ok(self.end)
    }

    /// Pushes the pairs that the heat waits for, as long as `pair(environment, task)` has them, and returns how the heat
    /// ended once it has. Tasks count from 0 in each environment.
    ///
    /// # Errors
    /// If a score is outside [0, 1].
    pub fn feed(
        &mut self,
        mut pair: impl FnMut(usize, usize) -> Option<Pair>,
    ) -> Result<Option<HeatReason>, DuelError> {
        let mut fed = true;
        while fed && self.end.is_none() {
            fed = false;
            for environment in 0..self.places.len() {
                if self.waits_for(environment)
                    && let Some(pair) = pair(environment, self.places[environment].pushed)
                {
                    self.push(environment, pair)?;
                    fed = true;
                }
            }
        }
        Ok(self.end)
    }

    /// The environments whose next task the heat waits for; none once it has ended.
    #[must_use]
    pub fn wants(&self) -> Vec<usize> {
        (0..self.places.len()).filter(|environment| self.waits_for(*environment)).collect()
    }

    /// Returns true if the heat waits for the next task of an environment.
    #[must_use]
    pub fn waits_for(&self, environment: usize) -> bool {
        self.end.is_none() && self.places.get(environment).is_some_and(|place| place.queue.is_empty())
    }

    /// Tasks of an environment pushed so far, read or not: the position of the next one to run.
    #[must_use]
    pub fn pushed(&self, environment: usize) -> usize {
        self.places.get(environment).map_or(0, |place| place.pushed)
    }

    /// The end of the heat, once it has come.
    #[must_use]
    pub fn ended(&self) -> Option<HeatReason> {
        self.end
    }

    /// Rounds read: tasks in each environment.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.tasks
    }

    /// Log wealth against "no better on average".
    #[must_use]
    pub fn log_e(&self) -> f64 {
        self.up.log_e()
    }

    /// State or outcome of the heat.
    #[must_use]
    pub fn decision(&self) -> HeatDecision {
        let mean = |place: &Place| if place.counted == 0 { 0.0 } else { place.sum / place.counted as f64 };
        HeatDecision {
            reason: self.end.unwrap_or(HeatReason::MoreTasksNeeded),
            log_e: self.log_e(),
            needed_log_e: libm::log(self.settings.pass),
            tasks: self.tasks,
            passed_after: self.passed_after,
            differences: self.places.iter().map(mean).collect(),
        }
    }

    /// Fits of each environment's control variate to the heat's pairs, for the bout.
    pub(crate) fn fits(&self) -> Vec<Fit> {
        self.places.iter().map(|place| place.fit.clone()).collect()
    }

    fn round(&mut self) {
        for place in &mut self.places {
            let pair = place.queue.pop_front().expect("no environment misses its pair");
            place.difference = pair.counted(self.duel.missing_challenger).map(|pair| {
                place.fit.push(pair.champion, pair.challenger);
                pair.difference(1.0)
            });
            if let Some(difference) = place.difference {
                place.worse.push(&self.inferior, difference);
                place.sum += difference;
                place.counted += 1;
            }
        }
        // A product over some of the environments would bet on the mean of these alone.
        if self.places.iter().all(|place| place.difference.is_some()) {
            for difference in self.places.iter().filter_map(|place| place.difference) {
                self.up.push(&self.better, difference);
                self.down.push(&self.futile, difference);
            }
        }
        self.tasks += 1;
        self.end = self.ending();
        self.missing = self.places.iter().filter(|place| place.queue.is_empty()).count();
    }

    fn ending(&mut self) -> Option<HeatReason> {
        let bar = self.settings.drop * self.places.len() as f64;
        if let Some(environment) = self.places.iter().position(|place| place.worse.reaches(bar)) {
            return Some(HeatReason::Inferior { environment });
        }
        if self.passed_after.is_none() && self.up.reaches(self.settings.pass) {
            self.passed_after = Some(self.tasks);
        }
        let spent = self.tasks >= self.settings.tasks;
        match self.passed_after {
            Some(_) if spent || !self.whole => Some(HeatReason::Passed),
            Some(_) => None,
            None if self.down.reaches(self.settings.drop) => Some(HeatReason::Futile),
            None => spent.then_some(HeatReason::TasksSpent),
        }
    }
}

#[cfg(test)]
mod tests;
