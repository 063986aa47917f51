//! One trial of one scenario against one mechanism.

use super::history::decoys;
use super::player::{Player, score};
use super::random::Random;
use super::scenario::{Scenario, Tasks};
use super::world::{Champion, World, answer};
use crate::duel::Verdict;
use crate::mechanisms::{EntryMeans, MeansRule, PairsRule};
use crate::screens::overfit::{OverfitSettings, overfit};

/// The outcome of one trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Trial {
    /// True if a challenger won.
    pub(super) dethroned: bool,
    /// The end of the first challenger's duel.
    pub(super) first: Verdict,
    /// Tasks per environment of the first challenger's duel.
    pub(super) tasks: f64,
    /// Rollouts of champion and first challenger together in all environments; those of the champion serve all challengers
    /// of a window.
    pub(super) rollouts: f64,
}

impl Trial {
    /// The same trial as the one who reigned sees it: it wins where the challenger does not.
    pub(super) fn reversed(self) -> Self {
        let first = if self.dethroned { Verdict::Defended } else { Verdict::Dethroned };
        Self { dethroned: !self.dethroned, first, ..self }
    }
}

/// All challengers of a scenario against the means of one champion, each from its own number of tasks.
pub(super) fn means(
    scenario: &Scenario,
    world: &World,
    rule: &dyn MeansRule,
    tasks: &[usize],
    mut random: Random,
) -> Trial {
    let mut champion = Champion::new(world, Random::new(random.bits(), &[]));
    let mut reigning = Counts::new(tasks.len());
    for (environment, count) in tasks.iter().enumerate() {
        for task in 0..*count {
            reigning.push(environment, Some(champion.answer(environment, task).1));
        }
    }
    let mut entries = vec![reigning.means(0, tasks)];
    let ended = |dethroned: bool, by_the_first: bool| Trial {
        dethroned,
        first: if dethroned && by_the_first { Verdict::Dethroned } else { Verdict::Defended },
        tasks: tasks.iter().sum::<usize>() as f64 / tasks.len() as f64,
        rollouts: 2.0 * tasks.iter().sum::<usize>() as f64,
    };
    let crowd = decoys(scenario);
    for number in 1..=crowd.challengers {
        let entry = answered(&crowd, &mut champion, tasks, &mut random, number);
        // Where the first that beats the champion takes all, a decoy that does so by luck leaves nothing to others.
        if rule.is_pairwise() && rule.dethroned(&[entries[0].clone(), entry.clone()]) {
            return ended(false, false);
        }
        entries.push(entry);
    }
    for number in 1..=scenario.challengers {
        let place = entries.len();
        let (entry, ahead) = match scenario.tasks {
            Tasks::Peeked => peeked(scenario, &mut champion, rule, tasks, &mut random),
            _ => (answered(scenario, &mut champion, tasks, &mut random, place), false),
        };
        entries.push(entry);
        if ahead || (rule.is_pairwise() && rule.dethroned(&[entries[0].clone(), entries[place].clone()])) {
            return ended(true, number == 1);
        }
    }
    // Where the whole field counts it is ruled on when it is complete.
    ended(!rule.is_pairwise() && rule.dethroned(&entries), scenario.challengers == 1)
}

/// All challengers of a scenario against one champion on the same tasks, until one of them leads.
pub(super) fn pairs(
    scenario: &Scenario,
    world: &World,
    rule: &dyn PairsRule,
    tasks: &[usize],
    mut random: Random,
) -> Trial {
    let mut champion = Champion::new(world, Random::new(random.bits(), &[]));
    let ended = |first: Verdict, dethroned: bool| Trial {
        dethroned,
        first,
        tasks: tasks.iter().sum::<usize>() as f64 / tasks.len() as f64,
        rollouts: 2.0 * tasks.iter().sum::<usize>() as f64,
    };
    let crowd = decoys(scenario);
    let mut ahead = f64::NEG_INFINITY;
    for number in 0..crowd.challengers + scenario.challengers {
        let decoy = number < crowd.challengers;
        let scenario = if decoy { &crowd } else { scenario };
        let mut player = Player::new(scenario, tasks.len());
        let mut differences: Vec<Vec<f64>> = tasks.iter().map(|count| Vec::with_capacity(*count)).collect();
        let mut leads = false;
        for round in 0..tasks.iter().copied().max().unwrap_or(0) {
            for environment in (0..tasks.len()).filter(|environment| round < tasks[*environment]) {
                let (_, right) = champion.answer(environment, round);
                let reply = player.reply(&mut champion, &mut random, environment, round);
                differences[environment].push(score(reply == Some(true)) - score(right));
            }
            let seen = round + 1;
            let looks = scenario.tasks == Tasks::Peeked && seen >= 2 * PEEK_EVERY && seen.is_multiple_of(PEEK_EVERY);
            if looks && rule.lead(&differences).is_some() {
                leads = true;
                break;
            }
        }
        let lead = rule.lead(&differences).filter(|lead| *lead > ahead);
        if decoy {
            ahead = lead.unwrap_or(ahead);
        } else if leads || lead.is_some() {
            return ended(if number == crowd.challengers { Verdict::Dethroned } else { Verdict::Defended }, true);
        }
    }
    ended(Verdict::Defended, false)
}

/// A challenger's means when it has had all its tasks.
fn answered(
    scenario: &Scenario,
    champion: &mut Champion<'_>,
    tasks: &[usize],
    random: &mut Random,
    number: usize,
) -> EntryMeans {
    let mut counts = Counts::new(tasks.len());
    let mut player = Player::new(scenario, tasks.len());
    for (environment, count) in tasks.iter().enumerate() {
        for task in 0..*count {
            counts.push(environment, player.reply(champion, random, environment, task));
        }
    }
    counts.means(number as u64, tasks)
}

/// A peeker looks after each so many tasks, from the second time on.
const PEEK_EVERY: usize = 25;

/// A challenger's means when it was first seen ahead, or else when it has had all its tasks.
fn peeked(
    scenario: &Scenario,
    champion: &mut Champion<'_>,
    rule: &dyn MeansRule,
    tasks: &[usize],
    random: &mut Random,
) -> (EntryMeans, bool) {
    let (mut reigning, mut counts) = (Counts::new(tasks.len()), Counts::new(tasks.len()));
    let mut player = Player::new(scenario, tasks.len());
    for round in 0..tasks.iter().copied().max().unwrap_or(0) {
        for environment in (0..tasks.len()).filter(|environment| round < tasks[*environment]) {
            reigning.push(environment, Some(champion.answer(environment, round).1));
            counts.push(environment, player.reply(champion, random, environment, round));
        }
        let seen = round + 1;
        if seen >= 2 * PEEK_EVERY && seen.is_multiple_of(PEEK_EVERY) {
            // Completeness is asked of the tasks so far, or no peeker would be valid before the end.
            let tasks: Vec<usize> = tasks.iter().map(|count| seen.min(*count)).collect();
            let pair = [reigning.means(0, &tasks), counts.means(1, &tasks)];
            if rule.dethroned(&pair) {
                let [_, ahead] = pair;
                return (ahead, true);
            }
        }
    }
    (counts.means(1, tasks), false)
}

/// Runs the screen for overfitting on a scenario's challenger, asked so many tasks that were known before its commitment
/// and as many fresh ones; returns true if it warns.
pub(super) fn warned(scenario: &Scenario, world: &World, tasks: &[usize], mut random: Random) -> bool {
    let leaked = match scenario.tasks {
        Tasks::Leaked { share } | Tasks::LeakedThenFresh { share } => share,
        Tasks::Answered | Tasks::Peeked | Tasks::Stalled { .. } => 0.0,
    };
    let by_item = world.correlation.sqrt();
    let mut answers = |known: f64| -> Vec<Vec<f64>> {
        let mut reply = |environment: usize| {
            let mean = (world.means[environment] + scenario.gain(environment)).clamp(0.0, 1.0);
            let difficulty = random.uniform();
            score(answer(&mut random, difficulty, mean, by_item) || random.uniform() < known)
        };
        tasks.iter().enumerate().map(|(place, count)| (0..*count).map(|_| reply(place)).collect()).collect()
    };
    let (known, fresh) = (answers(leaked), answers(0.0));
    overfit(&known, &fresh, &OverfitSettings::default()).warned
}

/// Right answers and answers in each environment.
struct Counts {
    right: Vec<u32>,
    answered: Vec<u32>,
}

/// Share of the tasks that must be answered for an environment to count.
const COMPLETENESS: f64 = 0.9;

impl Counts {
    fn new(environments: usize) -> Self {
        Self { right: vec![0; environments], answered: vec![0; environments] }
    }

    #[inline]
    fn push(&mut self, environment: usize, reply: Option<bool>) {
        self.right[environment] += u32::from(reply == Some(true));
        self.answered[environment] += u32::from(reply.is_some());
    }

    /// The means after so many tasks of each environment.
    fn means(&self, committed: u64, tasks: &[usize]) -> EntryMeans {
        let mut means = EntryMeans::new((committed, 0));
        for ((right, answered), tasks) in self.right.iter().zip(&self.answered).zip(tasks) {
            let mean = f64::from(*right) / f64::from((*answered).max(1));
            means.push(mean, *answered as usize, f64::from(*answered) >= COMPLETENESS * *tasks as f64);
        }
        means
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::WindowRule;

    fn world(mean: f64, environments: usize) -> World {
        World { means: vec![mean; environments], correlation: 0.0 }
    }

    fn scenario(gain: f64, tasks: Tasks) -> Scenario {
        Scenario { tasks, ..Scenario::plain("trial", false, &[gain]) }
    }

    #[test]
    fn an_environment_counts_from_nine_tenths_of_its_tasks() {
        let check = |replies: &[Option<bool>], tasks: usize, expected: (f64, usize, bool)| {
            let mut counts = Counts::new(1);
            replies.iter().for_each(|reply| counts.push(0, *reply));
            let means = counts.means(3, &[tasks]);
            assert_eq!((means.means[0], means.counts[0], means.valid[0]), expected, "{replies:?} of {tasks}");
            assert_eq!(means.order, (3, 0));
        };
        check(&[Some(true), Some(false)], 2, (0.5, 2, true));
        check(&[Some(true); 9], 10, (1.0, 9, true));
        check(&[Some(true); 8], 10, (1.0, 8, false));
        check(&[Some(false), None, Some(true), None], 4, (0.5, 2, false));
        check(&[None; 5], 5, (0.0, 0, false));
        check(&[], 0, (0.0, 0, true));
    }

    #[test]
    fn a_peeker_stops_at_the_first_look_at_which_it_is_ahead() {
        let check = |mean: f64, gain: f64, tasks: [usize; 2], counts: [usize; 2], ahead: bool| {
            let (world, scenario) = (world(mean, 2), scenario(gain, Tasks::Peeked));
            let mut champion = Champion::new(&world, Random::new(3, &[]));
            let rule = WindowRule::default();
            let (means, found) = peeked(&scenario, &mut champion, &rule, &tasks, &mut Random::new(4, &[]));
            assert_eq!((means.counts.as_slice(), found), (counts.as_slice(), ahead), "{mean} {gain} {tasks:?}");
        };
        check(0.0, 1.0, [200, 120], [50, 50], true);
        check(0.0, 1.0, [200, 20], [50, 20], true);
        check(1.0, -1.0, [60, 120], [60, 120], false);
        // With fewer tasks than the first look there is none.
        check(0.0, 1.0, [49, 10], [49, 10], false);
    }

    #[test]
    fn a_trial_on_means_ends_with_the_first_winner() {
        let check = |gain: f64, challengers: usize, expected: (bool, Verdict)| {
            let scenario = Scenario { challengers, ..scenario(gain, Tasks::Answered) };
            let trial = means(&scenario, &world(0.5, 2), &WindowRule::default(), &[40, 80], Random::new(5, &[]));
            assert_eq!((trial.dethroned, trial.first, trial.tasks), (expected.0, expected.1, 60.0), "{gain}");
        };
        check(0.5, 1, (true, Verdict::Dethroned));
        check(0.5, 7, (true, Verdict::Dethroned));
        check(-0.5, 7, (false, Verdict::Defended));
        check(0.0, 0, (false, Verdict::Defended));
    }

    #[test]
    fn a_trial_on_pairs_ends_with_the_first_challenger_that_leads() {
        use crate::mechanisms::{Bootstrap, PrivateSamples, TwoEvaluations};
        let rules: [&dyn PairsRule; 3] =
            [&Bootstrap::default(), &TwoEvaluations::default(), &PrivateSamples::default()];
        for rule in rules {
            let check = |gain: f64, challengers: usize, tasks: Tasks, expected: (bool, Verdict)| {
                let scenario = Scenario { challengers, ..scenario(gain, tasks) };
                let trial = pairs(&scenario, &world(0.5, 2), rule, &[60, 80], Random::new(7, &[]));
                assert_eq!((trial.dethroned, trial.first, trial.tasks), (expected.0, expected.1, 70.0), "{gain}");
            };
            for tasks in [Tasks::Answered, Tasks::Peeked] {
                check(0.5, 1, tasks, (true, Verdict::Dethroned));
                check(0.5, 5, tasks, (true, Verdict::Dethroned));
                check(-0.5, 5, tasks, (false, Verdict::Defended));
            }
            check(0.0, 0, Tasks::Answered, (false, Verdict::Defended));
            // A challenger that gives no reply scores 0 where it is asked.
            check(-0.5, 1, Tasks::Stalled { share: 1.0 }, (false, Verdict::Defended));
        }
    }

    #[test]
    fn the_screen_warns_of_those_who_knew_tasks_before() {
        let check = |tasks, expected: bool| {
            let found = warned(&scenario(0.0, tasks), &world(0.3, 2), &[150, 150], Random::new(8, &[]));
            assert_eq!(found, expected, "{tasks:?}");
        };
        check(Tasks::Leaked { share: 0.6 }, true);
        check(Tasks::LeakedThenFresh { share: 0.6 }, true);
        check(Tasks::Leaked { share: 0.0 }, false);
        check(Tasks::Answered, false);
        check(Tasks::Peeked, false);
        check(Tasks::Stalled { share: 0.5 }, false);
    }
}
