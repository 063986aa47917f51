//! Per-environment state of a duel: wealths, means and the queue of pairs whose round has not come.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::duel::decision::{EnvironmentEvidence, GuardEvidence};
use crate::duel::fit::Fit;
use crate::duel::settings::{Better, DuelSettings};
use crate::duel::tally::Tally;
use crate::eprocess::{Bets, EProcess, Null};
use crate::estimate::confidence_sequence;
use crate::scores::{CountedPair, Pair};

/// The rates of all bets in a duel.
#[derive(Clone, Debug)]
pub(super) struct DuelBets {
    pub(super) noninferiority: Bets,
    pub(super) superiority: Bets,
    pub(super) inferiority: Bets,
    pub(super) futility: Bets,
    /// Against "not worse than the guard by more than the tolerance".
    below_guard: Bets,
}

impl DuelBets {
    pub(super) fn new(settings: &DuelSettings) -> Self {
        Self {
            noninferiority: Bets::against(Null::AtMost(-settings.tolerance)),
            superiority: Bets::against(Null::AtMost(settings.margin)),
            inferiority: Bets::against(Null::AtLeast(worse(settings))),
            futility: Bets::against(Null::AtLeast(settings.futility_margin)),
            below_guard: Bets::against(Null::AtLeast(-settings.tolerance)),
        }
    }
}

/// The mean difference below which an environment speaks against the challenger.
pub(crate) fn worse(settings: &DuelSettings) -> f64 {
    match settings.better {
        Better::OnAverage | Better::Somewhere => -settings.tolerance,
        Better::Strict => settings.margin,
    }
}

/// One environment's part in a duel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Environment {
    pub(super) queue: VecDeque<Pair>,
    /// Pairs pushed in this window, read or not.
    #[serde(skip)]
    pub(super) pushed: usize,
    /// Pairs read in windows before this one.
    #[serde(skip)]
    pub(super) before: usize,
    /// Pairs read.
    pub(super) tasks: usize,
    pub(super) counted: usize,
    champion: f64,
    challenger: f64,
    /// Sum of the differences bet on.
    differences: f64,
    /// The difference of the last pair read, where it counted.
    #[serde(skip)]
    pub(super) difference: Option<f64>,
    pub(super) fit: Fit,
    pub(super) tally: Tally,
    pub(super) noninferiority: EProcess,
    pub(super) superiority: EProcess,
    pub(super) inferiority: EProcess,
    pub(super) settled_after: Option<usize>,
    pub(super) guard: Option<Box<Guard>>,
}

/// Challenger against guard in one environment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Guard {
    counted: usize,
    differences: f64,
    pub(super) tally: Tally,
    pub(super) noninferiority: EProcess,
    pub(super) inferiority: EProcess,
    pub(super) settled_after: Option<usize>,
}

impl Environment {
    /// Takes a pair that counts into the sums and the wealths of this environment.
    #[inline]
    pub(super) fn count(&mut self, pair: CountedPair, bets: &DuelBets, references: usize) {
        let difference = pair.difference(self.fit.weight(references));
        // Only now: the weight of a pair is a function of those before it.
        self.fit.push(pair.champion, pair.challenger);
        self.difference = Some(difference);
        self.counted += 1;
        self.champion += pair.champion;
        self.challenger += pair.challenger;
        self.differences += difference;
        self.tally.push(difference);
        // The wealth is reported as of settling: what comes after cannot take the rejection back.
        if self.settled_after.is_none() {
            self.noninferiority.push(&bets.noninferiority, difference);
        }
        self.inferiority.push(&bets.inferiority, difference);
        self.superiority.push(&bets.superiority, difference);
        if let (Some(guard), Some(score)) = (&mut self.guard, pair.guard) {
            guard.count(pair.challenger - score, bets);
        }
    }

    /// True if no duel can have come to this state.
    pub(super) fn is_impossible(&self) -> bool {
        let settled = self.settled_after.is_some_and(|after| after > self.tasks);
        let scores = self.queue.iter().any(|pair| pair.out_of_range().is_some());
        let means = [self.champion, self.challenger, self.differences.abs()];
        let sums = means.iter().any(|sum| !(0.0..=self.counted as f64 + 1e-6).contains(sum));
        self.counted > self.tasks || settled || scores || sums || self.fit.is_impossible()
    }

    /// True if everything that was asked of this environment has been shown.
    pub(super) fn is_done(&self) -> bool {
        self.settled_after.is_some() && self.guard.as_ref().is_none_or(|guard| guard.settled_after.is_some())
    }

    pub(super) fn evidence(&self, coverage: f64, references: usize) -> EnvironmentEvidence {
        let mean = |sum: f64| if self.counted == 0 { 0.0 } else { sum / self.counted as f64 };
        EnvironmentEvidence {
            tasks: self.tasks,
            counted: self.counted,
            champion_mean: mean(self.champion),
            challenger_mean: mean(self.challenger),
            difference: mean(self.differences),
            interval: confidence_sequence(&self.tally.counts(), coverage),
            noninferiority_log_e: self.noninferiority.log_e(),
            superiority_log_e: self.superiority.log_e(),
            inferiority_log_e: self.inferiority.log_e(),
            weight: self.fit.weight(references),
            settled_after: self.settled_after,
            guard: self.guard.as_ref().map(|guard| guard.evidence()),
        }
    }
}

impl Guard {
    fn count(&mut self, difference: f64, bets: &DuelBets) {
        self.counted += 1;
        self.differences += difference;
        self.tally.push(difference);
        if self.settled_after.is_none() {
            self.noninferiority.push(&bets.noninferiority, difference);
        }
        self.inferiority.push(&bets.below_guard, difference);
    }

    fn evidence(&self) -> GuardEvidence {
        GuardEvidence {
            counted: self.counted,
            difference: if self.counted == 0 { 0.0 } else { self.differences / self.counted as f64 },
            noninferiority_log_e: self.noninferiority.log_e(),
            inferiority_log_e: self.inferiority.log_e(),
            settled_after: self.settled_after,
        }
    }
}
