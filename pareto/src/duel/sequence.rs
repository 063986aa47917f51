//! The duel itself: pairs go in, in task order; a decision comes out as soon as there is one.

use super::decision::{Decision, Reason, Verdict};
use super::environment::{DuelBets, Environment};
use super::fit::Fit;
use super::forecast::{Forecast, forecast};
use super::settings::{Better, DuelError, DuelSettings};
use crate::eprocess::{CAREFUL_PRIOR, EProcess};
use crate::scores::{Pair, PairedScores};

/// Holds a whole duel from scores: the same as pushing every pair into a [`Duel`].
///
/// # Errors
/// As [`Duel::held`].
pub fn duel(scores: &PairedScores, settings: &DuelSettings, alpha: f64) -> Result<Decision, DuelError> {
    Ok(Duel::held(scores, settings, alpha)?.decision())
}

/// A duel in progress.
#[derive(Clone, Debug)]
pub struct Duel {
    pub(super) settings: DuelSettings,
    pub(super) alpha: f64,
    bar: f64,
    futility_bar: f64,
    inferiority_bar: f64,
    pub(super) bets: DuelBets,
    pub(super) environments: Vec<Environment>,
    /// Wealth of the superiority bets made in all environments with the same fractions.
    pub(super) superiority: EProcess,
    pub(super) superiority_settled_after: Option<usize>,
    pub(super) futility: EProcess,
    /// Environments that take a task in this round.
    open: Vec<bool>,
    /// Number of them without a waiting pair.
    missing: usize,
    pub(super) rounds: usize,
    end: Option<Reason>,
}

impl Duel {
    /// A duel before its first task.
    ///
    /// # Errors
    /// If a setting is out of its range, alpha is not within 1e-60 to 0.5, or there is no environment.
    pub fn new(environments: usize, settings: &DuelSettings, alpha: f64) -> Result<Self, DuelError> {
        settings.validate()?;
        if environments == 0 {
            return Err(DuelError::NoEnvironments);
        }
        // An e-process can tell bars of up to 2^256, which is 1e77, and a mixture over environments divides by their number.
        if !(1e-60..=0.5).contains(&alpha) {
            return Err(DuelError::Alpha { alpha });
        }
        Ok(Self {
            bar: 1.0 / alpha,
            futility_bar: 1.0 / settings.futility_alpha,
            // Any environment can dismiss: the union bound over them keeps a good challenger's risk of it at the futility alpha.
            inferiority_bar: environments as f64 / settings.futility_alpha,
            bets: DuelBets::new(settings),
            environments: vec![Environment::default(); environments],
            superiority: EProcess::default(),
            superiority_settled_after: None,
            futility: EProcess::with(CAREFUL_PRIOR),
            open: vec![true; environments],
            missing: environments,
            rounds: 0,
            end: None,
            settings: settings.clone(),
            alpha,
        })
    }

    /// The same duel with a guard, whose scores the pairs then carry: a winner must be shown not to be worse than it by
    /// more than the tolerance in any environment.
    #[must_use]
    pub fn guarded(mut self) -> Self {
        for place in &mut self.environments {
            place.guard.get_or_insert_default();
        }
        // The guard can dismiss in any environment, too: twice as many share the futility alpha.
        self.inferiority_bar = 2.0 * self.environments.len() as f64 / self.settings.futility_alpha;
        self
    }

    /// The same duel with weights of the champion's own answers fitted to pairs of before, one fit an environment.
    #[must_use]
    pub fn fitted(mut self, fits: Vec<Fit>) -> Self {
        for (place, fit) in self.environments.iter_mut().zip(fits) {
            place.fit = fit;
        }
        self
    }

    /// A duel without a guard into which every pair of `scores` has been pushed.
    ///
    /// # Errors
    /// As [`Duel::new`], or if a score is outside [0, 1].
    pub fn held(scores: &PairedScores, settings: &DuelSettings, alpha: f64) -> Result<Self, DuelError> {
        let mut duel = Self::new(scores.environments.len(), settings, alpha)?;
        let longest = scores.environments.iter().map(Vec::len).max().unwrap_or(0);
        for task in 0..longest {
            for (environment, pairs) in scores.environments.iter().enumerate() {
                if let Some(pair) = pairs.get(task) {
                    duel.push(environment, *pair)?;
                }
            }
            if duel.end.is_some() {
                break;
            }
        }
        Ok(duel)
    }

    /// Takes the next pair of an environment, in its task order, and returns how the duel ended once it has.
    ///
    /// A pair that arrives before its round waits for it; one that arrives after the end is checked and not read.
    ///
    /// # Errors
    /// If the environment does not exist or a score is outside [0, 1].
    pub fn push(&mut self, environment: usize, pair: Pair) -> Result<Option<Verdict>, DuelError> {
        let environments = self.environments.len();
        let Some(place) = self.environments.get_mut(environment) else {
            return Err(DuelError::UnknownEnvironment { environment, environments });
        };
        if let Some(score) = pair.out_of_range() {
            return Err(DuelError::Score { environment, task: place.pushed, score });
        }
        place.pushed += 1;
        if self.end.is_some() {
            return Ok(self.verdict());
        }
        // Only the first pair that waits in an open environment can complete a round.
        let awaited = self.open[environment] && place.queue.is_empty();
        place.queue.push_back(pair);
        if awaited {
            self.missing -= 1;
            self.advance();
        }
        Ok(self.verdict())
    }

    /// Pushes the pairs that the duel waits for, as long as `pair(environment, task)` has them, and returns how the duel
    /// ended once it has.
    ///
    /// Tasks count from 0 in each environment. Every pair is asked for once in its turn and again at the next call if it
    /// was not there, so that a table of scores that fills up can be read to its end at any time.
    ///
    /// # Errors
    /// If a score is outside [0, 1].
    pub fn feed(&mut self, mut pair: impl FnMut(usize, usize) -> Option<Pair>) -> Result<Option<Verdict>, DuelError> {
        let mut fed = true;
        while fed && self.end.is_none() {
            fed = false;
            for environment in 0..self.environments.len() {
                if self.waits_for(environment)
                    && let Some(pair) = pair(environment, self.environments[environment].pushed)
                {
                    self.push(environment, pair)?;
                    fed = true;
                }
            }
        }
        Ok(self.verdict())
    }

    /// Outcome of the duel, once it has ended.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.end.map(verdict_of)
    }

    /// The environments whose next task the duel waits for; none once it has ended.
    #[must_use]
    pub fn wants(&self) -> Vec<usize> {
        (0..self.environments.len()).filter(|environment| self.waits_for(*environment)).collect()
    }

    /// Returns true if the duel waits for the next task of an environment.
    #[must_use]
    pub fn waits_for(&self, environment: usize) -> bool {
        let open = self.end.is_none() && self.open.get(environment) == Some(&true);
        open && self.environments[environment].queue.is_empty()
    }

    /// Tasks of an environment pushed so far, read or not: the position of the next one to run.
    #[must_use]
    pub fn pushed(&self, environment: usize) -> usize {
        self.environments.get(environment).map_or(0, |place| place.pushed)
    }

    /// The environment whose next task is the most informative: of those waited for, the furthest from settling.
    #[must_use]
    pub fn next_environment(&self) -> Option<usize> {
        let open = self.wants();
        open.into_iter().reduce(|best, other| {
            let log_e = |environment: usize| remaining(self.settings.better, &self.environments[environment]).log_e();
            if log_e(other) < log_e(best) { other } else { best }
        })
    }

    /// State or outcome of the duel.
    #[must_use]
    pub fn decision(&self) -> Decision {
        let reason = self.end.unwrap_or(Reason::MoreTasksNeeded);
        Decision {
            verdict: verdict_of(reason),
            reason,
            better: self.settings.better,
            environments: self
                .environments
                .iter()
                .map(|place| place.evidence(self.settings.interval_coverage, self.settings.references))
                .collect(),
            superiority_log_e: self.superiority_log_e(),
            superiority_settled_after: self.superiority_settled_after,
            futility_log_e: self.futility.log_e(),
            needed_log_e: libm::log(self.bar),
            needed_futility_log_e: libm::log(self.futility_bar),
            tasks_used: self.tasks_used(),
            rounds: self.rounds,
            next_environment: self.next_environment(),
            alpha: self.alpha,
        }
    }

    /// Tasks read in all environments together.
    #[must_use]
    pub fn tasks_used(&self) -> usize {
        self.environments.iter().map(|place| place.tasks).sum()
    }

    /// Further tasks until each test settles, if the differences go on as they were.
    #[must_use]
    pub fn forecast(&self) -> Forecast {
        forecast(self)
    }

    pub(super) fn needed_log_e(&self) -> f64 {
        libm::log(self.bar)
    }

    pub(super) fn needed_futility_log_e(&self) -> f64 {
        libm::log(self.futility_bar)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// Log of the wealth against "not better": that made in all environments alike, where an average is asked for; else
    /// its mixture with those made in one environment alone.
    pub(super) fn superiority_log_e(&self) -> f64 {
        if self.settings.better == Better::OnAverage {
            return self.superiority.log_e();
        }
        let alone = 0.5 / self.environments.len() as f64;
        let logs: Vec<(f64, f64)> = std::iter::once((0.5, self.superiority.log_e()))
            .chain(self.environments.iter().map(|place| (alone, place.superiority.log_e())))
            .collect();
        let largest = logs.iter().map(|(_, log)| *log).fold(f64::NEG_INFINITY, f64::max);
        largest + libm::log(logs.iter().map(|(share, log)| share * libm::exp(log - largest)).sum::<f64>())
    }

    /// Goes on for as many rounds as the pairs last.
    ///
    /// A round is read only when all its pairs are there, environment after environment: the order of arrival leaves no
    /// trace, not even in the last bit.
    fn advance(&mut self) {
        while self.missing == 0 && self.end.is_none() {
            for environment in 0..self.environments.len() {
                if self.open[environment] {
                    let pair = self.environments[environment].queue.pop_front();
                    self.read(environment, pair.expect("no open environment misses its pair"));
                }
            }
            self.close_round();
        }
    }

    /// Opens the next round of a duel that was put down, and goes on for as many rounds as its pairs last.
    pub(super) fn go_on(&mut self) {
        self.end = self.open_round();
        self.advance();
    }

    #[inline]
    fn read(&mut self, environment: usize, pair: Pair) {
        let place = &mut self.environments[environment];
        place.tasks += 1;
        place.difference = None;
        if let Some(counted) = pair.counted(self.settings.missing_challenger) {
            place.count(counted, &self.bets, self.settings.references);
        }
    }

    /// Takes the round's differences into the wealths of all environments together.
    #[inline]
    fn pool(&mut self) {
        // From then on settled environments are sampled no more, and a mean over the others is not the gain that these bets are
        // about.
        if self.superiority_settled_after.is_some() {
            return;
        }
        // A product over some of the environments would bet on the mean of these alone.
        let whole = self.settings.better != Better::OnAverage;
        if whole || self.environments.iter().all(|place| place.difference.is_some()) {
            for difference in self.environments.iter().filter_map(|place| place.difference) {
                self.superiority.push(&self.bets.superiority, difference);
                self.futility.push(&self.bets.futility, difference);
            }
        }
    }

    fn close_round(&mut self) {
        self.rounds += 1;
        self.pool();
        let minimum = self.settings.minimum_tasks;
        for place in &mut self.environments {
            let process = deciding(self.settings.better, place);
            if place.settled_after.is_none() && place.counted >= minimum && process.reaches(self.bar) {
                place.settled_after = Some(place.tasks);
            }
            let (counted, tasks) = (place.counted, place.tasks);
            if let Some(guard) = &mut place.guard
                && guard.settled_after.is_none()
                && counted >= minimum
                && guard.noninferiority.reaches(self.bar)
            {
                guard.settled_after = Some(tasks);
            }
        }
        let settled = self.environments.iter().all(|place| place.settled_after.is_some());
        if self.superiority_settled_after.is_none() && self.superior(settled) {
            self.superiority_settled_after = Some(self.rounds);
        }
        let done = self.environments.iter().all(Environment::is_done);
        self.end = if done && self.superiority_settled_after.is_some() {
            Some(Reason::Better)
        } else {
            self.hopeless().or_else(|| self.open_round())
        };
    }

    /// Tests "not better" for rejection; where `strict` is asked that is the same as every environment having settled.
    fn superior(&self, settled: bool) -> bool {
        match self.settings.better {
            Better::OnAverage => return self.superiority.reaches(self.bar),
            Better::Strict => return settled,
            Better::Somewhere => {}
        }
        let alone: f64 = self.environments.iter().map(|place| place.superiority.value()).sum();
        0.5 * self.superiority.value() + 0.5 * alone / self.environments.len() as f64 >= self.bar
    }

    fn hopeless(&self) -> Option<Reason> {
        // A settled environment has shown that it is not worse, and once rejected stays rejected.
        let inferior =
            |place: &Environment| place.settled_after.is_none() && place.inferiority.reaches(self.inferiority_bar);
        if let Some(environment) = self.environments.iter().position(inferior) {
            return Some(Reason::Inferior { environment });
        }
        let below = |place: &Environment| {
            let open = place.guard.as_ref().filter(|guard| guard.settled_after.is_none());
            open.is_some_and(|guard| guard.inferiority.reaches(self.inferiority_bar))
        };
        if let Some(environment) = self.environments.iter().position(below) {
            return Some(Reason::BelowGuard { environment });
        }
        let futile = self.superiority_settled_after.is_none() && self.futility.reaches(self.futility_bar);
        futile.then_some(Reason::Futile)
    }

    /// Opens the environments of the next round, or says why there is none.
    ///
    /// Until "not better" is rejected every environment is open, since each is a part of the average and any may be the one
    /// that is better; from then on only those that have something left to show.
    fn open_round(&mut self) -> Option<Reason> {
        let every = self.superiority_settled_after.is_none() && self.settings.better != Better::Strict;
        let open = |place: &Environment| every || !place.is_done();
        let spent = |place: &Environment| open(place) && place.tasks - place.before >= self.settings.budget;
        if self.environments.iter().any(spent) {
            let unsettled = self.environments.iter().position(|place| !place.is_done());
            return Some(unsettled.map_or(Reason::NotBetter, |environment| Reason::BudgetSpent { environment }));
        }
        self.missing = 0;
        for (environment, place) in self.environments.iter().enumerate() {
            self.open[environment] = open(place);
            self.missing += usize::from(self.open[environment] && place.queue.is_empty());
        }
        None
    }
}

/// The wealth that settles an environment.
pub(super) fn deciding(better: Better, place: &Environment) -> &EProcess {
    match better {
        Better::OnAverage | Better::Somewhere => &place.noninferiority,
        Better::Strict => &place.superiority,
    }
}

/// The wealth that an environment still has to bring to the bar: against the guard, once it is shown against the champion.
fn remaining(better: Better, place: &Environment) -> &EProcess {
    match &place.guard {
        Some(guard) if place.settled_after.is_some() => &guard.noninferiority,
        _ => deciding(better, place),
    }
}

fn verdict_of(reason: Reason) -> Verdict {
    match reason {
        Reason::Better => Verdict::Dethroned,
        Reason::Futile | Reason::Inferior { .. } | Reason::BelowGuard { .. } => Verdict::Defended,
        Reason::BudgetSpent { .. } | Reason::NotBetter | Reason::MoreTasksNeeded => Verdict::Undecided,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rule that asks for "better somewhere".
    fn known() -> DuelSettings {
        DuelSettings { better: Better::Somewhere, tolerance: 0.02, futility_margin: 0.03, ..DuelSettings::default() }
    }

    const WIN: (f64, f64) = (0.0, 1.0);
    const LOSS: (f64, f64) = (1.0, 0.0);
    const TIE: (f64, f64) = (1.0, 1.0);

    /// Repeats each environment's pattern of (champion, challenger) scores.
    fn scores(patterns: &[&[(f64, f64)]], repeats: usize) -> PairedScores {
        let repeated = |pattern: &[(f64, f64)]| -> Vec<Pair> {
            let pairs: Vec<Pair> =
                pattern.iter().map(|(champion, challenger)| Pair::new(*champion, *challenger)).collect();
            pairs.repeat(repeats)
        };
        PairedScores { environments: patterns.iter().map(|pattern| repeated(pattern)).collect() }
    }

    fn check(patterns: &[&[(f64, f64)]], repeats: usize, settings: &DuelSettings, reason: Reason) -> Decision {
        let decision = duel(&scores(patterns, repeats), settings, 0.01).expect("valid");
        assert_eq!(decision.reason, reason, "{decision:?}");
        assert_eq!(decision.next_environment.is_some(), reason == Reason::MoreTasksNeeded, "{decision:?}");
        decision
    }

    #[test]
    fn each_way_to_end_is_reached() {
        let settings = DuelSettings { budget: 60, ..known() };
        let strict = DuelSettings { better: Better::Strict, ..settings.clone() };
        check(&[&[WIN], &[WIN]], 60, &settings, Reason::Better);
        check(&[&[WIN], &[WIN, WIN, TIE]], 60, &strict, Reason::Better);
        check(&[&[WIN], &[TIE]], 70, &settings, Reason::BudgetSpent { environment: 1 });
        check(&[&[WIN], &[TIE]], 70, &strict, Reason::BudgetSpent { environment: 1 });
        check(&[&[WIN], &[LOSS]], 60, &settings, Reason::Inferior { environment: 1 });
        check(&[&[LOSS, TIE, TIE, TIE], &[LOSS, TIE, TIE, TIE]], 60, &settings, Reason::Futile);
        check(&[&[TIE], &[TIE]], 5, &settings, Reason::MoreTasksNeeded);
        check(&[&[WIN], &[]], 60, &settings, Reason::MoreTasksNeeded);
    }

    #[test]
    fn an_environment_that_has_settled_is_sampled_no_more() {
        let pattern: &[(f64, f64)] = &[WIN, LOSS, TIE, WIN, TIE];
        let decision = check(&[&[WIN], pattern], 100, &known(), Reason::Better);
        let settled: Vec<_> = decision.environments.iter().map(|evidence| evidence.settled_after).collect();
        assert!(settled.iter().all(Option::is_some) && decision.superiority_settled_after.is_some(), "{decision:?}");
        assert_eq!(decision.environments[1].tasks, decision.rounds);
        assert!(decision.environments[0].tasks < decision.rounds / 2, "{decision:?}");
    }

    #[test]
    fn a_tie_that_is_never_broken_ends_without_a_winner() {
        let settings = DuelSettings { tolerance: 0.3, futility_margin: 0.001, budget: 100, ..known() };
        check(&[&[TIE], &[TIE]], 100, &settings, Reason::NotBetter);
    }

    #[test]
    fn the_decision_does_not_depend_on_who_finishes_first() {
        let settings = DuelSettings { budget: 80, ..known() };
        let all = scores(&[&[WIN, TIE, WIN], &[WIN, LOSS, WIN, WIN], &[TIE, WIN]], 30);
        let expected = duel(&all, &settings, 0.01).expect("valid");
        // One environment after the other, the last first, each a whole batch ahead of its round.
        let mut late = Duel::new(3, &settings, 0.01).expect("valid");
        for environment in [2, 0, 1] {
            for pair in &all.environments[environment] {
                late.push(environment, *pair).expect("valid");
            }
        }
        assert_eq!(late.decision(), expected);
        // Only what is asked for, one by one.
        let mut asked = Duel::new(3, &settings, 0.01).expect("valid");
        while let Some(environment) = asked.next_environment() {
            let Some(pair) = all.environments[environment].get(asked.pushed(environment)) else { break };
            asked.push(environment, *pair).expect("valid");
        }
        assert_eq!(asked.decision(), expected);
        assert_ne!(expected.verdict, Verdict::Undecided, "{expected:?}");
    }

    #[test]
    fn missing_scores_are_read_and_do_not_count() {
        let missing = Pair { challenger: Some(1.0), ..Pair::default() };
        let given = PairedScores { environments: vec![vec![missing, Pair::new(0.0, 1.0), missing]] };
        let decision = duel(&given, &known(), 0.01).expect("valid");
        let evidence = &decision.environments[0];
        assert_eq!((evidence.tasks, evidence.counted, evidence.difference), (3, 1, 1.0));
    }

    #[test]
    fn a_small_budget_settles_large_differences_only() {
        let settings = DuelSettings { budget: 40, ..known() };
        check(&[&[WIN, WIN, TIE, TIE], &[WIN, TIE]], 40, &settings, Reason::Better);
        check(
            &[&[WIN, TIE, TIE, TIE, TIE, TIE, TIE, TIE, TIE, TIE]],
            40,
            &settings,
            Reason::BudgetSpent { environment: 0 },
        );
    }

    #[test]
    fn what_cannot_be_decided_is_refused_with_its_place() {
        let settings = known();
        let message = |error: DuelError| error.to_string();
        assert!(message(Duel::new(0, &settings, 0.01).expect_err("empty")).contains("at least one"));
        assert!(message(Duel::new(1, &settings, 0.0).expect_err("alpha")).contains("alpha is 0"));
        let mut duel = Duel::new(1, &settings, 0.01).expect("valid");
        duel.push(0, Pair::new(0.0, 0.5)).expect("valid");
        assert!(message(duel.push(0, Pair::new(0.0, 1.5)).expect_err("score")).contains("task 1 of environment 0"));
        assert!(
            message(duel.push(1, Pair::new(0.0, 1.0)).expect_err("place")).contains("environment 1 does not exist")
        );
        for (wrong, name) in [
            (DuelSettings { tolerance: -0.1, ..settings.clone() }, "tolerance"),
            (DuelSettings { futility_margin: 0.0, ..settings.clone() }, "futility_margin"),
            (DuelSettings { margin: f64::NAN, ..settings.clone() }, "margin"),
            (DuelSettings { budget: 5, ..settings.clone() }, "budget of 5"),
        ] {
            assert!(message(wrong.validate().expect_err("out of range")).contains(name));
        }
    }

    #[test]
    fn a_forecast_comes_true_when_the_differences_go_on() {
        let settings = known();
        let pattern: &[(f64, f64)] = &[WIN, TIE, LOSS, TIE, WIN, TIE, TIE, TIE, TIE, TIE];
        let started = Duel::held(&scores(&[pattern, pattern], 6), &settings, 0.01).expect("valid");
        let expected = started.forecast().dethroning().expect("wins within the budget") + 60;
        let ended = duel(&scores(&[pattern, pattern], 300), &settings, 0.01).expect("valid");
        assert_eq!(ended.verdict, Verdict::Dethroned);
        let ratio = expected as f64 / ended.rounds as f64;
        assert!((0.8..1.25).contains(&ratio), "forecast {expected}, needed {}", ended.rounds);
        let hopeless = Duel::held(&scores(&[&[TIE], &[LOSS, TIE, TIE, TIE, TIE, TIE, TIE, TIE]], 10), &settings, 0.01)
            .expect("valid");
        assert_eq!(hopeless.forecast().dethroning(), None);
    }
}
