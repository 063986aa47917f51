//! The public rule of 2025's beginning: the winner of every subset of environments gets points that double with its
//! size.

use crate::mechanisms::field::{Field, FieldError, Mechanism, Ruling, Standing};
use crate::mechanisms::rivals::{Rivals, few_enough};

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
    /// A weight for each standing; all 0 when no subset has a winner.
    pub fn weigh(&self, standings: &[Standing], environments: usize) -> Vec<f64> {
        let mut points = vec![0.0; standings.len()];
        let rivals = Rivals::new(standings, |later, earlier, environment| {
            later.means[environment] > earlier.means[environment] + self.margin
        });
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
}

impl Mechanism for Powerset {
    fn name(&self) -> &'static str {
        "powerset"
    }

    fn rule(&self, field: &Field) -> Result<Ruling, FieldError> {
        field.validate()?;
        few_enough(field.environments)?;
        let weights = self.weigh(&field.standings(self.min_completeness), field.environments);
        let burned = if weights.iter().all(|weight| *weight == 0.0) { 1.0 } else { 0.0 };
        Ok(Ruling::shared(weights, burned, &field.by_commitment()))
    }
}
