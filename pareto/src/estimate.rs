//! Confidence sequences: intervals of a mean difference that hold at every time at once.

use crate::eprocess::{Bets, FRACTIONS, Null, PRIOR, STRANDS};

/// Halvings when an interval's end is searched: an error below 1e-8.
const HALVINGS: usize = 28;

/// An interval for the mean of differences in [-1, 1] that covers it at every number of observations at once: the means
/// that no bet has refuted, each side at `(1 - coverage) / 2`.
///
/// `counts` are distinct differences with how often each was seen, in whole or in part: the bets do not depend on the
/// order.
pub(crate) fn confidence_sequence(counts: &[(f64, f64)], coverage: f64) -> (f64, f64) {
    let total: f64 = counts.iter().map(|(_, count)| count).sum();
    if total == 0.0 {
        return (-1.0, 1.0);
    }
    let mean = counts.iter().map(|(difference, count)| difference * *count).sum::<f64>() / total;
    // Either side may miss half of what the interval may miss.
    let bar = libm::log(2.0 / (1.0 - coverage));
    let refuted = |null| log_wealth(counts, &Bets::against(null)) >= bar;
    // Each factor, 1 - c + c (1 + d) / (1 + m), falls as m rises: the means that are refuted are all those beyond one point,
    // which halving finds.
    let search = |refuted: &dyn Fn(f64) -> bool, outside: f64| {
        let (mut out, mut inside) = (outside, mean);
        for _ in 0..HALVINGS {
            let middle = 0.5 * (out + inside);
            if refuted(middle) { out = middle } else { inside = middle }
        }
        // The last mean refuted, not the first that was not: what halving leaves open widens the interval.
        out
    };
    (search(&|low| refuted(Null::AtMost(low)), -1.0), search(&|high| refuted(Null::AtLeast(high)), 1.0))
}

/// Mean logarithm of each strand's factor over the differences seen.
pub(crate) fn growth(counts: &[(f64, f64)], bets: &Bets) -> [f64; STRANDS] {
    let total: f64 = counts.iter().map(|(_, count)| count).sum();
    let mut sums = [0.0; STRANDS];
    for (difference, count) in counts {
        for (sum, factor) in sums.iter_mut().zip(bets.factors(*difference)) {
            *sum += *count * libm::log(factor);
        }
    }
    sums.map(|sum| sum / total.max(1.0))
}

/// Log of the mixture's wealth after all the differences, in any order.
fn log_wealth(counts: &[(f64, f64)], bets: &Bets) -> f64 {
    let total: f64 = counts.iter().map(|(_, count)| count).sum();
    let logs = growth(counts, bets).map(|mean| mean * total);
    // Without the largest taken out, the exponentials would leave the range of a double after some thousand tasks.
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logs.iter().zip(PRIOR).map(|(log, prior)| prior * libm::exp(log - largest)).sum();
    largest + libm::log(sum)
}

const _: () = assert!(FRACTIONS[STRANDS - 1] < 1.0, "a bet that can go broke has no logarithm");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Random;

    #[test]
    fn an_interval_holds_the_mean_and_narrows_with_tasks() {
        let few = confidence_sequence(&[(-1.0, 10.0), (0.0, 70.0), (1.0, 20.0)], 0.95);
        let many = confidence_sequence(&[(-1.0, 1_000.0), (0.0, 7_000.0), (1.0, 2_000.0)], 0.95);
        assert!(few.0 < 0.1 && 0.1 < few.1 && many.0 > 0.08 && many.1 < 0.122, "{few:?} {many:?}");
        assert!(few.0 < many.0 && many.1 < few.1, "{few:?} {many:?}");
        assert_eq!(confidence_sequence(&[], 0.95), (-1.0, 1.0));
    }

    #[test]
    fn mirrored_differences_have_a_mirrored_interval() {
        let one = confidence_sequence(&[(-0.5, 30.0), (0.25, 50.0), (1.0, 20.0)], 0.9);
        let other = confidence_sequence(&[(-1.0, 20.0), (-0.25, 50.0), (0.5, 30.0)], 0.9);
        assert!((one.0 + other.1).abs() < 1e-7 && (one.1 + other.0).abs() < 1e-7, "{one:?} {other:?}");
    }

    #[test]
    fn an_interval_looked_at_after_every_task_still_covers() {
        let (mut missed, trials) = (0, 300);
        for trial in 0..trials {
            let mut random = Random::new(9, &[trial]);
            let mut counts = [(-1.0, 0.0), (0.0, 0.0), (1.0, 0.0)];
            let mean = 0.1;
            for task in 1..=200 {
                let draw = random.uniform();
                counts[if draw < 0.15 {
                    0
                } else if draw < 0.75 {
                    1
                } else {
                    2
                }]
                .1 += 1.0;
                let (low, high) = confidence_sequence(&counts, 0.9);
                if task % 10 == 0 && !(low..=high).contains(&mean) {
                    missed += 1;
                    break;
                }
            }
        }
        assert!(missed <= trials / 10, "{missed} of {trials}");
    }

    /// At either end of an interval the bets against it have multiplied wealth to exactly 2 / (1 - coverage).
    #[test]
    fn the_ends_of_an_interval_are_where_the_bets_reach_the_bar() {
        use crate::eprocess::EProcess;
        for (counts, coverage) in [
            (vec![(-1.0, 10.0), (0.0, 70.0), (1.0, 20.0)], 0.95),
            (vec![(0.0, 40.0)], 0.9),
            (vec![(-0.5, 3.0), (0.25, 9.0), (0.75, 1.0)], 0.99),
            (vec![(1.0, 30.0)], 0.5),
        ] {
            let wealth = |null: Null| {
                let bets = Bets::against(null);
                let mut process = EProcess::default();
                for (difference, count) in &counts {
                    (0..*count as usize).for_each(|_| process.push(&bets, *difference));
                }
                process.value()
            };
            let (low, high) = confidence_sequence(&counts, coverage);
            let bar = 2.0 / (1.0 - coverage);
            for (null, end) in [(Null::AtMost(low), low), (Null::AtLeast(high), high)] {
                let unbounded = end.abs() > 0.999_999;
                let found = wealth(null);
                assert!(unbounded || (found / bar - 1.0).abs() < 1e-3, "{counts:?} {null:?}: {found}, not {bar}");
            }
        }
    }

    #[test]
    fn more_coverage_makes_a_wider_interval() {
        let counts = [(-1.0, 20.0), (0.0, 50.0), (1.0, 30.0)];
        let intervals = [0.1, 0.5, 0.9, 0.99, 0.999_999].map(|coverage| confidence_sequence(&counts, coverage));
        for pair in intervals.windows(2) {
            assert!(pair[1].0 < pair[0].0 && pair[0].1 < pair[1].1, "{intervals:?}");
        }
        assert!(intervals.iter().all(|(low, high)| -1.0 <= *low && *high <= 1.0), "{intervals:?}");
    }

    #[test]
    fn growth_is_the_mean_logarithm_of_the_factors() {
        let bets = Bets::against(Null::AtMost(0.0));
        let found = growth(&[(1.0, 3.0), (0.0, 4.0), (-1.0, 1.0)], &bets);
        for (rate, fraction) in found.iter().zip(FRACTIONS) {
            let expected = (3.0 * libm::log(1.0 + fraction) + libm::log(1.0 - fraction)) / 8.0;
            assert!((rate - expected).abs() < 1e-14, "{fraction}: {rate} {expected}");
        }
        assert_eq!(growth(&[], &bets), [0.0; STRANDS]);
    }

    #[test]
    fn an_interval_depends_on_how_often_a_difference_was_seen_and_not_on_how_it_is_listed() {
        let whole = confidence_sequence(&[(-0.5, 12.0), (0.25, 30.0), (1.0, 8.0)], 0.95);
        for listed in [
            vec![(1.0, 8.0), (0.25, 30.0), (-0.5, 12.0)],
            vec![(-0.5, 5.0), (-0.5, 7.0), (0.25, 30.0), (1.0, 4.0), (1.0, 4.0)],
            vec![(-0.5, 12.0), (0.0, 0.0), (0.25, 30.0), (1.0, 8.0)],
        ] {
            let found = confidence_sequence(&listed, 0.95);
            assert!((found.0 - whole.0).abs() < 1e-7 && (found.1 - whole.1).abs() < 1e-7, "{listed:?}: {found:?}");
        }
    }

    #[test]
    fn nothing_but_wins_leaves_one_side_open_and_closes_the_other() {
        let mut low = -1.0;
        for tasks in [1.0, 3.0, 10.0, 100.0, 10_000.0] {
            let found = confidence_sequence(&[(1.0, tasks)], 0.95);
            assert!(found.1 == 1.0 && found.0 >= low, "{tasks}: {found:?}");
            let mirrored = confidence_sequence(&[(-1.0, tasks)], 0.95);
            assert!(mirrored.0 == -1.0 && (mirrored.1 + found.0).abs() < 1e-7, "{tasks}: {mirrored:?}");
            low = found.0;
        }
        assert!(low > 0.99, "{low}");
    }

    #[test]
    fn of_the_means_on_a_grid_exactly_those_outside_are_refuted() {
        for trial in 0..20 {
            let mut random = Random::new(41, &[trial]);
            let mut often = || (random.uniform() * 30.0).floor();
            let counts = [(-1.0, often()), (-0.25, often()), (0.0, often()), (0.5, often()), (1.0, 1.0 + often())];
            let (low, high) = confidence_sequence(&counts, 0.9);
            for step in -99..100 {
                let mean = f64::from(step) / 100.0;
                let refuted = |null| log_wealth(&counts, &Bets::against(null)) >= libm::log(20.0);
                assert_eq!(refuted(Null::AtMost(mean)), mean <= low, "{counts:?}: {mean} below {low}");
                assert_eq!(refuted(Null::AtLeast(mean)), mean >= high, "{counts:?}: {mean} above {high}");
            }
        }
    }
}
