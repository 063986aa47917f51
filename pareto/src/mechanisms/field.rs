//! A field of entries with their scores on shared tasks, and what a mechanism makes of it.

use std::collections::BTreeMap;

use crate::duel::{Duel, DuelError};
use crate::reign::ReignError;

/// One entry of a field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldEntry {
    /// Block of the commitment.
    pub committed: u64,
    /// Order within the block.
    pub position: u32,
    /// The number under which it challenges in this reign, from 1: given once, by order of commitment, and never given
    /// again, so that leaving a loser out changes nobody's share of alpha.
    pub number: u64,
    /// `scores[e][t]` on the t-th task of environment e, the same tasks for all entries; `None` is a score that could
    /// not be had.
    pub scores: Vec<Vec<Option<f64>>>,
}

/// Entries and who holds the weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Number of environments.
    pub environments: usize,
    /// The entries, in any order.
    pub entries: Vec<FieldEntry>,
    /// The reigning champion; without one the earliest entry reigns.
    pub champion: Option<usize>,
}

/// What a mechanism decided.
#[derive(Clone, Debug)]
pub struct Ruling {
    /// The entry with the most weight, the earliest of several.
    pub winner: Option<usize>,
    /// A weight for each entry; with `burned` they sum to one.
    pub weights: Vec<f64>,
    /// The weight that no entry gets.
    pub burned: f64,
    /// The duels that were held, each with its challenger, in order, where the mechanism holds any.
    pub duels: Vec<(usize, Duel)>,
}

/// A rule that turns a field into weights.
pub trait Mechanism {
    /// The name by which it is chosen.
    fn name(&self) -> &'static str;
    /// Rules on a field.
    fn rule(&self, field: &Field) -> Result<Ruling, FieldError>;
}

/// Why a field cannot be ruled on.
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
    /// Two entries have the same place in the order of commitment, or the same number in the reign.
    #[error("entries {first} and {second} have the same {what}; every entry has its own")]
    NotItsOwn {
        /// The one.
        first: usize,
        /// The other.
        second: usize,
        /// What they share.
        what: &'static str,
    },
    /// The champion is no entry.
    #[error("the champion is entry {champion}; the field has {entries}")]
    Champion {
        /// The index given.
        champion: usize,
        /// How many entries there are.
        entries: usize,
    },
    /// A mechanism's setting is out of its range.
    #[error("{name} is {value}; set it within {allowed}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The range it may have.
        allowed: &'static str,
    },
    /// A duel could not be held.
    #[error("the duel with entry {entry} cannot be held")]
    Duel {
        /// The challenger.
        entry: usize,
        /// Why.
        #[source]
        source: DuelError,
    },
    /// The reign's alpha is unusable.
    #[error(transparent)]
    Reign(#[from] ReignError),
}

/// One entry as the rules see it that only look at means.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Commitment: block, then order within it.
    pub order: (u64, u32),
    /// Mean score in each environment.
    pub means: Vec<f64>,
    /// Scores behind each mean.
    pub counts: Vec<usize>,
    /// Whether the entry takes part in each environment.
    pub valid: Vec<bool>,
}

impl Field {
    /// Checks that every entry has every environment, a place in the order and a number of its own, and that the champion
    /// exists.
    pub fn validate(&self) -> Result<(), FieldError> {
        for (entry, one) in self.entries.iter().enumerate() {
            if one.scores.len() != self.environments {
                return Err(FieldError::Environments { entry, found: one.scores.len(), expected: self.environments });
            }
        }
        // Any order between two that share a place would be the caller's, and a number used twice spends alpha twice.
        self.each_has_its_own("place in the order of commitment", |entry| (entry.committed, entry.position.into()))?;
        self.each_has_its_own("number in the reign", |entry| (entry.number, 0))?;
        match self.champion {
            Some(champion) if champion >= self.entries.len() => {
                Err(FieldError::Champion { champion, entries: self.entries.len() })
            }
            _ => Ok(()),
        }
    }

    fn each_has_its_own(&self, what: &'static str, key: impl Fn(&FieldEntry) -> (u64, u64)) -> Result<(), FieldError> {
        let mut seen = BTreeMap::new();
        for (second, entry) in self.entries.iter().enumerate() {
            if let Some(first) = seen.insert(key(entry), second) {
                return Err(FieldError::NotItsOwn { first, second, what });
            }
        }
        Ok(())
    }

    /// Entries by commitment, the earliest first.
    pub fn by_commitment(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.entries.len()).collect();
        order.sort_by_key(|entry| (self.entries[*entry].committed, self.entries[*entry].position));
        order
    }

    /// The champion, or the earliest entry where none reigns.
    pub fn reigning(&self) -> Option<usize> {
        self.champion.or_else(|| self.by_commitment().first().copied())
    }

    /// Means and counts of every entry; valid are those with at least `completeness` of an environment's tasks.
    pub fn standings(&self, completeness: f64) -> Vec<Standing> {
        let longest = |environment: usize| self.entries.iter().map(|entry| entry.scores[environment].len()).max();
        let tasks: Vec<usize> = (0..self.environments).map(|environment| longest(environment).unwrap_or(0)).collect();
        let standing = |entry: &FieldEntry| {
            let mut standing = Standing {
                order: (entry.committed, entry.position),
                means: Vec::with_capacity(self.environments),
                counts: Vec::with_capacity(self.environments),
                valid: Vec::with_capacity(self.environments),
            };
            for (scores, tasks) in entry.scores.iter().zip(&tasks) {
                let count = scores.iter().flatten().count();
                standing.means.push(mean(scores.iter().flatten().copied()));
                standing.counts.push(count);
                standing.valid.push(count > 0 && count as f64 >= completeness * *tasks as f64);
            }
            standing
        };
        self.entries.iter().map(standing).collect()
    }
}

impl Ruling {
    /// Everything to one entry, or to nobody.
    pub(super) fn winner_takes_all(entries: usize, winner: Option<usize>, duels: Vec<(usize, Duel)>) -> Self {
        let mut weights = vec![0.0; entries];
        if let Some(winner) = winner {
            weights[winner] = 1.0;
        }
        Self { winner, weights, burned: if winner.is_some() { 0.0 } else { 1.0 }, duels }
    }

    /// Weights as given; the winner is the one with the most, the earliest of several.
    pub(super) fn shared(weights: Vec<f64>, burned: f64, order: &[usize]) -> Self {
        let mut winner: Option<usize> = None;
        for entry in order {
            if weights[*entry] > winner.map_or(0.0, |best| weights[best]) {
                winner = Some(*entry);
            }
        }
        Self { winner, weights, burned, duels: Vec::new() }
    }
}

/// The arithmetic mean; 0 without values.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
    if count == 0 { 0.0 } else { sum / count as f64 }
}
