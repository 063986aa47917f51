//! One trial of one scenario against one mechanism.

use crate::duel::{Duel, DuelError, DuelSettings, Verdict};
use crate::lab::random::Random;
use crate::lab::scenario::{Scenario, Tasks};
use crate::lab::world::{Champion, World, answer};
use crate::mechanisms::{FourStage, Powerset, Standing, Window};
use crate::reign::Reign;
use crate::scores::Pair;
use crate::screens::overfit::{OverfitSettings, overfit};

/// What came of one trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Trial {
    /// The number of the first challenger that won, from 1.
    pub(super) dethroned_by: Option<usize>,
    /// How the first challenger's duel ended.
    pub(super) first: Verdict,
    /// Tasks per environment of the first challenger's duel.
    pub(super) tasks: f64,
}

/// The challengers of a scenario one after the other, each at the alpha of its number, all against the same champion's
/// answers.
pub(super) fn sequential(
    scenario: &Scenario,
    world: &World,
    settings: &DuelSettings,
    reign: &Reign,
    mut random: Random,
) -> Result<Trial, DuelError> {
    let mut champion = Champion::new(world, Random::new(random.bits(), &[]));
    let mut trial = Trial { dethroned_by: None, first: Verdict::Undecided, tasks: 0.0 };
    for number in 1..=scenario.challengers {
        let alpha = reign.alpha_of(reign.challengers() + number as u64);
        let mut duel = Duel::new(world.means.len(), settings, alpha)?;
        let mut player = Player::new(scenario, world.means.len());
        while duel.verdict().is_none() {
            for environment in 0..world.means.len() {
                if duel.waits_for(environment) {
                    let task = duel.pushed(environment);
                    let (_, right) = champion.answer(environment, task);
                    let reply = player.reply(&mut champion, &mut random, environment, task);
                    duel.push(environment, Pair { champion: Some(score(right)), challenger: reply.map(score) })?;
                }
            }
        }
        if number == 1 {
            trial.first = duel.verdict().unwrap_or(Verdict::Undecided);
            trial.tasks = duel.tasks_used() as f64 / world.means.len() as f64;
        }
        if duel.verdict() == Some(Verdict::Dethroned) {
            trial.dethroned_by = Some(number);
            break;
        }
    }
    Ok(trial)
}

/// The rules that look at means only, on their own numbers of tasks.
#[derive(Clone, Debug)]
pub(super) enum Means {
    Window(Window),
    FourStage(FourStage),
    Powerset(Powerset),
}

/// All challengers of a scenario against the means of one champion.
pub(super) fn means(scenario: &Scenario, world: &World, rule: &Means, tasks: &[usize], mut random: Random) -> Trial {
    let mut champion = Champion::new(world, Random::new(random.bits(), &[]));
    let mut reigning = Counts::new(tasks.len());
    for (environment, count) in tasks.iter().enumerate() {
        for task in 0..*count {
            reigning.push(environment, Some(champion.answer(environment, task).1));
        }
    }
    let mut standings = vec![reigning.standing(0, tasks)];
    let ended = |dethroned_by: Option<usize>| Trial {
        dethroned_by,
        first: if dethroned_by == Some(1) { Verdict::Dethroned } else { Verdict::Defended },
        tasks: tasks.iter().sum::<usize>() as f64 / tasks.len() as f64,
    };
    for number in 1..=scenario.challengers {
        let (standing, ahead) = match scenario.tasks {
            Tasks::Peeked => peeked(scenario, &mut champion, rule, tasks, &mut random),
            _ => (answered(scenario, &mut champion, tasks, &mut random, number), false),
        };
        standings.push(standing);
        let pair = [standings[0].clone(), standings[number].clone()];
        // Among winners of subsets the whole field counts, and is ruled on when it is complete.
        if ahead || (!matches!(rule, Means::Powerset(_)) && beaten(rule, &pair)) {
            return ended(Some(number));
        }
    }
    let dethroned = matches!(rule, Means::Powerset(_)) && beaten(rule, &standings);
    ended(dethroned.then_some(scenario.challengers))
}

/// A challenger's standing when it has had all its tasks.
fn answered(
    scenario: &Scenario,
    champion: &mut Champion<'_>,
    tasks: &[usize],
    random: &mut Random,
    number: usize,
) -> Standing {
    let mut counts = Counts::new(tasks.len());
    let mut player = Player::new(scenario, tasks.len());
    for (environment, count) in tasks.iter().enumerate() {
        for task in 0..*count {
            counts.push(environment, player.reply(champion, random, environment, task));
        }
    }
    counts.standing(number as u64, tasks)
}

/// A peeker looks after each so many tasks, from the second time on.
const PEEK_EVERY: usize = 25;

/// A challenger's standing when it was first seen ahead, or else when it has had all its tasks.
fn peeked(
    scenario: &Scenario,
    champion: &mut Champion<'_>,
    rule: &Means,
    tasks: &[usize],
    random: &mut Random,
) -> (Standing, bool) {
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
            let pair = [reigning.standing(0, &tasks), counts.standing(1, &tasks)];
            if beaten(rule, &pair) {
                let [_, ahead] = pair;
                return (ahead, true);
            }
        }
    }
    (counts.standing(1, tasks), false)
}

/// Whether the first standing, the champion, loses to any of the others.
fn beaten(rule: &Means, standings: &[Standing]) -> bool {
    let champion = &standings[0];
    match rule {
        Means::Window(window) => {
            standings[1..].iter().any(|one| window.dethrones(&champion.means, &one.means, &one.counts))
        }
        Means::FourStage(rule) => {
            standings[1..].iter().any(|one| one.valid.iter().all(|valid| *valid) && rule.dominates(one, champion))
        }
        Means::Powerset(rule) => {
            let weights = rule.weigh(standings, champion.means.len());
            weights[1..].iter().any(|weight| *weight > weights[0])
        }
    }
}

/// Whether a scenario's challenger, asked so many tasks that were known before its commitment and as many fresh ones,
/// is warned of as overfitted.
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

    /// The standing after so many tasks of each environment.
    fn standing(&self, committed: u64, tasks: &[usize]) -> Standing {
        let mut standing = Standing { order: (committed, 0), means: Vec::new(), counts: Vec::new(), valid: Vec::new() };
        for ((right, answered), tasks) in self.right.iter().zip(&self.answered).zip(tasks) {
            standing.means.push(f64::from(*right) / f64::from((*answered).max(1)));
            standing.counts.push(*answered as usize);
            standing.valid.push(f64::from(*answered) >= COMPLETENESS * *tasks as f64);
        }
        standing
    }
}

fn score(right: bool) -> f64 {
    if right { 1.0 } else { 0.0 }
}
