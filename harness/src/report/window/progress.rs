//! Course of a duel, round by round: the duel is held again on the stored scores.

use pareto::{Better, Decision, DuelSettings, GuardEvidence, Reason, TaskPlan};

use crate::board::{BoutEntries, ScoreBoard};
use crate::record::{Conclusion, DuelRecord, unit_scores};
use crate::report::svg::{Difference, Trace};

/// Standings drawn of one duel: more than a picture of this width can show.
const STANDINGS: usize = 96;

/// A duel's standings, evenly spread over its rounds, the last one always among them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Progress {
    /// The standings in order.
    pub(super) standings: Vec<Decision>,
}

/// One of a duel's tests.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Test {
    /// The side that it favors when it settles.
    pub(super) side: Side,
    /// Its hypothesis.
    pub(super) kind: Kind,
    /// Log wealth at the duel's end.
    pub(super) log_e: f64,
    /// Log wealth that settles it.
    pub(super) needed: f64,
    /// Its evidence in the course of the duel.
    pub(super) trace: Trace,
}

/// The side that a test favors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The challenger: all of these have to settle.
    Challenger,
    /// The champion: one of these ends the duel.
    Champion,
}

/// The hypothesis of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The challenger is not worse in an environment.
    NotWorse(usize),
    /// The challenger is better in an environment (strict mode).
    Better(usize),
    /// The challenger is better in some environment, or on average.
    BetterOverall,
    /// The challenger is not worse than the guard in an environment.
    NotBelowGuard(usize),
    /// The challenger is worse in an environment.
    Worse(usize),
    /// The challenger is worse than the guard in an environment.
    BelowGuard(usize),
    /// The challenger is not better by the margin in an environment (strict mode).
    NotBetter(usize),
    /// The challenger's average gain is too small to go on.
    GainTooSmall,
}

impl Progress {
    /// Holds the duel again.
    pub(super) fn of(conclusion: &Conclusion, duel: &DuelRecord) -> Self {
        let deciding = &conclusion.terms.settings.deciding;
        let mut board = ScoreBoard::new(conclusion.entries.len(), Vec::new());
        let DuelRecord { champion, challenger, guard, .. } = *duel;
        for entry in [champion, challenger].into_iter().chain(guard) {
            unit_scores(&conclusion.entries[entry].rollouts).into_iter().for_each(|score| board.add(entry, score));
        }
        let plan = TaskPlan::new(&deciding.heat, &deciding.duel);
        let start = conclusion.starts[duel.duel].clone();
        let mut held = start.carried_on(&deciding.duel, guard.is_some()).expect("it was held with these settings");
        let every = duel.decision.rounds.div_ceil(STANDINGS).max(1);
        let mut standings = Vec::new();
        for round in 1.. {
            let wanted = held.wants();
            let entries = BoutEntries { champion, challenger, guard };
            let next = |environment: usize| board.pair(&plan, entries, environment, held.pushed(environment));
            let taken: Vec<_> = wanted.iter().filter_map(|place| next(*place).map(|pair| (*place, pair))).collect();
            for (environment, pair) in &taken {
                held.push(*environment, *pair).expect("stored scores lie within [0, 1]");
            }
            let ended = taken.is_empty() || taken.len() < wanted.len() || held.verdict().is_some();
            if ended || round % every == 0 {
                standings.push(held.decision());
            }
            if ended {
                break;
            }
        }
        Self { standings }
    }

    /// Every test of the duel.
    pub(super) fn tests(&self, settings: &DuelSettings) -> Vec<Test> {
        let environments = self.last().environments.len();
        let each = |kind: fn(usize) -> Kind| (0..environments).map(kind);
        let mut kinds: Vec<Kind> = match settings.better {
            Better::OnAverage | Better::Somewhere => {
                each(Kind::NotWorse).chain([Kind::BetterOverall]).chain(each(Kind::Worse)).collect()
            }
            Better::Strict => each(Kind::Better).chain(each(Kind::NotBetter)).collect(),
        };
        if self.is_guarded() {
            kinds.extend(each(Kind::NotBelowGuard).chain(each(Kind::BelowGuard)));
        }
        kinds.into_iter().chain([Kind::GainTooSmall]).map(|kind| self.test(kind)).collect()
    }

    /// An environment's difference in the course of the duel.
    pub(super) fn differences(&self, environment: usize) -> Vec<Difference> {
        let mut points: Vec<Difference> = Vec::new();
        for standing in &self.standings {
            let evidence = &standing.environments[environment];
            let (tasks, mean, interval) = (evidence.counted, evidence.difference, evidence.interval);
            if tasks > points.last().map_or(0, |last| last.tasks) {
                points.push(Difference { tasks, mean, interval });
            }
        }
        points
    }

    fn is_guarded(&self) -> bool {
        is_guarded(self.last())
    }

    /// The duel's end.
    pub(super) fn last(&self) -> &Decision {
        self.standings.last().expect("a duel has a standing before its first task")
    }

    fn test(&self, kind: Kind) -> Test {
        let needed = kind.needed(self.last());
        let mut points = vec![(0.0, 0.0)];
        let mut settled = false;
        for standing in &self.standings {
            settled = kind.is_settled(standing);
            let share = kind.log_e(standing) / needed;
            points.push((standing.rounds as f64, if settled { share.max(1.0) } else { share }));
            if settled {
                break;
            }
        }
        let trace = Trace { series: kind.series(self.last().environments.len()), points, settled };
        Test { side: kind.side(), kind, log_e: kind.log_e(self.last()), needed, trace }
    }
}

impl Kind {
    fn side(self) -> Side {
        match self {
            Self::NotWorse(_) | Self::NotBelowGuard(_) | Self::Better(_) | Self::BetterOverall => Side::Challenger,
            Self::Worse(_) | Self::BelowGuard(_) | Self::NotBetter(_) | Self::GainTooSmall => Side::Champion,
        }
    }

    /// An environment keeps its line on both sides; the tests over all environments take the one after.
    fn series(self, environments: usize) -> usize {
        match self {
            Self::NotWorse(place) | Self::Better(place) | Self::Worse(place) | Self::NotBetter(place) => place,
            Self::NotBelowGuard(place) | Self::BelowGuard(place) => environments + 1 + place,
            Self::BetterOverall | Self::GainTooSmall => environments,
        }
    }

    fn log_e(self, standing: &Decision) -> f64 {
        match self {
            Self::NotWorse(place) => standing.environments[place].noninferiority_log_e,
            Self::Better(place) => standing.environments[place].superiority_log_e,
            Self::BetterOverall => standing.superiority_log_e,
            Self::Worse(place) | Self::NotBetter(place) => standing.environments[place].inferiority_log_e,
            Self::NotBelowGuard(place) => guard(standing, place).map_or(0.0, |guard| guard.noninferiority_log_e),
            Self::BelowGuard(place) => guard(standing, place).map_or(0.0, |guard| guard.inferiority_log_e),
            Self::GainTooSmall => standing.futility_log_e,
        }
    }

    /// The tests in single environments share the chance of dismissing a good challenger.
    fn needed(self, standing: &Decision) -> f64 {
        match self {
            Self::NotWorse(_) | Self::NotBelowGuard(_) | Self::Better(_) | Self::BetterOverall => standing.needed_log_e,
            Self::Worse(_) | Self::BelowGuard(_) | Self::NotBetter(_) => {
                let tests = standing.environments.len() * if is_guarded(standing) { 2 } else { 1 };
                standing.needed_futility_log_e + (tests as f64).ln()
            }
            Self::GainTooSmall => standing.needed_futility_log_e,
        }
    }

    /// True where the test is settled for good.
    pub(super) fn is_settled(self, standing: &Decision) -> bool {
        match self {
            Self::NotWorse(place) | Self::Better(place) => standing.environments[place].settled_after.is_some(),
            Self::BetterOverall => standing.superiority_settled_after.is_some(),
            Self::NotBelowGuard(place) => guard(standing, place).is_some_and(|guard| guard.settled_after.is_some()),
            Self::Worse(place) | Self::NotBetter(place) => standing.reason == Reason::Inferior { environment: place },
            Self::BelowGuard(place) => standing.reason == Reason::BelowGuard { environment: place },
            Self::GainTooSmall => standing.reason == Reason::Futile,
        }
    }
}

fn guard(standing: &Decision, environment: usize) -> Option<&GuardEvidence> {
    standing.environments[environment].guard.as_ref()
}

fn is_guarded(standing: &Decision) -> bool {
    standing.environments.iter().any(|environment| environment.guard.is_some())
}
