//! Histogram of the differences seen, from which intervals and forecasts are computed.

use serde::{Deserialize, Serialize};

/// Steps of the histogram in a difference of 1.
const STEPS: usize = 64;

/// Places of the histogram: from -1 to 1.
const PLACES: usize = 2 * STEPS + 1;

/// Weights of differences on a grid of 1/64.
///
/// A difference between two grid points is shared by them so that its mean is kept. The logarithm of a bet's factor is
/// concave in the difference, so that a tally's wealth is at most that of the differences themselves: intervals are no
/// narrower than they may be, and by less than anybody can see, wider. Right and wrong answers lie on the grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "Vec<(u8, f64)>", try_from = "Vec<(u8, f64)>")]
pub(super) struct Tally([f64; PLACES]);

impl Default for Tally {
    fn default() -> Self {
        Self([0.0; PLACES])
    }
}

impl Tally {
    /// Adds a difference in [-1, 1].
    #[inline]
    pub(super) fn push(&mut self, difference: f64) {
        let position = ((difference + 1.0) * STEPS as f64).clamp(0.0, (PLACES - 1) as f64);
        let place = position as usize;
        let above = position - place as f64;
        self.0[place] += 1.0 - above;
        if above > 0.0 {
            self.0[place + 1] += above;
        }
    }

    /// Differences on the grid, ascending, with the weight of each that has any.
    pub(super) fn counts(&self) -> Vec<(f64, f64)> {
        let difference = |place: usize| place as f64 / STEPS as f64 - 1.0;
        let weights = self.0.iter().enumerate().filter(|(_, weight)| **weight > 0.0);
        weights.map(|(place, weight)| (difference(place), *weight)).collect()
    }
}

impl From<Tally> for Vec<(u8, f64)> {
    fn from(tally: Tally) -> Self {
        (0..).zip(tally.0).filter(|(_, weight)| *weight > 0.0).collect()
    }
}

impl TryFrom<Vec<(u8, f64)>> for Tally {
    type Error = &'static str;

    fn try_from(weights: Vec<(u8, f64)>) -> Result<Self, Self::Error> {
        let mut tally = Self::default();
        for (place, weight) in weights {
            let slot = tally.0.get_mut(usize::from(place)).ok_or("a tally has 129 places")?;
            if !(weight.is_finite() && weight > 0.0 && *slot == 0.0) {
                return Err("a tally's weights are positive, one for each place");
            }
            *slot = weight;
        }
        Ok(tally)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Random;

    fn tally(differences: &[f64]) -> Tally {
        let mut tally = Tally::default();
        differences.iter().for_each(|difference| tally.push(*difference));
        tally
    }

    #[test]
    fn equal_differences_are_counted_together() {
        let found = tally(&[0.5, 0.0, -0.5, 0.5, 0.0, 1.0, -0.0, 0.5, -1.0]).counts();
        assert_eq!(found, vec![(-1.0, 1.0), (-0.5, 1.0), (0.0, 3.0), (0.5, 3.0), (1.0, 1.0)]);
    }

    #[test]
    fn a_difference_between_grid_points_keeps_its_weight_and_its_mean() {
        let mut random = Random::new(2, &[]);
        for size in [0, 1, 2, 50, 500] {
            let differences: Vec<f64> = (0..size).map(|_| 2.0 * random.uniform() - 1.0).collect();
            let counts = tally(&differences).counts();
            let weight: f64 = counts.iter().map(|(_, weight)| weight).sum();
            let mean: f64 = counts.iter().map(|(difference, weight)| difference * weight).sum();
            assert!((weight - size as f64).abs() < 1e-9, "{weight}");
            assert!((mean - differences.iter().sum::<f64>()).abs() < 1e-9, "{mean}");
        }
    }

    #[test]
    fn a_tally_bets_no_better_than_the_differences_themselves() {
        let mut random = Random::new(4, &[]);
        for trial in 0..200 {
            let differences: Vec<f64> = (0..20).map(|_| 2.0 * random.uniform() - 1.0).collect();
            let rate = 1.96 * random.uniform() - 0.98;
            let log = |difference: f64| (1.0 + rate * difference).ln();
            let own: f64 = differences.iter().map(|difference| log(*difference)).sum();
            let counted: f64 =
                tally(&differences).counts().iter().map(|(difference, weight)| weight * log(*difference)).sum();
            assert!(counted <= own + 1e-12 && own - counted < 0.05, "{trial} {rate}: {counted} {own}");
        }
    }

    #[test]
    fn a_tally_is_written_and_read_to_the_last_bit_and_refused_if_it_is_none() {
        let mut random = Random::new(5, &[]);
        let one = tally(&(0..300).map(|_| 2.0 * random.uniform() - 1.0).collect::<Vec<_>>());
        let written = serde_json::to_string(&one).expect("a tally");
        assert_eq!(serde_json::from_str::<Tally>(&written).expect("the same"), one);
        for wrong in ["[[129, 1.0]]", "[[3, -1.0]]", "[[3, 0.0]]", "[[3, 1.0], [3, 1.0]]"] {
            assert!(serde_json::from_str::<Tally>(wrong).is_err(), "{wrong}");
        }
        // A rounding error beyond the ends counts there.
        assert_eq!(tally(&[1.0 + f64::EPSILON, -1.0 - f64::EPSILON]).counts(), vec![(-1.0, 1.0), (1.0, 1.0)]);
    }
}
