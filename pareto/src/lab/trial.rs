//! One trial of one scenario against one mechanism.

use super::history::decoys;
use super::random::Random;
use super::scenario::{Scenario, Tasks};
use super::world::{Champion, World, answer};
use crate::duel::{DuelError, Verdict};
use crate::mechanisms::{Bout, EntryMeans, MeansRule, Opening, PairsRule, Sequential, Standing};
use crate::reign::Reign;
use crate::scores::{Pair, mean};
use crate::screens::overfit::{OverfitSettings, overfit};
use crate::tasks::TaskPlan;

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
    /// Bouts begun in the reign at its end.
    pub(super) bouts: u64,
}

impl Trial {
    /// The same trial as the one who reigned sees it: it wins where the challenger does not.
    pub(super) fn reversed(self) -> Self {
        let first = if self.dethroned { Verdict::Defended } else { Verdict::Dethroned };
        Self { dethroned: !self.dethroned, first, ..self }
    }
}

/// The challengers of a scenario one after the other, each at the alpha of its number, all against the same champion's
/// answers.
pub(super) fn duels(
    scenario: &Scenario,
    world: &World,
    rule: &Sequential,
    reign: &Reign,
    mut random: Random,
) -> Result<Trial, DuelError> {
    let environments = world.means.len();
    // A stream of its own: the number of draws that a challenger makes changes none of the champion's answers.
    let mut champion = Champion::new(world, Random::new(random.bits(), &[]));
    let mut trial =
        Trial { dethroned: false, first: Verdict::Undecided, tasks: 0.0, rollouts: 0.0, bouts: reign.bouts() };
    let crowd = decoys(scenario);
    let entries: Vec<usize> = (0..=crowd.challengers + scenario.challengers).collect();
    let rule = Sequential { tested: reign.bouts(), alpha: reign.alpha(), ..rule.clone() };
    let plan = TaskPlan::new(&rule.heat, &rule.duel);
    let opening = Opening { champion: Some(0), ..Opening::new(environments, &entries) };
    let mut succession = rule.open(&opening, |_| Standing::Waiting)?.expect("the champion plays");
    let first = crowd.challengers + 1;
    let mut players: Vec<Player<'_>> =
        entries.iter().map(|entry| Player::new(if *entry < first { &crowd } else { scenario }, environments)).collect();
    while let Some(mut entry) = succession.next_heat() {
        let player = &mut players[entry.challenger];
        entry.heat.feed(|environment, task| {
            let (_, right) = champion.answer(environment, task);
            let reply = player.reply(&mut champion, &mut random, environment, task);
            Some(Pair { champion: Some(score(right)), challenger: reply.map(score), ..Pair::default() })
        })?;
        if entry.challenger == first {
            trial.first = Verdict::Defended;
            trial.tasks = entry.heat.tasks() as f64;
            trial.rollouts = 2.0 * (entry.heat.tasks() * environments) as f64;
        }
        succession.settle_heat(&entry);
    }
    while let Some(Bout { challenge, mut duel, .. }) = succession.next_bout()? {
        let player = &mut players[challenge.challenger];
        let ended = duel.feed(|environment, task| {
            let (_, right) = champion.answer(environment, plan.bout(task));
            let reply = player.reply(&mut champion, &mut random, environment, plan.bout(task));
            let references = plan.references(task).map(|number| Some(score(champion.answer(environment, number).1)));
            let reference = mean(references);
            Some(Pair { champion: Some(score(right)), challenger: reply.map(score), reference, guard: None })
        })?;
        let verdict = ended.unwrap_or(Verdict::Undecided);
        if challenge.challenger == first {
            trial.first = verdict;
            trial.tasks += duel.tasks_used() as f64 / environments as f64;
            trial.rollouts += (2 + rule.duel.references) as f64 * duel.tasks_used() as f64;
        }
        succession.settle(&challenge, verdict);
    }
    trial.bouts = succession.reign().bouts();
    trial.dethroned = succession.champion() > crowd.challengers;
    Ok(trial)
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
        bouts: 0,
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
        bouts: 0,
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

/// A challenger at play.
struct Player<'a> {
    scenario: &'a Scenario,
    asked: Vec<u32>,
    stalled: Vec<u32>,
}

impl<'a> Player<'a> {
    fn new(scenario: &'a Scenario, environments: usize) -> Self {
        Self { scenario, asked: vec![0; environments], stalled: vec![0; environments] }
    }

    /// Right, wrong or no reply.
    #[inline]
    fn reply(
        &mut self,
        champion: &mut Champion<'_>,
        random: &mut Random,
        environment: usize,
        task: usize,
    ) -> Option<bool> {
        let (difficulty, _) = champion.answer(environment, task);
        let mean = (champion.mean(environment) + self.scenario.gain(environment)).clamp(0.0, 1.0);
        let by_item = champion.by_item();
        let right = answer(random, difficulty, mean, by_item);
        match self.scenario.tasks {
            Tasks::Answered | Tasks::Peeked | Tasks::LeakedThenFresh { .. } => Some(right),
            Tasks::Leaked { share } => Some(right || random.uniform() < share),
            Tasks::Stalled { share } => {
                let (asked, stalled) = (&mut self.asked[environment], &mut self.stalled[environment]);
                *asked += 1;
                // Counted with this task, so that no prefix of the tasks has more than the share: a look at any time finds it kept.
                let stalls = !right && f64::from(*stalled + 1) <= share * f64::from(*asked);
                *stalled += u32::from(stalls);
                if stalls { None } else { Some(right) }
            }
        }
    }
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

fn score(right: bool) -> f64 {
    if right { 1.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duel::DuelSettings;
    use crate::mechanisms::WindowRule;

    fn world(mean: f64, environments: usize) -> World {
        World { means: vec![mean; environments], correlation: 0.0 }
    }

    fn scenario(gain: f64, tasks: Tasks) -> Scenario {
        Scenario { tasks, ..Scenario::plain("trial", false, &[gain]) }
    }

    /// Right answers, wrong answers and missing ones of a challenger on 200 tasks.
    fn replies(mean: f64, gain: f64, tasks: Tasks) -> [usize; 3] {
        let (world, scenario) = (world(mean, 1), scenario(gain, tasks));
        let mut champion = Champion::new(&world, Random::new(1, &[]));
        let (mut player, mut random) = (Player::new(&scenario, 1), Random::new(2, &[]));
        let mut seen = [0; 3];
        for task in 0..200 {
            match player.reply(&mut champion, &mut random, 0, task) {
                Some(true) => seen[0] += 1,
                Some(false) => seen[1] += 1,
                None => seen[2] += 1,
            }
        }
        seen
    }

    #[test]
    fn a_challenger_answers_in_the_way_of_its_scenario() {
        let check = |mean, gain, tasks, expected: [usize; 3]| {
            assert_eq!(replies(mean, gain, tasks), expected, "{mean} {gain} {tasks:?}");
        };
        check(0.0, 0.0, Tasks::Answered, [0, 200, 0]);
        check(1.0, 0.0, Tasks::Answered, [200, 0, 0]);
        // A gain leads no further than to always and never.
        check(0.5, 0.7, Tasks::Answered, [200, 0, 0]);
        check(0.5, -0.7, Tasks::Peeked, [0, 200, 0]);
        // A staller withholds wrong answers only, and never more than its share so far.
        check(0.0, 0.0, Tasks::Stalled { share: 0.0 }, [0, 200, 0]);
        check(0.0, 0.0, Tasks::Stalled { share: 0.1 }, [0, 180, 20]);
        check(0.0, 0.0, Tasks::Stalled { share: 0.25 }, [0, 150, 50]);
        check(0.0, 0.0, Tasks::Stalled { share: 1.0 }, [0, 0, 200]);
        check(1.0, 0.0, Tasks::Stalled { share: 1.0 }, [200, 0, 0]);
        // Known tasks are right, unless they were drawn anew.
        check(0.0, 0.0, Tasks::Leaked { share: 1.0 }, [200, 0, 0]);
        check(0.0, 0.0, Tasks::Leaked { share: 0.0 }, [0, 200, 0]);
        check(0.0, 0.0, Tasks::LeakedThenFresh { share: 1.0 }, [0, 200, 0]);
        let [right, wrong, none] = replies(0.0, 0.0, Tasks::Leaked { share: 0.3 });
        assert!((40..80).contains(&right) && right + wrong == 200 && none == 0, "{right} {wrong} {none}");
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
    fn a_trial_of_duels_tells_of_the_first_challenger() {
        let rule =
            Sequential { duel: DuelSettings { budget: 120, ..DuelSettings::default() }, ..Sequential::default() };
        let reign = Reign::new(0.01).expect("valid");
        let play = |gain: f64, challengers: usize| {
            let scenario = Scenario { challengers, ..scenario(gain, Tasks::Answered) };
            duels(&scenario, &world(0.5, 2), &rule, &reign, Random::new(6, &[])).expect("valid settings")
        };
        let better = play(0.5, 1);
        assert!(better.dethroned && better.first == Verdict::Dethroned && better.tasks < 120.0, "{better:?}");
        // The others meet the same champion, and none of them changes how the first one's duel went.
        let worse = play(-0.5, 1);
        assert!(!worse.dethroned && worse.first == Verdict::Defended && worse.tasks < 120.0, "{worse:?}");
        assert_eq!(play(-0.5, 6), worse);
        let none = play(0.5, 0);
        assert_eq!((none.dethroned, none.first, none.tasks), (false, Verdict::Undecided, 0.0));
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
