//! Scenarios over several windows, and those in which the crown changes hands without a comparison.

use super::random::Random;
use super::scenario::{DECOY, History, Scenario, Tasks};
use super::subnet::{Contender, Rules, Subnet};
use super::trial::{Trial, means, pairs};
use super::world::World;
use crate::duel::{DuelError, Verdict};
use crate::mechanisms::{Comparison, Crown, Mechanism, Sequential};

/// A mechanism and the world in which it is played.
pub(super) struct Game<'a> {
    pub(super) mechanism: &'a dyn Mechanism,
    pub(super) world: World,
    /// Tasks of the rules that take a fixed number.
    pub(super) tasks: &'a [usize],
}

impl Game<'_> {
    /// One trial of a scenario.
    pub(super) fn play(&self, scenario: &Scenario, mut random: Random) -> Result<Trial, DuelError> {
        if let Comparison::Duels(rule) = self.mechanism.comparison() {
            return self.duels(rule, scenario, random);
        }
        match scenario.history {
            // The other rules compare with the champion alone, whatever it was before.
            History::Single | History::Drifted { .. } => self.window(scenario, &self.world, random),
            History::Windows { count } | History::Killed { count } => {
                let mut trial = self.window(scenario, &self.world, Random::new(random.bits(), &[]))?;
                for _ in 1..count {
                    if trial.dethroned {
                        break;
                    }
                    let next = self.window(scenario, &self.world, Random::new(random.bits(), &[]))?;
                    trial = Trial { dethroned: next.dethroned, ..trial };
                }
                Ok(trial)
            }
            History::Swapped | History::Squatted => match self.mechanism.crowns() {
                // The record names the model, and whatever else plays has to win against it.
                Crown::Model => self.window(scenario, &self.world, random),
                Crown::Hotkey => self.untested(scenario, random),
            },
        }
    }

    /// Heats and bouts, in one reign over all windows: the record of the one before opens each of them.
    ///
    /// A window that is killed has spent the numbers of the bouts that it began, and a model that had its bout has none
    /// again; a swapped model waits as a challenger, and so does a squatting one.
    fn duels(&self, rule: &Sequential, scenario: &Scenario, mut random: Random) -> Result<Trial, DuelError> {
        let environments = self.world.means.len();
        // The champion from before the drift stands guard.
        let guard = match scenario.history {
            History::Drifted { reigns } => {
                Some((0..environments).map(|place| -(reigns as f64) * scenario.gain(place)).collect())
            }
            _ => None,
        };
        let rules = Rules { world: self.world.clone(), rule: rule.clone(), guard };
        let mut subnet = Subnet::new(&rules);
        let decoys = decoys(scenario);
        let fresh = || {
            let mut all = Contender::several(&decoys, decoys.challengers, environments);
            all.extend(Contender::several(scenario, scenario.challengers, environments));
            all
        };
        let mut field = fresh();
        let mut won = subnet.window(&mut field, &mut random)?;
        let first = field.get(decoys.challengers).cloned();
        let (windows, same) = match scenario.history {
            History::Windows { count } => (count, false),
            History::Killed { count } => (count, true),
            History::Single | History::Swapped | History::Squatted | History::Drifted { .. } => (1, true),
        };
        for _ in 1..windows {
            if won.is_some() {
                break;
            }
            if !same {
                field = fresh();
            }
            won = subnet.window(&mut field, &mut random)?;
        }
        let dethroned = won.is_some_and(|place| place >= decoys.challengers);
        let nobody = Trial { dethroned, first: Verdict::Undecided, tasks: 0.0, rollouts: 0.0 };
        Ok(first.map_or(nobody, |first| first.trial(dethroned)))
    }

    /// A window in which the scenario's model reigns without having been compared, and the model that ought to reign has
    /// to win against it.
    fn untested(&self, scenario: &Scenario, random: Random) -> Result<Trial, DuelError> {
        let gains: Vec<f64> = (0..self.world.means.len()).map(|environment| scenario.gain(environment)).collect();
        let shifted = self.world.means.iter().zip(&gains).map(|(mean, gain)| (mean + gain).clamp(0.0, 1.0));
        let world = World { means: shifted.collect(), correlation: self.world.correlation };
        let regained: Vec<f64> = gains.iter().map(|gain| -gain).collect();
        let trial = self.window(&Scenario::plain(&scenario.name, true, &regained), &world, random)?;
        Ok(trial.reversed())
    }

    fn window(&self, scenario: &Scenario, world: &World, random: Random) -> Result<Trial, DuelError> {
        Ok(match self.mechanism.comparison() {
            Comparison::Duels(rule) => return self.duels(rule, scenario, random),
            Comparison::Means(rule) => means(scenario, world, rule, self.tasks, random),
            Comparison::Pairs(rule) => pairs(scenario, world, rule, &rule.tasks(self.tasks), random),
        })
    }
}

/// The decoys that committed before a scenario's challengers.
pub(super) fn decoys(scenario: &Scenario) -> Scenario {
    Scenario { challengers: scenario.decoys, tasks: Tasks::Answered, ..Scenario::plain("decoys", false, &[DECOY]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::Mechanisms;

    /// Share of the trials that a scenario wins under a mechanism.
    fn rate(name: &str, scenario: &Scenario, trials: u64) -> f64 {
        let mechanisms = Mechanisms::default();
        let game = Game {
            mechanism: mechanisms.named(name).expect("a known mechanism"),
            world: World { means: vec![0.5; 2], correlation: 0.6 },
            tasks: &[200, 200],
        };
        let won = |trial: &u64| game.play(scenario, Random::new(81, &[*trial])).expect("valid settings").dethroned;
        (0..trials).filter(won).count() as f64 / trials as f64
    }

    fn over(gain: f64, history: History) -> Scenario {
        Scenario { history, ..Scenario::plain("attack", false, &[gain]) }
    }

    #[test]
    fn a_model_that_was_never_compared_reigns_where_hotkeys_are_crowned() {
        for history in [History::Swapped, History::Squatted] {
            let worse = over(-0.1, history);
            assert_eq!(rate("sequential", &worse, 30), 0.0, "{history:?}");
            for name in ["window", "four_stage", "two_evaluations"] {
                let challenged = rate(name, &over(-0.1, History::Single), 100);
                let found = rate(name, &worse, 100);
                assert!(found > challenged, "{name} {history:?}: {found} against {challenged}");
            }
        }
        // One that is hopelessly worse is found out all the same by the model that it displaced.
        assert_eq!(rate("window", &over(-0.5, History::Squatted), 20), 0.0);
    }

    #[test]
    fn every_further_window_is_a_further_chance_where_nothing_is_spent() {
        for name in ["window", "powerset", "bootstrap", "private_samples"] {
            let once = rate(name, &over(0.0, History::Single), 400);
            for history in [History::Windows { count: 8 }, History::Killed { count: 8 }] {
                let found = rate(name, &over(0.0, history), 400);
                let expected = 1.0 - (1.0 - once).powi(8);
                assert!((found - expected).abs() < 0.15 && found > once, "{name}: {found}, not {expected}");
            }
        }
    }

    #[test]
    fn a_slow_drift_ends_at_the_champion_from_before_it() {
        let drift = |history| Scenario { history, ..Scenario::plain("drift", false, &[-0.01, 0.3]) };
        let reigns = |reigns| rate("sequential", &drift(History::Drifted { reigns }), 20);
        assert!(rate("sequential", &drift(History::Single), 20) > 0.3, "a single one wins");
        assert_eq!(reigns(9), 0.0);
        for name in ["window", "bootstrap"] {
            let found =
                [History::Single, History::Drifted { reigns: 9 }].map(|history| rate(name, &drift(history), 40));
            assert_eq!(found[0], found[1], "{name} compares with the champion alone");
        }
    }

    #[test]
    fn decoys_come_before_the_challenger_and_do_not_win() {
        for name in ["sequential", "window", "two_evaluations", "bootstrap"] {
            let scenario = |gain| Scenario { decoys: 6, ..Scenario::plain("behind decoys", true, &[gain]) };
            assert_eq!(rate(name, &scenario(0.4), 20), 1.0, "{name}");
            assert_eq!(rate(name, &scenario(-0.4), 20), 0.0, "{name}");
        }
    }
}
