//! Simulated models: they answer right or wrong, on items of varying difficulty.

use crate::lab::random::Random;

/// The mean and the correlation of outcomes.
///
/// Every item carries a difficulty u, uniform in [0, 1). A model of mean p answers by the item (right if u < p) with
/// probability sqrt(correlation), and by luck of its own otherwise. Two models of equal mean then agree with exactly
/// that correlation, any number of models on the same items, and pairing takes out exactly what the items have in
/// common.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// The champion's mean in each environment.
    pub means: Vec<f64>,
    /// Correlation of two models' outcomes on the same item. In [0, 1].
    pub correlation: f64,
}

/// The champion's answers, drawn as far as they are needed and shared by all its challengers.
#[derive(Debug)]
pub(super) struct Champion<'a> {
    world: &'a World,
    by_item: f64,
    random: Random,
    items: Vec<Vec<(f64, bool)>>,
}

impl<'a> Champion<'a> {
    pub(super) fn new(world: &'a World, random: Random) -> Self {
        Self { world, by_item: world.correlation.sqrt(), random, items: vec![Vec::new(); world.means.len()] }
    }

    /// Difficulty of an item and whether the champion got it right.
    #[inline]
    pub(super) fn answer(&mut self, environment: usize, task: usize) -> (f64, bool) {
        while self.items[environment].len() <= task {
            let difficulty = self.random.uniform();
            let right = answer(&mut self.random, difficulty, self.world.means[environment], self.by_item);
            self.items[environment].push((difficulty, right));
        }
        self.items[environment][task]
    }

    /// The champion's mean in an environment.
    pub(super) fn mean(&self, environment: usize) -> f64 {
        self.world.means[environment]
    }

    /// The chance that an item decides an answer.
    pub(super) fn by_item(&self) -> f64 {
        self.by_item
    }
}

/// Draws a model's answer: true if a model of this mean gets an item of this difficulty right.
#[inline]
pub(super) fn answer(random: &mut Random, difficulty: f64, mean: f64, by_item: f64) -> bool {
    let own = random.bits();
    // The low half of the bits says whether the item decides, the high half is the luck.
    let chance = (own & 0xffff_ffff) as f64 * (1.0 / 4_294_967_296.0);
    let luck = (own >> 32) as f64 * (1.0 / 4_294_967_296.0);
    if chance < by_item { difficulty < mean } else { luck < mean }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_have_the_mean_and_the_correlation_asked_for() {
        for (mean, correlation) in [(0.5, 0.6), (0.2, 0.3), (0.8, 0.0)] {
            let world = World { means: vec![mean], correlation };
            let mut champion = Champion::new(&world, Random::new(1, &[]));
            let mut random = Random::new(2, &[]);
            let (tasks, mut right, mut both) = (200_000, 0, 0);
            for task in 0..tasks {
                let (difficulty, first) = champion.answer(0, task);
                let second = answer(&mut random, difficulty, mean, champion.by_item());
                right += usize::from(second);
                both += usize::from(first && second);
            }
            let (rate, joint) = (right as f64 / tasks as f64, both as f64 / tasks as f64);
            let found = (joint - mean * mean) / (mean * (1.0 - mean));
            assert!(
                (rate - mean).abs() < 0.005 && (found - correlation).abs() < 0.02,
                "{mean} {correlation}: {rate} {found}"
            );
        }
    }

    #[test]
    fn at_full_correlation_equal_models_give_equal_answers() {
        let world = World { means: vec![0.3, 0.8], correlation: 1.0 };
        let mut champion = Champion::new(&world, Random::new(4, &[]));
        let mut random = Random::new(5, &[]);
        for task in 0..2_000 {
            for environment in 0..2 {
                let (difficulty, right) = champion.answer(environment, task);
                assert_eq!(answer(&mut random, difficulty, champion.mean(environment), 1.0), right);
                // A better model is right wherever a worse one is.
                assert!(!right || answer(&mut random, difficulty, champion.mean(environment) + 0.1, 1.0));
            }
        }
    }

    #[test]
    fn an_answer_given_once_is_given_again() {
        let world = World { means: vec![0.5; 2], correlation: 0.6 };
        let mut champion = Champion::new(&world, Random::new(6, &[]));
        let first: Vec<_> = (0..50).map(|task| champion.answer(1, task)).collect();
        champion.answer(0, 30);
        assert_eq!((0..50).map(|task| champion.answer(1, task)).collect::<Vec<_>>(), first);
    }

    #[test]
    fn means_of_nothing_and_of_everything_leave_no_luck() {
        let mut random = Random::new(7, &[]);
        for by_item in [0.0, 0.5, 1.0] {
            for _ in 0..500 {
                let difficulty = random.uniform();
                assert!(
                    !answer(&mut random, difficulty, 0.0, by_item) && answer(&mut random, difficulty, 1.0, by_item)
                );
            }
        }
    }
}
