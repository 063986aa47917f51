//! A rule of king-of-the-hill subnets: a win rate over a threshold, and a paired bootstrap that sets it above a half.

use super::field::{Field, FieldError};
use super::mechanism::{Comparison, Judgement, Mechanism, PairsRule, Ruling, Sides};
use super::pairs::{compare_pairs, rule_on_pairs};
use crate::binomial::at_most;

/// The first entry by commitment whose win rate over the champion is high enough and not by luck, says a bootstrap.
///
/// A task on which the two differ by no more than the dead zone is a tie and is left out. Of the others the challenger
/// must win at least `win_rate`, and of the resamples (as many tasks, drawn with replacement) at least `confidence` must
/// have a win rate above a half. Resampling wins and losses is a binomial draw, so that the share is computed exactly
/// instead of by drawing.
///
/// Modeled on the rules of subnets that test a lead by a paired bootstrap; Albedo (subnet 97), for one, asked for 2 points
/// and a bootstrap at 95%.
#[derive(Clone, Debug, PartialEq)]
pub struct Bootstrap {
    /// Share of the decided tasks that a challenger must win. In [0, 1].
    pub win_rate: f64,
    /// Differences up to this are ties. In [0, 1).
    pub dead_zone: f64,
    /// Share of the resamples that must have it ahead. In (0, 1).
    pub confidence: f64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { win_rate: 0.55, dead_zone: 0.02, confidence: 0.95 }
    }
}

impl Mechanism for Bootstrap {
    fn name(&self) -> &'static str {
        "bootstrap"
    }

    fn about(&self) -> &'static str {
        "A win rate of 0.55 outside a dead zone, above a half by a paired bootstrap: a king of the hill"
    }

    fn comparison(&self) -> Comparison<'_> {
        Comparison::Pairs(self)
    }

    fn rule(&self, field: &Field) -> Result<Ruling, FieldError> {
        rule_on_pairs(self, field)
    }

    fn compare(&self, sides: &[Sides<'_>]) -> Result<Judgement, FieldError> {
        Ok(compare_pairs(self, sides))
    }
}

impl PairsRule for Bootstrap {
    fn tasks(&self, available: &[usize]) -> Vec<usize> {
        available.to_vec()
    }

    fn lead(&self, differences: &[Vec<f64>]) -> Option<f64> {
        let decided = differences.iter().flatten().filter(|difference| difference.abs() > self.dead_zone);
        let (wins, tasks) = decided
            .fold((0_usize, 0_usize), |(wins, tasks), difference| (wins + usize::from(*difference > 0.0), tasks + 1));
        let rate = wins as f64 / tasks.max(1) as f64;
        let ahead = match wins {
            0 => 0.0,
            _ if wins == tasks => 1.0,
            _ => 1.0 - at_most(tasks / 2, tasks, rate),
        };
        (tasks > 0 && rate >= self.win_rate && ahead >= self.confidence).then_some(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Random;

    fn wins(wins: usize, losses: usize, ties: usize) -> Vec<Vec<f64>> {
        let mut list = vec![1.0; wins];
        list.resize(wins + losses, -1.0);
        list.resize(wins + losses + ties, 0.01);
        vec![list]
    }

    #[test]
    fn a_win_rate_must_be_high_and_not_by_luck() {
        let rule = Bootstrap::default();
        let check = |won, lost, ties, expected: bool| {
            assert_eq!(rule.lead(&wins(won, lost, ties)).is_some(), expected, "{won} : {lost} : {ties}");
        };
        check(0, 0, 50, false);
        check(1, 0, 50, true);
        check(0, 1, 0, false);
        // 60% of a few are luck, of many are not; 54% of any number are too few.
        check(6, 4, 0, false);
        check(60, 40, 0, true);
        check(54, 46, 0, false);
        check(5_400, 4_600, 0, false);
        check(5_500, 4_500, 0, true);
        check(55, 45, 1_000, false);
    }

    #[test]
    fn differences_in_the_dead_zone_are_ties() {
        let rule = Bootstrap { dead_zone: 0.25, ..Bootstrap::default() };
        assert!(rule.lead(&[vec![0.25, -0.25, 0.2, 0.0]]).is_none());
        assert!(rule.lead(&[vec![0.26, -0.25], vec![0.5, -0.2]]).is_some());
        assert!(Bootstrap { dead_zone: 0.0, ..rule }.lead(&[vec![0.26, -0.25], vec![0.5, -0.2]]).is_none());
    }

    /// The exact share is what drawing resamples comes to.
    #[test]
    fn the_share_of_resamples_is_that_of_drawing_them() {
        let mut random = Random::new(71, &[]);
        for (won, lost) in [(6_usize, 4_usize), (13, 7), (33, 27), (58, 42)] {
            let (tasks, draws) = (won + lost, 20_000);
            let ahead = (0..draws)
                .filter(|_| {
                    let drawn = (0..tasks).filter(|_| random.uniform() * (tasks as f64) < won as f64).count();
                    2 * drawn > tasks
                })
                .count();
            let share = ahead as f64 / f64::from(draws);
            for (confidence, expected) in [(share - 0.015, true), (share + 0.015, false)] {
                let rule = Bootstrap { win_rate: 0.5, confidence, ..Bootstrap::default() };
                assert_eq!(rule.lead(&wins(won, lost, 3)).is_some(), expected, "{won} : {lost} at {confidence}");
            }
        }
    }
}
