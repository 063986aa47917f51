//! Agreement of validators on scores: the stake-weighted median over their tables, before anything is decided.
//!
//! Rollouts of the same model on the same task can differ between machines. A threshold on evidence that differs gives
//! verdicts that differ, near it, whatever the threshold; agreeing on the *scores* removes the difference: whoever holds
//! the same tables computes the same medians, and from them the same decision to the bit. A median of scores is a score
//! like any other, so that everything that is proved of duels holds for it.
//!
//! Validators with less than half of the stake move a median no further than the scores of the others go. Where every
//! honest rollout is flipped with a small probability f, the median of three tables is flipped with 3 f^2, of five with
//! 10 f^3.

use std::collections::BTreeMap;

/// One validator's table: its stake and a score in [0, 1] for each key; `None` is a score that could not be had.
///
/// A key names a score, such as (entry, environment, task). A key that is not there is one on which the validator is
/// silent, which is not the same as `None`: it may not have come that far.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreTable<K: Ord> {
    /// Stake behind the table, in the chain's smallest unit.
    pub stake: u64,
    /// The scores.
    pub scores: BTreeMap<K, Option<f64>>,
}

/// A table that cannot be agreed on.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum AgreementError {
    /// A score is outside [0, 1].
    #[error("table {table} has the score {score} at place {place}; scores lie within [0, 1]: leave the table out")]
    Score {
        /// The table's place in the list.
        table: usize,
        /// The score's place in the table, in order of the keys.
        place: usize,
        /// The value.
        score: f64,
    },
}

/// The stake-weighted median of every score on which more than half of the stake speaks.
///
/// `absent` is the stake of the validators that gave no table: it is silent on every key. `None` wins against scores
/// where it has at least as much stake as they have together. Where half of the stake that has a score lies on either
/// side, the median is the mean of the two scores in the middle. The order of the tables leaves no trace, and a table
/// without stake counts for nothing.
///
/// # Errors
/// If a score is outside [0, 1], naming the first.
pub fn agree<K: Ord + Clone>(
    tables: &[ScoreTable<K>],
    absent: u64,
) -> Result<BTreeMap<K, Option<f64>>, AgreementError> {
    let mut votes: BTreeMap<&K, Vec<(f64, u64)>> = BTreeMap::new();
    let mut without: BTreeMap<&K, u128> = BTreeMap::new();
    let mut total = u128::from(absent);
    for (table, one) in tables.iter().enumerate() {
        total += u128::from(one.stake);
        for (place, (key, score)) in one.scores.iter().enumerate() {
            match score {
                Some(score) if !(0.0..=1.0).contains(score) => {
                    return Err(AgreementError::Score { table, place, score: *score });
                }
                Some(score) => votes.entry(key).or_default().push((*score, one.stake)),
                None => *without.entry(key).or_default() += u128::from(one.stake),
            }
        }
    }
    let keys: std::collections::BTreeSet<&K> = votes.keys().chain(without.keys()).copied().collect();
    let mut agreed = BTreeMap::new();
    for key in keys {
        let mut scores = votes.remove(key).unwrap_or_default();
        let with: u128 = scores.iter().map(|(_, stake)| u128::from(*stake)).sum();
        let without = without.get(key).copied().unwrap_or(0);
        if 2 * (with + without) > total {
            let median = if with > without { weighted_median(&mut scores) } else { None };
            agreed.insert(key.clone(), median);
        }
    }
    Ok(agreed)
}

/// The median of scores by stake; `None` where there is no stake. Sorts the scores.
///
/// It is the score below and above which lies at most half of the stake; of two such scores, the mean.
pub(crate) fn weighted_median(scores: &mut [(f64, u64)]) -> Option<f64> {
    scores.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    let total: u128 = scores.iter().map(|(_, stake)| u128::from(*stake)).sum();
    let mut below = 0_u128;
    let mut lower = None;
    for (score, stake) in scores.iter().filter(|(_, stake)| *stake > 0) {
        below += u128::from(*stake);
        match lower {
            None if 2 * below > total => return Some(*score),
            None if 2 * below == total => lower = Some(*score),
            None => {}
            Some(lower) => return Some(0.5 * (lower + *score)),
        }
    }
    None
}

#[cfg(test)]
mod tests;
