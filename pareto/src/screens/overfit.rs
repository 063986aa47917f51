//! Warns of a model that does better on tasks it could have known than on fresh ones.
//!
//! Tasks are functions of random seeds, so that known and fresh tasks of an environment are draws from one distribution:
//! a model that has learned the environment, and not its tasks, has the same expected score on both. The warning is
//! wrong with probability at most alpha, however many tasks are looked at and however often. It leaves no entry out and
//! costs no weight: a model may have learned the public tasks and still be the best on fresh ones. What protects
//! the champion is that duels are fought on tasks that did not exist when the models were committed.

use serde::{Deserialize, Serialize};

use crate::eprocess::{Bets, EProcess, Null};

/// Settings of the warning.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OverfitSettings {
    /// The chance that a model which does not know any task is warned of. In (0, 0.5].
    pub alpha: f64,
    /// An excess on known tasks that is tolerated, in mean score. In [0, 0.5].
    pub excess: f64,
}

impl Default for OverfitSettings {
    fn default() -> Self {
        Self { alpha: 0.01, excess: 0.0 }
    }
}

/// Comparison of known and fresh tasks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Overfit {
    /// Tasks of each kind that were read, in all environments together.
    pub tasks: usize,
    /// Mean score on the known tasks less that on the fresh ones; 0 without any.
    pub excess: f64,
    /// Log wealth against "no better on known tasks".
    pub log_e: f64,
    /// True if that wealth has reached 1 / alpha.
    pub warned: bool,
}

/// Holds a model's scores on known tasks against its scores on fresh ones, each in [0, 1] and by environment, in the
/// order in which they were answered; reads no further than it takes to warn.
///
/// As in a duel the bets are a mixture over "in all environments alike" and "in one environment alone".
pub(crate) fn overfit(known: &[Vec<f64>], fresh: &[Vec<f64>], settings: &OverfitSettings) -> Overfit {
    let bets = Bets::against(Null::AtMost(settings.excess));
    let environments = known.len().min(fresh.len());
    let mut together = EProcess::default();
    let mut alone = vec![EProcess::default(); environments];
    let wealth = |together: &EProcess, alone: &[EProcess]| {
        0.5 * together.value() + 0.5 * alone.iter().map(EProcess::value).sum::<f64>() / environments.max(1) as f64
    };
    let pairs = |environment: usize| known[environment].len().min(fresh[environment].len());
    let rounds = (0..environments).map(pairs).max().unwrap_or(0);
    let (mut tasks, mut sum, mut warned) = (0, 0.0, false);
    for round in 0..rounds {
        for environment in (0..environments).filter(|environment| round < pairs(*environment)) {
            let difference = known[environment][round] - fresh[environment][round];
            together.push(&bets, difference);
            alone[environment].push(&bets, difference);
            tasks += 1;
            sum += difference;
        }
        // Looked at once a round, in which every environment has had its task: the order of environments changes nothing.
        warned = wealth(&together, &alone) >= 1.0 / settings.alpha;
        if warned {
            break;
        }
    }
    let excess = if tasks == 0 { 0.0 } else { sum / tasks as f64 };
    Overfit { tasks, excess, log_e: libm::log(wealth(&together, &alone)), warned }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Random;

    fn scores(random: &mut Random, means: &[f64], tasks: usize) -> Vec<Vec<f64>> {
        let mut score = |mean: f64| if random.uniform() < mean { 1.0 } else { 0.0 };
        means.iter().map(|mean| (0..tasks).map(|_| score(*mean)).collect()).collect()
    }

    /// Share of 400 models that are warned of, with such means on known and on fresh tasks.
    fn warned(known: &[f64], fresh: &[f64]) -> f64 {
        let warned = (0..400).filter(|trial| {
            let mut random = Random::new(13, &[*trial]);
            let (known, fresh) = (scores(&mut random, known, 300), scores(&mut random, fresh, 300));
            overfit(&known, &fresh, &OverfitSettings::default()).warned
        });
        warned.count() as f64 / 400.0
    }

    #[test]
    fn whoever_knows_tasks_is_warned_of_and_hardly_anybody_else() {
        let fresh = [0.5, 0.2, 0.8];
        assert!(warned(&[0.65, 0.36, 0.9], &fresh) > 0.95);
        assert!(warned(&[0.8, 0.2, 0.8], &fresh) > 0.95, "known in one environment alone");
        assert!(warned(&fresh, &fresh) <= 0.01);
        assert!(warned(&[0.45, 0.2, 0.75], &fresh) <= 0.01);
    }

    #[test]
    fn reading_ends_with_the_warning() {
        let (ones, zeros) = (vec![vec![1.0; 50]], vec![vec![0.0; 40]]);
        let found = overfit(&ones, &zeros, &OverfitSettings::default());
        assert!(
            found.warned && found.tasks < 40 && found.excess == 1.0 && found.log_e >= libm::log(100.0),
            "{found:?}"
        );
        let none = overfit(&[], &[], &OverfitSettings::default());
        assert_eq!((none.tasks, none.excess, none.warned), (0, 0.0, false));
        let same = overfit(&ones, &ones, &OverfitSettings::default());
        assert_eq!((same.tasks, same.warned), (50, false));
    }

    #[test]
    fn a_warning_comes_at_the_first_round_that_reaches_the_bar() {
        let check = |known: &[&[f64]], fresh: &[&[f64]], excess: f64, expected: (usize, bool)| {
            let lists = |lists: &[&[f64]]| lists.iter().map(|list| list.to_vec()).collect::<Vec<_>>();
            let settings = OverfitSettings { alpha: 0.05, excess };
            let found = overfit(&lists(known), &lists(fresh), &settings);
            assert_eq!((found.tasks, found.warned), expected, "{found:?}");
            assert_eq!(found.warned, found.log_e >= libm::log(1.0 / settings.alpha), "{found:?}");
        };
        let (right, wrong): (&[f64], &[f64]) = (&[1.0; 40], &[0.0; 40]);
        check(&[right], &[right], 0.0, (40, false));
        check(&[wrong], &[right], 0.0, (40, false));
        // Unequal lists are read to the end of the shorter one.
        check(&[&right[..3]], &[right], 0.0, (3, false));
        check(&[right, right], &[&[], &wrong[..2]], 0.0, (2, false));
        check(&[right, right], &[right], 0.0, (40, false));
        // An excess that nothing is made of takes longer to show.
        let tasks =
            |excess: f64| overfit(&[right.to_vec()], &[wrong.to_vec()], &OverfitSettings { alpha: 0.05, excess }).tasks;
        assert!(tasks(0.0) < tasks(0.3) && tasks(0.3) < tasks(0.5), "{} {} {}", tasks(0.0), tasks(0.3), tasks(0.5));
    }

    /// The first round whose wealth, multiplied out bet by bet, reaches the bar.
    fn first_warning(known: &[Vec<f64>], fresh: &[Vec<f64>], settings: &OverfitSettings) -> Option<usize> {
        use crate::eprocess::{FRACTIONS, PRIOR};
        let wealth = |differences: &[f64]| -> f64 {
            let strand = |fraction: f64| -> f64 {
                let bet = fraction / (1.0 + settings.excess);
                differences.iter().map(|difference| 1.0 + bet * (difference - settings.excess)).product()
            };
            FRACTIONS.iter().zip(PRIOR).map(|(fraction, prior)| prior * strand(*fraction)).sum()
        };
        let longest = known.iter().map(Vec::len).max().unwrap_or(0);
        (1..=longest).find(|round| {
            let differences: Vec<Vec<f64>> = known
                .iter()
                .zip(fresh)
                .map(|(known, fresh)| known.iter().zip(fresh).take(*round).map(|(one, two)| one - two).collect())
                .collect();
            let alone: f64 = differences.iter().map(|differences| wealth(differences)).sum();
            let together = wealth(&differences.concat());
            0.5 * together + 0.5 * alone / known.len() as f64 >= 1.0 / settings.alpha
        })
    }

    #[test]
    fn a_warning_comes_where_the_bets_multiplied_out_reach_the_bar() {
        let mut warned = 0;
        for trial in 0..120 {
            let mut random = Random::new(17, &[trial]);
            let tasks = 20 + (random.uniform() * 60.0) as usize;
            let means = [random.uniform(), random.uniform()];
            let known = scores(&mut random, &means, tasks);
            let fresh = scores(&mut random, &means.map(|mean| 0.6 * mean), tasks);
            let settings = OverfitSettings { alpha: 0.05, excess: 0.2 * random.uniform() };
            let (found, expected) = (overfit(&known, &fresh, &settings), first_warning(&known, &fresh, &settings));
            assert_eq!(found.warned.then_some(found.tasks / 2), expected, "{trial}: {found:?}");
            assert_eq!(found.tasks, 2 * expected.unwrap_or(tasks), "{trial}: {found:?}");
            warned += usize::from(found.warned);
        }
        assert!((20..100).contains(&warned), "{warned} of 120 say nothing about the others");
    }

    #[test]
    fn a_smaller_alpha_waits_for_more_tasks() {
        let (right, wrong) = (vec![vec![1.0; 200]], vec![vec![0.0; 200]]);
        let tasks = [0.5, 0.1, 0.01, 1e-4, 1e-8].map(|alpha| {
            let found = overfit(&right, &wrong, &OverfitSettings { alpha, excess: 0.0 });
            assert!(found.warned, "{alpha}: {found:?}");
            found.tasks
        });
        assert!(tasks.windows(2).all(|pair| pair[0] < pair[1]), "{tasks:?}");
    }
}
