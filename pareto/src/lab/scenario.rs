//! Scenarios: attacks and honest gains of one challenger or many.

use serde::{Deserialize, Serialize};

/// A challenger and its way of playing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// The name it has in tables.
    pub name: String,
    /// True if the challenger ought to win.
    pub honest: bool,
    /// Gain over the champion's mean in each environment; the last one holds for all further environments.
    pub gains: Vec<f64>,
    /// Number of such challengers; one winner is enough.
    pub challengers: usize,
    /// Its way of answering.
    pub tasks: Tasks,
    /// The windows that it is played over.
    pub history: History,
    /// Decoys that committed before it: models that are worse by 0.30 everywhere.
    pub decoys: usize,
}

/// Gain of a decoy in every environment.
pub(super) const DECOY: f64 = -0.3;

/// The windows that a scenario is played over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum History {
    /// A single window.
    #[default]
    Single,
    /// As many challengers of its kind in each of several windows, until one of them wins.
    Windows {
        /// The windows.
        count: usize,
    },
    /// The same challengers in several windows, each of which is killed after its verdicts unless one of them wins.
    Killed {
        /// The windows.
        count: usize,
    },
    /// The champion's hotkey has committed this model after it won with a better one.
    Swapped,
    /// The champion is gone, and this model has the earliest commitment; the champion before it plays.
    Squatted,
    /// Each of the last reigns went to a model with the same gains over the one before: a slow drift.
    Drifted {
        /// The reigns.
        reigns: usize,
    },
}

/// A challenger's way of answering.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tasks {
    /// Answers them.
    Answered,
    /// Answers them; the comparison is looked at again and again and stopped when the challenger is ahead.
    Peeked,
    /// Gives no reply where it would be wrong, up to a share of the tasks.
    Stalled {
        /// The share.
        share: f64,
    },
    /// Knows a share of the tasks beforehand and is perfect on them.
    Leaked {
        /// The share.
        share: f64,
    },
    /// As leaked, but the tasks are drawn after the commitment, so that nothing known helps.
    LeakedThenFresh {
        /// The share.
        share: f64,
    },
}

impl Scenario {
    /// A single challenger that simply answers.
    pub fn plain(name: &str, honest: bool, gains: &[f64]) -> Self {
        Self {
            name: name.to_owned(),
            honest,
            gains: gains.to_vec(),
            challengers: 1,
            tasks: Tasks::Answered,
            history: History::Single,
            decoys: 0,
        }
    }

    /// All attacks, then all honest gains.
    pub fn all() -> Vec<Self> {
        let attack = |name: &str, gains: &[f64]| Self::plain(name, false, gains);
        let copies = |challengers: usize| Self { challengers, ..attack(&format!("{challengers} copies"), &[0.0]) };
        let with = |name: &str, tasks| Self { tasks, ..attack(name, &[0.0]) };
        let over = |name: &str, gain, challengers, history| Self { challengers, history, ..attack(name, &[gain]) };
        vec![
            attack("copy", &[0.0]),
            copies(10),
            copies(40),
            copies(256),
            attack("noisy copy (-0.005)", &[-0.005]),
            attack("-0.02 everywhere", &[-0.02]),
            attack("+0.10 in one, -0.05 in the others", &[0.1, -0.05]),
            attack("-0.10 in one, +0.10 in the others", &[-0.1, 0.1]),
            attack("-0.03 in one, +0.10 in the others", &[-0.03, 0.1]),
            attack("-0.01 in one, +0.05 in the others", &[-0.01, 0.05]),
            Self {
                history: History::Drifted { reigns: 9 },
                ..attack("the same for the tenth reign in a row", &[-0.01, 0.05])
            },
            with("copy, peeking", Tasks::Peeked),
            with("copy, stalling on 10%", Tasks::Stalled { share: 0.1 }),
            with("copy, 20% of tasks leaked", Tasks::Leaked { share: 0.2 }),
            with("copy, 20% leaked, fresh seeds", Tasks::LeakedThenFresh { share: 0.2 }),
            over("16 copies in each of 16 windows", 0.0, 16, History::Windows { count: 16 }),
            over("copy, 16 windows killed", 0.0, 1, History::Killed { count: 16 }),
            over("-0.02 everywhere, swapped in for the crowned model", -0.02, 1, History::Swapped),
            over("-0.02 everywhere, squatting on the oldest commitment", -0.02, 1, History::Squatted),
            Self::plain("+0.05 everywhere", true, &[0.05]),
            Self::plain("+0.10 everywhere", true, &[0.1]),
            Self { decoys: 255, ..Self::plain("+0.10 everywhere behind 255 decoys", true, &[0.1]) },
            Self::plain("+0.10 in one", true, &[0.1, 0.0]),
            Self::plain("-0.05 everywhere", false, &[-0.05]),
        ]
    }

    /// The gain in an environment.
    pub fn gain(&self, environment: usize) -> f64 {
        self.gains.get(environment).or(self.gains.last()).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_gain_holds_for_all_further_environments() {
        let check = |gains: &[f64], expected: [f64; 3]| {
            let scenario = Scenario::plain("gains", true, gains);
            assert_eq!([0, 1, 2].map(|environment| scenario.gain(environment)), expected, "{gains:?}");
        };
        check(&[0.1], [0.1, 0.1, 0.1]);
        check(&[0.1, -0.05], [0.1, -0.05, -0.05]);
        check(&[0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3]);
        check(&[], [0.0, 0.0, 0.0]);
    }

    #[test]
    fn scenarios_have_names_of_their_own_and_attackers_nothing_to_win_by() {
        let all = Scenario::all();
        for (place, scenario) in all.iter().enumerate() {
            assert!(all[..place].iter().all(|other| other.name != scenario.name), "{} is there twice", scenario.name);
            let somewhere_worse = (0..4).any(|environment| scenario.gain(environment) < 0.0);
            let nowhere_better = (0..4).all(|environment| scenario.gain(environment) <= 0.0);
            assert_eq!(scenario.honest, !somewhere_worse && !nowhere_better, "{}", scenario.name);
            assert!(scenario.challengers > 0, "{}", scenario.name);
        }
    }
}
