//! The public rule of 2025's beginning: the winner of every subset of environments gets points that double with its
//! size.

use super::field::{EntryMeans, Field, FieldError};
use super::mechanism::{Comparison, MeansRule, Mechanism, Ruling};
use super::rivals::{Rivals, few_enough};

/// Points 2^|S| for the winner of every subset S of the environments; weights are shares of all points won.
///
/// An entry wins a subset when it beats every other entry that takes part in it. The later of two beats the earlier
/// when it exceeds it by more than the margin in every environment of the subset; the earlier beats the later when that
/// happens in none.
#[derive(Clone, Debug, PartialEq)]
pub struct Powerset {
    /// By how much a later entry's mean must exceed an earlier one's.
    pub margin: f64,
    /// Share of an environment's tasks that an entry must have scores for.
    pub min_completeness: f64,
}

impl Default for Powerset {
    fn default() -> Self {
        Self { margin: 0.02, min_completeness: 0.9 }
    }
}

impl Powerset {
    /// Shares of all points won; all 0 when no subset has a winner.
    fn weigh(&self, entries: &[EntryMeans], rivals: &Rivals) -> Vec<f64> {
        let environments = entries.first().map_or(0, |entry| entry.means.len());
        let mut points = vec![0.0; entries.len()];
        for subset in 1..1_u32 << environments {
            if let Some(winner) = rivals.winner(subset) {
                points[winner] += f64::from(1_u32 << subset.count_ones());
            }
        }
        let total: f64 = points.iter().sum();
        if total > 0.0 {
            for value in &mut points {
                *value /= total;
            }
        }
        points
    }

    fn rivals(&self, entries: &[EntryMeans]) -> Rivals {
        Rivals::new(entries, |later, earlier, environment| {
            later.means[environment] > earlier.means[environment] + self.margin
        })
    }
}

impl Mechanism for Powerset {
    fn name(&self) -> &'static str {
        "powerset"
    }

    fn about(&self) -> &'static str {
        "Points for every subset of environments won, the public rule of the beginning of 2025"
    }

    fn comparison(&self) -> Comparison<'_> {
        Comparison::Means(self)
    }

    fn rule(&self, field: &Field) -> Result<Ruling, FieldError> {
        field.validate()?;
        self.rule_on_means(&field.means(self.min_completeness), field.champion)
    }
}

impl MeansRule for Powerset {
    /// There is no champion: every entry that wins some subset has a share.
    fn rule_on_means(&self, entries: &[EntryMeans], _champion: Option<usize>) -> Result<Ruling, FieldError> {
        few_enough(entries)?;
        let rivals = self.rivals(entries);
        let weights = self.weigh(entries, &rivals);
        let burned = if weights.iter().all(|weight| *weight == 0.0) { 1.0 } else { 0.0 };
        Ok(Ruling::shared(weights, burned, rivals.by_commitment()))
    }

    /// True if one has more points than the first entry.
    fn dethroned(&self, entries: &[EntryMeans]) -> bool {
        let weights = self.weigh(entries, &self.rivals(entries));
        weights.split_first().is_some_and(|(champion, others)| others.iter().any(|weight| weight > champion))
    }

    /// A subset is won over everybody who takes part in it.
    fn is_pairwise(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points won in two environments: 2 for each alone, 4 for both together.
    fn check(means: &[[f64; 2]], points: &[f64]) {
        let entry = |(place, means): (usize, &[f64; 2])| {
            let mut entry = EntryMeans::new((place as u64, 0));
            means.iter().for_each(|mean| entry.push(*mean, 100, *mean >= 0.0));
            entry
        };
        let entries: Vec<EntryMeans> = means.iter().enumerate().map(entry).collect();
        let ruling = Powerset::default().rule_on_means(&entries, None).expect("two environments");
        let total: f64 = points.iter().sum();
        let expected: Vec<f64> = points.iter().map(|points| if total > 0.0 { points / total } else { 0.0 }).collect();
        assert_eq!(ruling.weights, expected, "{means:?}");
        assert_eq!(ruling.burned, if total > 0.0 { 0.0 } else { 1.0 }, "{means:?}");
        let most = expected.iter().skip(1).any(|weight| *weight > expected[0]);
        assert_eq!(Powerset::default().dethroned(&entries), most, "{means:?}");
    }

    #[test]
    fn every_subset_that_has_a_winner_gives_its_points() {
        check(&[], &[]);
        check(&[[0.0, 0.0]], &[8.0]);
        check(&[[0.5, 0.5], [0.5, 0.5]], &[8.0, 0.0]);
        // Exactly the margin is not enough.
        check(&[[0.5, 0.5], [0.52, 0.52]], &[8.0, 0.0]);
        check(&[[0.5, 0.5], [0.53, 0.53]], &[0.0, 8.0]);
        check(&[[0.5, 0.5], [0.6, 0.4]], &[2.0, 2.0]);
        // Three that beat one another in turn: nobody wins both environments together.
        check(&[[0.5, 0.7], [0.6, 0.6], [0.7, 0.5]], &[2.0, 0.0, 2.0]);
        // Who takes no part wins nothing and stands in nobody's way.
        check(&[[0.9, -1.0], [0.5, 0.5]], &[2.0, 2.0 + 4.0]);
        check(&[[-1.0, -1.0], [-1.0, -1.0]], &[0.0, 0.0]);
    }
}
