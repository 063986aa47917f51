//! Control variate of a pair: weight of the champion's own answer against its mean on reference tasks.
//!
//! A pair's difference is `d = B - b A - (1 - b) R`: B and A are the challenger's and the champion's scores on one task, R
//! is the champion's mean score on reference tasks, which only it answers and which are fresh for every pair.
//!
//! **Exact for every weight.** R and A have the same expectation, the champion's mean, so `E[d] = E[B] - E[A]` for every
//! b that is fixed before the pair is drawn, whatever the two models are: nothing is estimated, and no error of b can
//! favor either side. With b in [0, 1] also `-1 <= d <= 1`. Every e-process, bar and theorem about plain differences
//! therefore stands. b is fixed before the pair here, since it is fitted to pairs before it in task order alone.
//!
//! **Smaller for the right one.** With scores of equal variance s^2 and correlation c, and r reference tasks, the variance of
//! d is `s^2 (1 - 2 b c + b^2 + (1 - b)^2 / r)`, least at `b = (c + 1/r) / (1 + 1/r)`; at b = 1, the plain
//! difference, it is `2 s^2 (1 - c)`. The ratio of the two tends to (1 + c) / 2: a fifth less at c = 0.6.
//!
//! A pair without reference scores has the plain difference. Their absence depends on the reference tasks' seeds alone,
//! so that choosing b = 1 then is as exact. Sources: control variates (CUPED; prediction-powered inference).

use serde::{Deserialize, Serialize};

/// Sum of squares, of the champion's scores about their mean, with which a weight of 1 is held before any pair: that of
/// ten right and wrong answers.
const HELD: f64 = 2.5;

/// The least weight of the champion's own answer.
const LEAST: f64 = 0.3;

/// Sums over pairs, from which the weight is fitted: an environment's own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fit {
    pairs: u32,
    champion: f64,
    challenger: f64,
    squares: f64,
    products: f64,
}

impl Fit {
    /// Takes a pair that has been decided on, for the weights of those after it.
    #[inline]
    pub(crate) fn push(&mut self, champion: f64, challenger: f64) {
        self.pairs += 1;
        self.champion += champion;
        self.challenger += challenger;
        self.squares += champion * champion;
        self.products += champion * challenger;
    }

    /// Weight of the champion's own answer in the next pair, in [0.3, 1]: the one of least variance for scores like those
    /// so far. 1 without reference tasks or without pairs.
    #[inline]
    pub(crate) fn weight(&self, references: usize) -> f64 {
        if references == 0 || self.pairs == 0 {
            return 1.0;
        }
        let (pairs, share) = (f64::from(self.pairs), 1.0 / references as f64);
        let variance = HELD + self.squares - self.champion * self.champion / pairs;
        let covariance = HELD + self.products - self.champion * self.challenger / pairs;
        ((covariance + variance * share) / (variance * (1.0 + share))).clamp(LEAST, 1.0)
    }

    /// True if no sum can be one of scores.
    pub(super) fn is_impossible(&self) -> bool {
        let most = f64::from(self.pairs);
        [self.champion, self.challenger, self.squares, self.products].iter().any(|sum| !(0.0..=most).contains(sum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Random;

    fn fitted(pairs: &[(f64, f64)]) -> Fit {
        let mut fit = Fit::default();
        pairs.iter().for_each(|(champion, challenger)| fit.push(*champion, *challenger));
        fit
    }

    #[test]
    fn a_weight_follows_the_correlation_and_stays_within_its_range() {
        let check = |pairs: &[(f64, f64)], repeats: usize, references: usize, expected: f64| {
            let found = fitted(&pairs.repeat(repeats)).weight(references);
            assert!((found - expected).abs() < 0.005, "{pairs:?} {repeats} {references}: {found}, not {expected}");
        };
        let (right, wrong) = ((1.0, 1.0), (0.0, 0.0));
        let (lost, won) = ((1.0, 0.0), (0.0, 1.0));
        check(&[], 0, 4, 1.0);
        check(&[right, wrong], 5_000, 4, 1.0);
        check(&[right, wrong], 5_000, 0, 1.0);
        // Correlation 0.6: (0.6 + 1/4) / (1 + 1/4).
        check(&[right, wrong, right, wrong, right, wrong, right, wrong, lost, won], 5_000, 4, 0.68);
        check(&[right, wrong, right, wrong, right, wrong, right, wrong, lost, won], 5_000, 1_000, 0.6);
        check(&[right, wrong, lost, won], 5_000, 4, 0.3);
        check(&[lost, won], 5_000, 4, 0.3);
        // A champion that is always right has no variance to go by: its own answer is as good as any other.
        check(&[right, lost], 5_000, 4, 1.0);
        // The first pairs move it little: ten of them weigh as much as the start.
        check(&[lost, won], 5, 1_000, 0.3);
        check(&[right, wrong, lost, won], 1, 1_000, 2.5 / 3.5);
    }

    /// The variance of d, enumerated over the four outcomes of a pair, is least at the weight that a long fit gives.
    #[test]
    fn no_other_weight_has_less_variance() {
        for correlation in [0.3, 0.5, 0.8, 0.95] {
            let both = 0.25 + 0.25 * correlation;
            let outcomes = [(1.0, 1.0, both), (0.0, 0.0, both), (1.0, 0.0, 0.5 - both), (0.0, 1.0, 0.5 - both)];
            let mut fit = Fit::default();
            for (champion, challenger, chance) in outcomes {
                (0..(chance * 400_000.0) as usize).for_each(|_| fit.push(champion, challenger));
            }
            for references in [1, 4, 16] {
                let variance = |weight: f64| {
                    let own: f64 = outcomes.iter().map(|(a, b, chance)| chance * (b - weight * a).powi(2)).sum();
                    let mean = 0.5 - weight * 0.5;
                    own - mean * mean + (1.0 - weight).powi(2) * 0.25 / references as f64
                };
                let best = fit.weight(references);
                for step in 30..=100 {
                    let other = f64::from(step) / 100.0;
                    assert!(variance(best) <= variance(other) + 1e-4, "{correlation} {references}: {best} {other}");
                }
            }
        }
    }

    #[test]
    fn sums_that_no_scores_have_are_told_from_those_that_some_have() {
        let mut random = Random::new(3, &[]);
        let pairs: Vec<(f64, f64)> = (0..300).map(|_| (random.uniform(), random.uniform())).collect();
        let fit = fitted(&pairs);
        assert!(!fit.is_impossible() && !Fit::default().is_impossible());
        for wrong in [f64::NAN, -0.5, 301.0, f64::INFINITY] {
            assert!(Fit { squares: wrong, ..fit.clone() }.is_impossible(), "{wrong}");
        }
    }
}
