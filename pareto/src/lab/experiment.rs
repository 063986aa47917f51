//! Simulations of which the targets read their figures.

use rayon::prelude::*;

use super::flips::{FlipRow, flips};
use super::random::Random;
use super::scenario::{DECOY, Scenario};
use super::subnet::{Contender, Rules, Subnet};
use super::table::{Cell, LabError, LabSettings, cell};
use super::trial::Trial;
use super::world::World;
use crate::duel::{DuelError, Verdict};

/// A simulation.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Experiment {
    /// A single challenger's window in a fresh reign, perhaps with a guard.
    Bout {
        /// The challenger.
        challenger: Scenario,
        /// Gains over the champion of the guard, the last one for all further environments; empty without one.
        guard: Vec<f64>,
    },
    /// A challenger that comes when losers have been there, in as many windows as it takes to win, ten at most.
    Newcomer {
        /// The challenger.
        challenger: Scenario,
        /// The losers before it.
        losers: Scenario,
        /// Number of them in a window.
        per_window: usize,
    },
    /// A challenger in one window with a crowd that committed before it.
    Crowd {
        /// The challenger.
        challenger: Scenario,
        /// The crowd.
        crowd: Scenario,
    },
    /// Challengers in several windows, other ones in each.
    Reign {
        /// The challengers of a window.
        field: Vec<Scenario>,
        /// Number of the windows.
        windows: usize,
    },
    /// Validators whose rollouts are flipped, and a challenger.
    Flips {
        /// Share of the rollouts.
        flip: f64,
        /// The challenger's gain everywhere.
        gain: f64,
    },
}

/// Windows after which a challenger gives up.
const PATIENCE: usize = 10;

/// The outcome of one trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outcome {
    /// The challenger's part in it; of a field without a challenger only whether one of it won.
    pub(super) trial: Trial,
    /// The mean of the tasks per environment that a loser before it was asked.
    pub(super) loser_tasks: f64,
    /// Number of its bout; none without one.
    pub(super) number: Option<u64>,
}

impl Outcome {
    fn new(one: &Contender<'_>, won: bool, loser_tasks: f64) -> Self {
        Self { trial: one.trial(won), loser_tasks, number: one.number }
    }
}

/// The outcome of all trials.
pub(super) enum Played {
    Trials(Vec<Outcome>),
    Flips(Box<FlipRow>),
}

/// Plays an experiment; `done` is told of every trial that ends.
pub(super) fn play(
    experiment: &Experiment,
    settings: &LabSettings,
    label: u64,
    done: &(dyn Fn() + Sync),
) -> Result<Played, LabError> {
    if let Experiment::Flips { flip, gain } = experiment {
        let row = flips(*flip, &[*gain], settings, done)?.pop().expect("one gain gives one row");
        return Ok(Played::Flips(Box::new(row)));
    }
    let mut rules = rules(settings)?;
    if let Experiment::Bout { guard, .. } = experiment
        && !guard.is_empty()
    {
        let guard = Scenario::plain("guard", true, guard);
        rules.guard = Some((0..settings.means.len()).map(|environment| guard.gain(environment)).collect());
    }
    let trial = |trial: u64| {
        let ended = experiment.trial(&rules, Random::new(settings.seed, &[label, trial]))?;
        done();
        Ok(ended)
    };
    let trials = (0..settings.trials as u64).into_par_iter().map(trial).collect::<Result<_, LabError>>()?;
    Ok(Played::Trials(trials))
}

impl Experiment {
    fn trial(&self, rules: &Rules, mut random: Random) -> Result<Outcome, DuelError> {
        let mut subnet = Subnet::new(rules);
        let environments = rules.world.means.len();
        Ok(match self {
            Self::Bout { challenger, .. } => {
                let mut one = [Contender::new(challenger, environments)];
                let won = subnet.window(&mut one, &mut random)?.is_some();
                Outcome::new(&one[0], won, 0.0)
            }
            Self::Newcomer { challenger, losers, per_window } => {
                let mut spent = 0.0;
                let mut left = losers.challengers;
                while left > 0 {
                    let now = left.min(*per_window);
                    let mut crowd = Contender::several(losers, now, environments);
                    // A loser that wins by chance begins no other reign here: the figure is that of this one.
                    subnet.window(&mut crowd, &mut random)?;
                    spent += crowd.iter().map(|one| one.tasks).sum::<f64>();
                    left -= now;
                }
                let mut one = [Contender::new(challenger, environments)];
                let mut won = false;
                for _ in 0..PATIENCE {
                    won = won || subnet.window(&mut one, &mut random)?.is_some();
                }
                let loser_tasks = spent / losers.challengers.max(1) as f64;
                Outcome::new(&one[0], won, loser_tasks)
            }
            Self::Crowd { challenger, crowd } => {
                let mut all = Contender::several(crowd, crowd.challengers, environments);
                all.push(Contender::new(challenger, environments));
                let won = subnet.window(&mut all, &mut random)? == Some(crowd.challengers);
                Outcome::new(&all[crowd.challengers], won, 0.0)
            }
            Self::Reign { field, windows } => {
                let mut won = false;
                for _ in 0..*windows {
                    let mut all = Vec::new();
                    for models in field {
                        all.extend(Contender::several(models, models.challengers, environments));
                    }
                    won = won || subnet.window(&mut all, &mut random)?.is_some();
                }
                let first = if won { Verdict::Dethroned } else { Verdict::Defended };
                let trial = Trial { dethroned: won, first, tasks: 0.0, rollouts: 0.0 };
                Outcome { trial, loser_tasks: 0.0, number: None }
            }
            Self::Flips { .. } => unreachable!("validators are played by their own table"),
        })
    }
}

/// Plays a challenger of a gain everywhere that comes when losers have been there, and tells of it in all the windows that
/// it takes to win, ten at most; `done` is told of every trial that ends.
///
/// # Errors
/// If a setting is out of its range.
pub(crate) fn play_after(
    gain: f64,
    losers: &Losers,
    settings: &LabSettings,
    done: &(dyn Fn() + Sync),
) -> Result<Cell, LabError> {
    let experiment = Experiment::Newcomer {
        challenger: Scenario::plain("challenger", true, &[gain]),
        losers: Scenario { challengers: losers.count, ..Scenario::plain("losers", false, &[losers.gain]) },
        per_window: losers.per_window,
    };
    let label = losers.name.bytes().fold(gain.to_bits(), |label, byte| label.wrapping_mul(257) ^ u64::from(byte));
    let rules = rules(settings)?;
    let trial = |trial: u64| {
        let ended = experiment.trial(&rules, Random::new(settings.seed, &[label, trial]))?.trial;
        done();
        Ok(ended)
    };
    let trials = (0..settings.trials as u64).into_par_iter().map(trial).collect::<Result<Vec<_>, LabError>>()?;
    Ok(cell("sequential", &trials))
}

/// Challengers that come before one and win nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Losers {
    /// The name they have in tables.
    pub(crate) name: &'static str,
    /// Number of them.
    pub(crate) count: usize,
    /// Number of them in a window.
    pub(crate) per_window: usize,
    /// Their gain everywhere.
    pub(crate) gain: f64,
}

impl Losers {
    /// Decoys, one a window, and copies, all in one.
    pub(crate) fn all() -> [Self; 2] {
        [
            Self { name: "256 decoys", count: 256, per_window: 1, gain: DECOY },
            Self { name: "256 copies in a window", count: 256, per_window: 256, gain: 0.0 },
        ]
    }
}

/// The rules and the world of settings.
fn rules(settings: &LabSettings) -> Result<Rules, LabError> {
    settings.validate()?;
    Ok(Rules {
        world: World { means: settings.means.clone(), correlation: settings.correlation },
        rule: settings.mechanisms().sequential,
        guard: None,
    })
}
