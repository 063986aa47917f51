//! One trial of one scenario against one mechanism.

use crate::duel::{Duel, DuelError, DuelSettings, Verdict};
use crate::lab::random::Random;
use crate::lab::scenario::{Scenario, Tasks};
use crate::lab::world::{Champion, World, answer};
use crate::mechanisms::{FourStage, Powerset, Standing, Window};
use crate::reign::Reign;
use crate::scores::Pair;

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

/// The challengers of a scenario one after the other, each at the alpha of its number, all against the same champion's answers.
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
        let mut duel = Duel::new(world.means.len(), settings, reign.alpha_of(number as u64))?;
        let mut player = Player::new(scenario, world.means.len());
        while duel.verdict().is_none() {
            for environment in 0..world.means.len() {
                if duel.waits_for(environment) {
                    let (difficulty, right) = champion.answer(environment, duel.pushed(environment));
                    let mean = world.means[environment];
                    let reply = player.reply(&mut random, environment, difficulty, mean, champion.by_item());
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

/// All challengers of a scenario against the champion's means; first wins only matter by number.
pub(super) fn means(scenario: &Scenario, world: &World, rule: &Means, tasks: &[usize], mut random: Random) -> Trial {
    let champion_random = Random::new(random.bits(), &[]);
    let mut champion = Champion::new(world, champion_random);
    let looks = Looks::of(scenario, tasks);
    let mut reigning = Running::new(tasks.len());
    let mut entries = Vec::with_capacity(scenario.challengers + 1);
    for round in 0..looks.longest {
        for (environment, count) in tasks.iter().enumerate() {
            if round < *count {
                reigning.push(environment, Some(champion.answer(environment, round).1), round);
            }
        }
    }
    entries.push(reigning.standing(0, tasks, tasks));
    for number in 1..=scenario.challengers {
        let mut player = Player::new(scenario, world.means.len());
        let mut running = Running::new(tasks.len());
        for round in 0..looks.longest {
            for (environment, count) in tasks.iter().enumerate() {
                if round < *count {
                    let (difficulty, _) = champion.answer(environment, round);
                    let mean = world.means[environment];
                    let reply = player.reply(&mut random, environment, difficulty, mean, champion.by_item());
                    running.push(environment, reply, round);
                }
            }
            if looks.at(round + 1) && round + 1 < looks.longest {
                let seen: Vec<usize> = tasks.iter().map(|count| (*count).min(round + 1)).collect();
                let pair = [reigning.standing(0, &seen, &seen), running.standing(1, &seen, &seen)];
                if beaten(rule, &pair) {
                    return Trial { dethroned_by: Some(number), first: Verdict::Dethroned, tasks: average(&seen) };
                }
            }
        }
        entries.push(running.standing(number as u64, tasks, tasks));
        if entries.len() == number + 1 && !matches!(rule, Means::Powerset(_)) {
            let newest = entries.len() - 1;
            let pair = [entries[0].clone(), entries[newest].clone()];
            if beaten(rule, &pair) {
                let first = if number == 1 { Verdict::Dethroned } else { Verdict::Defended };
                return Trial { dethroned_by: Some(number), first, tasks: average(tasks) };
            }
        }
    }
    // A winner of subsets is one among all entries, not one of two.
    let dethroned = matches!(rule, Means::Powerset(_)) && beaten(rule, &entries);
    Trial {
        dethroned_by: dethroned.then_some(scenario.challengers),
        first: if dethroned { Verdict::Dethroned } else { Verdict::Defended },
        tasks: average(tasks),
    }
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

/// When a comparison is looked at: at the end, or over and over.
struct Looks {
    longest: usize,
    every: Option<usize>,
}

/// A peeker looks after each so many tasks, from the second time on.
const PEEK_EVERY: usize = 25;

impl Looks {
    fn of(scenario: &Scenario, tasks: &[usize]) -> Self {
        let peeks = scenario.tasks == Tasks::Peeked;
        Self { longest: tasks.iter().copied().max().unwrap_or(0), every: peeks.then_some(PEEK_EVERY) }
    }

    fn at(&self, tasks: usize) -> bool {
        self.every.is_some_and(|every| tasks >= 2 * every && tasks % every == 0)
    }
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
        random: &mut Random,
        environment: usize,
        difficulty: f64,
        mean: f64,
        by_item: f64,
    ) -> Option<bool> {
        let mean = (mean + self.scenario.gain(environment)).clamp(0.0, 1.0);
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

/// Right answers and answers so far, in each environment, with the running counts of right answers.
struct Running {
    right: Vec<Vec<u32>>,
    answered: Vec<Vec<u32>>,
}

impl Running {
    fn new(environments: usize) -> Self {
        Self { right: vec![vec![0]; environments], answered: vec![vec![0]; environments] }
    }

    fn push(&mut self, environment: usize, reply: Option<bool>, round: usize) {
        let (right, answered) = (self.right[environment][round], self.answered[environment][round]);
        self.right[environment].push(right + u32::from(reply == Some(true)));
        self.answered[environment].push(answered + u32::from(reply.is_some()));
    }

    /// The standing after the first `seen` tasks of each environment.
    fn standing(&self, committed: u64, seen: &[usize], tasks: &[usize]) -> Standing {
        let mut standing = Standing { order: (committed, 0), means: Vec::new(), counts: Vec::new(), valid: Vec::new() };
        for (environment, seen) in seen.iter().enumerate() {
            let (right, answered) = (self.right[environment][*seen], self.answered[environment][*seen]);
            standing.means.push(if answered == 0 { 0.0 } else { f64::from(right) / f64::from(answered) });
            standing.counts.push(answered as usize);
            standing.valid.push(f64::from(answered) >= 0.9 * tasks[environment] as f64);
        }
        standing
    }
}

fn average(tasks: &[usize]) -> f64 {
    tasks.iter().sum::<usize>() as f64 / tasks.len().max(1) as f64
}

fn score(right: bool) -> f64 {
    if right { 1.0 } else { 0.0 }
}
