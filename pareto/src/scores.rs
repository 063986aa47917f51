//! Paired scores: those of champion and challenger on the same tasks, in task order.

use serde::{Deserialize, Serialize};

/// All scores on one task of a duel; `None` is a score that could not be had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pair {
    /// The champion's score in [0, 1].
    pub champion: Option<f64>,
    /// The challenger's score in [0, 1].
    pub challenger: Option<f64>,
    /// The champion's mean score on the pair's reference tasks, as many as could be had: see [`mean`]. Without any the
    /// difference is plain, which is as exact and has more variance.
    pub reference: Option<f64>,
    /// The guard's score in [0, 1], where there is a guard.
    pub guard: Option<f64>,
}

/// Mean of the scores that could be had, in the order given; `None` without any.
#[must_use]
pub fn mean(scores: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let (sum, count) = scores.into_iter().flatten().fold((0.0, 0_u32), |(sum, count), score| (sum + score, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

/// Treatment of a pair in which the champion has a score and the challenger has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingChallenger {
    /// The challenger scores 0: a model cannot gain by stalling on the tasks it would lose.
    #[default]
    CountsAsZero,
    /// The pair is left out: only for scores whose absence no model can cause.
    LeftOut,
}

/// A pair that counts: both scores known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CountedPair {
    /// The champion's score in [0, 1].
    pub champion: f64,
    /// The challenger's score in [0, 1].
    pub challenger: f64,
    /// The champion's mean score on the reference tasks.
    pub reference: Option<f64>,
    /// The guard's score.
    pub guard: Option<f64>,
}

impl CountedPair {
    /// Challenger minus champion, in [-1, 1]; with reference scores only `weight` of the champion's own, in [0, 1].
    #[inline]
    #[must_use]
    pub fn difference(self, weight: f64) -> f64 {
        match self.reference {
            // Rounding could leave the interval by the last bit.
            Some(reference) if weight < 1.0 => {
                (self.challenger - weight * self.champion - (1.0 - weight) * reference).clamp(-1.0, 1.0)
            }
            _ => self.challenger - self.champion,
        }
    }
}

impl Pair {
    /// A pair with both scores, without references and guard.
    #[must_use]
    pub fn new(champion: f64, challenger: f64) -> Self {
        Self { champion: Some(champion), challenger: Some(challenger), ..Self::default() }
    }

    /// The two scores that count under a rule, or `None` when the pair is left out.
    ///
    /// A missing champion always leaves the pair out: that favors neither side.
    #[must_use]
    pub fn counted(self, missing: MissingChallenger) -> Option<CountedPair> {
        let champion = self.champion?;
        let challenger = match (self.challenger, missing) {
            (Some(score), _) => score,
            (None, MissingChallenger::CountsAsZero) => 0.0,
            (None, MissingChallenger::LeftOut) => return None,
        };
        Some(CountedPair { champion, challenger, reference: self.reference, guard: self.guard })
    }

    /// A score outside [0, 1] or not a number, if there is one.
    #[must_use]
    pub fn out_of_range(self) -> Option<f64> {
        let wrong = |score: &f64| !(0.0..=1.0).contains(score);
        [self.champion, self.challenger, self.reference, self.guard].into_iter().flatten().find(wrong)
    }
}

/// All pairs of a duel: `environments[e][t]` is the t-th task of environment e, in task order.
///
/// A list is a prefix of the task order: it ends before the first task that is still open, so that completion order
/// never matters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PairedScores {
    /// One list of pairs for each environment.
    pub environments: Vec<Vec<Pair>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_score_counts_only_against_the_challenger() {
        let check = |champion, challenger, missing, expected: Option<f64>| {
            let pair = Pair { champion, challenger, ..Pair::default() };
            assert_eq!(pair.counted(missing).map(|counted| counted.difference(1.0)), expected, "{pair:?} {missing:?}");
        };
        use MissingChallenger::{CountsAsZero, LeftOut};
        check(Some(0.25), Some(1.0), CountsAsZero, Some(0.75));
        check(Some(1.0), None, CountsAsZero, Some(-1.0));
        check(Some(1.0), None, LeftOut, None);
        check(None, Some(1.0), CountsAsZero, None);
        check(None, None, CountsAsZero, None);
    }

    #[test]
    fn a_score_outside_the_unit_interval_is_found() {
        assert_eq!(Pair::new(0.0, 1.0).out_of_range(), None);
        assert_eq!(Pair::new(1.5, 0.0).out_of_range(), Some(1.5));
        assert_eq!(Pair::new(0.5, -0.1).out_of_range(), Some(-0.1));
        assert!(Pair::new(f64::NAN, 0.0).out_of_range().expect("found").is_nan());
    }

    #[test]
    fn the_difference_spans_from_loss_to_win() {
        for (champion, challenger, expected) in [(0.0, 1.0, 1.0), (1.0, 0.0, -1.0), (0.5, 0.5, 0.0), (0.25, 1.0, 0.75)]
        {
            let counted = Pair::new(champion, challenger).counted(MissingChallenger::LeftOut).expect("both are known");
            assert_eq!(counted.difference(1.0), expected);
        }
    }

    #[test]
    fn the_ends_of_the_unit_interval_are_scores_and_what_lies_beyond_is_not() {
        let found = |champion, challenger| Pair { champion, challenger, ..Pair::default() }.out_of_range();
        for score in [0.0, -0.0, f64::MIN_POSITIVE, 0.5, 1.0] {
            assert_eq!(found(Some(score), None), None, "{score}");
        }
        for score in [-f64::MIN_POSITIVE, 1.0 + f64::EPSILON, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!((found(Some(score), None), found(None, Some(score))), (Some(score), Some(score)));
        }
        assert_eq!(found(Some(2.0), Some(3.0)), Some(2.0), "the champion's is named first");
        assert_eq!(found(None, None), None);
    }
}
