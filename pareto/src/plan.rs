//! Expected power and cost of a duel's settings, by simulation, before any time on a GPU is spent.

use serde::{Deserialize, Serialize};

use crate::lab::{Cell, LabError, LabSettings, Losers, Scenario, play_after, play_one};
use crate::reign::Reign;

/// Gains in every environment for which the tasks needed are planned.
const GAINS: [f64; 4] = [0.02, 0.05, 0.1, 0.2];

/// Gains in every environment for which the tasks needed after losers are planned.
const LATER_GAINS: [f64; 2] = [0.05, 0.1];

/// Power at which the tasks that equal models need are stated.
const POWER: f64 = 0.99;

/// Tolerances between which the trade is shown.
const TOLERANCES: [f64; 8] = [0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1];

/// Expected power and cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The chance that any challenger of the reign that is not better ever wins: a bound, not an estimate.
    pub false_dethrone_bound: f64,
    /// The same for the next challenger alone.
    pub next_challenger_bound: f64,
    /// Tasks that gains of 0.02, 0.05, 0.10 and 0.20 everywhere need.
    pub needs: Vec<Need>,
    /// Tasks that gains of 0.05 and 0.10 everywhere need after losers, all windows together. Losers can do no more to others
    /// than use up numbers.
    pub after_losers: Vec<Later>,
    /// Tasks that a copy takes before it is dismissed.
    pub copy: Need,
    /// One entry for each tolerance from 0.01 to 0.10.
    pub trade: Vec<Trade>,
}

/// The tasks that a gain needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Need {
    /// Gain in every environment.
    pub gain: f64,
    /// Share of the duels won.
    pub wins: f64,
    /// Share of the duels in which the challenger is dismissed.
    pub dismissed: f64,
    /// Median of the tasks per environment.
    pub median_tasks: f64,
    /// The 90th percentile of them.
    pub ninetieth_tasks: f64,
    /// Median of them over the duels that are won: the tasks that showing the gain takes.
    pub winning_tasks: Option<f64>,
    /// Median of the rollouts, of both models in all environments.
    pub median_rollouts: f64,
}

/// The tasks that a gain needs after losers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Later {
    /// The losers.
    pub losers: String,
    /// The tasks.
    pub need: Need,
}

/// Gains that a tolerance lets win, and losses that it lets pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trade {
    /// The tolerance.
    pub tolerance: f64,
    /// Share of the duels won by a model that is 0.10 better in one environment and equal elsewhere.
    pub better_in_one_wins: f64,
    /// Median of the tasks per environment that it needs.
    pub better_in_one_tasks: f64,
    /// Share of the duels won by a model that is 0.03 worse in one environment and 0.10 better elsewhere.
    pub worse_in_one_wins: f64,
    /// Tasks that no test on plain pairs can do without to show, with a power of 0.99, that an equal model is not worse by
    /// the tolerance in an environment.
    pub equal_tasks: f64,
}

/// Simulates the planned gains and the trade; `done` is told of every trial that ends.
///
/// # Errors
/// If a setting is out of its range.
pub fn plan(settings: &LabSettings, done: &(dyn Fn() + Sync)) -> Result<Plan, LabError> {
    let alpha = Reign::resumed(settings.alpha, settings.challengers_before)?.alpha_of(settings.challengers_before + 1);
    let cell = |name: &str, gains: &[f64], settings: &LabSettings| {
        play_one(&Scenario::plain(name, true, gains), &settings.mechanisms().sequential, settings, done)
    };
    let need = |gain: f64| cell(&format!("{gain:+} everywhere"), &[gain], settings).map(|cell| need(gain, &cell));
    let mut trade = Vec::with_capacity(TOLERANCES.len());
    for tolerance in TOLERANCES {
        let mut settings = settings.clone();
        settings.duel.tolerance = tolerance;
        let better = cell("+0.10 in one", &[0.1, 0.0], &settings)?;
        let worse = cell("-0.03 in one, +0.10 in the others", &[-0.03, 0.1], &settings)?;
        trade.push(Trade {
            tolerance,
            better_in_one_wins: better.rate,
            better_in_one_tasks: better.median_tasks,
            worse_in_one_wins: worse.rate,
            equal_tasks: settings
                .means
                .iter()
                .map(|mean| equal_tasks(tolerance, *mean, settings.correlation, alpha))
                .fold(0.0, f64::max),
        });
    }
    let mut after_losers = Vec::new();
    for losers in Losers::all() {
        for gain in LATER_GAINS {
            let cell = play_after(gain, &losers, settings, done)?;
            after_losers.push(Later { losers: losers.name.to_owned(), need: self::need(gain, &cell) });
        }
    }
    Ok(Plan {
        false_dethrone_bound: settings.alpha,
        next_challenger_bound: alpha,
        needs: GAINS.into_iter().map(need).collect::<Result<_, _>>()?,
        after_losers,
        copy: need(0.0)?,
        trade,
    })
}

/// Trials that [`plan`] plays.
#[must_use]
pub fn trials(settings: &LabSettings) -> u64 {
    let cells = GAINS.len() + Losers::all().len() * LATER_GAINS.len() + 1 + 2 * TOLERANCES.len();
    cells as u64 * settings.trials as u64
}

fn need(gain: f64, cell: &Cell) -> Need {
    Need {
        gain,
        wins: cell.rate,
        dismissed: cell.dismissed,
        median_tasks: cell.median_tasks,
        ninetieth_tasks: cell.ninetieth_tasks,
        winning_tasks: cell.winning_tasks,
        median_rollouts: cell.median_rollouts,
    }
}

/// Tasks that no test can do without to show that an equal model is not worse by the tolerance.
///
/// Change of measure: a test that is wrong with probability alpha, and right with the power, needs the relative entropy
/// of the two in evidence, and a task gives at most KL-inf, the growth of the best bet (Garivier and Kaufmann 2016).
/// Differences of two equal models are -1 and 1 with a probability of p (1 - p) (1 - correlation) each, and else 0.
fn equal_tasks(tolerance: f64, mean: f64, correlation: f64, alpha: f64) -> f64 {
    let entropy = |power: f64, alpha: f64| power * libm::log(power / alpha);
    let needed = entropy(POWER, alpha) + entropy(1.0 - POWER, 1.0 - alpha);
    let differ = mean * (1.0 - mean) * (1.0 - correlation);
    let growth = |bet: f64| {
        let gained = |difference: f64| libm::log1p(bet * (difference + tolerance));
        differ * (gained(-1.0) + gained(1.0)) + (1.0 - 2.0 * differ) * gained(0.0)
    };
    // The growth is concave in the bet, and a bet of 1 / (1 - tolerance) loses everything on a loss.
    let (mut low, mut high) = (0.0, (1.0 - 1e-9) / (1.0 - tolerance));
    for _ in 0..100 {
        let (left, right) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        if growth(left) < growth(right) { low = left } else { high = right }
    }
    needed / growth(0.5 * (low + high))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(trials: usize) -> LabSettings {
        let duel = crate::DuelSettings { budget: 60, ..crate::DuelSettings::default() };
        LabSettings { trials, duel, means: vec![0.5; 2], tasks: vec![50; 2], ..LabSettings::default() }
    }

    #[test]
    fn a_plan_is_the_same_every_time_and_tells_of_every_trial() {
        use std::sync::atomic::{AtomicU64, Ordering};
        let (settings, told) = (settings(6), AtomicU64::new(0));
        let first = plan(&settings, &|| {
            told.fetch_add(1, Ordering::Relaxed);
        });
        let first = first.expect("valid settings");
        assert_eq!(told.into_inner(), trials(&settings));
        assert_eq!(first, plan(&settings, &|| ()).expect("valid settings"));
        assert_eq!((first.needs.len(), first.after_losers.len(), first.trade.len()), (4, 4, 8));
        assert_eq!(first.needs.iter().map(|need| need.gain).collect::<Vec<_>>(), GAINS);
    }

    #[test]
    fn larger_gains_win_more_often_and_copies_hardly_ever() {
        let plan = plan(&settings(60), &|| ()).expect("valid settings");
        let wins: Vec<f64> = plan.needs.iter().map(|need| need.wins).collect();
        assert!(wins.windows(2).all(|pair| pair[0] <= pair[1] + 0.1), "{wins:?}");
        assert!(plan.copy.wins <= 0.05, "{:?}", plan.copy);
        for need in plan.needs.iter().chain([&plan.copy]) {
            assert!(need.median_tasks <= need.ninetieth_tasks && need.ninetieth_tasks <= 210.0, "{need:?}");
            assert!((0.0..=1.0).contains(&(need.wins + need.dismissed)), "{need:?}");
            assert_eq!(need.winning_tasks.is_some(), need.wins > 0.0, "{need:?}");
        }
        assert_eq!(plan.false_dethrone_bound, 0.01);
        assert_eq!(plan.next_challenger_bound, Reign::new(0.01).expect("valid").alpha_of(1));
    }

    #[test]
    fn a_plan_with_settings_out_of_range_is_refused() {
        assert!(plan(&LabSettings { alpha: 0.9, ..settings(1) }, &|| ()).is_err());
        assert!(plan(&LabSettings { trials: 0, ..settings(1) }, &|| ()).is_err());
        assert!(plan(&LabSettings { means: vec![2.0; 2], ..settings(1) }, &|| ()).is_err());
    }

    #[test]
    fn losers_before_a_challenger_cost_it_tasks_and_never_the_promise() {
        let before = |challengers_before: u64| {
            plan(&LabSettings { challengers_before, ..settings(40) }, &|| ()).expect("valid settings")
        };
        let (first, later) = (before(0), before(1_000));
        assert_eq!(first.false_dethrone_bound, later.false_dethrone_bound);
        assert!(later.next_challenger_bound < first.next_challenger_bound / 100.0, "{later:?}");
        let wins = |plan: &Plan| plan.needs.iter().map(|need| need.wins).sum::<f64>();
        assert!(wins(&later) <= wins(&first), "{} {}", wins(&later), wins(&first));
        for plan in [&first, &later] {
            let gains: Vec<f64> = plan.after_losers.iter().map(|later| later.need.gain).collect();
            assert_eq!(gains, [0.05, 0.1, 0.05, 0.1]);
            // Decoys use up no number, copies do.
            let [decoys, copies] = [1, 3].map(|place| &plan.after_losers[place].need);
            assert!(copies.wins <= decoys.wins + 0.1, "{plan:?}");
        }
    }

    #[test]
    fn a_wider_tolerance_lets_more_through_of_either_kind() {
        let trade = plan(&settings(60), &|| ()).expect("valid settings").trade;
        assert_eq!(trade.iter().map(|one| one.tolerance).collect::<Vec<_>>(), TOLERANCES);
        let (narrow, wide) = (&trade[0], &trade[TOLERANCES.len() - 1]);
        assert!(narrow.better_in_one_wins <= wide.better_in_one_wins, "{narrow:?} {wide:?}");
        assert!(narrow.worse_in_one_wins <= wide.worse_in_one_wins, "{narrow:?} {wide:?}");
        assert!(trade.windows(2).all(|pair| pair[0].equal_tasks > pair[1].equal_tasks), "{trade:?}");
        assert!(trade.iter().all(|one| (0.0..=210.0).contains(&one.better_in_one_tasks)), "{trade:?}");
    }

    #[test]
    fn a_plan_is_written_and_read_to_the_last_bit() {
        let first = plan(&settings(3), &|| ()).expect("valid settings");
        let written = serde_json::to_string(&first).expect("a plan");
        assert_eq!(serde_json::from_str::<Plan>(&written).expect("the same plan"), first);
    }

    #[test]
    fn the_least_tasks_for_equal_models_are_those_of_the_bound() {
        let check = |tolerance: f64, correlation: f64, expected: f64| {
            let found = equal_tasks(tolerance, 0.5, correlation, 0.004_094);
            assert!((found / expected - 1.0).abs() < 0.01, "{tolerance} {correlation}: {found}, not {expected}");
        };
        check(0.02, 0.6, 5_403.0);
        check(0.02, 0.8, 2_735.0);
        check(0.02, 0.95, 821.0);
        // Who never differs shows it by ties alone, each a gain of the whole bet.
        assert!(equal_tasks(0.5, 0.0, 0.0, 0.01) < 8.0);
    }
}
