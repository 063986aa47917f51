//! Forecast of the further tasks that a duel takes if differences go on as they were.

use serde::{Deserialize, Serialize};

use crate::duel::sequence::Duel;
use crate::eprocess::{Bets, STRANDS};
use crate::estimate::growth;

/// Further tasks until each test settles; `None` is more than the budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// For each environment: further tasks until it is shown to be not worse (in `strict` mode: better). 0 when it is.
    pub environments: Vec<Option<usize>>,
    /// Further tasks per environment until "nowhere better" is refuted. 0 when it is.
    pub superiority: Option<usize>,
    /// Further tasks per environment until the challenger would be dismissed.
    pub dismissal: Option<usize>,
}

impl Forecast {
    /// Further tasks per environment until the challenger would win, or `None` if not within the budget or dismissed
    /// before.
    pub fn dethroning(&self) -> Option<usize> {
        let mut most = self.superiority?;
        for tasks in &self.environments {
            most = most.max((*tasks)?);
        }
        match self.dismissal {
            Some(dismissal) if dismissal < most => None,
            _ => Some(most),
        }
    }
}

/// Divides the wealth still missing by the growth that each test has had on the differences seen.
pub(super) fn forecast(duel: &Duel) -> Forecast {
    let counts: Vec<_> = duel.environments.iter().map(|place| place.tally.counts()).collect();
    let needed = duel.needed_log_e();
    let strict = duel.settings.mode == crate::duel::DuelMode::Strict;
    let left = |environment: usize| duel.settings.budget.saturating_sub(duel.environments[environment].tasks);
    let longest_left = (0..counts.len()).map(left).max().unwrap_or(0);
    let environments: Vec<Option<usize>> = duel
        .environments
        .iter()
        .enumerate()
        .map(|(environment, place)| {
            if place.settled_after.is_some() {
                return Some(0);
            }
            let (bets, process) = match strict {
                true => (&duel.bets.superiority, &place.superiority),
                false => (&duel.bets.noninferiority, &place.noninferiority),
            };
            further(needed - process.log_e(), fastest(&growth(&counts[environment], bets)), left(environment))
        })
        .collect();
    let superiority = match duel.superiority_settled_after {
        Some(_) => Some(0),
        None => {
            let gains = rates(&counts, &duel.bets.superiority);
            let alone = gains.iter().map(fastest).fold(f64::NEG_INFINITY, f64::max);
            let together = fastest(&total(&gains));
            further(needed - duel.superiority_log_e(), alone.max(together), longest_left)
        }
    };
    let dismissal = match (duel.has_ended(), duel.superiority_settled_after) {
        (true, _) | (_, Some(_)) => None,
        _ => {
            let speed = fastest(&total(&rates(&counts, &duel.bets.futility)));
            further(duel.needed_futility_log_e() - duel.futility.log_e(), speed, longest_left)
        }
    };
    Forecast { environments, superiority, dismissal }
}

fn rates(counts: &[Vec<(f64, usize)>], bets: &Bets) -> Vec<[f64; STRANDS]> {
    counts.iter().map(|counts| growth(counts, bets)).collect()
}

fn total(rates: &[[f64; STRANDS]]) -> [f64; STRANDS] {
    let mut sum = [0.0; STRANDS];
    for rate in rates {
        for (sum, value) in sum.iter_mut().zip(rate) {
            *sum += value;
        }
    }
    sum
}

fn fastest(rates: &[f64; STRANDS]) -> f64 {
    rates.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// Tasks until `missing` is gained at `speed` a task, if that is within `limit`.
fn further(missing: f64, speed: f64, limit: usize) -> Option<usize> {
    if missing <= 0.0 {
        return Some(0);
    }
    let tasks = (missing / speed).ceil();
    (speed > 0.0 && tasks <= limit as f64).then_some(tasks as usize)
}
