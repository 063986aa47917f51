//! What holds for every field, whatever the scores.

use pareto::mechanisms::{Bout, Field, FieldEntry, FourStage, Mechanism, Powerset, Ruling, Sequential, WindowRule};
use pareto::weights::{WeightSettings, to_u16, winner_takes_all};
use pareto::{Duel, DuelSettings, HeatSettings, Opening, Pair, PairedScores, SavedDuel, Standing, TaskPlan, duel};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Settings under which small fields have winners often enough to be worth testing.
fn eager() -> Sequential {
    let duel = DuelSettings { tolerance: 0.3, minimum_tasks: 3, budget: 60, references: 0, ..DuelSettings::default() };
    Sequential { duel, heat: HeatSettings::none(), alpha: 0.5, tested: 0 }
}

/// The same with heats and reference tasks, all small.
fn heated() -> Sequential {
    let heat = HeatSettings { tasks: 5, pass: 1.1, drop: 4.0, bouts: 2, ..HeatSettings::default() };
    let eager = eager();
    Sequential { duel: DuelSettings { references: 1, ..eager.duel.clone() }, heat, ..eager }
}

fn mechanisms() -> Vec<Box<dyn Mechanism>> {
    vec![
        Box::new(eager()),
        Box::new(heated()),
        Box::new(Sequential::default()),
        Box::new(WindowRule::default()),
        Box::new(FourStage::default()),
        Box::new(FourStage::standard_error(1.5)),
        Box::new(Powerset::default()),
    ]
}

/// The mechanisms with one winner, for which those who come later must not matter.
fn decoy_proof() -> Vec<Box<dyn Mechanism>> {
    vec![Box::new(eager()), Box::new(Sequential::default()), Box::new(WindowRule::default())]
}

fn score() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![1 => Just(None), 8 => Just(Some(0.0)), 8 => Just(Some(1.0)), 3 => (0.0..=1.0).prop_map(Some)]
}

/// One to five entries of differing strength in one to three environments, committed one after the other.
fn field() -> impl Strategy<Value = Field> {
    (1_usize..=5, 1_usize..=3, 0_usize..=40).prop_flat_map(|(entries, environments, tasks)| {
        let entry = (0.0..=1.0, prop::collection::vec(prop::collection::vec(score(), tasks), environments));
        let champion = prop::option::of(0..entries);
        (prop::collection::vec(entry, entries), champion).prop_map(move |(entries, champion)| {
            let entries = entries
                .into_iter()
                .enumerate()
                .map(|(place, (strength, scores))| FieldEntry {
                    committed: 10 * place as u64,
                    position: 0,
                    scores: scores
                        .into_iter()
                        .map(|list| list.into_iter().map(|score| stronger(score, strength)).collect())
                        .collect(),
                })
                .collect();
            Field { environments, entries, champion }
        })
    })
}

/// Strong entries get right what they would have got wrong.
fn stronger(score: Option<f64>, strength: f64) -> Option<f64> {
    score.map(|score| if strength > 0.7 { 1.0 - 0.1 * score } else { score * strength })
}

/// The scores of the first and the last entry, paired by task.
fn paired(field: &Field) -> PairedScores {
    let (first, last) = (&field.entries[0].scores, &field.entries[field.entries.len() - 1].scores);
    let pair = |(champion, challenger): (&Option<f64>, &Option<f64>)| Pair {
        champion: *champion,
        challenger: *challenger,
        ..Pair::default()
    };
    let environments = first.iter().zip(last).map(|(one, two)| one.iter().zip(two).map(pair).collect()).collect();
    PairedScores { environments }
}

/// The field without one of its losers that does not reign, and which of them that is; none if there is none.
fn without_loser(field: &Field, ruling: &Ruling, choice: usize) -> Option<(Field, usize)> {
    let loses = |entry: &usize| ruling.weights[*entry] == 0.0 && field.reigning() != Some(*entry);
    let losers: Vec<usize> = (0..field.entries.len()).filter(loses).collect();
    let loser = *losers.get(choice % losers.len().max(1))?;
    let mut without = field.clone();
    without.entries.remove(loser);
    without.champion = field.champion.map(|champion| champion - usize::from(champion > loser));
    // Who was dethroned is the champion still, though a loser now.
    Some((without, loser))
}

fn rule(mechanism: &dyn Mechanism, field: &Field) -> Ruling {
    mechanism.rule(field).expect("a valid field")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn weights_are_shares_of_one(field in field()) {
        for mechanism in mechanisms() {
            let ruling = rule(mechanism.as_ref(), &field);
            let total = ruling.weights.iter().sum::<f64>() + ruling.burned;
            prop_assert!((total - 1.0).abs() < 1e-9, "{}: {total}", mechanism.name());
            prop_assert!(ruling.weights.iter().all(|weight| *weight >= 0.0));
            prop_assert_eq!(ruling.weights.len(), field.entries.len());
        }
    }

    #[test]
    fn the_order_in_which_entries_are_given_changes_nothing(field in field(), turn in 0_usize..5) {
        let count = field.entries.len();
        let mut turned = field.clone();
        turned.entries.rotate_left(turn % count);
        turned.champion = field.champion.map(|champion| (champion + count - turn % count) % count);
        for mechanism in mechanisms() {
            let mut back = rule(mechanism.as_ref(), &turned).weights;
            back.rotate_right(turn % count);
            prop_assert_eq!(back, rule(mechanism.as_ref(), &field).weights, "{}", mechanism.name());
        }
    }

    #[test]
    fn the_order_of_the_environments_changes_nobodys_weight(field in field()) {
        let mut turned = field.clone();
        for entry in &mut turned.entries {
            entry.scores.reverse();
        }
        for mechanism in mechanisms() {
            let (one, two) = (rule(mechanism.as_ref(), &field).weights, rule(mechanism.as_ref(), &turned).weights);
            let same = one.iter().zip(&two).all(|(one, two)| (one - two).abs() < 1e-9);
            prop_assert!(same, "{}: {one:?} {two:?}", mechanism.name());
        }
    }

    #[test]
    fn the_order_of_the_tasks_changes_nothing_where_only_means_count(field in field(), turn in 0_usize..40) {
        let mut turned = field.clone();
        for scores in turned.entries.iter_mut().flat_map(|entry| &mut entry.scores) {
            let turn = turn % scores.len().max(1);
            scores.rotate_left(turn);
        }
        let by_means: [&dyn Mechanism; 4] =
            [&WindowRule::default(), &FourStage::default(), &FourStage::standard_error(1.5), &Powerset::default()];
        for mechanism in by_means {
            let (one, two) = (rule(mechanism, &field).weights, rule(mechanism, &turned).weights);
            let same = one.iter().zip(&two).all(|(one, two)| (one - two).abs() < 1e-9);
            prop_assert!(same, "{}: {one:?} {two:?}", mechanism.name());
        }
    }

    #[test]
    fn a_loser_that_leaves_a_pairwise_rule_changes_nobodys_weight(field in field(), choice in 0_usize..5) {
        let mechanism = WindowRule::default();
        let ruling = rule(&mechanism, &field);
        if let Some((without, loser)) = without_loser(&field, &ruling, choice) {
            let mut expected = ruling.weights.clone();
            expected.remove(loser);
            prop_assert_eq!(rule(&mechanism, &without).weights, expected);
        }
    }

    /// Everybody else keeps its bout at the same number or a smaller one, and who won with it wins still, unless one who came
    /// before it wins now.
    #[test]
    fn a_loser_that_leaves_can_only_help_the_other_challengers(field in field(), choice in 0_usize..5) {
        for mechanism in [eager(), heated()] {
            let ruling = rule(&mechanism, &field);
            let Some((without, loser)) = without_loser(&field, &ruling, choice) else { continue };
            // A crowd plays whole heats, and is ranked at their end: the same side of that line.
            let crowded = |field: &Field| field.entries.len() - 1 > 2 * mechanism.heat.bouts.min(field.entries.len());
            if crowded(&field) != crowded(&without) {
                continue;
            }
            let after = rule(&mechanism, &without);
            let moved = |entry: usize| entry - usize::from(entry > loser);
            let place = |ruling: &Ruling, entry: usize| ruling.duels.iter().position(|(other, _)| *other == entry);
            for (before, (entry, _)) in ruling.duels.iter().enumerate() {
                // A window's bouts end with the first win: those behind it may have none.
                if let Some(now) = (*entry != loser).then(|| place(&after, moved(*entry))).flatten() {
                    prop_assert!(now <= before, "{}: {before} {now}", mechanism.name());
                }
            }
            let winner = ruling.winner.filter(|winner| field.reigning() != Some(*winner));
            if let Some(winner) = winner {
                let now = after.winner.expect("somebody plays");
                let behind = place(&after, now).expect("a champion that fell before falls again");
                prop_assert!(now == moved(winner) || place(&after, moved(winner)).is_none_or(|place| behind < place));
            }
        }
    }

    #[test]
    fn a_duplicate_raises_nobodys_weight(field in field(), choice in 0_usize..5) {
        let original = choice % field.entries.len();
        let mut with = field.clone();
        let mut duplicate = field.entries[original].clone();
        duplicate.committed = 1_000;
        with.entries.push(duplicate);
        for mechanism in decoy_proof() {
            let mut expected = rule(mechanism.as_ref(), &field).weights;
            expected.push(0.0);
            prop_assert_eq!(rule(mechanism.as_ref(), &with).weights, expected, "{}", mechanism.name());
        }
    }

    #[test]
    fn a_duel_decided_stays_decided_whatever_comes_after(field in field(), cut in 0_usize..40) {
        let whole = paired(&field);
        let part = PairedScores {
            environments: whole.environments.iter().map(|pairs| pairs[..cut.min(pairs.len())].to_vec()).collect(),
        };
        let settings = eager().duel;
        let (early, late) = (duel(&part, &settings, 0.3).expect("valid"), duel(&whole, &settings, 0.3).expect("valid"));
        if early.next_environment.is_none() {
            prop_assert_eq!(early, late);
        } else {
            prop_assert!(late.tasks_used >= early.tasks_used);
        }
    }

    #[test]
    fn the_order_of_arrival_leaves_no_trace(field in field(), arrivals in prop::collection::vec(0_usize..3, 0..120)) {
        let scores = paired(&field);
        let settings = eager().duel;
        let mut arriving = Duel::new(field.environments, &settings, 0.01).expect("valid");
        let rest = (0..field.environments).flat_map(|environment| std::iter::repeat_n(environment, 40));
        for environment in arrivals.into_iter().map(|one| one % field.environments).chain(rest) {
            if let Some(pair) = scores.environments[environment].get(arriving.pushed(environment)) {
                arriving.push(environment, *pair).expect("valid");
            }
        }
        prop_assert_eq!(arriving.decision(), duel(&scores, &settings, 0.01).expect("valid"));
    }

    /// Put down and taken up again in the middle of anything, in words and back, a duel goes on to the same bits.
    #[test]
    fn a_duel_put_down_at_any_point_goes_on_as_if_it_had_not_been(
        pairs in prop::collection::vec(prop::collection::vec((score(), score(), score(), score()), 50), 1..4),
        cuts in prop::collection::vec(0_usize..160, 0..4),
        guarded in any::<bool>(),
        ahead in prop::collection::vec(0_usize..3, 160),
    ) {
        let settings = DuelSettings { references: 2, ..eager().duel };
        let pair = |environment: usize, task: usize| {
            let (champion, challenger, reference, guard) = pairs[environment][task];
            Pair { champion, challenger, reference, guard }
        };
        let begun = || {
            let duel = Duel::new(pairs.len(), &settings, 0.1).expect("valid");
            if guarded { duel.guarded() } else { duel }
        };
        let mut whole = begun();
        whole.feed(|environment, task| (task < 50).then(|| pair(environment, task))).expect("valid");
        let mut cut = begun();
        let mut pushed = vec![0; pairs.len()];
        for (step, environment) in ahead.into_iter().enumerate() {
            let environment = environment % pairs.len();
            if cuts.contains(&step) && cut.verdict().is_none() {
                let written = serde_json::to_string(&cut.save()).expect("plain data");
                let saved: SavedDuel = serde_json::from_str(&written).expect("it was written");
                prop_assert_eq!(&saved, &cut.save());
                cut = saved.carried_on(&settings, guarded).expect("it fits");
                prop_assert_eq!(cut.pushed(environment), 0);
            }
            if pushed[environment] < 50 {
                cut.push(environment, pair(environment, pushed[environment])).expect("valid");
                pushed[environment] += 1;
            }
        }
        for (environment, pushed) in pushed.iter().enumerate() {
            for task in *pushed..50 {
                cut.push(environment, pair(environment, task)).expect("valid");
            }
        }
        prop_assert_eq!(cut.decision(), whole.decision());
    }

    /// A pair's bet is fixed by the pairs before it: what comes after changes nothing that was read.
    #[test]
    fn a_later_pair_changes_no_earlier_bet(
        pairs in prop::collection::vec((score(), score(), score()), 30),
        others in prop::collection::vec((score(), score(), score()), 30),
        at in 0_usize..30,
    ) {
        let settings = DuelSettings { references: 4, ..eager().duel };
        let read = |pairs: &[(Option<f64>, Option<f64>, Option<f64>)]| {
            let mut duel = Duel::new(1, &settings, 1e-9).expect("valid");
            let mut seen = Vec::new();
            for (champion, challenger, reference) in pairs.iter().copied() {
                let weight = duel.decision().environments[0].weight;
                prop_assert!((0.3..=1.0).contains(&weight), "{weight}");
                duel.push(0, Pair { champion, challenger, reference, guard: None }).expect("valid");
                seen.push((weight, duel.decision()));
            }
            Ok(seen)
        };
        let mut changed = pairs.clone();
        changed[at..].copy_from_slice(&others[at..]);
        let (one, other) = (read(&pairs)?, read(&changed)?);
        prop_assert_eq!(&one[..at], &other[..at]);
        // Not even the pair's own scores move its weight.
        prop_assert_eq!(one[at].0, other[at].0);
    }

    #[test]
    fn no_number_of_a_reign_is_given_twice(
        windows in prop::collection::vec(prop::collection::vec(0_usize..4, 1..9), 1..8),
    ) {
        let rule = Sequential { heat: HeatSettings { tasks: 2, pass: 1.0, ..heated().heat }, ..heated() };
        let mut seen = std::collections::BTreeSet::new();
        let mut tested = 0;
        let mut carried: Vec<(u64, SavedDuel)> = Vec::new();
        for ends in windows {
            let entries: Vec<usize> = (0..=carried.len() + ends.len()).collect();
            let opening = Opening { champion: Some(0), ..Opening::new(1, &entries) };
            let standing = |entry: usize| match carried.get(entry - 1) {
                Some((number, duel)) => Standing::Carried { number: *number, duel: Box::new(duel.clone()) },
                None => Standing::Waiting,
            };
            let rule = Sequential { tested, ..rule.clone() };
            let mut succession = rule.open(&opening, standing).expect("valid").expect("somebody plays");
            while let Some(mut entry) = succession.next_heat() {
                entry.heat.feed(|_, _| Some(Pair::new(0.0, 1.0))).expect("valid");
                succession.settle_heat(&entry);
            }
            let mut next = Vec::new();
            while let Some(Bout { challenge, mut duel, carried: goes_on }) = succession.next_bout().expect("valid") {
                prop_assert_eq!(seen.insert(challenge.number), !goes_on, "number {}", challenge.number);
                prop_assert_eq!(challenge.alpha, succession.reign().alpha_of(challenge.number));
                // A few ties, and then the window is over; one in four is left where it is for good.
                duel.feed(|_, task| (task < 3).then_some(Pair::new(1.0, 1.0))).expect("valid");
                if ends[challenge.number as usize % ends.len()] > 0 {
                    next.push((challenge.number, duel.save()));
                }
            }
            tested = succession.reign().bouts();
            prop_assert_eq!(tested, seen.len() as u64);
            carried = next;
        }
    }

    #[test]
    fn windows_driven_by_hand_end_as_the_field_is_ruled(field in field()) {
        for rule in [eager(), heated()] {
            let expected = self::rule(&rule, &field);
            let (playing, plan) = (field.by_commitment(), TaskPlan::new(&rule.heat, &rule.duel));
            let score = |entry: usize, environment: usize, number: usize| {
                field.entries[entry].scores[environment].get(number).copied()
            };
            let opening = Opening { champion: field.champion, ..Opening::new(field.environments, &playing) };
            let mut succession = rule.open(&opening, |_| Standing::Waiting).expect("valid").expect("somebody plays");
            // The heats side by side, settled in the other order.
            let mut heats = Vec::new();
            while let Some(mut entry) = succession.next_heat() {
                let (champion, challenger) = (entry.champion, entry.challenger);
                let pair = |environment, task| {
                    let (one, two) = (score(champion, environment, task), score(challenger, environment, task));
                    Some(Pair { champion: one?, challenger: two?, ..Pair::default() })
                };
                entry.heat.feed(pair).expect("valid scores");
                heats.push(entry);
            }
            heats.iter().rev().for_each(|entry| succession.settle_heat(entry));
            let mut held = Vec::new();
            while let Some(Bout { challenge, mut duel, carried }) = succession.next_bout().expect("valid") {
                prop_assert!(!carried && challenge.number == held.len() as u64 + 1);
                let pair = |environment, task| {
                    let number = plan.bout(task);
                    let (one, two) = (score(challenge.champion, environment, number)?, score(challenge.challenger, environment, number)?);
                    let references: Option<Vec<_>> =
                        plan.references(task).map(|number| score(challenge.champion, environment, number)).collect();
                    Some(Pair { champion: one, challenger: two, reference: pareto::scores::mean(references?), guard: None })
                };
                duel.feed(pair).expect("valid scores");
                succession.settle(&challenge, duel.decision().verdict);
                held.push((challenge.challenger, duel.decision()));
            }
            prop_assert_eq!(Some(succession.champion()), expected.winner);
            let decisions: Vec<_> = expected.duels.iter().map(|(entry, duel)| (*entry, duel.decision())).collect();
            prop_assert!(held.len() < field.entries.len().max(1));
            prop_assert_eq!(held, decisions);
        }
    }

    #[test]
    fn a_tie_everywhere_leaves_the_champion_its_weight(tasks in 0_usize..60, entries in 1_usize..5, score in 0.0..=1.0_f64) {
        let entry = |place: usize| FieldEntry {
            committed: place as u64,
            position: 0,
            scores: vec![vec![Some(score); tasks]; 2],
        };
        let field = Field { environments: 2, entries: (0..entries).map(entry).collect(), champion: None };
        for mechanism in mechanisms() {
            let ruling = rule(mechanism.as_ref(), &field);
            let expected = if tasks > 0 || decoy_proof().iter().any(|one| one.name() == mechanism.name()) { Some(0) } else { None };
            prop_assert_eq!(ruling.winner, expected, "{}", mechanism.name());
        }
    }

    #[test]
    fn a_reply_withheld_never_helps_a_challenger(field in field(), choice in 0_usize..200) {
        // Instead of a score that counts for something the challenger gives none.
        let champion = field.reigning().expect("there are entries");
        let mut silent = field.clone();
        for (place, entry) in silent.entries.iter_mut().enumerate() {
            let score = entry.scores.iter_mut().flatten().nth(choice);
            if let (true, Some(score)) = (place != champion, score) {
                *score = None;
            }
        }
        let rule = eager();
        let (before, after) = (self::rule(&rule, &field), self::rule(&rule, &silent));
        let wealth = |ruling: &Ruling| ruling.duels.first().map(|(_, duel)| duel.decision());
        if let (Some(before), Some(after)) = (wealth(&before), wealth(&after)) {
            let tasks = |decision: &pareto::Decision| decision.environments.iter().map(|one| one.tasks).collect::<Vec<_>>();
            if tasks(&before) == tasks(&after) {
                let gains = |decision: &pareto::Decision| decision.environments.iter().map(|one| one.difference).sum::<f64>();
                prop_assert!(gains(&after) <= gains(&before) + 1e-12, "{before:?} {after:?}");
            }
        }
    }

    #[test]
    fn chain_weights_keep_the_ratio_and_the_largest(
        champions in prop::collection::vec(0_u16..20, 0..8),
        burn in 0.0..=1.0_f64,
        decay in 0.0..=1.0_f64,
        count in 1_usize..6,
    ) {
        let settings = WeightSettings { burn, decay, champions: count };
        let weights = winner_takes_all(&champions, &settings).expect("valid");
        prop_assert!((weights.iter().map(|(_, weight)| weight).sum::<f64>() - 1.0).abs() < 1e-9);
        prop_assert!(weights.windows(2).all(|pair| pair[0].0 < pair[1].0), "{weights:?}");
        let largest = weights.iter().map(|(_, weight)| *weight).fold(0.0, f64::max);
        let stored = to_u16(&weights).expect("valid");
        prop_assert!(stored.iter().any(|(_, weight)| *weight == u16::MAX));
        for (uid, value) in stored {
            let weight = weights.iter().find(|(other, _)| *other == uid).expect("no uid is made up").1;
            prop_assert!((f64::from(value) / 65_535.0 - weight / largest).abs() <= 0.5 / 65_535.0 + 1e-12);
        }
    }
}

#[test]
fn the_fields_drawn_above_have_winners_of_every_kind() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut dethroned, mut kept) = (0, 0);
    for _ in 0..200 {
        let field = field().new_tree(&mut runner).expect("a field").current();
        if rule(&eager(), &field).winner == field.reigning() { kept += 1 } else { dethroned += 1 }
    }
    assert!(dethroned >= 20 && kept >= 20, "{dethroned} dethroned, {kept} kept");
}
