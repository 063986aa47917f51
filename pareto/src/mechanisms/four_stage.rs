//! The public rule of December 2025: a Pareto filter and a ranking in every subset of environments, larger subsets
//! weighing more.

use serde::Deserialize;

use super::field::{EntryMeans, Field, FieldError};
use super::mechanism::{Comparison, MeansRule, Mechanism, Ruling};
use super::rivals::{Rivals, few_enough};

/// Differences smaller than this are rounding.
const SLACK: f64 = 1e-9;

/// The rule and its constants, under the names that its reference gives them in files.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub struct FourStage {
    /// Share of an earlier entry's errors by which a later one must exceed it, before it is clamped.
    pub error_rate_reduction: f64,
    /// Standard errors of the earlier entry's mean to exceed it by, in place of a share of its errors.
    pub standard_errors: Option<f64>,
    /// Smallest margin.
    pub min_improvement: f64,
    /// Largest margin.
    pub max_improvement: f64,
    /// Subsets of this many largest sizes count.
    pub max_layers: usize,
    /// Factor from each size of subset to the next.
    #[serde(rename = "subset_weight_exponent")]
    pub layer_factor: f64,
    /// Factor from each rank in a subset to the next.
    pub decay_factor: f64,
    /// Weights below this are dropped.
    #[serde(rename = "min_weight_threshold")]
    pub min_weight: f64,
    /// Share of an environment's tasks that an entry must have scores for.
    pub min_completeness: f64,
}

impl Default for FourStage {
    fn default() -> Self {
        Self {
            error_rate_reduction: 0.2,
            standard_errors: None,
            min_improvement: 0.02,
            max_improvement: 0.1,
            max_layers: 6,
            layer_factor: 2.0,
            decay_factor: 0.5,
            min_weight: 0.01,
            min_completeness: 0.9,
        }
    }
}

impl FourStage {
    /// The variant with a margin of `z` standard errors.
    #[must_use]
    pub fn standard_error(z: f64) -> Self {
        Self { standard_errors: Some(z), ..Self::default() }
    }

    /// The mean that a later entry must exceed to win an environment in which an earlier one has this mean.
    fn threshold(&self, mean: f64, count: usize) -> f64 {
        let margin = match self.standard_errors {
            None => self.error_rate_reduction * (1.0 - mean),
            Some(z) => z * (mean * (1.0 - mean) / count.max(1) as f64).max(0.0).sqrt(),
        };
        // A mean cannot exceed 1: an earlier entry without errors keeps its environment for good.
        (mean + margin.clamp(self.min_improvement, self.max_improvement)).min(1.0)
    }

    fn exceeds(&self, later: f64, earlier: f64, earlier_count: usize) -> bool {
        later > self.threshold(earlier, earlier_count) + SLACK
    }

    /// Returns true if a later entry exceeds an earlier one in every environment.
    fn dominates(&self, later: &EntryMeans, earlier: &EntryMeans) -> bool {
        let means = later.means.iter().zip(earlier.means.iter().zip(&earlier.counts));
        means.fold(true, |all, (later, (earlier, count))| all && self.exceeds(*later, *earlier, *count))
    }

    /// A weight for each entry and the weight that is burned.
    fn weigh(&self, entries: &[EntryMeans], rivals: &Rivals) -> (Vec<f64>, f64) {
        let environments = entries.first().map_or(0, |entry| entry.means.len());
        let mut weights = vec![0.0; entries.len()];
        // Layers are counted from the whole set down: among many environments it is the small subsets that do not count.
        let smallest = (environments + 1).saturating_sub(self.max_layers).max(1);
        let mut layer_weight = environments as f64;
        for size in smallest..=environments {
            let subsets: Vec<u32> =
                (1..1_u32 << environments).filter(|subset| subset.count_ones() as usize == size).collect();
            for subset in &subsets {
                self.share(entries, rivals, *subset, layer_weight / subsets.len() as f64, &mut weights);
            }
            layer_weight *= self.layer_factor;
        }
        self.finish(weights, rivals.by_commitment())
    }

    /// Shares one subset's weight by rank among the entries that no other dominates.
    fn share(&self, entries: &[EntryMeans], rivals: &Rivals, subset: u32, weight: f64, weights: &mut [f64]) {
        let members: Vec<usize> = (0..32).filter(|environment| subset >> environment & 1 == 1).collect();
        let score = |entry: usize| geometric_mean(members.iter().map(|environment| entries[entry].means[*environment]));
        let mut ranked: Vec<(f64, usize)> =
            rivals.undominated(subset).into_iter().map(|entry| (score(entry), entry)).collect();
        // Stable: entries with equal scores stay in order of commitment.
        ranked.sort_by(|left, right| right.0.total_cmp(&left.0));
        let mut decay = 1.0;
        for (score, _) in &mut ranked {
            *score *= decay;
            decay *= self.decay_factor;
        }
        let total: f64 = ranked.iter().map(|(score, _)| score).sum();
        let equal = weight / ranked.len() as f64;
        for (score, entry) in ranked {
            // Without a score above 0 the ranks say nothing, and the subset's weight is not lost.
            weights[entry] += if total > 0.0 { weight * score / total } else { equal };
        }
    }

    /// Drops small weights, normalizes, and drops again what has become small, to be burned.
    ///
    /// Sums go by commitment, so that the order in which entries are given does not change a bit.
    fn finish(&self, mut weights: Vec<f64>, order: &[usize]) -> (Vec<f64>, f64) {
        let mut total = 0.0;
        for entry in order {
            if weights[*entry] < self.min_weight {
                weights[*entry] = 0.0;
            }
            total += weights[*entry];
        }
        if total <= 0.0 {
            return (weights, 1.0);
        }
        let mut burned = 0.0;
        for entry in order {
            let weight = weights[*entry] / total;
            let kept = weight >= self.min_weight;
            weights[*entry] = if kept { weight } else { 0.0 };
            burned += if kept { 0.0 } else { weight };
        }
        (weights, burned)
    }
}

impl Mechanism for FourStage {
    fn name(&self) -> &'static str {
        "four_stage"
    }

    fn about(&self) -> &'static str {
        "A Pareto filter in every subset of environments, the public rule of December 2025"
    }

    fn comparison(&self) -> Comparison<'_> {
        Comparison::Means(self)
    }

    fn rule(&self, field: &Field) -> Result<Ruling, FieldError> {
        field.validate()?;
        self.rule_on_means(&field.means(self.min_completeness), field.champion)
    }
}

impl MeansRule for FourStage {
    /// There is no champion: every entry that survives in some subset has a share.
    fn rule_on_means(&self, entries: &[EntryMeans], _champion: Option<usize>) -> Result<Ruling, FieldError> {
        few_enough(entries)?;
        let rivals = Rivals::new(entries, |later, earlier, environment| {
            self.exceeds(later.means[environment], earlier.means[environment], earlier.counts[environment])
        });
        let (weights, burned) = self.weigh(entries, &rivals);
        Ok(Ruling::shared(weights, burned, rivals.by_commitment()))
    }

    /// True if one exceeds the first entry everywhere, which leaves that one without any share.
    fn dethroned(&self, entries: &[EntryMeans]) -> bool {
        let whole = |entry: &&EntryMeans| entry.valid.iter().all(|valid| *valid);
        entries
            .split_first()
            .is_some_and(|(champion, others)| others.iter().filter(whole).any(|entry| self.dominates(entry, champion)))
    }

    fn is_pairwise(&self) -> bool {
        true
    }
}

/// 0 as soon as one value is not positive.
fn geometric_mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len();
    let mut product = 1.0;
    for value in values {
        if value <= 0.0 {
            return 0.0;
        }
        product *= value;
    }
    libm::pow(product, 1.0 / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weights under a rule without small print: nothing is dropped for being small.
    fn check(means: &[&[f64]], expected: &[f64]) {
        let entry = |(place, means): (usize, &&[f64])| {
            let mut entry = EntryMeans::new((place as u64, 0));
            means.iter().for_each(|mean| entry.push(*mean, 100, *mean >= 0.0));
            entry
        };
        let entries: Vec<EntryMeans> = means.iter().enumerate().map(entry).collect();
        let rule = FourStage { min_weight: 0.0, ..FourStage::default() };
        let Ruling { weights, burned, .. } = rule.rule_on_means(&entries, None).expect("few environments");
        assert_eq!(weights.len(), expected.len());
        let near = |(found, wanted): (&f64, &f64)| (found - wanted).abs() < 1e-12;
        assert!(weights.iter().zip(expected).all(near), "{means:?}: {weights:?}, not {expected:?}");
        let total = weights.iter().sum::<f64>() + burned;
        assert!((total - 1.0).abs() < 1e-12, "{means:?}: {total}");
    }

    #[test]
    fn survivors_that_all_score_nothing_share_a_subset_equally() {
        check(&[&[0.0, 0.5], &[0.5, 0.0]], &[0.5, 0.5]);
        // The later takes {0}, the earlier {1}, {2} and {1, 2}; in the other three nobody has a score above 0:
        // 1 + 1 + 2 + (1 + 1 + 6) against 1 + (1 + 1 + 6).
        check(&[&[0.0, 0.5, 0.5], &[0.5, 0.0, 0.0]], &[12.0 / 21.0, 9.0 / 21.0]);
        check(&[&[0.0]], &[1.0]);
        check(&[&[0.0, 0.0], &[0.0, 0.0]], &[1.0, 0.0]);
    }

    #[test]
    fn survivors_share_a_subset_by_score_and_rank() {
        // Each takes one environment; together the geometric means are 0.5 and 0.6, the second rank counting half.
        let total = 0.6 + 0.25;
        check(&[&[0.5, 0.5], &[0.9, 0.4]], &[(1.0 + 4.0 * 0.25 / total) / 6.0, (1.0 + 4.0 * 0.6 / total) / 6.0]);
        // One without a score keeps its rank and gets nothing for it.
        check(&[&[0.5, 0.0], &[0.3, 0.2]], &[1.0 / 6.0, 5.0 / 6.0]);
    }

    #[test]
    fn an_entry_that_takes_no_part_in_an_environment_wins_no_subset_with_it() {
        check(&[&[0.5, -1.0], &[-1.0, 0.5]], &[0.5, 0.5]);
        check(&[&[-1.0, -1.0], &[0.1, 0.1]], &[0.0, 1.0]);
    }

    #[test]
    fn the_mean_to_exceed_lies_between_the_smallest_and_the_largest_margin() {
        let check = |rule: &FourStage, mean: f64, count: usize, expected: f64| {
            let found = rule.threshold(mean, count);
            assert!((found - expected).abs() < 1e-12, "{rule:?} {mean} {count}: {found}");
            assert!(!rule.exceeds(expected, mean, count) && rule.exceeds(expected + 1e-6, mean, count));
        };
        let errors = FourStage::default();
        check(&errors, 0.75, 1, 0.75 + 0.2 * 0.25);
        check(&errors, 0.0, 1, 0.1);
        check(&errors, 0.5, 1, 0.6);
        check(&errors, 0.9, 1, 0.92);
        check(&errors, 0.99, 1, 1.0);
        let standard = FourStage::standard_error(1.5);
        check(&standard, 0.5, 100, 0.5 + 1.5 * 0.05);
        check(&standard, 0.5, 4, 0.6);
        check(&standard, 0.5, 0, 0.6);
        check(&standard, 0.5, 1_000_000, 0.52);
        check(&standard, 0.0, 10, 0.02);
    }

    #[test]
    fn weights_too_small_are_dropped_before_and_after_they_are_shares() {
        let rule = FourStage { min_weight: 0.1, ..FourStage::default() };
        let check = |weights: &[f64], expected: &[f64], burned: f64| {
            let order: Vec<usize> = (0..weights.len()).collect();
            let (found, rest) = rule.finish(weights.to_vec(), &order);
            let near = found.iter().zip(expected).all(|(one, other)| (one - other).abs() < 1e-12);
            assert!(near && (rest - burned).abs() < 1e-12, "{weights:?}: {found:?} and {rest}");
        };
        check(&[3.0, 1.0], &[0.75, 0.25], 0.0);
        check(&[4.0, 0.09], &[1.0, 0.0], 0.0);
        // Large enough by itself and too small a share: it is burned and not shared out.
        check(&[4.0, 0.2], &[4.0 / 4.2, 0.0], 0.2 / 4.2);
        check(&[0.09, 0.05], &[0.0, 0.0], 1.0);
        check(&[], &[], 1.0);
    }

    #[test]
    fn one_value_that_is_not_positive_makes_the_mean_nothing() {
        for (values, expected) in [
            (vec![0.25], 0.25),
            (vec![0.25, 1.0], 0.5),
            (vec![0.5, 0.5, 0.5], 0.5),
            (vec![0.9, 0.0, 0.9], 0.0),
            (vec![0.9, -0.1], 0.0),
        ] {
            let found = geometric_mean(values.iter().copied());
            assert!((found - expected).abs() < 1e-12, "{values:?}: {found}");
        }
    }

    #[test]
    fn only_an_entry_that_takes_part_everywhere_dethrones() {
        let dethroned = |entries: &[&[(f64, bool)]]| {
            let entry = |scores: &&[(f64, bool)]| {
                let mut entry = EntryMeans::new((0, 0));
                scores.iter().for_each(|(mean, valid)| entry.push(*mean, 100, *valid));
                entry
            };
            FourStage::default().dethroned(&entries.iter().map(entry).collect::<Vec<_>>())
        };
        assert!(dethroned(&[&[(0.5, true), (0.5, true)], &[(0.7, true), (0.7, true)]]));
        assert!(!dethroned(&[&[(0.5, true), (0.5, true)], &[(0.7, true), (0.7, false)]]));
        assert!(!dethroned(&[&[(0.5, true), (0.5, true)], &[(0.9, true), (0.6, true)]]));
        // Nothing exceeds a champion without errors.
        assert!(!dethroned(&[&[(1.0, true)], &[(1.0, true)]]));
        assert!(dethroned(&[&[(0.5, true)], &[(0.4, true)], &[(0.7, true)]]));
        assert!(!dethroned(&[]) && !dethroned(&[&[(0.0, true)]]));
    }
}
