//! A field of entries with their scores on shared tasks, and the means of them.

use std::collections::BTreeMap;

use crate::duel::DuelError;

/// One entry of a field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldEntry {
    /// Block of the commitment.
    pub committed: u64,
    /// Order within the block.
    pub position: u32,
    /// `scores[e][t]` on task number t of environment e, the same tasks for all entries; `None` is a score that could
    /// not be had. Where there are heats and references, tasks are numbered as by [`TaskPlan`](crate::TaskPlan).
    pub scores: Vec<Vec<Option<f64>>>,
}

/// Entries, and the one that holds the weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Number of environments.
    pub environments: usize,
    /// The entries, in any order.
    pub entries: Vec<FieldEntry>,
    /// The reigning champion; without one the earliest entry reigns.
    pub champion: Option<usize>,
}

/// Reasons for which a field cannot be ruled on.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FieldError {
    /// An entry has scores for another number of environments.
    #[error("entry {entry} has scores in {found} environments; the field has {expected}")]
    Environments {
        /// The entry.
        entry: usize,
        /// Its environments.
        found: usize,
        /// The field's.
        expected: usize,
    },
    /// Two entries have the same place in the order of commitment.
    #[error("entries {first} and {second} have the same place in the order of commitment; every entry has its own")]
    NotItsOwn {
        /// The first of the two.
        first: usize,
        /// The second of the two.
        second: usize,
    },
    /// The champion is no entry.
    #[error("the champion is entry {champion}; the field has {entries}")]
    Champion {
        /// The index given.
        champion: usize,
        /// Number of entries.
        entries: usize,
    },
    /// There are more subsets of environments than can be ruled on.
    #[error("{environments} environments have too many subsets; give at most 20")]
    Subsets {
        /// The environments.
        environments: usize,
    },
    /// The mechanism compares means of whole lists, and a score is missing.
    #[error("a score is missing in {environment}, which this rule has no answer to; leave it out")]
    Missing {
        /// The environment.
        environment: String,
    },
    /// The mechanism cannot decide a single challenge.
    #[error("`{mechanism}` rules on whole fields, and this is a duel; give it miners with their means or scores")]
    WholeFields {
        /// The mechanism.
        mechanism: &'static str,
    },
    /// A duel could not be held.
    #[error("the duel with entry {entry} cannot be held")]
    Duel {
        /// The challenger.
        entry: usize,
        /// The duel's refusal.
        #[source]
        source: DuelError,
    },
    /// The rule cannot be applied at all, or a single challenge could not be decided.
    #[error(transparent)]
    Challenge(#[from] DuelError),
}

/// One entry as a rule sees it that looks at means only.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryMeans {
    /// Commitment: block, then order within it.
    pub order: (u64, u32),
    /// Mean score in each environment.
    pub means: Vec<f64>,
    /// Scores behind each mean.
    pub counts: Vec<usize>,
    /// True where the entry takes part.
    pub valid: Vec<bool>,
}

impl EntryMeans {
    /// An entry without environments.
    #[must_use]
    pub fn new(order: (u64, u32)) -> Self {
        Self { order, means: Vec::new(), counts: Vec::new(), valid: Vec::new() }
    }

    /// Adds the next environment.
    pub fn push(&mut self, mean: f64, count: usize, valid: bool) {
        self.means.push(mean);
        self.counts.push(count);
        self.valid.push(valid);
    }
}

/// Places of the entries by commitment, the earliest first.
pub(super) fn by_commitment(entries: &[EntryMeans]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|entry| (entries[*entry].order, *entry));
    order
}

impl Field {
    /// Checks that every entry has every environment and a place of its own in the order, and that the champion exists.
    ///
    /// # Errors
    /// Names the first entry that is wrong.
    pub fn validate(&self) -> Result<(), FieldError> {
        for (entry, one) in self.entries.iter().enumerate() {
            if one.scores.len() != self.environments {
                return Err(FieldError::Environments { entry, found: one.scores.len(), expected: self.environments });
            }
        }
        // Any order between two that share a place would be the caller's.
        let mut seen = BTreeMap::new();
        for (second, entry) in self.entries.iter().enumerate() {
            if let Some(first) = seen.insert((entry.committed, entry.position), second) {
                return Err(FieldError::NotItsOwn { first, second });
            }
        }
        match self.champion {
            Some(champion) if champion >= self.entries.len() => {
                Err(FieldError::Champion { champion, entries: self.entries.len() })
            }
            _ => Ok(()),
        }
    }

    /// Entries by commitment, the earliest first.
    #[must_use]
    pub fn by_commitment(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.entries.len()).collect();
        order.sort_by_key(|entry| (self.entries[*entry].committed, self.entries[*entry].position));
        order
    }

    /// The champion, or the earliest entry where none reigns.
    #[must_use]
    pub fn reigning(&self) -> Option<usize> {
        self.champion.or_else(|| self.by_commitment().first().copied())
    }

    /// Means and counts of every entry; valid are those with at least `completeness` of an environment's tasks.
    #[must_use]
    pub fn means(&self, completeness: f64) -> Vec<EntryMeans> {
        // The longest list, not the entry's own: a short list must not make its entry complete.
        let longest = |environment: usize| self.entries.iter().map(|entry| entry.scores[environment].len()).max();
        let tasks: Vec<usize> = (0..self.environments).map(|environment| longest(environment).unwrap_or(0)).collect();
        let means = |entry: &FieldEntry| {
            let mut means = EntryMeans::new((entry.committed, entry.position));
            for (scores, tasks) in entry.scores.iter().zip(&tasks) {
                let count = scores.iter().flatten().count();
                let valid = count > 0 && count as f64 >= completeness * *tasks as f64;
                means.push(mean(scores.iter().flatten().copied()), count, valid);
            }
            means
        };
        self.entries.iter().map(means).collect()
    }
}

/// The arithmetic mean; 0 without values.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
    if count == 0 { 0.0 } else { sum / count as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(scores: &[&[Option<f64>]]) -> Field {
        let entry = |(place, scores): (usize, &&[Option<f64>])| FieldEntry {
            committed: 10 - place as u64,
            position: 0,
            scores: vec![scores.to_vec()],
        };
        Field { environments: 1, entries: scores.iter().enumerate().map(entry).collect(), champion: None }
    }

    #[test]
    fn an_entry_takes_part_with_enough_of_the_longest_list() {
        let check = |scores: &[&[Option<f64>]], completeness: f64, expected: &[(f64, usize, bool)]| {
            let means = field(scores).means(completeness);
            let found: Vec<_> = means.iter().map(|one| (one.means[0], one.counts[0], one.valid[0])).collect();
            assert_eq!(found, expected, "{scores:?} {completeness}");
        };
        let (one, none) = (Some(1.0), None);
        check(&[&[one, one, Some(0.0), Some(0.0)], &[one, one]], 0.5, &[(0.5, 4, true), (1.0, 2, true)]);
        check(&[&[one, one, Some(0.0), Some(0.0)], &[one, one]], 0.6, &[(0.5, 4, true), (1.0, 2, false)]);
        // A missing score counts for neither the mean nor the count, but its task does for the length.
        check(&[&[one, none, none, none], &[none; 4]], 0.25, &[(1.0, 1, true), (0.0, 0, false)]);
        check(&[&[one, none, none, none], &[none; 4]], 0.3, &[(1.0, 1, false), (0.0, 0, false)]);
        // Without any task nobody takes part, whatever is asked for.
        check(&[&[], &[]], 0.0, &[(0.0, 0, false), (0.0, 0, false)]);
        check(&[], 0.9, &[]);
    }

    #[test]
    fn the_earliest_reigns_where_no_champion_is_given() {
        let mut field = field(&[&[], &[], &[]]);
        assert_eq!((field.by_commitment(), field.reigning()), (vec![2, 1, 0], Some(2)));
        field.champion = Some(0);
        assert_eq!(field.reigning(), Some(0));
        // Within a block the position decides.
        for (place, entry) in (0..).zip(&mut field.entries) {
            (entry.committed, entry.position) = (5, 100 - place);
        }
        field.entries[1].position = 200;
        assert_eq!(field.by_commitment(), [2, 0, 1]);
        field.validate().expect("every entry has its own place");
        field.entries.clear();
        assert_eq!(field.validate(), Err(FieldError::Champion { champion: 0, entries: 0 }));
    }

    #[test]
    fn refusals_name_the_entries_and_what_they_share() {
        let mut twice = field(&[&[], &[], &[]]);
        twice.entries[2].committed = twice.entries[0].committed;
        let message = twice.validate().expect_err("a place is there twice").to_string();
        assert_eq!(message, "entries 0 and 2 have the same place in the order of commitment; every entry has its own");
        let mut more = field(&[&[], &[]]);
        more.environments = 3;
        let message = more.validate().expect_err("scores are missing").to_string();
        assert_eq!(message, "entry 0 has scores in 1 environments; the field has 3");
    }
}
