//! Units of work of a duel: which rollouts are unfinished, and which tasks make a round.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// One rollout to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unit {
    /// The task's number.
    pub(crate) task: u32,
    /// The environment's place in the settings.
    pub(crate) environment: usize,
}

/// The unfinished units of these tasks in these environments, by task, then environment.
pub(crate) fn unfinished(
    tasks: impl IntoIterator<Item = u32>,
    environments: &[usize],
    is_finished: impl Fn(Unit) -> bool,
) -> Vec<Unit> {
    tasks
        .into_iter()
        .flat_map(|task| environments.iter().map(move |&environment| Unit { task, environment }))
        .filter(|unit| !is_finished(*unit))
        .collect()
}

/// The rounds of a duel: the tasks answered between two looks at it.
pub(crate) fn rounds(budget: u32, round: u32) -> impl Iterator<Item = Range<u32>> {
    (0..budget).step_by(round as usize).map(move |start| start..budget.min(start.saturating_add(round)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finished_units_are_not_asked_for_again() {
        let finished = [Unit { task: 0, environment: 1 }, Unit { task: 1, environment: 0 }];
        let expected = [Unit { task: 0, environment: 0 }, Unit { task: 1, environment: 1 }];
        assert_eq!(unfinished(0..2, &[0, 1], |unit| finished.contains(&unit)), expected);
        assert_eq!(unfinished(0..2, &[], |_| false), []);
        assert_eq!(unfinished(3..5, &[2], |_| false), [3, 4].map(|task| Unit { task, environment: 2 }));
    }

    #[test]
    fn rounds_cover_the_budget_once() {
        assert_eq!(rounds(40, 16).collect::<Vec<_>>(), [0..16, 16..32, 32..40]);
        assert_eq!(rounds(0, 16).count(), 0);
        for (budget, round) in [(1, 1), (7, 3), (16, 16), (15, 16), (1_000, 1), (u32::MAX, u32::MAX)] {
            let all: Vec<_> = rounds(budget, round).collect();
            assert_eq!((all[0].start, all[all.len() - 1].end), (0, budget));
            assert!(all.windows(2).all(|pair| pair[0].end == pair[1].start), "{all:?}");
            assert!(all.iter().all(|tasks| !tasks.is_empty() && tasks.end - tasks.start <= round), "{all:?}");
        }
    }
}
