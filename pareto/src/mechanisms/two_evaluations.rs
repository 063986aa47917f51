//! A rule of king-of-the-hill subnets: the same margin in two evaluations, the second one to confirm the first.

use super::field::{Field, FieldError};
use super::mechanism::{Comparison, Judgement, Mechanism, PairsRule, Ruling, Sides};
use super::pairs::{average, compare_pairs, rule_on_pairs};

/// Differences smaller than this are rounding.
const SLACK: f64 = 1e-9;

/// The first entry by commitment that exceeds the champion by the margin on average over the environments, in each of two
/// evaluations on tasks of their own.
///
/// Modeled on subnets that test again whoever wins, as subnet 66 does on a second pool of tasks. Each of the two
/// evaluations has half of the tasks.
#[derive(Clone, Debug, PartialEq)]
pub struct TwoEvaluations {
    /// Mean difference that must be exceeded in both. In [0, 1].
    pub margin: f64,
}

impl Default for TwoEvaluations {
    fn default() -> Self {
        Self { margin: 0.025 }
    }
}

impl Mechanism for TwoEvaluations {
    fn name(&self) -> &'static str {
        "two_evaluations"
    }

    fn about(&self) -> &'static str {
        "A margin of 0.025 in each of two evaluations: a king of the hill"
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

impl PairsRule for TwoEvaluations {
    fn tasks(&self, available: &[usize]) -> Vec<usize> {
        available.to_vec()
    }

    fn lead(&self, differences: &[Vec<f64>]) -> Option<f64> {
        let halves = [0, 1].map(|half| {
            let part = |list: &Vec<f64>| match half {
                0 => list[..list.len() / 2].to_vec(),
                _ => list[list.len() / 2..].to_vec(),
            };
            average(&differences.iter().map(part).collect::<Vec<_>>()).unwrap_or(0.0)
        });
        // Nobody is told apart by a lead: the first that passes both is crowned.
        halves.iter().all(|mean| *mean > self.margin + SLACK).then_some(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lead_must_hold_in_both_evaluations() {
        let check = |first: f64, second: f64, expected: bool| {
            let list = [vec![first; 20], vec![second; 20]].concat();
            assert_eq!(TwoEvaluations::default().lead(&[list]).is_some(), expected, "{first} {second}");
        };
        check(0.03, 0.03, true);
        check(0.9, 0.02, false);
        check(0.02, 0.9, false);
        check(-0.1, -0.1, false);
        // The margin itself is not enough, whatever the rounding.
        check(0.025, 0.025, false);
        check(0.025_001, 0.025_001, true);
    }

    #[test]
    fn environments_are_averaged_within_each_evaluation() {
        let rule = TwoEvaluations { margin: 0.1 };
        assert!(rule.lead(&[vec![0.5, 0.5], vec![-0.2, -0.2]]).is_some());
        assert!(rule.lead(&[vec![0.5, 0.5], vec![-0.2, -0.4]]).is_none());
        assert!(rule.lead(&[]).is_none() && rule.lead(&[Vec::new()]).is_none());
        // A single task is all of the second evaluation, and the first has none.
        assert!(rule.lead(&[vec![1.0]]).is_none());
    }
}
