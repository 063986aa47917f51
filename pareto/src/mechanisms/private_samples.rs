//! A rule of king-of-the-hill subnets: a margin on a few private samples.

use super::field::{Field, FieldError};
use super::mechanism::{Comparison, Judgement, Mechanism, PairsRule, Ruling, Sides};
use super::pairs::{average, compare_pairs, rule_on_pairs};

/// Differences smaller than this are rounding.
const SLACK: f64 = 1e-9;

/// The entry with the largest mean difference from the champion, if it is above the margin, on a few samples that nobody
/// knows before.
///
/// Modeled on Witness (subnet 20): ten videos with two clips each, drawn anew by each validator in every window, and a
/// paired difference above 0.02, of which its own documentation says that it is a rule of the protocol and no claim of
/// confidence.
#[derive(Clone, Debug, PartialEq)]
pub struct PrivateSamples {
    /// Mean difference that must be exceeded. In [0, 1].
    pub margin: f64,
    /// Samples in all environments together.
    pub samples: usize,
}

impl Default for PrivateSamples {
    fn default() -> Self {
        Self { margin: 0.02, samples: 20 }
    }
}

impl Mechanism for PrivateSamples {
    fn name(&self) -> &'static str {
        "private_samples"
    }

    fn about(&self) -> &'static str {
        "A margin of 0.02 on 20 private samples: a king of the hill"
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

impl PairsRule for PrivateSamples {
    /// As even as can be, the first environments taking one more where the samples do not divide.
    fn tasks(&self, available: &[usize]) -> Vec<usize> {
        let count = available.len().max(1);
        let share = |place: usize| self.samples / count + usize::from(place < self.samples % count);
        available.iter().enumerate().map(|(place, tasks)| share(place).min(*tasks)).collect()
    }

    fn lead(&self, differences: &[Vec<f64>]) -> Option<f64> {
        average(differences).filter(|mean| *mean > self.margin + SLACK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_spread_over_the_environments() {
        let check = |available: &[usize], expected: &[usize]| {
            assert_eq!(PrivateSamples::default().tasks(available), expected, "{available:?}");
        };
        check(&[200, 200, 300, 300], &[5, 5, 5, 5]);
        check(&[200, 200, 300], &[7, 7, 6]);
        check(&[3, 200], &[3, 10]);
        check(&[], &[]);
    }

    #[test]
    fn a_lead_is_the_mean_difference_above_the_margin() {
        let rule = PrivateSamples::default();
        assert_eq!(rule.lead(&[vec![0.02; 4]]), None);
        assert_eq!(rule.lead(&[vec![0.5, 0.0], vec![0.0, 0.0]]), Some(0.125));
        assert_eq!(rule.lead(&[vec![0.0, 0.0], vec![-1.0, 0.0]]), None);
        assert_eq!(rule.lead(&[]), None);
    }
}
