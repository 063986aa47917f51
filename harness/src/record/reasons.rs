//! Reasons of rollouts' scores, counted by environment.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::{Conclusion, Fault, Rollout};

/// Number of rollouts with one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ReasonCount {
    /// The reason of the score, without the seed of the task.
    pub reason: String,
    /// The side at fault; none for a verdict.
    pub fault: Option<Fault>,
    /// Rollouts with it.
    pub tasks: usize,
}

impl Conclusion {
    /// Reasons of an entry's scores in an environment, the most frequent first.
    pub(crate) fn reasons(&self, entry: usize, environment: usize) -> Vec<ReasonCount> {
        count(self.entries[entry].rollouts.iter().filter(|rollout| rollout.environment == environment))
    }

    /// Reasons of all entries' scores in an environment, the most frequent first.
    pub(crate) fn reasons_in(&self, environment: usize) -> Vec<ReasonCount> {
        count(self.rollouts().filter(|rollout| rollout.environment == environment))
    }

    /// The most frequent reason where there are rollouts and in none of them environment and verifier did their part; none
    /// where they did in one.
    pub(crate) fn nothing_scored(&self) -> Option<ReasonCount> {
        let broken = |fault| matches!(fault, Some(Fault::Environment | Fault::Verifier));
        if self.rollouts().all(|rollout| broken(rollout.fault)) {
            count(self.rollouts()).into_iter().next()
        } else {
            None
        }
    }

    fn rollouts(&self) -> impl Iterator<Item = &Rollout> {
        self.entries.iter().flat_map(|concluded| &concluded.rollouts)
    }
}

fn count<'a>(rollouts: impl Iterator<Item = &'a Rollout>) -> Vec<ReasonCount> {
    let mut counts: BTreeMap<(String, Option<&'static str>), ReasonCount> = BTreeMap::new();
    for rollout in rollouts {
        // An error names its task: one that every task has is counted as one.
        let reason = rollout.reason.replace(&format!("of seed {}", rollout.seed), "of a seed");
        let none = ReasonCount { reason: reason.clone(), fault: rollout.fault, tasks: 0 };
        counts.entry((reason, rollout.fault.map(Fault::word))).or_insert(none).tasks += 1;
    }
    let mut counts: Vec<ReasonCount> = counts.into_values().collect();
    counts.sort_by_key(|count| Reverse(count.tasks));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollout(task: u32, reason: &str, fault: Option<Fault>) -> Rollout {
        Rollout { task, seed: u64::from(task) + 70, reason: reason.to_owned(), fault, ..Rollout::blank() }
    }

    #[test]
    fn reasons_are_counted_without_the_seeds_of_their_tasks() {
        let rollouts = [
            rollout(0, "could not make the task of seed 70: raised", Some(Fault::Environment)),
            rollout(1, "could not make the task of seed 71: raised", Some(Fault::Environment)),
            rollout(2, "wrong", None),
            rollout(3, "wrong", Some(Fault::Model)),
        ];
        let counts = count(rollouts.iter());
        let found: Vec<_> = counts.iter().map(|count| (count.reason.as_str(), count.fault, count.tasks)).collect();
        assert_eq!(
            found,
            [
                ("could not make the task of a seed: raised", Some(Fault::Environment), 2),
                ("wrong", None, 1),
                ("wrong", Some(Fault::Model), 1),
            ]
        );
        assert!(count([].iter()).is_empty());
    }
}
