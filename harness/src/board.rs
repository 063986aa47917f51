//! Scores of a window in memory: filled from the store once, extended as rollouts end.

use std::collections::BTreeMap;

use pareto::{Challenge, Duel, DuelError, Heat, Pair, TaskPlan};

use crate::record::UnitScore;
use crate::units::Unit;

/// Scores of all entries by environment and task.
///
/// A duel is fed from here pair by pair: a round costs as much as it has new tasks, however many there were before.
#[derive(Debug, Clone)]
pub(crate) struct ScoreBoard {
    entries: Vec<BTreeMap<Unit, Option<f64>>>,
}

/// Entries whose scores a bout's pairs are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BoutEntries {
    /// The entry that reigns.
    pub(crate) champion: usize,
    /// The entry that challenges it.
    pub(crate) challenger: usize,
    /// The entry that stands guard, if there is one.
    pub(crate) guard: Option<usize>,
}

impl BoutEntries {
    /// The entries of a bout with this guard.
    pub(crate) fn new(challenge: &Challenge, guard: Option<usize>) -> Self {
        Self { champion: challenge.champion, challenger: challenge.challenger, guard }
    }
}

impl ScoreBoard {
    /// The board of so many entries, with the scores that earlier processes have stored.
    pub(crate) fn new(entries: usize, stored: Vec<(usize, UnitScore)>) -> Self {
        let mut board = Self { entries: vec![BTreeMap::new(); entries] };
        for (entry, score) in stored {
            board.add(entry, score);
        }
        board
    }

    /// Adds the score of a finished rollout.
    pub(crate) fn add(&mut self, entry: usize, UnitScore { environment, task, score }: UnitScore) {
        self.entries[entry].insert(Unit { task, environment }, score);
    }

    /// True if an entry's rollout is finished.
    pub(crate) fn has(&self, entry: usize, unit: Unit) -> bool {
        self.entries[entry].contains_key(&unit)
    }

    /// Number of an entry's finished rollouts.
    pub(crate) fn finished(&self, entry: usize) -> usize {
        self.entries[entry].len()
    }

    /// Pushes into a heat the pairs of tasks below `end` that it does not have yet; see [`Self::feed`].
    ///
    /// # Errors
    /// If a score lies outside [0, 1].
    pub(crate) fn feed_heat(
        &self,
        heat: &mut Heat,
        champion: usize,
        challenger: usize,
        end: usize,
    ) -> Result<(), DuelError> {
        heat.feed(|environment, task| {
            let score = |entry: usize| self.score(entry, environment, task);
            let pair = || Some(Pair { champion: score(champion)?, challenger: score(challenger)?, ..Pair::default() });
            if task < end { pair() } else { None }
        })?;
        Ok(())
    }

    /// Pushes into a duel the pairs of bout tasks below `end` that it does not have yet: of each environment in task order,
    /// up to the first task without a score on either side, of its guard, or of one of its reference tasks.
    ///
    /// A killed process may have stored rollouts of later rounds. They are ignored here until their round, so that a
    /// resumed duel asks for the same tasks as an uninterrupted one.
    ///
    /// # Errors
    /// If a score lies outside [0, 1].
    pub(crate) fn feed(
        &self,
        duel: &mut Duel,
        plan: &TaskPlan,
        entries: BoutEntries,
        end: usize,
    ) -> Result<(), DuelError> {
        duel.feed(|environment, task| if task < end { self.pair(plan, entries, environment, task) } else { None })?;
        Ok(())
    }

    /// The pair of a bout's task, once both sides, the guard and the champion's reference tasks have scores.
    pub(crate) fn pair(
        &self,
        plan: &TaskPlan,
        BoutEntries { champion, challenger, guard }: BoutEntries,
        environment: usize,
        task: usize,
    ) -> Option<Pair> {
        let number = plan.bout(task);
        let references: Option<Vec<Option<f64>>> =
            plan.references(task).map(|number| self.score(champion, environment, number)).collect();
        Some(Pair {
            champion: self.score(champion, environment, number)?,
            challenger: self.score(challenger, environment, number)?,
            reference: pareto::scores::mean(references?),
            guard: match guard {
                Some(guard) => self.score(guard, environment, number)?,
                None => None,
            },
        })
    }

    /// The score on the task with this number, if its rollout is finished.
    fn score(&self, entry: usize, environment: usize, number: usize) -> Option<Option<f64>> {
        let task = u32::try_from(number).ok()?;
        self.entries[entry].get(&Unit { task, environment }).copied()
    }
}

#[cfg(test)]
mod tests;
