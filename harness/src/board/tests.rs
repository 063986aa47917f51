//! The board feeds a duel as if all its pairs had been there at once.

use pareto::{DuelSettings, HeatSettings};

use super::*;
use crate::record::paired;

fn unit(environment: usize, task: u32, score: Option<f64>) -> UnitScore {
    UnitScore { environment, task, score }
}

/// Numbers that look random and are a function of their place.
fn noise(place: u64) -> u64 {
    let mixed = place.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33
}

/// Pairs alone: no heat, no reference tasks.
fn plan() -> TaskPlan {
    TaskPlan::new(&HeatSettings::none(), &settings())
}

fn pair_of(champion: usize, challenger: usize) -> BoutEntries {
    BoutEntries { champion, challenger, guard: None }
}

fn settings() -> DuelSettings {
    DuelSettings { budget: 40, minimum_tasks: 4, references: 0, ..DuelSettings::default() }
}

#[test]
fn a_duel_fed_round_by_round_is_the_duel_held_at_once() {
    for seed in 0..60_u64 {
        let environments = 1 + (seed % 3) as usize;
        let mut scores: [Vec<UnitScore>; 2] = [Vec::new(), Vec::new()];
        let mut board = ScoreBoard::new(2, Vec::new());
        let mut duel = Duel::new(environments, &settings(), 0.01).unwrap();
        for end in [7, 16, 23, 40] {
            // Each round arrives in an order of its own; some tasks could not be made, some scores stay away for good.
            let start = duel.pushed(0) as u32;
            let mut round: Vec<(usize, UnitScore)> = Vec::new();
            for place in 0..2 * environments * (end - start.min(end)) as usize {
                let (entry, rest) = (place % 2, place / 2);
                let (environment, task) = (rest % environments, start + (rest / environments) as u32);
                let drawn = noise(seed * 10_000 + place as u64 + u64::from(task) * 100);
                let score = (!drawn.is_multiple_of(11)).then_some((drawn % 5) as f64 / 4.0);
                if !drawn.is_multiple_of(97) {
                    round.push((entry, unit(environment, task, score)));
                }
            }
            round.sort_by_key(|(_, score)| noise(seed + u64::from(score.task) * 31 + score.environment as u64));
            for (entry, score) in round {
                if !board.has(entry, Unit { task: score.task, environment: score.environment }) {
                    board.add(entry, score);
                    scores[entry].push(score);
                }
            }
            board.feed(&mut duel, &plan(), pair_of(0, 1), end as usize).unwrap();
        }
        let at_once = pareto::duel(&paired(environments, &scores[0], &scores[1]), &settings(), 0.01).unwrap();
        assert_eq!(duel.decision(), at_once, "seed {seed}");
    }
}

/// A round of four tasks in two environments was left half done: in one there are more of it than in the other.
#[test]
fn rollouts_of_later_rounds_are_not_looked_at_before_their_round() {
    let wants = |tasks: [u32; 2]| {
        let all = |entry: usize, environment: usize, count: u32| {
            (0..count).map(move |task| (entry, unit(environment, task, Some(0.5))))
        };
        let champion = all(0, 0, 40).chain(all(0, 1, 40));
        let stored = champion.chain(all(1, 0, tasks[0])).chain(all(1, 1, tasks[1])).collect();
        let board = ScoreBoard::new(2, stored);
        let mut duel = Duel::new(2, &settings(), 0.01).unwrap();
        board.feed(&mut duel, &plan(), pair_of(0, 1), 8).unwrap();
        assert_eq!([0, 1].map(|environment| duel.pushed(environment)), [8, 8]);
        duel.wants()
    };
    assert_eq!(wants([11, 9]), wants([8, 8]));
    assert_eq!(wants([8, 8]), [0, 1]);
}

#[test]
fn pairs_wait_for_the_first_task_without_a_score() {
    let mut board = ScoreBoard::new(3, Vec::new());
    let mut duel = Duel::new(1, &settings(), 0.01).unwrap();
    let mut feed = |scores: &[(usize, u32)], expected: usize| {
        for (entry, task) in scores {
            board.add(*entry, unit(0, *task, Some(1.0)));
        }
        board.feed(&mut duel, &plan(), pair_of(0, 2), 40).unwrap();
        assert_eq!(duel.pushed(0), expected);
    };
    feed(&[(0, 0), (0, 1), (0, 2), (1, 0)], 0);
    feed(&[(2, 1), (2, 2)], 0);
    feed(&[(2, 0)], 3);
    feed(&[(2, 4), (0, 4)], 3);
    feed(&[(2, 3), (0, 3)], 5);
    feed(&[], 5);
}

#[test]
fn the_board_knows_what_is_finished() {
    let board = ScoreBoard::new(2, vec![(1, unit(0, 3, None)), (1, unit(1, 3, Some(0.5)))]);
    assert_eq!([board.finished(0), board.finished(1)], [0, 2]);
    assert!(board.has(1, Unit { task: 3, environment: 0 }));
    assert!(!board.has(0, Unit { task: 3, environment: 0 }) && !board.has(1, Unit { task: 2, environment: 0 }));
}

#[test]
fn a_score_out_of_range_is_an_error() {
    let stored = vec![(0, unit(0, 0, Some(0.5))), (1, unit(0, 0, Some(1.5)))];
    let mut duel = Duel::new(1, &settings(), 0.01).unwrap();
    assert!(ScoreBoard::new(2, stored).feed(&mut duel, &plan(), pair_of(0, 1), 4).is_err());
}

#[test]
fn a_guarded_pair_waits_for_the_guard_and_counts_without_it_where_its_task_could_not_be_made() {
    let mut board = ScoreBoard::new(3, Vec::new());
    for entry in [0, 1] {
        (0..3).for_each(|task| board.add(entry, unit(0, task, Some(0.5))));
    }
    let guarded = BoutEntries { guard: Some(2), ..pair_of(0, 1) };
    let pairs = |board: &ScoreBoard, entries| [0, 1, 2].map(|task| board.pair(&plan(), entries, 0, task));
    assert_eq!(pairs(&board, guarded), [None; 3]);
    board.add(2, unit(0, 0, Some(1.0)));
    board.add(2, unit(0, 1, None));
    let half = Pair::new(0.5, 0.5);
    assert_eq!(pairs(&board, guarded), [Some(Pair { guard: Some(1.0), ..half }), Some(half), None]);
    assert_eq!(pairs(&board, pair_of(0, 1)), [Some(half); 3]);
    let challenger_guards = BoutEntries { guard: Some(1), ..pair_of(0, 1) };
    assert_eq!(pairs(&board, challenger_guards), [Some(Pair { guard: Some(0.5), ..half }); 3]);
}
