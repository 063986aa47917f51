//! Challengers at play: right, wrong or no reply, in the way of a scenario.

use super::random::Random;
use super::scenario::{Scenario, Tasks};
use super::world::{Champion, answer};

/// A challenger that answers in the way of its scenario.
#[derive(Clone, Debug)]
pub(super) struct Player<'a> {
    scenario: &'a Scenario,
    asked: Vec<u32>,
    stalled: Vec<u32>,
}

impl<'a> Player<'a> {
    pub(super) fn new(scenario: &'a Scenario, environments: usize) -> Self {
        Self { scenario, asked: vec![0; environments], stalled: vec![0; environments] }
    }

    /// Right, wrong or no reply.
    #[inline]
    pub(super) fn reply(
        &mut self,
        champion: &mut Champion<'_>,
        random: &mut Random,
        environment: usize,
        task: usize,
    ) -> Option<bool> {
        let (difficulty, _) = champion.answer(environment, task);
        let mean = (champion.mean(environment) + self.scenario.gain(environment)).clamp(0.0, 1.0);
        let by_item = champion.by_item();
        let right = answer(random, difficulty, mean, by_item);
        match self.scenario.tasks {
            Tasks::Answered | Tasks::Peeked | Tasks::LeakedThenFresh { .. } => Some(right),
            Tasks::Leaked { share } => Some(right || random.uniform() < share),
            Tasks::Stalled { share } => {
                let (asked, stalled) = (&mut self.asked[environment], &mut self.stalled[environment]);
                *asked += 1;
                // Counted with this task, so that no prefix of the tasks has more than the share: a look at any time finds it kept.
                let stalls = !right && f64::from(*stalled + 1) <= share * f64::from(*asked);
                *stalled += u32::from(stalls);
                if stalls { None } else { Some(right) }
            }
        }
    }
}

/// The score of a right or a wrong answer.
#[inline]
pub(super) fn score(right: bool) -> f64 {
    if right { 1.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::world::World;

    fn world(mean: f64, environments: usize) -> World {
        World { means: vec![mean; environments], correlation: 0.0 }
    }

    fn scenario(gain: f64, tasks: Tasks) -> Scenario {
        Scenario { tasks, ..Scenario::plain("trial", false, &[gain]) }
    }

    /// Right answers, wrong answers and missing ones of a challenger on 200 tasks.
    fn replies(mean: f64, gain: f64, tasks: Tasks) -> [usize; 3] {
        let (world, scenario) = (world(mean, 1), scenario(gain, tasks));
        let mut champion = Champion::new(&world, Random::new(1, &[]));
        let (mut player, mut random) = (Player::new(&scenario, 1), Random::new(2, &[]));
        let mut seen = [0; 3];
        for task in 0..200 {
            match player.reply(&mut champion, &mut random, 0, task) {
                Some(true) => seen[0] += 1,
                Some(false) => seen[1] += 1,
                None => seen[2] += 1,
            }
        }
        seen
    }

    #[test]
    fn a_challenger_answers_in_the_way_of_its_scenario() {
        let check = |mean, gain, tasks, expected: [usize; 3]| {
            assert_eq!(replies(mean, gain, tasks), expected, "{mean} {gain} {tasks:?}");
        };
        check(0.0, 0.0, Tasks::Answered, [0, 200, 0]);
        check(1.0, 0.0, Tasks::Answered, [200, 0, 0]);
        // A gain leads no further than to always and never.
        check(0.5, 0.7, Tasks::Answered, [200, 0, 0]);
        check(0.5, -0.7, Tasks::Peeked, [0, 200, 0]);
        // A staller withholds wrong answers only, and never more than its share so far.
        check(0.0, 0.0, Tasks::Stalled { share: 0.0 }, [0, 200, 0]);
        check(0.0, 0.0, Tasks::Stalled { share: 0.1 }, [0, 180, 20]);
        check(0.0, 0.0, Tasks::Stalled { share: 0.25 }, [0, 150, 50]);
        check(0.0, 0.0, Tasks::Stalled { share: 1.0 }, [0, 0, 200]);
        check(1.0, 0.0, Tasks::Stalled { share: 1.0 }, [200, 0, 0]);
        // Known tasks are right, unless they were drawn anew.
        check(0.0, 0.0, Tasks::Leaked { share: 1.0 }, [200, 0, 0]);
        check(0.0, 0.0, Tasks::Leaked { share: 0.0 }, [0, 200, 0]);
        check(0.0, 0.0, Tasks::LeakedThenFresh { share: 1.0 }, [0, 200, 0]);
        let [right, wrong, none] = replies(0.0, 0.0, Tasks::Leaked { share: 0.3 });
        assert!((40..80).contains(&right) && right + wrong == 200 && none == 0, "{right} {wrong} {none}");
    }
}
