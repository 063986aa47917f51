//! Per-environment state of a duel: wealths, means and the queue of pairs whose round has not come.

use std::collections::VecDeque;

use crate::duel::decision::EnvironmentEvidence;
use crate::duel::settings::DuelSettings;
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
}

impl DuelBets {
    /// `worse` is the mean difference below which an environment speaks against the challenger.
    pub(super) fn new(settings: &DuelSettings, worse: f64) -> Self {
        Self {
            noninferiority: Bets::against(Null::AtMost(-settings.tolerance)),
            superiority: Bets::against(Null::AtMost(settings.margin)),
            inferiority: Bets::against(Null::AtLeast(worse)),
            futility: Bets::against(Null::AtLeast(settings.futility_margin)),
        }
    }
}

/// One environment's part in a duel.
#[derive(Clone, Debug, Default)]
pub(super) struct Environment {
    pub(super) queue: VecDeque<Pair>,
    /// Pairs pushed, read or not.
    pub(super) pushed: usize,
    /// Pairs read.
    pub(super) tasks: usize,
    pub(super) counted: usize,
    champion: f64,
    challenger: f64,
    pub(super) tally: Tally,
    pub(super) noninferiority: EProcess,
    pub(super) superiority: EProcess,
    pub(super) inferiority: EProcess,
    pub(super) settled_after: Option<usize>,
}

impl Environment {
    /// Takes a pair that counts into the sums and the wealths of this environment.
    #[inline]
    pub(super) fn count(&mut self, pair: CountedPair, bets: &DuelBets) {
        let difference = pair.difference();
        self.counted += 1;
        self.champion += pair.champion;
        self.challenger += pair.challenger;
        self.tally.push(difference);
        // The wealth is reported as of settling: what comes after cannot take the rejection back.
        if self.settled_after.is_none() {
            self.noninferiority.push(&bets.noninferiority, difference);
        }
        self.inferiority.push(&bets.inferiority, difference);
        self.superiority.push(&bets.superiority, difference);
    }

    pub(super) fn evidence(&self, coverage: f64) -> EnvironmentEvidence {
        let mean = |sum: f64| if self.counted == 0 { 0.0 } else { sum / self.counted as f64 };
        EnvironmentEvidence {
            tasks: self.tasks,
            counted: self.counted,
            champion_mean: mean(self.champion),
            challenger_mean: mean(self.challenger),
            difference: mean(self.challenger - self.champion),
            interval: confidence_sequence(&self.tally.counts(), coverage),
            noninferiority_log_e: self.noninferiority.log_e(),
            superiority_log_e: self.superiority.log_e(),
            inferiority_log_e: self.inferiority.log_e(),
            settled_after: self.settled_after,
        }
    }
}
