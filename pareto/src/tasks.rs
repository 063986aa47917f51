//! Numbering of an environment's tasks in a window: those of the heat, then each bout task with its reference tasks.
//!
//! Task numbers are what seeds are derived from, so that the same number is the same task for every model. Numbers
//! 0..h are the heat's. Bout task k, from 0, is number `h + k (1 + r)`, and the r numbers after it are its reference tasks,
//! which only the champion answers: every pair has fresh ones, in one sequence of numbers and without a second stream of
//! seeds. A budget counts bout tasks.

use std::ops::Range;

use crate::duel::DuelSettings;
use crate::heat::HeatSettings;

/// Numbering of an environment's tasks in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskPlan {
    heat: usize,
    references: usize,
}

/// Use of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskUse {
    /// Task of the heat with this place, from 0.
    Heat(usize),
    /// Task of the bouts with this place, from 0.
    Bout(usize),
    /// Reference task of the bout task with this place.
    Reference(usize),
}

impl TaskPlan {
    /// The numbering under these settings.
    #[must_use]
    pub fn new(heat: &HeatSettings, duel: &DuelSettings) -> Self {
        Self { heat: heat.tasks, references: duel.references }
    }

    /// Numbers of the heat's tasks.
    #[must_use]
    pub fn heat(&self) -> Range<usize> {
        0..self.heat
    }

    /// Number of bout task k, from 0.
    #[must_use]
    pub fn bout(&self, task: usize) -> usize {
        self.heat + task * (1 + self.references)
    }

    /// Numbers of the reference tasks of bout task k, from 0.
    #[must_use]
    pub fn references(&self, task: usize) -> Range<usize> {
        let number = self.bout(task);
        number + 1..number + 1 + self.references
    }

    /// All numbers that come before bout task k: those of a window whose bouts have so many tasks.
    #[must_use]
    pub fn before(&self, task: usize) -> Range<usize> {
        0..self.bout(task)
    }

    /// Use of the task with this number.
    #[must_use]
    pub fn use_of(&self, number: usize) -> TaskUse {
        match number.checked_sub(self.heat) {
            None => TaskUse::Heat(number),
            Some(after) => match (after / (1 + self.references), after % (1 + self.references)) {
                (task, 0) => TaskUse::Bout(task),
                (task, _) => TaskUse::Reference(task),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_one_use_and_every_use_its_number() {
        for (heat, references) in [(0, 0), (0, 4), (3, 0), (150, 4), (7, 1)] {
            let plan = TaskPlan { heat, references };
            let mut next = 0;
            for number in plan.heat() {
                assert_eq!((number, plan.use_of(number)), (next, TaskUse::Heat(next)));
                next += 1;
            }
            for task in 0..20 {
                assert_eq!(plan.before(task), 0..next);
                assert_eq!((plan.bout(task), plan.use_of(next)), (next, TaskUse::Bout(task)));
                next += 1;
                assert_eq!(plan.references(task).len(), references);
                for number in plan.references(task) {
                    assert_eq!((number, plan.use_of(number)), (next, TaskUse::Reference(task)));
                    next += 1;
                }
            }
        }
    }

    #[test]
    fn the_default_plan_is_the_one_of_the_docs() {
        let plan = TaskPlan::new(&HeatSettings::default(), &DuelSettings::default());
        assert_eq!((plan.heat(), plan.bout(0), plan.references(0), plan.bout(1)), (0..150, 150, 151..155, 155));
    }
}
