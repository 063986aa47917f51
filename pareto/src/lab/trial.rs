//! One trial of one scenario against one mechanism.

use super::random::Random;
use super::scenario::{Scenario, Tasks};
use super::world::{Champion, World, answer};
use crate::duel::{DuelError, Verdict};
use crate::mechanisms::{EntryMeans, MeansRule, Sequential, Succession};
use crate::reign::Reign;
use crate::scores::Pair;
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
    let mut champion = Champion::new(world, Random::new(random.bits(), &[]));
    let mut trial = Trial { dethroned: false, first: Verdict::Undecided, tasks: 0.0 };
    let entries: Vec<usize> = (0..=scenario.challengers).collect();
    let mut succession = Succession::open(&entries, Some(0), *reign).expect("the champion plays");
    while let Some(challenge) = succession.next_duel() {
        let mut duel = challenge.duel(environments, &rule.duel)?;
        let mut player = Player::new(scenario, environments);
        let ended = duel.feed(|environment, task| {
            let (_, right) = champion.answer(environment, task);
            let reply = player.reply(&mut champion, &mut random, environment, task);
            Some(Pair { champion: Some(score(right)), challenger: reply.map(score) })
        })?;
        let verdict = ended.unwrap_or(Verdict::Undecided);
        if challenge.challenger == 1 {
            trial.first = verdict;
            trial.tasks = duel.tasks_used() as f64 / environments as f64;
        }
        succession.settle(&challenge, verdict);
    }
    trial.dethroned = succession.dethroned().is_some();
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
    };
    for number in 1..=scenario.challengers {
        let (entry, ahead) = match scenario.tasks {
            Tasks::Peeked => peeked(scenario, &mut champion, rule, tasks, &mut random),
            _ => (answered(scenario, &mut champion, tasks, &mut random, number), false),
        };
        entries.push(entry);
        if ahead || (rule.is_pairwise() && rule.dethroned(&[entries[0].clone(), entries[number].clone()])) {
            return ended(true, number == 1);
        }
    }
    // Where the whole field counts it is ruled on when it is complete.
    ended(!rule.is_pairwise() && rule.dethroned(&entries), scenario.challengers == 1)
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
