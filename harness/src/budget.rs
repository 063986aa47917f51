//! The budget of an entry's work: tokens, bytes and template fuel that its rollouts may take on average, counted and never
//! timed, so that it is spent at the same task on every machine.

use std::collections::BTreeMap;

use models::responder::Work;

use crate::units::Unit;

/// Tasks of an environment between two looks at an entry's work.
pub(crate) const BLOCK: u32 = 64;

/// Reason of the score of a task that an entry did not answer, since its budget was spent.
pub(crate) const SPENT: &str =
    "the entry's budget of work is spent: its tasks before this took more than `work` allows on average";

/// The work of a window's entries, by environment and task.
#[derive(Debug, Clone)]
pub(crate) struct WorkBudget {
    /// Work that a task may take on average.
    allowed: Work,
    /// The work of each entry's rollouts, by environment, then task.
    done: Vec<BTreeMap<(usize, u32), Work>>,
}

impl WorkBudget {
    /// The budget of so many entries, with the work that was recorded of them.
    pub(crate) fn new(entries: usize, allowed: Work, recorded: impl IntoIterator<Item = (usize, Unit, Work)>) -> Self {
        let mut budget = Self { allowed, done: vec![BTreeMap::new(); entries] };
        for (entry, unit, work) in recorded {
            budget.add(entry, unit, work);
        }
        budget
    }

    /// Counts a rollout that an entry has answered.
    pub(crate) fn add(&mut self, entry: usize, Unit { task, environment }: Unit, work: Work) {
        self.done[entry].insert((environment, task), work);
    }

    /// True if an entry answers a task no more: the tasks of the environment before the block of this one took more than is
    /// allowed on average. They are all there when it is asked, since an environment's tasks are answered in order.
    pub(crate) fn is_spent(&self, entry: usize, Unit { task, environment }: Unit) -> bool {
        let before = self.done[entry].range((environment, 0)..(environment, task / BLOCK * BLOCK));
        let (mut tasks, mut sum) = (0_u64, Work::default());
        for (_, work) in before {
            tasks += 1;
            sum = sum.plus(*work);
        }
        let Work { tokens, bytes, fuel } = self.allowed;
        [(sum.tokens, tokens), (sum.bytes, bytes), (sum.fuel, fuel)]
            .into_iter()
            .any(|(done, allowed)| done > allowed.saturating_mul(tasks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: Work = Work { tokens: 10, bytes: 100, fuel: 1_000 };

    fn unit(environment: usize, task: u32) -> Unit {
        Unit { task, environment }
    }

    /// A budget after so many tasks of environment 0 that took this each.
    fn after(tasks: u32, work: Work) -> WorkBudget {
        WorkBudget::new(2, ALLOWED, (0..tasks).map(|task| (0, unit(0, task), work)))
    }

    #[test]
    fn a_budget_is_spent_by_whichever_work_is_more_than_allowed_on_average() {
        let check = |work: Work, spent: bool| {
            let budget = after(BLOCK, work);
            assert_eq!(budget.is_spent(0, unit(0, BLOCK)), spent, "{work:?}");
            // Neither another environment's tasks nor another entry's are touched, nor those of the same block.
            assert!(!budget.is_spent(0, unit(1, BLOCK)) && !budget.is_spent(1, unit(0, BLOCK)));
            assert!(!budget.is_spent(0, unit(0, BLOCK - 1)));
        };
        check(ALLOWED, false);
        check(Work { tokens: 11, ..ALLOWED }, true);
        check(Work { bytes: 101, ..ALLOWED }, true);
        check(Work { fuel: 1_001, ..ALLOWED }, true);
        check(Work { fuel: u64::MAX, ..ALLOWED }, true);
        check(Work::default(), false);
    }

    #[test]
    fn what_is_left_of_one_task_serves_another() {
        let mut budget = after(BLOCK - 1, Work { tokens: 9, ..Work::default() });
        budget.add(0, unit(0, BLOCK - 1), Work { tokens: 10 + u64::from(BLOCK) - 1, ..Work::default() });
        assert!(!budget.is_spent(0, unit(0, BLOCK)));
        budget.add(0, unit(0, BLOCK - 1), Work { tokens: 11 + u64::from(BLOCK) - 1, ..Work::default() });
        assert!(budget.is_spent(0, unit(0, BLOCK)));
    }

    #[test]
    fn a_spent_budget_stays_spent_and_does_not_depend_on_what_comes_later() {
        let mut budget = after(BLOCK, Work { tokens: 11, ..Work::default() });
        for task in [BLOCK, 2 * BLOCK, 100 * BLOCK] {
            assert!(budget.is_spent(0, unit(0, task)), "{task}");
        }
        let before = after(BLOCK, ALLOWED);
        budget = before.clone();
        budget.add(0, unit(0, BLOCK + 1), Work { tokens: 10_000, ..Work::default() });
        assert_eq!(budget.is_spent(0, unit(0, BLOCK)), before.is_spent(0, unit(0, BLOCK)));
    }
}
