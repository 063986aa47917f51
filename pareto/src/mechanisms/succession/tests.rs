//! Numbers, ranks and standings of a window's heats and bouts.

use super::*;
use crate::duel::DuelSettings;
use crate::heat::HeatSettings;
use crate::scores::Pair;

/// Heats of a few tasks, two bouts a window.
fn rule(tested: u64) -> Sequential {
    let heat = HeatSettings { tasks: 6, pass: 1.5, bouts: 2, ..HeatSettings::default() };
    let duel = DuelSettings { budget: 20, ..DuelSettings::default() };
    Sequential { duel, heat, alpha: 0.01, tested }
}

/// No heats and as many bouts as wait.
fn unheated(tested: u64) -> Sequential {
    Sequential { heat: HeatSettings::none(), ..rule(tested) }
}

fn open(rule: &Sequential, playing: &[usize], champion: Option<usize>) -> Option<Succession> {
    let opening = Opening { champion, ..Opening::new(1, playing) };
    rule.open(&opening, |_| Standing::Waiting).expect("valid")
}

/// Plays every heat, each challenger winning so many of its tasks.
fn heats(succession: &mut Succession, wins: impl Fn(usize) -> usize) -> Vec<usize> {
    let mut played = Vec::new();
    while let Some(mut entry) = succession.next_heat() {
        let wins = wins(entry.challenger);
        let pair = |_, task| Some(Pair::new(0.0, if task < wins { 1.0 } else { 0.0 }));
        entry.heat.feed(pair).expect("valid");
        succession.settle_heat(&entry);
        played.push(entry.challenger);
    }
    played
}

/// Holds bouts that end as given and lists them as (champion, challenger, number).
fn held(succession: &mut Succession, verdicts: &[Verdict]) -> Vec<(usize, usize, u64)> {
    let mut held = Vec::new();
    while let Some(Bout { challenge, .. }) = succession.next_bout().expect("valid") {
        assert_eq!(challenge.alpha, Reign::new(0.01).expect("valid").alpha_of(challenge.number));
        succession.settle(&challenge, verdicts[held.len()]);
        held.push((challenge.champion, challenge.challenger, challenge.number));
    }
    held
}

#[test]
fn without_heats_bouts_go_by_commitment_until_one_dethrones() {
    use Verdict::{Defended, Dethroned, Undecided};
    let check = |playing: &[usize], champion, tested, verdicts: &[Verdict], bouts: &[(usize, usize, u64)], end| {
        let mut succession = open(&unheated(tested), playing, champion).expect("somebody plays");
        heats(&mut succession, |_| 0);
        assert_eq!(held(&mut succession, verdicts), bouts, "{playing:?} {champion:?} {verdicts:?}");
        let found = (succession.champion(), succession.dethroned(), succession.reign().bouts());
        assert_eq!(found, end, "{playing:?} {champion:?} {verdicts:?}");
        assert!(succession.next_bout().expect("valid").is_none() && succession.next_heat().is_none());
    };
    // The champion stays through all of them; its reign goes on from the number it had.
    check(&[4, 2, 9], Some(2), 7, &[Defended, Undecided], &[(2, 4, 8), (2, 9, 9)], (2, None, 9));
    // The first to dethrone ends the window's bouts, with a reign on which nobody has drawn.
    check(&[4, 2, 9], Some(2), 7, &[Dethroned], &[(2, 4, 8)], (4, Some(2), 0));
    check(&[4, 2, 9], Some(2), 0, &[Defended, Dethroned], &[(2, 4, 1), (2, 9, 2)], (9, Some(2), 0));
    // Without the champion of before the earliest reigns, and what the other's reign had spent is not its own.
    check(&[4, 9], Some(2), 7, &[Undecided], &[(4, 9, 1)], (4, None, 1));
    check(&[4, 9], None, 7, &[Dethroned], &[(4, 9, 1)], (9, Some(4), 0));
    check(&[5], Some(5), 3, &[], &[], (5, None, 3));
    check(&[5], None, 3, &[], &[], (5, None, 0));
    assert!(open(&unheated(0), &[], Some(1)).is_none());
}

#[test]
fn challengers_are_unbeaten_until_a_heat_or_a_bout_speaks_against_them() {
    use Verdict::{Defended, Dethroned, Undecided};
    let check = |wins: &[usize], verdicts: &[Verdict], expected: [usize; 2]| {
        let playing: Vec<usize> = (0..=wins.len()).collect();
        let rule = Sequential { heat: HeatSettings { tasks: 40, ..rule(0).heat }, ..rule(0) };
        let mut succession = open(&rule, &playing, Some(0)).expect("somebody plays");
        heats(&mut succession, |entry| wins[entry - 1]);
        let after_heats = succession.unbeaten();
        held(&mut succession, verdicts);
        assert_eq!([after_heats, succession.unbeaten()], expected, "{wins:?} {verdicts:?}");
    };
    check(&[], &[], [0, 0]);
    check(&[40, 40], &[Defended, Defended], [2, 0]);
    check(&[40, 40], &[Undecided, Defended], [2, 1]);
    check(&[40, 40, 40], &[Defended, Undecided], [3, 2]);
    check(&[40, 40, 40], &[Dethroned], [3, 2]);
    // A heat in which nothing speaks for either leaves them where they were.
    check(&[0, 40], &[Defended], [2, 1]);
}

#[test]
fn the_best_of_the_heats_get_the_numbers_by_wealth_and_then_by_commitment() {
    let check = |wins: &[usize], bouts: &[(usize, usize, u64)]| {
        let playing: Vec<usize> = (0..=wins.len()).collect();
        let mut succession = open(&rule(3), &playing, Some(0)).expect("somebody plays");
        assert_eq!(heats(&mut succession, |entry| wins[entry - 1]), playing[1..]);
        assert_eq!(held(&mut succession, &[Verdict::Undecided; 9]), bouts, "{wins:?}");
        assert_eq!(succession.reign().bouts(), 3 + bouts.len() as u64);
    };
    // Five wait for two bouts: the whole heat is played, and the most wins rank first.
    check(&[3, 6, 0, 4, 5], &[(0, 2, 4), (0, 5, 5)]);
    check(&[5, 6, 5, 6, 6], &[(0, 2, 4), (0, 4, 5)]);
    check(&[0, 0, 3, 0, 0], &[(0, 3, 4)]);
    check(&[0, 0, 0, 0, 0], &[]);
    // Four are no crowd: a heat ends when it is passed, and equals go by commitment.
    check(&[6, 6, 6, 6], &[(0, 1, 4), (0, 2, 5)]);
    check(&[0, 6], &[(0, 2, 4)]);
}

#[test]
fn a_heat_that_is_left_open_lets_nobody_through() {
    let mut succession = open(&rule(0), &[0, 1, 2, 3], Some(0)).expect("somebody plays");
    let open_still = succession.next_heat().expect("1 waits");
    succession.settle_heat(&open_still);
    succession.next_heat().expect("2 waits");
    // 3 never began its heat when the first bout is asked for.
    assert!(succession.next_bout().expect("valid").is_none() && succession.next_heat().is_none());
    assert_eq!(succession.reign().bouts(), 0);
}

/// A duel put down after its budget was spent on ties, at number 3 of a reign at alpha 1%.
fn put_down(rule: &Sequential) -> Box<SavedDuel> {
    let alpha = Reign::new(0.01).expect("valid").alpha_of(3);
    let mut duel = Duel::new(1, &rule.duel, alpha).expect("valid");
    duel.feed(|_, _| Some(Pair::new(1.0, 1.0))).expect("valid");
    assert_eq!(duel.verdict(), Some(Verdict::Undecided));
    Box::new(duel.save())
}

#[test]
fn bouts_carried_on_come_first_at_their_own_numbers_and_those_that_ended_do_not_come_again() {
    let rule = rule(7);
    let standing = |entry| match entry {
        1 => Standing::Spent,
        2 => Standing::Carried { number: 6, duel: put_down(&rule) },
        4 => Standing::Carried { number: 3, duel: put_down(&rule) },
        _ => Standing::Waiting,
    };
    let opening = Opening { champion: Some(0), guard: true, ..Opening::new(1, &[0, 1, 2, 3, 4, 5]) };
    let mut succession = rule.open(&opening, standing).expect("valid").expect("somebody plays");
    assert_eq!(heats(&mut succession, |_| 6), [3, 5]);
    let mut bouts = Vec::new();
    while let Some(Bout { challenge, duel, carried }) = succession.next_bout().expect("valid") {
        assert_eq!(duel.tasks_used(), if carried { 20 } else { 0 });
        assert!(duel.decision().environments.iter().all(|evidence| evidence.guard.is_some()));
        assert_eq!(duel.pushed(0), 0, "tasks count from 0 in every window");
        bouts.push((challenge.challenger, challenge.number, carried));
    }
    assert_eq!(bouts, [(4, 3, true), (2, 6, true), (3, 8, false), (5, 9, false)]);
    assert_eq!(succession.reign().bouts(), 9);
}

#[test]
fn a_bout_put_down_under_other_claims_waits_for_a_new_one() {
    let old = rule(0);
    for (duel, carried) in [
        (DuelSettings { tolerance: 0.05, ..old.duel.clone() }, false),
        (DuelSettings { better: crate::Better::Somewhere, ..old.duel.clone() }, false),
        (DuelSettings { margin: 0.01, ..old.duel.clone() }, false),
        (DuelSettings { budget: 30, references: 0, ..old.duel.clone() }, true),
    ] {
        let rule = Sequential { duel, ..rule(3) };
        let opening = Opening { champion: Some(0), ..Opening::new(1, &[0, 1]) };
        let standing = |_| Standing::Carried { number: 3, duel: put_down(&old) };
        let mut succession = rule.open(&opening, standing).expect("valid").expect("somebody plays");
        heats(&mut succession, |_| 6);
        let bout = succession.next_bout().expect("valid").expect("a bout");
        assert_eq!((bout.carried, bout.challenge.number), (carried, if carried { 3 } else { 4 }));
    }
}

#[test]
fn what_was_spent_in_another_reign_counts_for_nothing() {
    let rule = rule(5);
    let opening = Opening { champion: Some(9), ..Opening::new(1, &[2, 3]) };
    let mut succession = rule.open(&opening, |_| Standing::Spent).expect("valid").expect("somebody plays");
    assert_eq!(heats(&mut succession, |_| 6), [3]);
    assert_eq!(held(&mut succession, &[Verdict::Undecided]), [(2, 3, 1)]);
}

#[test]
fn a_bout_that_was_begun_has_drawn_its_number_however_it_ends() {
    let mut succession = open(&unheated(0), &[0, 1, 2], Some(0)).expect("somebody plays");
    heats(&mut succession, |_| 0);
    let number = |succession: &mut Succession| {
        succession.next_bout().expect("valid").map(|bout| (bout.challenge.number, succession.reign().bouts()))
    };
    assert_eq!(number(&mut succession), Some((1, 1)));
    assert_eq!(number(&mut succession), Some((2, 2)), "the first was never settled");
    assert_eq!(number(&mut succession), None);
}
