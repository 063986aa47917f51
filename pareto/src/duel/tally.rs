//! The multiset of differences seen, which is all that an interval or a forecast needs.

use crate::eprocess::{Bets, FRACTIONS, Null, PRIOR, STRANDS};

/// Halvings when an interval's end is searched: an error below 1e-8.
const HALVINGS: usize = 28;

/// Differences seen, with -1, 0 and 1 counted and all others kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    minus: usize,
    zero: usize,
    plus: usize,
    others: Vec<f64>,
}

impl Tally {
    #[inline]
    pub(super) fn push(&mut self, difference: f64) {
        if difference == 0.0 {
            self.zero += 1;
        } else if difference == 1.0 {
            self.plus += 1;
        } else if difference == -1.0 {
            self.minus += 1;
        } else {
            self.others.push(difference);
        }
    }

    /// Distinct differences, ascending, and how often each was seen.
    pub(super) fn counts(&self) -> Vec<(f64, usize)> {
        let mut others = self.others.clone();
        others.sort_by(f64::total_cmp);
        let mut counts = vec![(-1.0, self.minus), (0.0, self.zero), (1.0, self.plus)];
        for group in others.chunk_by(|left, right| left == right) {
            counts.push((group[0], group.len()));
        }
        counts.retain(|(_, count)| *count > 0);
        counts.sort_by(|left, right| left.0.total_cmp(&right.0));
        counts
    }
}

/// Mean logarithm of each strand's factor over the differences seen.
pub(super) fn growth(counts: &[(f64, usize)], bets: &Bets) -> [f64; STRANDS] {
    let total: usize = counts.iter().map(|(_, count)| count).sum();
    let mut sums = [0.0; STRANDS];
    for (difference, count) in counts {
        for (sum, factor) in sums.iter_mut().zip(bets.factors(*difference)) {
            *sum += *count as f64 * libm::log(factor);
        }
    }
    sums.map(|sum| sum / (total.max(1)) as f64)
}

/// The means that no bet at level `(1 - coverage) / 2` on either side has refuted: an interval that holds at all times at once.
pub(super) fn interval(counts: &[(f64, usize)], coverage: f64) -> (f64, f64) {
    let total: usize = counts.iter().map(|(_, count)| count).sum();
    if total == 0 {
        return (-1.0, 1.0);
    }
    let mean = counts.iter().map(|(difference, count)| difference * *count as f64).sum::<f64>() / total as f64;
    let bar = libm::log(2.0 / (1.0 - coverage));
    let refuted = |null| log_wealth(counts, &Bets::against(null)) >= bar;
    let search = |refuted: &dyn Fn(f64) -> bool, outside: f64| {
        let (mut out, mut inside) = (outside, mean);
        for _ in 0..HALVINGS {
            let middle = 0.5 * (out + inside);
            if refuted(middle) { out = middle } else { inside = middle }
        }
        out
    };
    (search(&|low| refuted(Null::AtMost(low)), -1.0), search(&|high| refuted(Null::AtLeast(high)), 1.0))
}

/// Log of the mixture's wealth after all the differences, in any order.
fn log_wealth(counts: &[(f64, usize)], bets: &Bets) -> f64 {
    let total: usize = counts.iter().map(|(_, count)| count).sum();
    let logs = growth(counts, bets).map(|mean| mean * total as f64);
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logs.iter().zip(PRIOR).map(|(log, prior)| prior * libm::exp(log - largest)).sum();
    largest + libm::log(sum)
}

const _: () = assert!(FRACTIONS[STRANDS - 1] < 1.0, "a bet that can go broke has no logarithm");

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(differences: &[(f64, usize)]) -> Vec<(f64, usize)> {
        let mut tally = Tally::default();
        for (difference, count) in differences {
            for _ in 0..*count {
                tally.push(*difference);
            }
        }
        tally.counts()
    }

    #[test]
    fn an_interval_holds_the_mean_and_narrows_with_tasks() {
        let few = interval(&tally(&[(-1.0, 10), (0.0, 70), (1.0, 20)]), 0.95);
        let many = interval(&tally(&[(-1.0, 1_000), (0.0, 7_000), (1.0, 2_000)]), 0.95);
        assert!(few.0 < 0.1 && 0.1 < few.1 && many.0 > 0.08 && many.1 < 0.122, "{few:?} {many:?}");
        assert!(few.0 < many.0 && many.1 < few.1, "{few:?} {many:?}");
        assert_eq!(interval(&[], 0.95), (-1.0, 1.0));
    }

    #[test]
    fn mirrored_differences_have_a_mirrored_interval() {
        let one = interval(&tally(&[(-0.5, 30), (0.25, 50), (1.0, 20)]), 0.9);
        let other = interval(&tally(&[(0.5, 30), (-0.25, 50), (-1.0, 20)]), 0.9);
        assert!((one.0 + other.1).abs() < 1e-7 && (one.1 + other.0).abs() < 1e-7, "{one:?} {other:?}");
    }

    #[test]
    fn equal_values_are_counted_together() {
        assert_eq!(tally(&[(0.5, 2), (0.0, 3), (-0.5, 1), (0.5, 1)]), vec![(-0.5, 1), (0.0, 3), (0.5, 3)]);
    }
}
