//! Forecast of the further tasks that a duel takes if differences go on as they were.

use serde::{Deserialize, Serialize};

use crate::duel::sequence::{Duel, deciding};
use crate::duel::settings::Better;
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
    let left = |environment: usize| {
        let place = &duel.environments[environment];
        duel.settings.budget.saturating_sub(place.tasks - place.before)
    };
    let longest_left = (0..counts.len()).map(left).max().unwrap_or(0);
    let environments: Vec<Option<usize>> = duel
        .environments
        .iter()
        .enumerate()
        .map(|(environment, place)| {
            let champion = match place.settled_after {
                Some(_) => Some(0),
                None => {
                    let bets = match duel.settings.better {
                        Better::Strict => &duel.bets.superiority,
                        Better::OnAverage | Better::Somewhere => &duel.bets.noninferiority,
                    };
                    let missing = needed - deciding(duel.settings.better, place).log_e();
                    further(missing, fastest(&growth(&counts[environment], bets)), left(environment))
                }
            };
            let guard = match place.guard.as_deref().filter(|guard| guard.settled_after.is_none()) {
                None => Some(0),
                Some(guard) => {
                    let speed = fastest(&growth(&guard.tally.counts(), &duel.bets.noninferiority));
                    further(needed - guard.noninferiority.log_e(), speed, left(environment))
                }
            };
            champion.zip(guard).map(|(champion, guard)| champion.max(guard))
        })
        .collect();
    let superiority = match duel.superiority_settled_after {
        Some(_) => Some(0),
        None => {
            let gains = rates(&counts, &duel.bets.superiority);
            let together = fastest(&total(&gains));
            // A mixture grows in the long run as fast as its fastest part.
            let speed = match duel.settings.better {
                Better::OnAverage => together,
                _ => gains.iter().map(fastest).fold(together, f64::max),
            };
            further(needed - duel.superiority_log_e(), speed, longest_left)
        }
    };
    let dismissal = match (duel.has_ended(), duel.superiority_settled_after) {
        // A challenger that is better somewhere is no longer dismissed for a small mean gain.
        (true, _) | (_, Some(_)) => None,
        _ => {
            let speed = fastest(&total(&rates(&counts, &duel.bets.futility)));
            further(duel.needed_futility_log_e() - duel.futility.log_e(), speed, longest_left)
        }
    };
    Forecast { environments, superiority, dismissal }
}

fn rates(counts: &[Vec<(f64, f64)>], bets: &Bets) -> Vec<[f64; STRANDS]> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duel::DuelSettings;
    use crate::scores::{Pair, PairedScores};

    #[test]
    fn further_tasks_are_counted_up_to_the_limit() {
        let check = |missing, speed, limit, expected: Option<usize>| {
            assert_eq!(further(missing, speed, limit), expected, "{missing} {speed} {limit}");
        };
        check(1.0, 0.5, 2, Some(2));
        check(1.0, 0.5, 1, None);
        check(1.0, 0.3, 10, Some(4));
        check(1e-9, 10.0, 1, Some(1));
        // What is reached needs no task, whatever is left of the budget.
        check(0.0, 0.5, 0, Some(0));
        check(-3.0, f64::NEG_INFINITY, 0, Some(0));
        for speed in [0.0, -0.1, f64::NEG_INFINITY, f64::NAN] {
            check(1.0, speed, usize::MAX, None);
        }
    }

    #[test]
    fn a_challenger_wins_when_its_last_test_settles_unless_dismissed_before() {
        let check = |environments: &[Option<usize>], superiority, dismissal, expected: Option<usize>| {
            let forecast = Forecast { environments: environments.to_vec(), superiority, dismissal };
            assert_eq!(forecast.dethroning(), expected, "{forecast:?}");
        };
        check(&[Some(0), Some(0)], Some(0), None, Some(0));
        check(&[Some(3), Some(7)], Some(5), None, Some(7));
        check(&[Some(3)], Some(9), None, Some(9));
        check(&[Some(3), None], Some(9), None, None);
        check(&[Some(3)], None, None, None);
        check(&[Some(10)], Some(4), Some(9), None);
        check(&[Some(10)], Some(4), Some(10), Some(10));
        check(&[Some(10)], Some(4), Some(11), Some(10));
    }

    #[test]
    fn every_meaning_of_better_forecasts_the_test_that_settles_it() {
        let held = |better, tolerance, pairs: &[Pair]| {
            let settings = DuelSettings { better, tolerance, budget: 5_000, ..DuelSettings::default() };
            let scores = PairedScores { environments: vec![pairs.to_vec(); 2] };
            Duel::held(&scores, &settings, 1e-6).expect("valid").forecast()
        };
        let ties = [Pair::new(1.0, 1.0); 9];
        // Ties show that a challenger is not worse than a tolerance, and never that it is better.
        let pareto = held(Better::Somewhere, 0.1, &ties);
        assert!(pareto.environments.iter().all(|tasks| tasks.is_some_and(|tasks| tasks > 0)), "{pareto:?}");
        assert_eq!((pareto.superiority, pareto.dethroning()), (None, None));
        assert!(pareto.dismissal.is_some(), "{pareto:?}");
        let strict = held(Better::Strict, 0.1, &ties);
        assert_eq!((strict.environments, strict.superiority), (vec![None; 2], None));
        // A wider tolerance is shown sooner.
        let wider = held(Better::Somewhere, 0.3, &ties);
        assert!(wider.environments[0] < pareto.environments[0], "{wider:?} {pareto:?}");
    }

    #[test]
    fn a_forecast_looks_at_what_was_seen_and_not_at_its_order() {
        let mut pairs: Vec<Pair> = [(0.0, 1.0), (0.5, 0.5), (1.0, 0.25), (0.0, 1.0), (0.25, 0.5)]
            .map(|(champion, challenger)| Pair::new(champion, challenger))
            .to_vec();
        let forecast = |pairs: &[Pair]| {
            let scores = PairedScores { environments: vec![pairs.to_vec()] };
            Duel::held(&scores, &DuelSettings::default(), 0.01).expect("valid").forecast()
        };
        let expected = forecast(&pairs);
        assert!(expected.dethroning().is_some(), "{expected:?}");
        for _ in 0..pairs.len() {
            pairs.rotate_left(1);
            assert_eq!(forecast(&pairs), expected);
        }
    }
}
