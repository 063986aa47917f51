//! Scores by task, and their pairing for a duel.

use pareto::{Pair, PairedScores};

use super::rollout::{Rollout, counted_score};

/// A score on one task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct UnitScore {
    /// The environment's place.
    pub environment: usize,
    /// The task's number.
    pub task: u32,
    /// The score; none where the environment could not make the task.
    pub score: Option<f64>,
}

/// Scores of finished rollouts.
pub(crate) fn unit_scores(rollouts: &[Rollout]) -> Vec<UnitScore> {
    rollouts.iter().map(UnitScore::from).collect()
}

impl From<&Rollout> for UnitScore {
    fn from(rollout: &Rollout) -> Self {
        let Rollout { environment, task, score, fault, .. } = *rollout;
        Self { environment, task, score: counted_score(score, fault) }
    }
}

/// Pairs of each environment in task order, up to the first task without a score on either side.
pub(crate) fn paired(environments: usize, champion: &[UnitScore], challenger: &[UnitScore]) -> PairedScores {
    let pair = |champion, challenger| Pair { champion, challenger, ..Pair::default() };
    let pairs_of = |environment| {
        let champion = prefix(environment, champion);
        let challenger = prefix(environment, challenger);
        champion.into_iter().zip(challenger).map(|(champion, challenger)| pair(champion, challenger)).collect()
    };
    PairedScores { environments: (0..environments).map(pairs_of).collect() }
}

/// An environment's scores from task 0 up to the first gap.
fn prefix(environment: usize, scores: &[UnitScore]) -> Vec<Option<f64>> {
    let mut own: Vec<(u32, Option<f64>)> =
        scores.iter().filter(|unit| unit.environment == environment).map(|unit| (unit.task, unit.score)).collect();
    own.sort_by_key(|(task, _)| *task);
    own.into_iter()
        .enumerate()
        .take_while(|(place, (task, _))| *place as u32 == *task)
        .map(|(_, (_, score))| score)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(environment: usize, task: u32, score: f64) -> UnitScore {
        UnitScore { environment, task, score: Some(score) }
    }

    #[test]
    fn pairs_stop_at_the_first_task_without_a_score() {
        let champion = [unit(0, 2, 0.2), unit(0, 0, 0.0), unit(0, 1, 0.1), unit(1, 0, 1.0)];
        let challenger = [unit(0, 0, 1.0), unit(0, 2, 0.8), unit(1, 0, 0.5)];
        let pairs = paired(2, &champion, &challenger);
        assert_eq!(pairs.environments, [vec![Pair::new(0.0, 1.0)], vec![Pair::new(1.0, 0.5)]]);
    }

    #[test]
    fn a_task_that_was_not_made_keeps_its_place_in_the_order() {
        let missing = UnitScore { environment: 0, task: 1, score: None };
        let pairs = paired(1, &[unit(0, 0, 1.0), missing, unit(0, 2, 1.0)], &[0, 1, 2].map(|task| unit(0, task, 0.0)));
        let expected = [Some(1.0), None, Some(1.0)].map(|champion| Pair { champion, ..Pair::new(0.0, 0.0) });
        assert_eq!(pairs.environments, [expected.to_vec()]);
    }

    #[test]
    fn the_order_of_arrival_changes_nothing() {
        let champion: Vec<UnitScore> = (0..30).map(|task| unit(0, task, f64::from(task % 2))).collect();
        let mut reversed = champion.clone();
        reversed.reverse();
        assert_eq!(paired(1, &champion, &champion), paired(1, &reversed, &champion));
    }
}
