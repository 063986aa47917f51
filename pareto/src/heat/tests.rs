//! Heats: their ends, their order of arrival, and an enumeration of those who get through.

use super::*;

const WIN: Pair = pair(0.0, 1.0);
const LOSS: Pair = pair(1.0, 0.0);
const TIE: Pair = pair(1.0, 1.0);

const fn pair(champion: f64, challenger: f64) -> Pair {
    Pair { champion: Some(champion), challenger: Some(challenger), reference: None, guard: None }
}

fn held(patterns: &[&[Pair]], tasks: usize, whole: bool) -> Heat {
    let settings = HeatSettings { tasks, ..HeatSettings::default() };
    let mut heat = Heat::new(patterns.len(), &settings, &DuelSettings::default(), whole).expect("valid");
    heat.feed(|environment, task| Some(patterns[environment][task % patterns[environment].len()])).expect("valid");
    heat
}

#[test]
fn each_way_to_end_a_heat_is_reached() {
    let check = |patterns: &[&[Pair]], tasks: usize, whole: bool, reason: HeatReason, spent: usize| {
        let decision = held(patterns, tasks, whole).decision();
        assert_eq!((decision.reason, decision.tasks), (reason, spent), "{decision:?}");
    };
    check(&[&[WIN], &[WIN]], 150, false, HeatReason::Passed, 3);
    check(&[&[WIN], &[WIN]], 150, true, HeatReason::Passed, 150);
    check(&[&[LOSS], &[LOSS]], 150, false, HeatReason::Futile, 5);
    check(&[&[WIN], &[LOSS]], 150, false, HeatReason::Inferior { environment: 1 }, 10);
    check(&[&[TIE], &[WIN, TIE, TIE, LOSS]], 12, false, HeatReason::TasksSpent, 12);
    // One that got through is still dropped where it falls short in an environment.
    let fallen = [&[WIN; 3][..], &[LOSS; 40]].concat();
    let decision = held(&[&[WIN], &fallen], 150, true).decision();
    assert_eq!((decision.reason, decision.passed_after), (HeatReason::Inferior { environment: 1 }, Some(3)));
    let none = held(&[&[TIE], &[TIE]], 0, true).decision();
    assert_eq!((none.reason, none.tasks, none.log_e), (HeatReason::Passed, 0, 0.0));
}

#[test]
fn a_round_with_a_missing_pair_is_left_out_of_the_average() {
    let gone = Pair { challenger: Some(1.0), ..Pair::default() };
    let decision = |patterns: &[&[Pair]]| held(patterns, 6, true).decision();
    assert_eq!(decision(&[&[WIN, gone], &[gone, WIN]]).log_e, 0.0);
    let (some, all) = (decision(&[&[WIN, gone, WIN, WIN, WIN, WIN], &[WIN]]), decision(&[&[WIN; 5], &[WIN; 5]]));
    assert_eq!((some.differences, some.tasks), (vec![1.0, 1.0], 6));
    assert!(some.log_e > 0.0 && some.log_e < all.log_e, "{} {}", some.log_e, all.log_e);
}

#[test]
fn the_order_of_arrival_leaves_no_trace_in_a_heat() {
    let mut random = crate::lab::Random::new(3, &[]);
    for trial in 0..60 {
        let settings = HeatSettings { tasks: 30, pass: 3.0, drop: 6.0, ..HeatSettings::default() };
        let gain = 0.2 * (trial % 3) as f64;
        let mut score = |mean: f64| Some(f64::from(u8::from(random.uniform() < mean)));
        let mut drawn = || Pair { champion: score(0.5), challenger: score(0.4 + gain), ..Pair::default() };
        let pairs: Vec<Vec<Pair>> = (0..3).map(|_| (0..30).map(|_| drawn()).collect()).collect();
        let heat = || Heat::new(3, &settings, &DuelSettings::default(), trial % 2 == 0).expect("valid");
        let mut asked = heat();
        asked.feed(|environment, task| pairs[environment].get(task).copied()).expect("valid");
        let mut pushed = heat();
        for environment in [2, 0, 1] {
            for pair in &pairs[environment] {
                pushed.push(environment, *pair).expect("valid");
            }
        }
        assert_eq!(asked.decision(), pushed.decision());
        assert_eq!(asked.fits(), pushed.fits());
        assert!(asked.wants().is_empty() && asked.ended().is_some());
    }
}

/// Of all sequences of a copy's outcomes, weighted by their chance, at most 1 / pass get through: Ville's inequality,
/// enumerated.
#[test]
fn a_copy_gets_through_no_more_often_than_the_bar_allows() {
    for (agree, pass) in [(0.0, 2.0), (0.4, 2.0), (0.4, 5.0), (0.7, 3.0)] {
        let settings = HeatSettings { tasks: 8, pass, drop: 1e60, ..HeatSettings::default() };
        let start = Heat::new(1, &settings, &DuelSettings::default(), false).expect("valid");
        let mut open = vec![(start, 1.0)];
        let mut passed = 0.0;
        while let Some((heat, chance)) = open.pop() {
            match heat.ended() {
                Some(HeatReason::Passed) => passed += chance,
                Some(_) => {}
                None => {
                    for (pair, share) in [(TIE, agree), (WIN, 0.5 * (1.0 - agree)), (LOSS, 0.5 * (1.0 - agree))] {
                        let mut next = heat.clone();
                        next.push(0, pair).expect("valid");
                        open.push((next, chance * share));
                    }
                }
            }
        }
        assert!(passed <= 1.0 / pass + 1e-12 && passed > 0.0, "{agree} {pass}: {passed}");
    }
}

#[test]
fn settings_of_heats_are_taken_to_the_ends_of_their_ranges() {
    let check = |settings: HeatSettings, refused: Option<&str>| {
        let found = settings.validate().err().map(|error| error.to_string());
        assert_eq!(found.as_deref(), refused, "{settings:?}");
    };
    let known = HeatSettings::default;
    check(known(), None);
    check(HeatSettings::none(), None);
    check(HeatSettings { pass: 1.0, drop: 1e60, gain: 0.5, bouts: 1, ..known() }, None);
    check(HeatSettings { pass: 0.9, ..known() }, Some("the heat's pass is 0.9; set it within [1, 1e60]"));
    check(HeatSettings { drop: f64::NAN, ..known() }, Some("the heat's drop is NaN; set it within [1, 1e60]"));
    check(HeatSettings { gain: 0.0, ..known() }, Some("the heat's gain is 0; set it within (0, 0.5]"));
    check(HeatSettings { bouts: 0, ..known() }, Some("the heat's number of bouts is 0; set it within at least 1"));
    let refused = Heat::new(0, &known(), &DuelSettings::default(), false).expect_err("no environment");
    assert_eq!(refused, DuelError::NoEnvironments);
    let mut heat = Heat::new(1, &known(), &DuelSettings::default(), false).expect("valid");
    assert!(heat.push(1, TIE).is_err() && heat.push(0, pair(0.0, 1.5)).is_err());
    assert_eq!((heat.pushed(0), heat.wants()), (0, vec![0]));
}
