//! The lab's settings, its seeds, and that it plays every mechanism as the mechanism rules.

use std::sync::atomic::{AtomicUsize, Ordering};

use pareto::DuelSettings;
use pareto::lab::{Cell, LabSettings, Random, Scenario, Tasks, play, play_one};
use pareto::mechanisms::{Comparison, EntryMeans, Field, FieldError, MeansRule, Mechanism, Ruling, WindowRule};

const RULES: [&str; 7] =
    ["sequential", "window", "four_stage", "powerset", "bootstrap", "two_evaluations", "private_samples"];

fn settings(trials: usize) -> LabSettings {
    let duel = DuelSettings { budget: 200, ..DuelSettings::default() };
    LabSettings { trials, duel, means: vec![0.5, 0.4], tasks: vec![60, 80], ..LabSettings::default() }
}

fn cell(scenario: &Scenario, rule: &str, settings: &LabSettings) -> Cell {
    let mechanisms = settings.mechanisms();
    play_one(scenario, mechanisms.named(rule).expect("a known rule"), settings, &|| ()).expect("valid settings")
}

/// A rule that no challenger, or every challenger, wins under.
struct Fixed {
    wins: bool,
    pairwise: bool,
}

impl Mechanism for Fixed {
    fn name(&self) -> &'static str {
        "fixed"
    }

    fn about(&self) -> &'static str {
        "One outcome for all"
    }

    fn rule(&self, field: &Field) -> Result<Ruling, FieldError> {
        self.rule_on_means(&field.means(0.0), field.champion)
    }

    fn comparison(&self) -> Comparison<'_> {
        Comparison::Means(self)
    }
}

impl MeansRule for Fixed {
    fn rule_on_means(&self, entries: &[EntryMeans], champion: Option<usize>) -> Result<Ruling, FieldError> {
        WindowRule::default().rule_on_means(entries, champion)
    }

    fn dethroned(&self, entries: &[EntryMeans]) -> bool {
        assert!(entries.len() > 1, "there is a champion and a challenger");
        assert!(!self.pairwise || entries.len() == 2, "one challenger at a time");
        self.wins
    }

    fn is_pairwise(&self) -> bool {
        self.pairwise
    }
}

#[test]
fn a_mechanism_of_ones_own_is_played_like_those_of_the_list() {
    for pairwise in [true, false] {
        for wins in [true, false] {
            for (challengers, tasks) in [(1, Tasks::Answered), (4, Tasks::Answered), (1, Tasks::Peeked)] {
                let scenario = Scenario { challengers, tasks, ..Scenario::plain("any", false, &[0.0]) };
                let cell =
                    play_one(&scenario, &Fixed { wins, pairwise }, &settings(5), &|| ()).expect("valid settings");
                assert_eq!((cell.rule, cell.trials), ("fixed", 5));
                assert_eq!((cell.dethroned, cell.rate), if wins { (5, 1.0) } else { (0, 0.0) }, "{scenario:?}");
                assert_eq!((cell.median_tasks, cell.ninetieth_tasks), (70.0, 70.0), "the mean of 60 and 80");
                assert_eq!(cell.winning_tasks.is_some(), wins && (pairwise || challengers == 1), "{scenario:?}");
            }
        }
    }
}

#[test]
fn every_trial_is_told_of_once() {
    let (settings, told) = (settings(7), AtomicUsize::new(0));
    let scenarios = [Scenario::plain("copy", false, &[0.0]), Scenario::plain("gain", true, &[0.3])];
    let done = || {
        told.fetch_add(1, Ordering::Relaxed);
    };
    let rows = play(&scenarios, &settings.mechanisms().all(), &settings, &done).expect("valid settings");
    assert_eq!(told.into_inner(), 7 * scenarios.len() * 7);
    assert!(rows.iter().all(|row| row.cells.len() == 7 && (0.0..=1.0).contains(&row.warned)));
    assert_eq!(rows.iter().map(|row| row.scenario.name.as_str()).collect::<Vec<_>>(), ["copy", "gain"]);
}

#[test]
fn the_seed_and_the_scenarios_name_decide_and_nothing_else() {
    let base = settings(40);
    for rule in RULES {
        let gain = Scenario::plain("gain", true, &[0.1]);
        let first = cell(&gain, rule, &base);
        assert_eq!(cell(&gain, rule, &base), first, "{rule}");
        let other = LabSettings { seed: 2, ..base.clone() };
        let renamed = Scenario { name: "gain2".to_owned(), ..gain.clone() };
        let differs = [cell(&gain, rule, &other), cell(&renamed, rule, &base)].into_iter().any(|cell| cell != first);
        assert!(differs, "{rule}: neither seed nor name matters");
    }
}

#[test]
fn a_challenger_that_is_always_right_wins_under_every_rule_and_one_always_wrong_under_none() {
    let base = LabSettings { means: vec![0.5; 2], ..settings(30) };
    for rule in RULES {
        let best = cell(&Scenario::plain("best", true, &[0.5]), rule, &base);
        let worst = cell(&Scenario::plain("worst", false, &[-0.5]), rule, &base);
        assert_eq!((best.rate, best.upper), (1.0, 1.0), "{rule}");
        assert!(worst.rate == 0.0 && worst.dismissed == 1.0 && worst.winning_tasks.is_none(), "{rule}: {worst:?}");
        // Nobody seen in 30 trials leaves 1 - 0.05^(1/30).
        assert!((worst.upper - 0.095).abs() < 1e-3, "{rule}: {}", worst.upper);
    }
}

#[test]
fn more_challengers_of_the_same_kind_never_win_less_often() {
    for rule in &RULES[1..] {
        let rate = |challengers| {
            let scenario = Scenario { challengers, ..Scenario::plain("copies", false, &[0.0]) };
            cell(&scenario, rule, &settings(400)).rate
        };
        let rates = [1, 4, 16].map(rate);
        let grows = rates.windows(2).all(|pair| pair[0] <= pair[1] + 0.08);
        assert!(grows, "{rule}: {rates:?}");
    }
    // Challengers that the reign has seen before leave less alpha to those that come now.
    let gain = Scenario::plain("gain", true, &[0.2]);
    let tasks = |challengers_before| {
        let settings = LabSettings { challengers_before, ..settings(60) };
        cell(&gain, "sequential", &settings).median_tasks
    };
    assert!(tasks(0) < tasks(1_000), "{} {}", tasks(0), tasks(1_000));
}

#[test]
fn stalling_costs_a_challenger_its_duel_and_leaking_gains_it() {
    let rate =
        |tasks| cell(&Scenario { tasks, ..Scenario::plain("it", false, &[0.0]) }, "sequential", &settings(60)).rate;
    assert_eq!(rate(Tasks::Stalled { share: 0.3 }), 0.0);
    assert_eq!(rate(Tasks::Leaked { share: 1.0 }), 1.0);
    assert_eq!(rate(Tasks::LeakedThenFresh { share: 1.0 }), 0.0);
}

#[test]
fn every_range_of_the_settings_is_checked_by_name() {
    let base = || settings(1);
    let check = |settings: LabSettings, part: &str| {
        let error = settings.validate().expect_err(part).to_string();
        assert!(error.contains(part), "{error}, not {part}");
    };
    check(LabSettings { means: vec![0.5; 21], tasks: vec![10; 21], ..base() }, "number of means is 21");
    check(LabSettings { means: vec![0.5, 1.1], ..base() }, "mean is 1.1");
    check(LabSettings { means: vec![f64::NAN; 2], ..base() }, "mean is NaN");
    check(LabSettings { tasks: vec![0, 5], ..base() }, "number of tasks is 0");
    check(LabSettings { tasks: vec![5, 1_000_001], ..base() }, "number of tasks is 1000001");
    check(LabSettings { tasks: vec![5], ..base() }, "number of task counts is 1");
    check(LabSettings { correlation: -0.1, ..base() }, "correlation is -0.1");
    check(LabSettings { unpaired_correlation: 1.1, ..base() }, "unpaired correlation is 1.1");
    check(LabSettings { trials: 0, ..base() }, "number of trials is 0");
    check(
        LabSettings { duel: DuelSettings { tolerance: 0.9, ..DuelSettings::default() }, ..base() },
        "tolerance is 0.9",
    );
    base().validate().expect("these are valid");
    LabSettings { means: vec![0.0, 1.0], correlation: 1.0, unpaired_correlation: 1.0, ..base() }
        .validate()
        .expect("ends");
}

#[test]
fn streams_of_different_labels_are_not_shifted_copies_of_each_other() {
    let numbers = |labels: &[u64]| {
        let mut random = Random::new(11, labels);
        (0..2_000).map(|_| random.bits()).collect::<std::collections::BTreeSet<_>>()
    };
    let streams: Vec<_> = (0..20).map(|label| numbers(&[label, 1])).collect();
    for (place, one) in streams.iter().enumerate() {
        assert!(streams[..place].iter().all(|other| one.is_disjoint(other)), "stream {place} meets another");
    }
}
