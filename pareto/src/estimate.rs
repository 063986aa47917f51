//! How large a difference is: means, errors of clustered means, and intervals that hold at every time at once.

use serde::{Deserialize, Serialize};

use crate::eprocess::{Bets, FRACTIONS, Null, PRIOR, STRANDS};

/// Halvings when an interval's end is searched: an error below 1e-8.
const HALVINGS: usize = 28;

/// A mean whose observations come in clusters, such as several samples of one task.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusteredMean {
    /// Mean of all observations.
    pub mean: f64,
    /// Its standard error when only clusters are independent; none with a single cluster.
    pub standard_error: Option<f64>,
    /// Number of clusters.
    pub clusters: usize,
    /// Number of observations.
    pub observations: usize,
}

/// The mean and its error (the sandwich estimate with the factor G / (G - 1) for G clusters); none without
/// observations.
///
/// Each slice is one cluster. Observations of a cluster may depend on each other in any way.
pub fn clustered_mean(clusters: &[&[f64]]) -> Option<ClusteredMean> {
    let observations: usize = clusters.iter().map(|cluster| cluster.len()).sum();
    if observations == 0 {
        return None;
    }
    let filled = clusters.iter().filter(|cluster| !cluster.is_empty());
    let count = filled.clone().count();
    let mean = clusters.iter().flat_map(|cluster| cluster.iter()).sum::<f64>() / observations as f64;
    let residual = |cluster: &&&[f64]| cluster.iter().map(|value| value - mean).sum::<f64>();
    let squares: f64 = filled.map(|cluster| residual(&cluster).powi(2)).sum();
    let correction = count as f64 / (count as f64 - 1.0);
    let standard_error = (count > 1).then(|| (correction * squares).sqrt() / observations as f64);
    Some(ClusteredMean { mean, standard_error, clusters: count, observations })
}

/// An interval for the mean of differences in [-1, 1] that covers it at every number of observations at once: the means
/// that no bet has refuted, each side at `(1 - coverage) / 2`.
///
/// `counts` are distinct differences with how often each was seen: the bets do not depend on the order.
pub fn confidence_sequence(counts: &[(f64, usize)], coverage: f64) -> (f64, f64) {
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

/// The same for differences that come in clusters, such as several samples of one task: an interval for the mean of the
/// clusters' means, each cluster counting as one observation, however its members depend on each other.
pub fn clustered_confidence_sequence(clusters: &[&[f64]], coverage: f64) -> (f64, f64) {
    let filled = clusters.iter().filter(|cluster| !cluster.is_empty());
    let means = filled.map(|cluster| cluster.iter().sum::<f64>() / cluster.len() as f64);
    let counts: Vec<(f64, usize)> = means.map(|mean| (mean, 1)).collect();
    confidence_sequence(&counts, coverage)
}

/// Mean logarithm of each strand's factor over the differences seen.
pub(crate) fn growth(counts: &[(f64, usize)], bets: &Bets) -> [f64; STRANDS] {
    let total: usize = counts.iter().map(|(_, count)| count).sum();
    let mut sums = [0.0; STRANDS];
    for (difference, count) in counts {
        for (sum, factor) in sums.iter_mut().zip(bets.factors(*difference)) {
            *sum += *count as f64 * libm::log(factor);
        }
    }
    sums.map(|sum| sum / (total.max(1)) as f64)
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
    use crate::lab::Random;

    #[test]
    fn an_interval_holds_the_mean_and_narrows_with_tasks() {
        let few = confidence_sequence(&[(-1.0, 10), (0.0, 70), (1.0, 20)], 0.95);
        let many = confidence_sequence(&[(-1.0, 1_000), (0.0, 7_000), (1.0, 2_000)], 0.95);
        assert!(few.0 < 0.1 && 0.1 < few.1 && many.0 > 0.08 && many.1 < 0.122, "{few:?} {many:?}");
        assert!(few.0 < many.0 && many.1 < few.1, "{few:?} {many:?}");
        assert_eq!(confidence_sequence(&[], 0.95), (-1.0, 1.0));
    }

    #[test]
    fn mirrored_differences_have_a_mirrored_interval() {
        let one = confidence_sequence(&[(-0.5, 30), (0.25, 50), (1.0, 20)], 0.9);
        let other = confidence_sequence(&[(-1.0, 20), (-0.25, 50), (0.5, 30)], 0.9);
        assert!((one.0 + other.1).abs() < 1e-7 && (one.1 + other.0).abs() < 1e-7, "{one:?} {other:?}");
    }

    #[test]
    fn samples_of_one_task_count_as_one_observation() {
        let one: Vec<f64> = (0..100).map(|task| f64::from(task % 5 == 0)).collect();
        let clusters = |samples: usize| one.iter().map(|value| vec![*value; samples]).collect::<Vec<_>>();
        let interval = |clusters: &[Vec<f64>]| {
            let clusters: Vec<&[f64]> = clusters.iter().map(Vec::as_slice).collect();
            clustered_confidence_sequence(&clusters, 0.95)
        };
        let plain = confidence_sequence(&[(0.0, 80), (1.0, 20)], 0.95);
        for samples in [1, 8] {
            let found = interval(&clusters(samples));
            assert!((found.0 - plain.0).abs() < 1e-7 && (found.1 - plain.1).abs() < 1e-7, "{found:?} {plain:?}");
        }
        assert_eq!(interval(&[Vec::new()]), (-1.0, 1.0));
    }

    #[test]
    fn an_interval_looked_at_after_every_task_still_covers() {
        let (mut missed, trials) = (0, 300);
        for trial in 0..trials {
            let mut random = Random::new(9, &[trial]);
            let mut counts = [(-1.0, 0), (0.0, 0), (1.0, 0)];
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
                .1 += 1;
                let (low, high) = confidence_sequence(&counts, 0.9);
                if task % 10 == 0 && !(low..=high).contains(&mean) {
                    missed += 1;
                    break;
                }
            }
        }
        assert!(missed <= trials / 10, "{missed} of {trials}");
    }

    #[test]
    fn the_error_of_a_mean_counts_clusters_and_not_observations() {
        let check = |clusters: &[&[f64]], mean: f64, error: Option<f64>| {
            let found = clustered_mean(clusters).expect("observations");
            assert!((found.mean - mean).abs() < 1e-12, "{found:?}");
            match (found.standard_error, error) {
                (Some(found), Some(wanted)) => assert!((found - wanted).abs() < 1e-12, "{found} {wanted}"),
                (found, wanted) => assert_eq!(found, wanted),
            }
        };
        // One observation a cluster is the usual standard error, sqrt(s^2 / n).
        check(&[&[0.0], &[1.0], &[0.0], &[1.0]], 0.5, Some((1.0_f64 / 3.0 / 4.0).sqrt()));
        // Repeating every observation adds nothing.
        check(&[&[0.0, 0.0], &[1.0, 1.0], &[0.0, 0.0], &[1.0, 1.0]], 0.5, Some((1.0_f64 / 3.0 / 4.0).sqrt()));
        check(&[&[0.25, 0.75], &[]], 0.5, None);
        assert_eq!(clustered_mean(&[&[], &[]]), None);
    }
}
