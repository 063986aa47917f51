//! Validators whose rollouts differ: verdicts from their own scores, against verdicts from scores agreed on.

use rayon::prelude::*;
use serde::Serialize;

use super::random::Random;
use super::table::{LabError, LabSettings};
use super::world::{Champion, World, answer};
use crate::agreement::weighted_median;
use crate::binomial::upper_limit;
use crate::duel::{Duel, DuelSettings, Verdict};
use crate::reign::Reign;
use crate::scores::{Pair, mean};

/// Validators of equal stake that are simulated.
pub const VALIDATORS: usize = 5;

/// Tables that a validator lacks where some do not reach it.
const LACKING: usize = 2;

/// Disagreement of validators about a challenger of one gain.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlipRow {
    /// Gain over the champion in every environment.
    pub gain: f64,
    /// Trials played.
    pub trials: usize,
    /// Verdicts from each validator's own scores.
    pub own: Disagreement,
    /// Share of the trials in which the five are not unanimous.
    pub split: f64,
    /// Share of the validators that the others outvote.
    pub minority: f64,
    /// Verdicts from the medians of the same tables, taken in different orders.
    pub agreed: Disagreement,
    /// Verdicts of a validator with all tables and of one that lacks two of the five.
    pub lacking: Disagreement,
}

/// Disagreement of two given validators.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Disagreement {
    /// Share of the trials in which their verdicts differ.
    pub apart: f64,
    /// Upper 95% confidence limit of that share.
    pub upper: f64,
    /// Share of the trials in which the first of them crowns the challenger.
    pub dethroned: f64,
    /// Mean of the tasks per environment that the first one's duel takes.
    pub tasks: f64,
}

/// Gains for which validators' verdicts are compared: clear ones, and those near the futility margin.
pub const FLIP_GAINS: [f64; 8] = [0.0, 0.02, 0.025, 0.03, 0.035, 0.04, 0.05, 0.1];

/// Plays five validators, each of whose rollouts is flipped with probability `flip`; `done` is told of every trial.
///
/// All of them hold the reign's next duel against a challenger of each gain, on the same tasks.
///
/// # Errors
/// If a setting is out of its range.
pub fn flips(
    flip: f64,
    gains: &[f64],
    settings: &LabSettings,
    done: &(dyn Fn() + Sync),
) -> Result<Vec<FlipRow>, LabError> {
    settings.validate()?;
    if !(0.0..=0.5).contains(&flip) {
        return Err(LabError::Setting { name: "share of flips", value: flip, allowed: "[0, 0.5]" });
    }
    let reign = Reign::resumed(settings.alpha, settings.challengers_before)?;
    let alpha = reign.alpha_of(settings.challengers_before + 1);
    Duel::new(settings.means.len(), &settings.duel, alpha)?;
    let world = World { means: settings.means.clone(), correlation: settings.correlation };
    let row = |(place, gain): (usize, &f64)| {
        let trials: Vec<Trial> = (0..settings.trials as u64)
            .into_par_iter()
            .map(|trial| {
                let random = Random::new(settings.seed, &[0xf11b, place as u64, flip.to_bits(), trial]);
                let ended = Trial::play(&world, *gain, flip, &settings.duel, alpha, random);
                done();
                ended
            })
            .collect();
        row(*gain, &trials)
    };
    Ok(gains.iter().enumerate().map(row).collect())
}

/// The verdicts of one trial, true where the challenger wins, and the tasks of one validator's duel.
struct Trial {
    own: [bool; VALIDATORS],
    own_tasks: f64,
    agreed: [bool; 2],
    agreed_tasks: f64,
    lacking: bool,
}

impl Trial {
    fn play(world: &World, gain: f64, flip: f64, duel: &DuelSettings, alpha: f64, random: Random) -> Self {
        let mut rollouts = Rollouts::new(world, gain, flip, duel.references, random);
        let environments = world.means.len();
        let mut hold = |tables: &[usize]| {
            let mut duel = Duel::new(environments, duel, alpha).expect("the settings were checked");
            let ended = duel.feed(|environment, task| Some(rollouts.agreed(tables, environment, task)));
            let won = ended.expect("scores are 0 or 1") == Some(Verdict::Dethroned);
            (won, duel.tasks_used() as f64 / environments as f64)
        };
        let mut own = [false; VALIDATORS];
        let mut own_tasks = 0.0;
        for (validator, won) in own.iter_mut().enumerate().rev() {
            (*won, own_tasks) = hold(&[validator]);
        }
        let all: Vec<usize> = (0..VALIDATORS).collect();
        let reversed: Vec<usize> = (0..VALIDATORS).rev().collect();
        let (first, agreed_tasks) = hold(&all);
        let agreed = [first, hold(&reversed).0];
        Self { own, own_tasks, agreed, agreed_tasks, lacking: hold(&all[LACKING..]).0 }
    }
}

/// Outcomes on a task: of the champion, of the challenger, and of the champion on each reference task, a bit each.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Outcomes {
    bits: u128,
}

/// Places of the champion's and the challenger's outcome; those on reference tasks come after them.
const CHAMPION: usize = 0;
const CHALLENGER: usize = 1;
const REFERENCES: usize = 2;

impl Outcomes {
    fn score(self, place: usize) -> f64 {
        if (self.bits >> place) & 1 == 1 { 1.0 } else { 0.0 }
    }
}

/// The rollouts of both models as each validator made them, drawn as far as they are asked for.
struct Rollouts<'a> {
    champion: Champion<'a>,
    random: Random,
    gain: f64,
    flip: f64,
    /// Reference tasks beside each task.
    references: usize,
    /// True outcomes, by environment and task.
    truth: Vec<Vec<Outcomes>>,
    /// The same as each validator has them, by validator, environment and task.
    seen: Vec<Vec<Vec<Outcomes>>>,
    noise: Vec<Vec<Random>>,
}

impl<'a> Rollouts<'a> {
    fn new(world: &'a World, gain: f64, flip: f64, references: usize, mut random: Random) -> Self {
        let environments = world.means.len();
        let champion = Champion::new(world, Random::new(random.bits(), &[]));
        let seed = random.bits();
        // A stream for each validator and environment: how far another one reads changes none of its flips.
        let noise = |validator: usize, environment: usize| Random::new(seed, &[validator as u64, environment as u64]);
        Self {
            champion,
            random,
            gain,
            flip,
            references,
            truth: vec![Vec::new(); environments],
            seen: vec![vec![Vec::new(); environments]; VALIDATORS],
            noise: (0..VALIDATORS)
                .map(|validator| (0..environments).map(|environment| noise(validator, environment)).collect())
                .collect(),
        }
    }

    fn truth(&mut self, environment: usize, task: usize) -> Outcomes {
        while self.truth[environment].len() <= task {
            let first = self.truth[environment].len() * (1 + self.references);
            let (difficulty, champion) = self.champion.answer(environment, first);
            let mean = (self.champion.mean(environment) + self.gain).clamp(0.0, 1.0);
            let challenger = answer(&mut self.random, difficulty, mean, self.champion.by_item());
            let mut bits = u128::from(champion) << CHAMPION | u128::from(challenger) << CHALLENGER;
            for reference in 0..self.references {
                let (_, right) = self.champion.answer(environment, first + 1 + reference);
                bits |= u128::from(right) << (REFERENCES + reference);
            }
            self.truth[environment].push(Outcomes { bits });
        }
        self.truth[environment][task]
    }

    fn seen(&mut self, validator: usize, environment: usize, task: usize) -> Outcomes {
        while self.seen[validator][environment].len() <= task {
            let mut outcomes = self.truth(environment, self.seen[validator][environment].len());
            let noise = &mut self.noise[validator][environment];
            for place in 0..REFERENCES + self.references {
                outcomes.bits ^= u128::from(noise.uniform() < self.flip) << place;
            }
            self.seen[validator][environment].push(outcomes);
        }
        self.seen[validator][environment][task]
    }

    /// The medians of some validators' scores, each with the same stake; of one validator, its own scores.
    fn agreed(&mut self, tables: &[usize], environment: usize, task: usize) -> Pair {
        let mut seen = [Outcomes { bits: 0 }; VALIDATORS];
        for (seen, validator) in seen.iter_mut().zip(tables) {
            *seen = self.seen(*validator, environment, task);
        }
        let median = |place: usize| {
            let mut scores = seen.map(|outcomes| (outcomes.score(place), 1));
            weighted_median(&mut scores[..tables.len()])
        };
        Pair {
            champion: median(CHAMPION),
            challenger: median(CHALLENGER),
            reference: mean((0..self.references).map(|reference| median(REFERENCES + reference))),
            guard: None,
        }
    }
}

fn row(gain: f64, trials: &[Trial]) -> FlipRow {
    let count = trials.len() as f64;
    let share = |holds: &dyn Fn(&Trial) -> bool| trials.iter().filter(|trial| holds(trial)).count() as f64 / count;
    let disagreement = |pair: &dyn Fn(&Trial) -> (bool, bool), tasks: &dyn Fn(&Trial) -> f64| {
        let apart = trials.iter().map(pair).filter(|(one, other)| one != other).count();
        Disagreement {
            apart: apart as f64 / count,
            upper: upper_limit(apart, trials.len(), 0.95),
            dethroned: share(&|trial| pair(trial).0),
            tasks: trials.iter().map(tasks).sum::<f64>() / count,
        }
    };
    let ayes = |trial: &Trial| trial.own.iter().filter(|won| **won).count();
    let outvoted: usize = trials.iter().map(|trial| ayes(trial).min(VALIDATORS - ayes(trial))).sum();
    FlipRow {
        gain,
        trials: trials.len(),
        own: disagreement(&|trial| (trial.own[0], trial.own[1]), &|trial| trial.own_tasks),
        split: share(&|trial| !matches!(ayes(trial), 0 | VALIDATORS)),
        minority: outvoted as f64 / (count * VALIDATORS as f64),
        agreed: disagreement(&|trial| (trial.agreed[0], trial.agreed[1]), &|trial| trial.agreed_tasks),
        lacking: disagreement(&|trial| (trial.agreed[0], trial.lacking), &|trial| trial.agreed_tasks),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(trials: usize) -> LabSettings {
        let duel = DuelSettings { budget: 300, ..DuelSettings::default() };
        LabSettings { trials, duel, means: vec![0.5; 2], tasks: vec![50; 2], ..LabSettings::default() }
    }

    #[test]
    fn without_flips_all_validators_see_the_same() {
        for row in flips(0.0, &[0.0, 0.08, 0.3], &settings(40), &|| ()).expect("valid settings") {
            assert_eq!((row.own.apart, row.split, row.minority, row.lacking.apart), (0.0, 0.0, 0.0, 0.0), "{row:?}");
            assert_eq!((row.own.dethroned, row.own.tasks), (row.agreed.dethroned, row.agreed.tasks), "{row:?}");
        }
    }

    #[test]
    fn equal_tables_give_equal_verdicts_where_own_scores_do_not() {
        let rows = flips(0.1, &[0.08, 0.1, 0.12], &settings(150), &|| ()).expect("valid settings");
        assert!(rows.iter().any(|row| row.own.apart > 0.1), "{rows:?}");
        for row in &rows {
            assert_eq!(row.agreed.apart, 0.0, "{row:?}");
            assert!(row.split >= row.own.apart && row.minority <= 0.4, "{row:?}");
            // Medians are flipped less often than the scores that they come from.
            assert!(row.agreed.dethroned >= row.own.dethroned, "{row:?}");
        }
    }

    #[test]
    fn a_flip_is_as_frequent_as_it_is_said_to_be_and_each_validators_own() {
        let world = World { means: vec![0.5; 2], correlation: 0.6 };
        let mut rollouts = Rollouts::new(&world, 0.0, 0.2, 3, Random::new(1, &[]));
        let (tasks, mut flipped, mut both) = (20_000, [0; 5], 0);
        for task in 0..tasks {
            let truth = rollouts.truth(1, task);
            let [one, other] = [0, 1].map(|validator| rollouts.seen(validator, 1, task).bits ^ truth.bits);
            for (place, flipped) in flipped.iter_mut().enumerate() {
                *flipped += usize::from((one >> place) & 1 == 1);
            }
            both += usize::from(one & other & 1 == 1);
        }
        let share = |count: usize| count as f64 / tasks as f64;
        assert!(flipped.iter().all(|count| (share(*count) - 0.2).abs() < 0.01), "{flipped:?}");
        assert!((share(both) - 0.04).abs() < 0.01, "{both}");
        assert_eq!(rollouts.agreed(&[0], 1, 7), rollouts.agreed(&[0], 1, 7));
    }

    #[test]
    fn a_share_of_flips_that_is_none_is_refused() {
        for flip in [-0.1, 0.6, f64::NAN] {
            let error = flips(flip, &[0.0], &settings(1), &|| ()).expect_err("no share").to_string();
            assert!(error.contains("share of flips"), "{error}");
        }
    }
}
