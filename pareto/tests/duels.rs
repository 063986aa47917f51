//! The duel against a reference that is written as the theory has it, and the edges of its rules.

use std::collections::BTreeSet;

use pareto::lab::Random;
use pareto::{Better, Duel, DuelSettings, MissingChallenger, Pair, PairedScores, Reason, Verdict, duel};

/// Betting fractions and the two ways to share the initial wealth, written down again.
const FRACTIONS: [f64; 8] = [0.04, 0.09, 0.17, 0.27, 0.4, 0.56, 0.74, 0.92];
const PRIOR: [f64; 8] = [0.02, 0.05, 0.12, 0.24, 0.28, 0.19, 0.08, 0.02];
const CAREFUL: [f64; 8] = [0.01, 0.12, 0.28, 0.3, 0.16, 0.08, 0.04, 0.01];

/// Wealth against "the mean is at most `mean`", from all differences anew.
fn at_most(mean: f64, prior: [f64; 8], differences: &[f64]) -> f64 {
    let strand = |fraction: f64| {
        let rate = fraction / (1.0 + mean);
        differences.iter().map(|difference| 1.0 + rate * (difference - mean)).product::<f64>()
    };
    FRACTIONS.into_iter().zip(prior).map(|(fraction, share)| share * strand(fraction)).sum()
}

/// Wealth against "the mean is at least `mean`": the mirror image.
fn at_least(mean: f64, prior: [f64; 8], differences: &[f64]) -> f64 {
    let mirrored: Vec<f64> = differences.iter().map(|difference| -difference).collect();
    at_most(-mean, prior, &mirrored)
}

#[derive(Default, Clone)]
struct Place {
    tasks: usize,
    differences: Vec<f64>,
    settled: bool,
}

/// The duel as it is defined, with every wealth computed from scratch after every round: the end and the tasks read.
fn reference(scores: &PairedScores, settings: &DuelSettings, alpha: f64) -> (Reason, Vec<usize>) {
    let count = scores.environments.len();
    let strict = settings.better == Better::Strict;
    let on_average = settings.better == Better::OnAverage;
    let worse = if strict { settings.margin } else { -settings.tolerance };
    let mut places = vec![Place::default(); count];
    let mut together: Vec<f64> = Vec::new();
    let mut superior = false;
    loop {
        let every = !strict && !superior;
        let open: Vec<usize> = (0..count).filter(|place| every || !places[*place].settled).collect();
        let tasks = |places: &[Place]| places.iter().map(|place| place.tasks).collect::<Vec<_>>();
        if open.iter().any(|place| places[*place].tasks >= settings.budget) {
            let unsettled = places.iter().position(|place| !place.settled);
            let reason = unsettled.map_or(Reason::NotBetter, |environment| Reason::BudgetSpent { environment });
            return (reason, tasks(&places));
        }
        if open.iter().any(|place| scores.environments[*place].len() <= places[*place].tasks) {
            return (Reason::MoreTasksNeeded, tasks(&places));
        }
        // The whole rounds bet on the average; "somewhere" bets on whatever there is.
        let mut round = Vec::new();
        for place in open.iter().copied() {
            let pair = scores.environments[place][places[place].tasks];
            places[place].tasks += 1;
            let challenger = match (pair.challenger, settings.missing_challenger) {
                (None, MissingChallenger::CountsAsZero) => Some(0.0),
                (score, _) => score,
            };
            if let (Some(champion), Some(challenger)) = (pair.champion, challenger) {
                places[place].differences.push(challenger - champion);
                round.push(challenger - champion);
            }
        }
        if !superior && (!on_average || round.len() == open.len()) {
            together.extend(round);
        }
        for place in &mut places {
            let wealth = match strict {
                true => at_most(settings.margin, PRIOR, &place.differences),
                false => at_most(-settings.tolerance, PRIOR, &place.differences),
            };
            place.settled |= place.differences.len() >= settings.minimum_tasks && wealth >= 1.0 / alpha;
        }
        let settled = places.iter().all(|place| place.settled);
        let alone: f64 = places.iter().map(|place| at_most(settings.margin, PRIOR, &place.differences)).sum();
        let pooled = at_most(settings.margin, PRIOR, &together);
        let mixed = if on_average { pooled } else { 0.5 * pooled + 0.5 * alone / count as f64 };
        superior |= if strict { settled } else { mixed >= 1.0 / alpha };
        if settled && superior {
            return (Reason::Better, tasks(&places));
        }
        let bar = count as f64 / settings.futility_alpha;
        let inferior =
            places.iter().position(|place| !place.settled && at_least(worse, PRIOR, &place.differences) >= bar);
        if let Some(environment) = inferior {
            return (Reason::Inferior { environment }, tasks(&places));
        }
        if !superior && at_least(settings.futility_margin, CAREFUL, &together) >= 1.0 / settings.futility_alpha {
            return (Reason::Futile, tasks(&places));
        }
    }
}

/// Scores of a champion that is right half of the time and of a challenger with such gains; some are missing, some lie
/// between right and wrong.
fn drawn(random: &mut Random, gains: &[f64], tasks: usize) -> PairedScores {
    let mut pair = |gain: f64| {
        let champion = if random.uniform() < 0.5 { 1.0 } else { 0.0 };
        let kept = random.uniform() < 0.7;
        let challenger = if kept {
            champion
        } else if random.uniform() < 0.5 + gain {
            1.0
        } else {
            0.0
        };
        match (random.uniform() * 40.0) as usize {
            0 => Pair { challenger: Some(challenger), ..Pair::default() },
            1 => Pair { champion: Some(champion), ..Pair::default() },
            2 => Pair::new(0.25 + 0.5 * champion, 0.75 * challenger),
            _ => Pair::new(champion, challenger),
        }
    };
    PairedScores { environments: gains.iter().map(|gain| (0..tasks).map(|_| pair(*gain)).collect()).collect() }
}

#[test]
fn a_duel_ends_where_the_definition_says_that_it_ends() {
    let mut random = Random::new(21, &[]);
    let mut ends = BTreeSet::new();
    for trial in 0..540 {
        let better = [Better::Strict, Better::Somewhere, Better::OnAverage][trial % 3];
        let missing_challenger =
            if trial % 2 == 0 { MissingChallenger::CountsAsZero } else { MissingChallenger::LeftOut };
        let settings = DuelSettings {
            tolerance: [0.02, 0.1, 0.3][trial % 4 % 3],
            futility_margin: 0.03,
            margin: if trial % 5 == 0 { 0.02 } else { 0.0 },
            budget: [30, 60, 150][trial / 3 % 3],
            minimum_tasks: [0, 10, 30][trial / 2 % 3],
            better,
            missing_challenger,
            ..DuelSettings::default()
        };
        let gains: Vec<f64> =
            (0..1 + trial % 3).map(|_| [-0.5, 0.0, 0.4, 0.5][(random.uniform() * 4.0) as usize]).collect();
        let tasks = if trial % 7 == 0 { 20 } else { 160 };
        let scores = drawn(&mut random, &gains, tasks);
        let alpha = [0.3, 0.05, 0.01][trial / 5 % 3];
        let decision = duel(&scores, &settings, alpha).expect("valid");
        let read: Vec<usize> = decision.environments.iter().map(|evidence| evidence.tasks).collect();
        // An unfinished round is not read; the reference stops before it, too.
        assert_eq!(
            (decision.reason, read),
            reference(&scores, &settings, alpha),
            "trial {trial}: {settings:?} {alpha}"
        );
        ends.insert(format!("{:?}", decision.reason).split(' ').next().expect("a word").to_owned());
    }
    let expected = ["Better", "BudgetSpent", "Futile", "Inferior", "MoreTasksNeeded", "NotBetter"];
    let missing: Vec<&str> = expected.into_iter().filter(|end| !ends.contains(*end)).collect();
    assert!(missing.len() <= 1, "the trials never end with {missing:?}");
}

fn repeated(champion: f64, challenger: f64, tasks: usize) -> Vec<Pair> {
    vec![Pair::new(champion, challenger); tasks]
}

/// Tasks until one environment of wins only is settled and superior, in closed form: the mixture of the strands on the
/// side that needs the most.
fn wins_needed(mean: f64, alpha: f64) -> usize {
    (1..).find(|tasks| at_most(mean, PRIOR, &vec![1.0; *tasks]) >= 1.0 / alpha).expect("wealth grows")
}

#[test]
fn nothing_but_wins_takes_as_many_tasks_as_the_bets_need() {
    for alpha in [0.5, 0.1, 0.01, 1e-4, 1e-9, 1e-30, 1e-60] {
        for (margin, tolerance) in [(0.0, 0.02), (0.1, 0.02), (0.0, 0.5)] {
            let settings = DuelSettings { margin, tolerance, minimum_tasks: 0, ..DuelSettings::default() };
            let scores = PairedScores { environments: vec![repeated(0.0, 1.0, 400)] };
            let decision = duel(&scores, &settings, alpha).expect("valid");
            let needed = wins_needed(margin, alpha).max(wins_needed(-tolerance, alpha));
            assert_eq!(
                (decision.reason, decision.tasks_used),
                (Reason::Better, needed),
                "{alpha} {margin} {tolerance}"
            );
        }
    }
}

#[test]
fn the_minimum_and_the_budget_bound_a_duel_from_both_sides() {
    let check = |minimum_tasks, budget, pair: (f64, f64), expected: (Reason, usize)| {
        let settings = DuelSettings { minimum_tasks, budget, ..DuelSettings::default() };
        let scores = PairedScores { environments: vec![repeated(pair.0, pair.1, 200)] };
        let decision = duel(&scores, &settings, 0.01).expect("valid");
        assert_eq!((decision.reason, decision.tasks_used), expected, "{minimum_tasks} {budget} {pair:?}");
    };
    let (win, tie) = ((0.0, 1.0), (0.5, 0.5));
    let needed = wins_needed(0.0, 0.01);
    check(0, 200, win, (Reason::Better, needed));
    check(needed, needed, win, (Reason::Better, needed));
    check(needed + 1, 200, win, (Reason::Better, needed + 1));
    check(100, 100, win, (Reason::Better, 100));
    check(0, needed - 1, win, (Reason::BudgetSpent { environment: 0 }, needed - 1));
    check(0, 1, tie, (Reason::BudgetSpent { environment: 0 }, 1));
}

#[test]
fn alpha_is_taken_from_one_half_down_to_the_smallest_that_wealth_can_tell() {
    let settings = DuelSettings::default();
    for (alpha, holds) in
        [(0.5, true), (1e-60, true), (0.500_001, false), (9.9e-61, false), (0.0, false), (-0.1, false)]
    {
        assert_eq!(Duel::new(1, &settings, alpha).is_ok(), holds, "{alpha}");
    }
    assert!(Duel::new(1, &settings, f64::NAN).is_err() && Duel::new(0, &settings, 0.01).is_err());
}

#[test]
fn settings_are_taken_to_the_ends_of_their_ranges_and_not_beyond() {
    let check = |settings: DuelSettings, part: Option<&str>| match (settings.validate(), part) {
        (Ok(()), None) => {}
        (Err(error), Some(part)) => assert!(error.to_string().contains(part), "{error}"),
        (found, part) => panic!("{found:?}, not {part:?}: {settings:?}"),
    };
    let known = DuelSettings::default;
    for value in [0.0, 0.5] {
        check(DuelSettings { tolerance: value, ..known() }, None);
        check(DuelSettings { margin: value, ..known() }, None);
    }
    check(DuelSettings { tolerance: 0.51, ..known() }, Some("tolerance is 0.51; set it within [0, 0.5]"));
    check(DuelSettings { margin: -1e-9, ..known() }, Some("margin"));
    check(DuelSettings { futility_margin: 0.5, ..known() }, None);
    check(DuelSettings { futility_margin: 0.0, ..known() }, Some("futility_margin is 0; set it within (0, 0.5]"));
    check(DuelSettings { futility_alpha: f64::INFINITY, ..known() }, Some("futility_alpha is inf"));
    check(DuelSettings { interval_coverage: 1.0, ..known() }, Some("interval_coverage is 1; set it within (0, 1)"));
    check(DuelSettings { interval_coverage: 0.0, ..known() }, Some("interval_coverage"));
    check(DuelSettings { budget: 0, minimum_tasks: 0, ..known() }, Some("a budget of 0 tasks"));
    check(DuelSettings { budget: 9, ..known() }, Some("cannot hold the minimum of 10"));
    check(DuelSettings { budget: 10, ..known() }, None);
}

#[test]
fn feeding_asks_for_each_task_once_and_in_its_turn() {
    let mut random = Random::new(3, &[]);
    let scores = drawn(&mut random, &[0.5, 0.4], 300);
    let settings = DuelSettings { tolerance: 0.3, ..DuelSettings::default() };
    let whole = duel(&scores, &settings, 0.05).expect("valid");
    assert_eq!(whole.verdict, Verdict::Dethroned);
    let mut asked: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); 2];
    let mut fed = Duel::new(2, &settings, 0.05).expect("valid");
    let verdict = fed.feed(|environment, task| {
        assert_eq!(task, asked[environment].len(), "tasks are asked for in order");
        assert!(asked[environment].insert(task), "a task is asked for once");
        Some(scores.environments[environment][task])
    });
    assert_eq!((verdict.expect("valid"), fed.decision()), (Some(Verdict::Dethroned), whole.clone()));
    // No more was asked for than was read: a settled environment's tasks are nobody's concern.
    let read: Vec<usize> = whole.environments.iter().map(|evidence| evidence.tasks).collect();
    assert_eq!(asked.iter().map(BTreeSet::len).collect::<Vec<_>>(), read);
}

#[test]
fn feeding_goes_on_where_it_stopped_whatever_came_first() {
    let mut random = Random::new(4, &[]);
    let scores = drawn(&mut random, &[0.5, 0.5, 0.5], 200);
    let settings = DuelSettings { tolerance: 0.3, ..DuelSettings::default() };
    let whole = duel(&scores, &settings, 0.01).expect("valid");
    for (steps, seed) in [([1, 1, 1], 1), ([7, 3, 5], 2), ([40, 1, 90], 3)] {
        let mut there = [0_usize; 3];
        let mut duel = Duel::new(3, &settings, 0.01).expect("valid");
        let mut random = Random::new(seed, &[]);
        while duel.verdict().is_none() && there.iter().any(|there| *there < 200) {
            let environment = (random.uniform() * 3.0) as usize;
            there[environment] = (there[environment] + steps[environment]).min(200);
            let pair = |environment: usize, task: usize| {
                (task < there[environment]).then(|| scores.environments[environment][task])
            };
            duel.feed(pair).expect("valid");
        }
        assert_eq!(duel.decision(), whole, "{steps:?}");
    }
}

#[test]
fn a_score_that_is_none_is_refused_and_leaves_the_duel_as_it_was() {
    let mut duel = Duel::new(2, &DuelSettings::default(), 0.01).expect("valid");
    let wrong = [Pair::new(1.5, 0.0), Pair::new(0.0, f64::NAN), Pair { challenger: Some(-0.1), ..Pair::default() }];
    for pair in wrong {
        let before = duel.decision();
        assert!(duel.push(1, pair).is_err(), "{pair:?}");
        assert!(duel.feed(|_, _| Some(pair)).is_err(), "{pair:?}");
        assert_eq!(duel.decision(), before);
        assert_eq!((duel.pushed(0), duel.pushed(1)), (0, 0));
    }
    assert!(duel.push(2, Pair::new(0.0, 0.0)).is_err());
    assert_eq!((duel.pushed(2), duel.waits_for(2), duel.wants()), (0, false, vec![0, 1]));
}

#[test]
fn after_the_end_nothing_is_waited_for_and_nothing_read() {
    let settings = DuelSettings { minimum_tasks: 0, ..DuelSettings::default() };
    let mut duel =
        Duel::held(&PairedScores { environments: vec![repeated(0.0, 1.0, 100)] }, &settings, 0.3).expect("valid");
    let ended = duel.decision();
    assert_eq!((duel.verdict(), duel.wants(), duel.next_environment()), (Some(Verdict::Dethroned), vec![], None));
    assert_eq!(duel.push(0, Pair::new(1.0, 0.0)).expect("checked"), Some(Verdict::Dethroned));
    let fed = duel.feed(|_, _| panic!("nothing is asked for after the end"));
    assert_eq!((fed.expect("ended"), duel.decision()), (Some(Verdict::Dethroned), ended));
}

#[test]
fn a_missing_score_counts_as_the_settings_say() {
    let check = |champion, challenger, missing_challenger, counted: usize, difference: f64| {
        let settings = DuelSettings { missing_challenger, ..DuelSettings::default() };
        let scores = PairedScores { environments: vec![vec![Pair { champion, challenger, ..Pair::default() }; 4]] };
        let decision = duel(&scores, &settings, 0.01).expect("valid");
        let evidence = &decision.environments[0];
        assert_eq!((evidence.tasks, evidence.counted, evidence.difference), (4, counted, difference));
    };
    use MissingChallenger::{CountsAsZero, LeftOut};
    check(Some(1.0), Some(0.5), CountsAsZero, 4, -0.5);
    check(Some(1.0), None, CountsAsZero, 4, -1.0);
    check(Some(1.0), None, LeftOut, 0, 0.0);
    check(None, Some(1.0), CountsAsZero, 0, 0.0);
    check(None, None, LeftOut, 0, 0.0);
}

#[test]
fn a_champion_that_stops_answering_ends_by_its_budget_without_a_winner() {
    let lost = vec![Pair { challenger: Some(1.0), ..Pair::default() }; 50];
    let settings = DuelSettings { budget: 50, ..DuelSettings::default() };
    let decision = duel(&PairedScores { environments: vec![lost] }, &settings, 0.01).expect("valid");
    assert_eq!((decision.verdict, decision.reason), (Verdict::Undecided, Reason::BudgetSpent { environment: 0 }));
}

#[test]
fn the_next_environment_is_the_one_furthest_from_settling() {
    let settings = DuelSettings { tolerance: 0.3, ..DuelSettings::default() };
    let mut duel = Duel::new(3, &settings, 0.01).expect("valid");
    for challenger in [1.0, 0.0, 0.5] {
        for environment in 0..3 {
            let pair = if environment == 1 { Pair::new(0.5, challenger) } else { Pair::new(0.0, 1.0) };
            duel.push(environment, pair).expect("valid");
        }
    }
    assert_eq!(duel.next_environment(), Some(1));
    duel.push(1, Pair::new(0.5, 0.5)).expect("valid");
    assert_eq!(duel.next_environment(), Some(0), "the other waits for its round");
}

#[test]
fn a_forecast_divides_what_is_missing_by_the_growth_so_far() {
    let settings = DuelSettings::default();
    let wins =
        |tasks: usize| Duel::held(&PairedScores { environments: vec![repeated(0.0, 1.0, tasks)] }, &settings, 1e-9);
    let started = wins(5).expect("valid");
    let forecast = started.forecast();
    // The largest bet grows the fastest: log(1 + 0.92 (1 - m) / (1 + m)) a task.
    let further = |mean: f64, log_e: f64| {
        let missing = -(1e-9_f64.ln()) - log_e;
        (missing / (1.0 + 0.92 * (1.0 - mean) / (1.0 + mean)).ln()).ceil() as usize
    };
    let decision = started.decision();
    let environment = further(-settings.tolerance, decision.environments[0].noninferiority_log_e);
    assert_eq!(forecast.environments, [Some(environment)]);
    assert_eq!(forecast.superiority, Some(further(0.0, decision.superiority_log_e)));
    assert_eq!((forecast.dismissal, forecast.dethroning()), (None, forecast.superiority.max(Some(environment))));
    let ended = wins(200).expect("valid").forecast();
    assert_eq!((ended.environments, ended.superiority, ended.dismissal), (vec![Some(0)], Some(0), None));
    // Before the first task there is no growth to go by.
    let nothing = wins(0).expect("valid").forecast();
    assert_eq!((nothing.environments, nothing.superiority, nothing.dismissal), (vec![None], None, None));
    let hopeless = Duel::held(&PairedScores { environments: vec![repeated(1.0, 0.0, 2)] }, &settings, 0.01);
    let hopeless = hopeless.expect("valid").forecast();
    assert!(hopeless.dismissal.is_some() && hopeless.dethroning().is_none(), "{hopeless:?}");
}
