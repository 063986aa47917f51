use super::*;
use crate::lab::Random;

type Table = ScoreTable<(usize, usize)>;

fn table(stake: u64, scores: &[Option<f64>]) -> Table {
    let keyed = scores.iter().enumerate().map(|(task, score)| ((0, task), *score));
    ScoreTable { stake, scores: keyed.collect() }
}

/// The agreed scores of one environment in task order; an inner `None` is a score that could not be had.
fn agreed(tables: &[Table], absent: u64) -> Vec<((usize, usize), Option<f64>)> {
    agree(tables, absent).expect("scores in range").into_iter().collect()
}

#[test]
fn the_median_is_the_score_with_half_of_the_stake_on_either_side() {
    let check = |scores: &[(f64, u64)], expected: Option<f64>| {
        assert_eq!(weighted_median(&mut scores.to_vec()), expected, "{scores:?}");
    };
    check(&[], None);
    check(&[(0.3, 0)], None);
    check(&[(0.3, 1)], Some(0.3));
    check(&[(1.0, 1), (0.0, 1), (1.0, 1)], Some(1.0));
    check(&[(1.0, 1), (0.0, 2), (1.0, 1)], Some(0.5));
    check(&[(1.0, 1), (0.0, 2), (0.5, 1)], Some(0.25));
    check(&[(1.0, 1), (0.0, 3), (0.5, 1)], Some(0.0));
    check(&[(0.2, 5), (0.4, 4), (0.9, 2)], Some(0.4));
    // Who has more than half decides alone, and who has no stake is not even between two.
    check(&[(0.2, 6), (0.4, 3), (0.9, 2)], Some(0.2));
    check(&[(0.0, 1), (0.5, 0), (1.0, 1)], Some(0.5));
    check(&[(0.0, 1), (0.9, 0), (1.0, 2)], Some(1.0));
    // The chain's largest stakes do not overflow.
    check(&[(0.0, u64::MAX), (0.25, u64::MAX), (1.0, u64::MAX)], Some(0.25));
}

#[test]
fn a_score_counts_where_more_than_half_of_the_stake_speaks() {
    let (one, none) = (Some(1.0), None);
    let check = |tables: &[Table], absent: u64, expected: &[Option<f64>]| {
        let found: Vec<_> = agreed(tables, absent).into_iter().map(|(_, score)| score).collect();
        assert_eq!(found, expected, "{tables:?} {absent}");
    };
    check(&[], 0, &[]);
    check(&[table(1, &[one, Some(0.0)])], 0, &[one, Some(0.0)]);
    // One of two is half, which is not more than half; so are two of four where two have no table.
    check(&[table(1, &[one]), table(1, &[])], 0, &[]);
    check(&[table(1, &[one]), table(1, &[one])], 2, &[]);
    check(&[table(1, &[one]), table(1, &[one])], 1, &[one]);
    // A lone table that goes on where the others ended adds nothing.
    check(&[table(1, &[one, one]), table(1, &[one]), table(1, &[one])], 0, &[one]);
    // A score that could not be had is a word, too, and wins at even stake.
    check(&[table(1, &[none]), table(1, &[none]), table(1, &[one])], 0, &[none]);
    check(&[table(1, &[none]), table(1, &[one])], 0, &[none]);
    check(&[table(1, &[none]), table(2, &[one])], 0, &[one]);
    check(&[table(0, &[one]), table(0, &[none])], 0, &[]);
}

#[test]
fn a_score_that_is_none_is_refused_with_its_place() {
    for score in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        let tables = [table(1, &[Some(0.5)]), table(0, &[None, Some(score)])];
        let AgreementError::Score { table, place, score: found } = agree(&tables, 0).expect_err("no score");
        assert_eq!((table, place, found.to_bits()), (1, 1, score.to_bits()));
    }
    let error = agree(&[table(1, &[Some(2.0)])], 0).expect_err("no score").to_string();
    assert_eq!(error, "table 0 has the score 2 at place 0; scores lie within [0, 1]: leave the table out");
}

fn random_tables(random: &mut Random, most: usize) -> Vec<Table> {
    let mut below = |most: f64| (random.uniform() * most) as u64;
    (0..1 + below(most as f64))
        .map(|_| {
            let scores: Vec<Option<f64>> = (0..6).map(|_| (below(6.0) > 0).then(|| below(5.0) as f64 / 4.0)).collect();
            let mut table = table(below(4.0), &scores);
            table.scores.retain(|_, _| below(5.0) > 0);
            table
        })
        .collect()
}

#[test]
fn the_order_of_the_tables_leaves_no_trace() {
    for trial in 0..300 {
        let mut tables = random_tables(&mut Random::new(61, &[trial]), 7);
        let expected = agreed(&tables, trial % 3);
        for _ in 0..tables.len() {
            tables.rotate_left(1);
            assert_eq!(agreed(&tables, trial % 3), expected, "{tables:?}");
        }
        tables.reverse();
        assert_eq!(agreed(&tables, trial % 3), expected, "{tables:?}");
    }
}

/// Hotkeys are free and stake is not: splitting a stake over several tables changes nothing.
#[test]
fn a_stake_split_over_equal_tables_speaks_as_one() {
    for trial in 0..300 {
        let mut random = Random::new(62, &[trial]);
        let tables = random_tables(&mut random, 6);
        let split: Vec<Table> = tables
            .iter()
            .flat_map(|table| {
                let part = (random.uniform() * (table.stake + 1) as f64) as u64;
                [part, table.stake - part, 0].map(|stake| Table { stake, scores: table.scores.clone() })
            })
            .collect();
        assert_eq!(agreed(&split, 1), agreed(&tables, 1), "{tables:?}");
    }
}

#[test]
fn a_minority_moves_no_score_past_those_of_the_others() {
    for trial in 0..400 {
        let mut random = Random::new(63, &[trial]);
        let honest: Vec<Table> = (0..3)
            .map(|_| table(2, &(0..8).map(|_| Some((random.uniform() * 5.0).floor() / 4.0)).collect::<Vec<_>>()))
            .collect();
        let mut all = honest.clone();
        // Five of eleven parts of the stake say whatever they like, or nothing.
        for stake in [2, 2, 1] {
            let scores: Vec<Option<f64>> = (0..12)
                .map(|_| (random.uniform() > 0.2).then(|| f64::from(u8::from(random.bits() & 1 == 1))))
                .collect();
            let mut liar = table(stake, &scores);
            liar.scores.retain(|_, _| random.uniform() > 0.2);
            all.push(liar);
        }
        let found = agree(&all, 0).expect("scores in range");
        assert_eq!(found.len(), 8, "the minority alone speaks of nothing: {found:?}");
        for (key, score) in found {
            let others: Vec<f64> = honest.iter().filter_map(|table| table.scores[&key]).collect();
            let (least, most) =
                others.iter().fold((1.0_f64, 0.0_f64), |(least, most), score| (least.min(*score), most.max(*score)));
            let score = score.expect("the majority has it");
            assert!((least..=most).contains(&score), "{key:?}: {score} of {others:?}");
        }
    }
}

#[test]
fn agreed_scores_are_those_of_every_unit_of_stake_laid_out_in_order() {
    for trial in 0..300 {
        let mut random = Random::new(64, &[trial]);
        let scores: Vec<(f64, u64)> = (0..1 + (random.uniform() * 6.0) as usize)
            .map(|_| ((random.uniform() * 9.0).floor() / 8.0, (random.uniform() * 5.0) as u64))
            .collect();
        let mut units: Vec<f64> =
            scores.iter().flat_map(|(score, stake)| std::iter::repeat_n(*score, *stake as usize)).collect();
        units.sort_by(f64::total_cmp);
        let expected = (!units.is_empty()).then(|| 0.5 * (units[(units.len() - 1) / 2] + units[units.len() / 2]));
        assert_eq!(weighted_median(&mut scores.clone()), expected, "{scores:?}");
    }
}

/// 3 f^2 (1 - f) + f^3 for three tables, 10 f^3 and smaller terms for five.
#[test]
fn a_median_is_flipped_as_seldom_as_the_binomial_says() {
    let flip = 0.1;
    for (tables, expected) in [(3_usize, 0.028), (5, 0.008_56)] {
        let mut random = Random::new(65, &[tables as u64]);
        let trials = 100_000;
        let flipped = (0..trials)
            .filter(|_| {
                let mut scores: Vec<(f64, u64)> =
                    (0..tables).map(|_| (f64::from(u8::from(random.uniform() >= flip)), 1)).collect();
                weighted_median(&mut scores) == Some(0.0)
            })
            .count();
        let found = flipped as f64 / f64::from(trials);
        assert!((found - expected).abs() < 0.002, "{tables} tables: {found}, not {expected}");
    }
}
