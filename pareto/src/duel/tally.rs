//! Counts of the differences seen, from which intervals and forecasts are computed.

use crate::eprocess::whole;

/// Differences seen, with -1, 0 and 1 counted and all others kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    whole: [usize; 3],
    others: Vec<f64>,
}

impl Tally {
    #[inline]
    pub(super) fn push(&mut self, difference: f64) {
        // Right and wrong answers give three differences only: most duels keep nothing but three numbers.
        match whole(difference) {
            Some(place) => self.whole[place] += 1,
            None => self.others.push(difference),
        }
    }

    /// Distinct differences, ascending, and how often each was seen.
    pub(super) fn counts(&self) -> Vec<(f64, usize)> {
        let mut others = self.others.clone();
        others.sort_by(f64::total_cmp);
        let mut counts = vec![(-1.0, self.whole[0]), (0.0, self.whole[1]), (1.0, self.whole[2])];
        for group in others.chunk_by(|left, right| left == right) {
            counts.push((group[0], group.len()));
        }
        counts.retain(|(_, count)| *count > 0);
        counts.sort_by(|left, right| left.0.total_cmp(&right.0));
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_differences_are_counted_together() {
        let mut tally = Tally::default();
        for difference in [0.5, 0.0, -0.5, 0.5, 0.0, 1.0, -0.0, 0.5] {
            tally.push(difference);
        }
        assert_eq!(tally.counts(), vec![(-0.5, 1), (0.0, 3), (0.5, 3), (1.0, 1)]);
    }

    #[test]
    fn counts_are_those_of_sorting_all_differences() {
        let mut random = crate::lab::Random::new(2, &[]);
        for size in [0, 1, 2, 50, 500] {
            let differences: Vec<f64> = (0..size).map(|_| (random.uniform() * 9.0).floor() / 4.0 - 1.0).collect();
            let mut tally = Tally::default();
            differences.iter().for_each(|difference| tally.push(*difference));
            let mut sorted = differences.clone();
            sorted.sort_by(f64::total_cmp);
            let expected: Vec<(f64, usize)> =
                sorted.chunk_by(|one, other| one == other).map(|group| (group[0], group.len())).collect();
            assert_eq!(tally.counts(), expected);
        }
    }
}
