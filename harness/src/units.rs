//! What is still to be done: a pure function of what should be there and what is.

use std::collections::BTreeSet;
use std::ops::Range;

/// One rollout to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unit {
    /// The task's number.
    pub task: u32,
    /// The environment's place in the settings.
    pub environment: usize,
}

/// The units of these tasks in these environments that are not finished, by task, then environment.
pub fn plan(tasks: Range<u32>, environments: &[usize], finished: &BTreeSet<Unit>) -> Vec<Unit> {
    tasks
        .flat_map(|task| environments.iter().map(move |&environment| Unit { task, environment }))
        .filter(|unit| !finished.contains(unit))
        .collect()
}

/// The rounds of a duel: the numbers of the tasks answered between two looks at it.
pub fn rounds(budget: u32, round: u32) -> impl Iterator<Item = Range<u32>> {
    (0..budget).step_by(round as usize).map(move |start| start..budget.min(start.saturating_add(round)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finished_units_are_not_planned_again() {
        let finished = BTreeSet::from([Unit { task: 0, environment: 1 }, Unit { task: 1, environment: 0 }]);
        let expected = [Unit { task: 0, environment: 0 }, Unit { task: 1, environment: 1 }];
        assert_eq!(plan(0..2, &[0, 1], &finished), expected);
    }

    #[test]
    fn rounds_cover_the_budget_once() {
        assert_eq!(rounds(40, 16).collect::<Vec<_>>(), [0..16, 16..32, 32..40]);
        assert_eq!(rounds(0, 16).count(), 0);
    }
}
