//! Scores of a window in memory: filled from the store once, extended as rollouts end.

use std::collections::BTreeMap;

use pareto::{Duel, DuelError, Pair};

use crate::record::UnitScore;
use crate::units::Unit;

/// Scores of all entries by environment and task.
///
/// A duel is fed from here pair by pair: a round costs as much as it has new tasks, however many there were before.
#[derive(Debug, Clone)]
pub(super) struct ScoreBoard {
    entries: Vec<BTreeMap<Unit, Option<f64>>>,
}

impl ScoreBoard {
    /// The board of so many entries, with the scores that earlier processes have stored.
    pub(super) fn new(entries: usize, stored: Vec<(usize, UnitScore)>) -> Self {
        let mut board = Self { entries: vec![BTreeMap::new(); entries] };
        for (entry, score) in stored {
            board.add(entry, score);
        }
        board
    }

    /// Adds the score of a finished rollout.
    pub(super) fn add(&mut self, entry: usize, UnitScore { environment, task, score }: UnitScore) {
        self.entries[entry].insert(Unit { task, environment }, score);
    }

    /// True if an entry's rollout is finished.
    pub(super) fn has(&self, entry: usize, unit: Unit) -> bool {
        self.entries[entry].contains_key(&unit)
    }

    /// Number of an entry's finished rollouts.
    pub(super) fn finished(&self, entry: usize) -> usize {
        self.entries[entry].len()
    }

    /// Pushes into a duel the pairs of tasks below `end` that it does not have yet: of each environment in task order, up
    /// to the first task without a score on either side.
    ///
    /// A killed process may have stored rollouts of later rounds. They are ignored here until their round, so that a
    /// resumed duel asks for the same tasks as an uninterrupted one.
    ///
    /// # Errors
    /// If a score lies outside [0, 1].
    pub(super) fn feed(&self, duel: &mut Duel, champion: usize, challenger: usize, end: u32) -> Result<(), DuelError> {
        duel.feed(|environment, task| {
            let task = u32::try_from(task).ok().filter(|task| *task < end)?;
            let score = |entry: usize| self.entries[entry].get(&Unit { task, environment }).copied();
            Some(Pair { champion: score(champion)?, challenger: score(challenger)?, ..Pair::default() })
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
