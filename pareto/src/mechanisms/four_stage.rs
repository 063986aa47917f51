//! The public rule of December 2025: a Pareto filter and a ranking in every subset of environments, larger subsets weighing more.

use crate::mechanisms::field::{Field, FieldError, Mechanism, Ruling, Standing};

/// Differences smaller than this are rounding.
const SLACK: f64 = 1e-9;
/// More environments would have more subsets than anybody can rule on.
const MOST_ENVIRONMENTS: usize = 20;

/// By how much a later entry must exceed an earlier one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FourStageMargin {
    /// A share of the earlier entry's errors.
    ErrorReduction {
        /// The share.
        rate: f64,
    },
    /// A number of standard errors of the earlier entry's mean.
    StandardError {
        /// The number.
        z: f64,
    },
}

/// The rule and its constants.
#[derive(Clone, Debug, PartialEq)]
pub struct FourStage {
    /// The margin, before it is clamped.
    pub margin: FourStageMargin,
    /// Smallest margin.
    pub min_improvement: f64,
    /// Largest margin.
    pub max_improvement: f64,
    /// Subsets of this many largest sizes count.
    pub max_layers: usize,
    /// Factor from each size of subset to the next.
    pub layer_factor: f64,
    /// Factor from each rank in a subset to the next.
    pub decay_factor: f64,
    /// Weights below this are dropped.
    pub min_weight: f64,
    /// Share of an environment's tasks that an entry must have scores for.
    pub min_completeness: f64,
}

impl Default for FourStage {
    fn default() -> Self {
        Self {
            margin: FourStageMargin::ErrorReduction { rate: 0.2 },
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
    pub fn standard_error(z: f64) -> Self {
        Self { margin: FourStageMargin::StandardError { z }, ..Self::default() }
    }

    /// What a later entry must exceed to win an environment in which an earlier one has this mean.
    pub fn threshold(&self, mean: f64, count: usize) -> f64 {
        let margin = match self.margin {
            FourStageMargin::ErrorReduction { rate } => rate * (1.0 - mean),
            FourStageMargin::StandardError { z } => z * (mean * (1.0 - mean) / count.max(1) as f64).max(0.0).sqrt(),
        };
        (mean + margin.clamp(self.min_improvement, self.max_improvement)).min(1.0)
    }

    /// Whether a later entry exceeds an earlier one's threshold.
    pub fn exceeds(&self, later: f64, earlier: f64, earlier_count: usize) -> bool {
        later > self.threshold(earlier, earlier_count) + SLACK
    }

    /// Whether a later standing exceeds an earlier one in every environment.
    pub fn dominates(&self, later: &Standing, earlier: &Standing) -> bool {
        let means = later.means.iter().zip(earlier.means.iter().zip(&earlier.counts));
        means.fold(true, |all, (later, (earlier, count))| all && self.exceeds(*later, *earlier, *count))
    }

    /// A weight for each standing and the weight that is burned.
    pub fn weigh(&self, standings: &[Standing], environments: usize) -> (Vec<f64>, f64) {
        let mut weights = vec![0.0; standings.len()];
        let mut order: Vec<usize> = (0..standings.len()).collect();
        order.sort_by_key(|entry| (standings[*entry].order, *entry));
        let smallest = (environments + 1).saturating_sub(self.max_layers).max(1);
        let mut layer_weight = environments as f64;
        for size in smallest..=environments {
            let subsets: Vec<u32> =
                (1..1_u32 << environments).filter(|subset| subset.count_ones() as usize == size).collect();
            for subset in &subsets {
                let members: Vec<usize> = (0..environments).filter(|place| subset >> place & 1 == 1).collect();
                self.share(standings, &order, &members, layer_weight / subsets.len() as f64, &mut weights);
            }
            layer_weight *= self.layer_factor;
        }
        self.finish(weights)
    }

    /// Shares one subset's weight by rank among the entries that nobody dominates.
    fn share(&self, standings: &[Standing], order: &[usize], subset: &[usize], weight: f64, weights: &mut [f64]) {
        let takes_part = |entry: &usize| subset.iter().all(|environment| standings[*entry].valid[*environment]);
        let present: Vec<usize> = order.iter().copied().filter(takes_part).collect();
        let mut dominated = vec![false; standings.len()];
        for (place, earlier) in present.iter().enumerate() {
            for later in &present[place + 1..] {
                let (one, two) = (&standings[*earlier], &standings[*later]);
                let exceeds = |environment: &&usize| {
                    self.exceeds(two.means[**environment], one.means[**environment], one.counts[**environment])
                };
                let won = subset.iter().filter(exceeds).count();
                if won == subset.len() {
                    dominated[*earlier] = true;
                } else if won == 0 {
                    dominated[*later] = true;
                }
            }
        }
        let mut ranked: Vec<(f64, usize)> = present
            .into_iter()
            .filter(|entry| !dominated[*entry])
            .map(|entry| (geometric_mean(subset.iter().map(|place| standings[entry].means[*place])), entry))
            .collect();
        // Stable: entries with equal scores stay in order of commitment.
        ranked.sort_by(|left, right| right.0.total_cmp(&left.0));
        let mut decay = 1.0;
        for (score, _) in &mut ranked {
            *score *= decay;
            decay *= self.decay_factor;
        }
        let total: f64 = ranked.iter().map(|(score, _)| score).sum();
        if total > 0.0 {
            for (score, entry) in ranked {
                weights[entry] += weight * score / total;
            }
        }
    }

    /// Drops small weights, normalises, and drops again what has become small, to be burned.
    fn finish(&self, mut weights: Vec<f64>) -> (Vec<f64>, f64) {
        let mut total = 0.0;
        for weight in &mut weights {
            if *weight < self.min_weight {
                *weight = 0.0;
            }
            total += *weight;
        }
        if total <= 0.0 {
            return (weights, 1.0);
        }
        let mut burned = 0.0;
        for weight in &mut weights {
            *weight /= total;
            if *weight < self.min_weight {
                burned += *weight;
                *weight = 0.0;
            }
        }
        (weights, burned)
    }
}

impl Mechanism for FourStage {
    fn name(&self) -> &'static str {
        "four_stage"
    }

    fn rule(&self, field: &Field) -> Result<Ruling, FieldError> {
        field.validate()?;
        few_enough(field.environments)?;
        let (weights, burned) = self.weigh(&field.standings(self.min_completeness), field.environments);
        Ok(Ruling::shared(weights, burned, &field.by_commitment()))
    }
}

/// Subsets can be listed.
pub(super) fn few_enough(environments: usize) -> Result<(), FieldError> {
    if environments <= MOST_ENVIRONMENTS {
        return Ok(());
    }
    Err(FieldError::Setting { name: "the number of environments", value: environments as f64, allowed: "[0, 20]" })
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
