//! The mechanisms against references that look at every subset and every pair, and the edges of a field.

use std::collections::BTreeSet;

use pareto::lab::Random;
use pareto::mechanisms::{
    Comparison, EntryMeans, Field, FieldEntry, FieldError, FourStage, MeansRule, Mechanism, Mechanisms, Powerset,
    Sequential, Sides, WindowMargin, WindowRule,
};
use pareto::{DuelError, DuelSettings, HeatSettings, Opening, Pair, PairedScores, Reason, Standing, Verdict, duel};

/// Entries with means on a coarse grid, so that ties and zeros are common; some take no part somewhere.
fn drawn(random: &mut Random, entries: usize, environments: usize) -> Vec<EntryMeans> {
    (0..entries)
        .map(|entry| {
            let mut means = EntryMeans::new(((random.uniform() * 3.0) as u64, entry as u32));
            for _ in 0..environments {
                let mean = (random.uniform() * 8.0).floor() / 8.0;
                means.push(mean, 10 + (random.uniform() * 400.0) as usize, random.uniform() < 0.9);
            }
            means
        })
        .collect()
}

/// All subsets of the environments but the empty one.
fn subsets(environments: usize) -> Vec<Vec<usize>> {
    let members = |subset: usize| (0..environments).filter(|place| subset >> place & 1 == 1).collect();
    (1..1_usize << environments).map(members).collect()
}

/// Two entries in order of commitment: the later dominates by exceeding everywhere, the earlier if that happens nowhere.
enum Dominance {
    Earlier,
    Later,
    Neither,
}

fn dominance(subset: &[usize], exceeds: impl Fn(usize) -> bool) -> Dominance {
    match subset.iter().filter(|place| exceeds(**place)).count() {
        0 => Dominance::Earlier,
        count if count == subset.len() => Dominance::Later,
        _ => Dominance::Neither,
    }
}

/// The places of the entries that take part in a subset, by commitment.
fn present(entries: &[EntryMeans], subset: &[usize]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|entry| entries[*entry].order);
    order.retain(|entry| subset.iter().all(|place| entries[*entry].valid[*place]));
    order
}

fn four_stage(rule: &FourStage, entries: &[EntryMeans], environments: usize) -> Vec<f64> {
    let threshold = |mean: f64, count: usize| {
        let margin = match rule.standard_errors {
            Some(z) => z * (mean * (1.0 - mean) / count as f64).sqrt(),
            None => rule.error_rate_reduction * (1.0 - mean),
        };
        (mean + margin.clamp(rule.min_improvement, rule.max_improvement)).min(1.0)
    };
    let mut weights = vec![0.0; entries.len()];
    let all = subsets(environments);
    for subset in &all {
        if subset.len() + rule.max_layers <= environments {
            continue;
        }
        let smallest = (environments + 1).saturating_sub(rule.max_layers).max(1);
        let same_size = all.iter().filter(|other| other.len() == subset.len()).count();
        let layer = environments as f64 * rule.layer_factor.powi((subset.len() - smallest) as i32) / same_size as f64;
        let present = present(entries, subset);
        let mut dominated = BTreeSet::new();
        for (place, later) in present.iter().enumerate() {
            for earlier in &present[..place] {
                let (one, two) = (&entries[*earlier], &entries[*later]);
                let exceeds = |place: usize| two.means[place] > threshold(one.means[place], one.counts[place]) + 1e-9;
                match dominance(subset, exceeds) {
                    Dominance::Earlier => dominated.insert(*later),
                    Dominance::Later => dominated.insert(*earlier),
                    Dominance::Neither => false,
                };
            }
        }
        let survivors: Vec<usize> = present.into_iter().filter(|entry| !dominated.contains(entry)).collect();
        let score = |entry: usize| {
            let product: f64 = subset.iter().map(|place| entries[entry].means[*place]).product();
            product.powf(1.0 / subset.len() as f64)
        };
        let mut ranked = survivors.clone();
        ranked.sort_by(|one, two| score(*two).total_cmp(&score(*one)));
        let shares: Vec<f64> =
            (0..).zip(&ranked).map(|(rank, entry)| score(*entry) * rule.decay_factor.powi(rank)).collect();
        let total: f64 = shares.iter().sum();
        for (entry, share) in ranked.iter().zip(shares) {
            weights[*entry] += layer * if total > 0.0 { share / total } else { 1.0 / ranked.len() as f64 };
        }
    }
    weights.iter_mut().for_each(|weight| *weight = if *weight < rule.min_weight { 0.0 } else { *weight });
    let total: f64 = weights.iter().sum();
    let share = |weight: f64| if total > 0.0 { weight / total } else { 0.0 };
    weights
        .iter()
        .map(|weight| share(*weight))
        .map(|share| if share >= rule.min_weight { share } else { 0.0 })
        .collect()
}

fn powerset(rule: &Powerset, entries: &[EntryMeans], environments: usize) -> Vec<f64> {
    let mut points = vec![0.0; entries.len()];
    for subset in subsets(environments) {
        let present = present(entries, &subset);
        let wins = |place: usize, other: usize| {
            let (first, last) = (place.min(other), place.max(other));
            let (one, two) = (&entries[present[first]], &entries[present[last]]);
            match dominance(&subset, |place| two.means[place] > one.means[place] + rule.margin) {
                Dominance::Earlier => place == first,
                Dominance::Later => place == last,
                Dominance::Neither => false,
            }
        };
        let winner =
            (0..present.len()).find(|place| (0..present.len()).all(|other| other == *place || wins(*place, other)));
        if let Some(winner) = winner {
            points[present[winner]] += 2.0_f64.powi(subset.len() as i32);
        }
    }
    let total: f64 = points.iter().sum();
    points.iter().map(|points| if total > 0.0 { points / total } else { 0.0 }).collect()
}

#[track_caller]
fn same(found: &[f64], expected: &[f64], what: &str) {
    let near = found.iter().zip(expected).all(|(one, other)| (one - other).abs() < 1e-9);
    assert!(near && found.len() == expected.len(), "{what}: {found:?}, not {expected:?}");
}

#[test]
fn rules_on_subsets_are_those_of_their_definitions() {
    let mut random = Random::new(17, &[]);
    for trial in 0..400 {
        let (entries, environments) = (trial % 7, 1 + trial % 4);
        let entries = drawn(&mut random, entries, environments);
        let stages = [
            FourStage::default(),
            FourStage::standard_error(1.5),
            FourStage { max_layers: 2, min_weight: 0.1, ..FourStage::default() },
        ];
        for rule in stages {
            let ruling = rule.rule_on_means(&entries, None).expect("few environments");
            same(&ruling.weights, &four_stage(&rule, &entries, environments), &format!("{rule:?} in trial {trial}"));
        }
        let rule = Powerset::default();
        let ruling = rule.rule_on_means(&entries, None).expect("few environments");
        same(&ruling.weights, &powerset(&rule, &entries, environments), &format!("powerset in trial {trial}"));
    }
}

#[test]
fn the_winner_has_the_most_weight_and_is_the_earliest_of_several() {
    let mut random = Random::new(18, &[]);
    let mechanisms = Mechanisms::default();
    for trial in 0..200 {
        let entries = drawn(&mut random, 1 + trial % 6, 1 + trial % 3);
        for mechanism in mechanisms.all() {
            let Comparison::Means(rule) = mechanism.comparison() else { continue };
            let ruling = rule.rule_on_means(&entries, None).expect("few environments");
            let most = ruling.weights.iter().copied().fold(0.0, f64::max);
            let best = (0..entries.len()).filter(|entry| ruling.weights[*entry] == most && most > 0.0);
            assert_eq!(ruling.winner, best.min_by_key(|entry| entries[*entry].order), "{}", mechanism.name());
        }
    }
}

#[test]
fn a_challenger_dethrones_in_simulations_as_it_does_in_fields() {
    let mut random = Random::new(19, &[]);
    let (window, powerset) = (WindowRule::default(), Powerset::default());
    for trial in 0..300 {
        let mut entries = drawn(&mut random, 2 + trial % 3, 2);
        for (place, entry) in entries.iter_mut().enumerate() {
            (entry.order, entry.valid) = ((place as u64, 0), vec![true; 2]);
        }
        for rule in [&window as &dyn MeansRule, &powerset] {
            let ruling = rule.rule_on_means(&entries, Some(0)).expect("few environments");
            let changed = ruling.winner.is_some_and(|winner| winner != 0);
            assert_eq!(rule.dethroned(&entries), changed, "trial {trial}: {entries:?}");
        }
    }
    assert!(!window.dethroned(&[]) && !powerset.dethroned(&[]) && !FourStage::default().dethroned(&[]));
}

#[test]
fn a_four_stage_challenger_dethrones_only_by_exceeding_everywhere() {
    let check = |champion: &[f64], challenger: &[f64], expected: bool| {
        let entry = |order: u64, means: &[f64]| {
            let mut entry = EntryMeans::new((order, 0));
            means.iter().for_each(|mean| entry.push(*mean, 200, *mean >= 0.0));
            entry
        };
        let found = FourStage::default().dethroned(&[entry(0, champion), entry(1, challenger)]);
        assert_eq!(found, expected, "{champion:?} {challenger:?}");
    };
    // A fifth of the errors, at least 0.02 and at most 0.1, and never beyond 1.
    check(&[0.5, 0.5], &[0.61, 0.61], true);
    check(&[0.5, 0.5], &[0.61, 0.6], false);
    check(&[0.5, 0.5], &[1.0, 0.5], false);
    check(&[0.8], &[0.841], true);
    check(&[0.8], &[0.84], false);
    check(&[0.95], &[0.971], true);
    check(&[0.95], &[0.97], false);
    check(&[1.0], &[1.0], false);
    check(&[0.0, 0.0], &[0.2, -1.0], false);
}

/// Scores by environment, all entries committed one after the other.
fn field(champion: Option<usize>, entries: &[&[&[Option<f64>]]]) -> Field {
    let entry = |(place, scores): (usize, &&[&[Option<f64>]])| FieldEntry {
        committed: place as u64,
        position: 0,
        scores: scores.iter().map(|list| list.to_vec()).collect(),
    };
    let environments = entries.first().map_or(1, |scores| scores.len());
    Field { environments, entries: entries.iter().enumerate().map(entry).collect(), champion }
}

/// Bouts alone, on plain pairs.
fn plain() -> Sequential {
    let duel = DuelSettings { references: 0, ..DuelSettings::default() };
    Sequential { duel, heat: HeatSettings::none(), ..Sequential::default() }
}

const RIGHT: [Option<f64>; 200] = [Some(1.0); 200];
const WRONG: [Option<f64>; 200] = [Some(0.0); 200];
const NONE: [Option<f64>; 200] = [None; 200];

#[test]
fn every_mechanism_crowns_the_entry_that_is_right_where_all_are_wrong() {
    let field = field(None, &[&[&WRONG, &WRONG], &[&RIGHT, &RIGHT], &[&RIGHT, &RIGHT], &[&WRONG, &WRONG]]);
    let mechanisms = Mechanisms { sequential: plain(), ..Mechanisms::default() };
    for mechanism in mechanisms.all() {
        let ruling = mechanism.rule(&field).expect("a valid field");
        assert_eq!((ruling.winner, ruling.weights), (Some(1), vec![0.0, 1.0, 0.0, 0.0]), "{}", mechanism.name());
    }
}

#[test]
fn absent_scores_help_nobody_against_a_champion() {
    let field = field(Some(0), &[&[&WRONG], &[&NONE], &[&[]]]);
    for mechanism in Mechanisms::default().all() {
        let ruling = mechanism.rule(&field).expect("a valid field");
        assert_eq!(ruling.winner, Some(0), "{}: {:?}", mechanism.name(), ruling.weights);
    }
}

#[test]
fn a_field_without_entries_burns_everything() {
    let empty = Field { environments: 3, entries: Vec::new(), champion: None };
    for mechanism in Mechanisms::default().all() {
        let ruling = mechanism.rule(&empty).expect("an empty field");
        assert_eq!((ruling.winner, ruling.weights, ruling.burned), (None, vec![], 1.0), "{}", mechanism.name());
    }
}

#[test]
fn a_field_that_could_not_be_is_refused_by_every_mechanism() {
    let known = || field(Some(1), &[&[&RIGHT], &[&WRONG], &[&RIGHT]]);
    let refused = |field: &Field, error: &FieldError| {
        for mechanism in Mechanisms::default().all() {
            assert_eq!(mechanism.rule(field).expect_err("refused"), *error, "{}", mechanism.name());
        }
    };
    let mut environments = known();
    environments.entries[2].scores.push(Vec::new());
    refused(&environments, &FieldError::Environments { entry: 2, found: 2, expected: 1 });
    let mut place = known();
    (place.entries[2].committed, place.entries[2].position) = (0, 0);
    refused(&place, &FieldError::NotItsOwn { first: 0, second: 2 });
    let champion = Field { champion: Some(3), ..known() };
    refused(&champion, &FieldError::Champion { champion: 3, entries: 3 });
}

#[test]
fn more_environments_than_have_subsets_to_list_are_refused_where_subsets_count() {
    let scores = vec![vec![Some(1.0)]; 21];
    let entry = FieldEntry { committed: 0, position: 0, scores };
    let field = Field { environments: 21, entries: vec![entry], champion: None };
    for mechanism in [&FourStage::default() as &dyn Mechanism, &Powerset::default()] {
        let error = mechanism.rule(&field).expect_err("too many");
        assert_eq!(error.to_string(), "21 environments have too many subsets; give at most 20");
    }
    assert_eq!(WindowRule::default().rule(&field).expect("means only").winner, Some(0));
}

#[test]
fn sequential_duels_stop_at_the_first_that_dethrones() {
    let field = field(Some(1), &[&[&WRONG], &[&WRONG], &[&RIGHT], &[&RIGHT]]);
    let ruling = plain().rule(&field).expect("a valid field");
    let held: Vec<usize> = ruling.duels.iter().map(|(challenger, _)| *challenger).collect();
    assert_eq!((ruling.winner, held), (Some(2), vec![0, 2]));
    assert_eq!(ruling.duels[1].1.verdict(), Some(Verdict::Dethroned));
}

#[test]
fn a_later_number_in_the_reign_needs_more_tasks() {
    let mut last = 0;
    for number in [1, 2, 10, 1_000, 1_000_000_000] {
        let field = field(Some(0), &[&[&WRONG], &[&RIGHT]]);
        let ruling = Sequential { tested: number - 1, ..plain() }.rule(&field).expect("a valid field");
        let tasks = ruling.duels[0].1.tasks_used();
        assert!(ruling.winner == Some(1) && tasks > last, "{number}: {tasks}");
        last = tasks;
    }
}

#[test]
fn a_single_challenge_is_the_duel_at_the_alpha_of_its_number() {
    let champion: Vec<Option<f64>> = (0..120).map(|task| (task % 7 > 0).then_some(f64::from(task % 2))).collect();
    let challenger: Vec<Option<f64>> = (0..100).map(|task| (task % 5 > 0).then_some(0.75)).collect();
    let settings = DuelSettings { tolerance: 0.3, minimum_tasks: 3, budget: 90, ..DuelSettings::default() };
    for tested in [0, 5] {
        let rule = Sequential { duel: settings.clone(), alpha: 0.5, tested, ..Sequential::default() };
        let sides = [Sides { environment: "sat", champion: &champion, challenger: &challenger, ..Sides::default() }];
        let judgement = rule.compare(&sides).expect("valid");
        let score = |scores: &[Option<f64>], task: usize| scores.get(task).copied().flatten();
        let pair =
            |task| Pair { champion: score(&champion, task), challenger: score(&challenger, task), ..Pair::default() };
        let pairs = PairedScores { environments: vec![(0..120).map(pair).collect()] };
        let alpha = pareto::Reign::new(0.5).expect("valid").alpha_of(tested + 1);
        let expected = duel(&pairs, &settings, alpha).expect("valid");
        assert_eq!(judgement.dethroned, expected.verdict == Verdict::Dethroned);
        assert_eq!(judgement.decision, Some(expected));
    }
}

#[test]
fn each_environment_of_a_challenge_is_told_by_its_clearest_test() {
    use pareto::mechanisms::EnvironmentVerdict::{Dominant, NotWorse, Undecided, Worse};
    type Lists<'a> = (&'a [Option<f64>], &'a [Option<f64>]);
    let check = |sides: &[Lists<'_>], reason: Reason, expected: &[_]| {
        let sides: Vec<Sides<'_>> = sides
            .iter()
            .map(|(champion, challenger)| Sides { environment: "sat", champion, challenger, ..Sides::default() })
            .collect();
        let settings = DuelSettings { tolerance: 0.3, budget: 200, ..DuelSettings::default() };
        let rule = Sequential { duel: settings, alpha: 0.05, ..Sequential::default() };
        let judgement = rule.compare(&sides).expect("valid");
        assert_eq!(judgement.decision.expect("a duel").reason, reason);
        assert_eq!(judgement.per_environment, expected);
    };
    check(&[(&WRONG, &RIGHT), (&WRONG, &RIGHT)], Reason::Better, &[Dominant, Dominant]);
    check(&[(&WRONG, &RIGHT), (&RIGHT, &RIGHT)], Reason::Better, &[Dominant, NotWorse]);
    check(&[(&WRONG, &RIGHT), (&RIGHT, &WRONG)], Reason::Inferior { environment: 1 }, &[Dominant, Worse]);
    check(&[(&RIGHT[..2], &RIGHT[..2])], Reason::MoreTasksNeeded, &[Undecided]);
}

#[test]
fn a_reigns_alpha_that_is_none_is_refused_before_any_duel() {
    let field = field(Some(0), &[&[&WRONG], &[&RIGHT]]);
    for alpha in [0.0, -1.0, 0.51, f64::NAN] {
        let rule = Sequential { alpha, ..Sequential::default() };
        assert!(matches!(rule.rule(&field), Err(FieldError::Challenge(DuelError::Reign(_)))), "{alpha}");
        let opening = Opening::new(1, &[0, 1]);
        assert!(rule.open(&opening, |_| Standing::Waiting).is_err() && rule.compare(&[]).is_err(), "{alpha}");
    }
    let rule = Sequential { duel: DuelSettings { budget: 0, ..DuelSettings::default() }, ..Sequential::default() };
    assert!(matches!(rule.rule(&field), Err(FieldError::Challenge(DuelError::Budget { .. }))));
}

#[test]
fn a_window_without_constants_of_its_own_takes_the_last_ones() {
    let sides = |name| Sides { environment: name, champion: &WRONG, challenger: &RIGHT, ..Sides::default() };
    let none = WindowRule { margins: Vec::new(), min_dominant: 0 };
    assert!(none.compare(&[sides("sat"), sides("coding")]).expect("whole scores").dethroned);
    let strict = WindowRule { margins: vec![WindowMargin { margin: 1.0, ..WindowMargin::default() }], min_dominant: 1 };
    assert!(!strict.compare(&[sides("sat"), sides("coding")]).expect("whole scores").dethroned);
}
