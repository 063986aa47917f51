//! Wealth against naive references, and Ville's inequality by enumeration of every sequence.

use pareto::eprocess::{Bets, CAREFUL_PRIOR, EProcess, Null, PRIOR};
use pareto::lab::Random;

const FRACTIONS: [f64; 8] = [0.04, 0.09, 0.17, 0.27, 0.4, 0.56, 0.74, 0.92];

/// Log wealth of a mixture of strands, each a sum of logarithms.
fn log_wealth(null: Null, prior: [f64; 8], differences: &[f64]) -> f64 {
    let factor = |fraction: f64, difference: f64| match null {
        Null::AtMost(mean) => 1.0 + fraction * (difference - mean) / (1.0 + mean),
        Null::AtLeast(mean) => 1.0 + fraction * (mean - difference) / (1.0 - mean),
    };
    let strand = |fraction| differences.iter().map(|difference| libm::log(factor(fraction, *difference))).sum::<f64>();
    let logs: Vec<f64> =
        FRACTIONS.into_iter().zip(prior).map(|(fraction, share)| libm::log(share) + strand(fraction)).collect();
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + libm::log(logs.iter().map(|log| libm::exp(log - largest)).sum())
}

fn check(null: Null, prior: [f64; 8], differences: &[f64]) {
    let bets = Bets::against(null);
    let mut process = EProcess::with(prior);
    for difference in differences {
        process.push(&bets, *difference);
    }
    let (found, expected) = (process.log_e(), log_wealth(null, prior, differences));
    let count = differences.len();
    assert!((found - expected).abs() < 1e-9 * expected.abs().max(1.0), "{null:?}, {count}: {found}, not {expected}");
    assert!(process.reaches(libm::exp((found - 1e-6).clamp(-170.0, 170.0))) == (found > -170.0), "{null:?}: {found}");
}

#[test]
fn wealth_is_what_the_sums_of_logarithms_say() {
    let mut random = Random::new(5, &[]);
    for trial in 0..200 {
        let mean = [-0.5, -0.1, -0.02, 0.0, 0.03, 0.4][trial % 6];
        let null = if trial % 2 == 0 { Null::AtMost(mean) } else { Null::AtLeast(mean) };
        let prior = if trial % 4 < 2 { PRIOR } else { CAREFUL_PRIOR };
        let count = [0, 1, 7, 60, 400][trial % 5];
        let lean = 2.0 * random.uniform();
        let mut one = || ((random.uniform() * 2.0 + lean - 2.0) * 4.0).round().clamp(-4.0, 4.0) / 4.0;
        let differences: Vec<f64> = (0..count).map(|_| one()).collect();
        check(null, prior, &differences);
    }
}

#[test]
fn wealth_far_outside_a_double_is_kept_by_its_logarithm() {
    for (difference, count) in [(1.0, 3_000), (-1.0, 600), (0.25, 5_000), (-0.25, 2_000)] {
        for null in [Null::AtMost(-0.02), Null::AtMost(0.0), Null::AtLeast(0.03)] {
            let bets = Bets::against(null);
            let mut process = EProcess::default();
            (0..count).for_each(|_| process.push(&bets, difference));
            let expected = log_wealth(null, PRIOR, &vec![difference; count]);
            // A strand that has lost all but 2^-900 is given up, which costs the mixture nothing that can be seen while
            // another strand is alive.
            let found = process.log_e();
            assert!(found <= expected + 1e-6 * expected.abs().max(1.0), "{null:?} {difference}: {found} {expected}");
            assert!(
                (found - expected).abs() < 1e-6 * expected.abs().max(1.0),
                "{null:?} {difference}: {found} {expected}"
            );
            assert_eq!(process.reaches(1.0), found >= 0.0);
        }
    }
}

#[test]
fn the_value_is_infinite_or_nothing_where_a_double_ends() {
    let after = |null, difference, count| {
        let bets = Bets::against(null);
        let mut process = EProcess::default();
        (0..count).for_each(|_| process.push(&bets, difference));
        process.value()
    };
    assert_eq!(after(Null::AtMost(0.0), 1.0, 5_000), f64::INFINITY);
    assert_eq!(after(Null::AtMost(0.0), -1.0, 20_000), 0.0);
    assert_eq!(after(Null::AtMost(0.0), 0.0, 20_000), EProcess::default().value());
}

/// The chance that wealth reaches the bar within `left` more differences, over every sequence there is.
fn ever(process: &EProcess, bets: &Bets, outcomes: &[(f64, f64)], left: usize, bar: f64) -> f64 {
    if process.reaches(bar) {
        return 1.0;
    }
    if left == 0 {
        return 0.0;
    }
    let branch = |(difference, probability): &(f64, f64)| {
        let mut next = process.clone();
        next.push(bets, *difference);
        probability * ever(&next, bets, outcomes, left - 1, bar)
    };
    outcomes.iter().map(branch).sum()
}

#[test]
fn no_sequence_of_bets_beats_villes_bound_by_enumeration() {
    // (null, outcomes with its mean): on the edge of the null the bound is the tightest.
    let coin = |mean: f64| vec![(-1.0, 0.5 * (1.0 - mean)), (1.0, 0.5 * (1.0 + mean))];
    let tied =
        |mean: f64| vec![(-1.0, 0.25 * (1.0 - mean)), (0.0, 0.5 + 0.25 * (0.0 * mean)), (1.0, 0.25 * (1.0 + mean))];
    let steep = |mean: f64| vec![(-0.1, (1.0 - mean) / 1.1), (1.0, (0.1 + mean) / 1.1)];
    let mut closest = 0.0_f64;
    for mean in [-0.05, 0.0, 0.1] {
        for (null, sign) in [(Null::AtMost(mean), 1.0), (Null::AtLeast(-mean), -1.0)] {
            let bets = Bets::against(null);
            for (outcomes, steps) in [(coin(mean), 14), (tied(0.0), 9), (steep(mean), 14)] {
                // A distribution whose mean is not within the null says nothing about it.
                let center: f64 = outcomes.iter().map(|(difference, probability)| difference * probability).sum();
                if center > mean + 1e-12 {
                    continue;
                }
                let outcomes: Vec<(f64, f64)> = outcomes.iter().map(|(one, share)| (sign * one, *share)).collect();
                assert!((outcomes.iter().map(|(_, share)| share).sum::<f64>() - 1.0).abs() < 1e-12);
                for bar in [1.5, 3.0, 10.0, 50.0] {
                    let chance = ever(&EProcess::default(), &bets, &outcomes, steps, bar);
                    assert!(chance <= 1.0 / bar + 1e-12, "{null:?} {bar}: {chance}");
                    closest = closest.max(chance * bar);
                }
            }
        }
    }
    assert!(closest > 0.5, "the bound is not met by half: {closest}");
}

#[test]
fn the_two_nulls_are_mirror_images() {
    let mut random = Random::new(8, &[]);
    for mean in [-0.3, 0.0, 0.2] {
        let (one, other) = (Bets::against(Null::AtMost(mean)), Bets::against(Null::AtLeast(-mean)));
        let (mut plain, mut mirrored) = (EProcess::default(), EProcess::default());
        for _ in 0..200 {
            let difference = (random.uniform() * 9.0).floor() / 4.0 - 1.0;
            plain.push(&one, difference);
            mirrored.push(&other, -difference);
            assert!((plain.log_e() - mirrored.log_e()).abs() < 1e-12, "{mean}");
        }
    }
}

#[test]
fn a_better_difference_never_leaves_less_wealth() {
    let bets = Bets::against(Null::AtMost(-0.02));
    let mut last = f64::NEG_INFINITY;
    for step in 0..=200 {
        let mut process = EProcess::default();
        process.push(&bets, f64::from(step) / 100.0 - 1.0);
        assert!(process.log_e() > last, "{step}");
        last = process.log_e();
    }
}

#[test]
fn factors_are_those_of_the_bets_and_never_negative() {
    for (null, center) in [(Null::AtMost(-0.5), -0.5), (Null::AtMost(0.5), 0.5), (Null::AtLeast(0.03), 0.03)] {
        let bets = Bets::against(null);
        for difference in [-1.0, -0.5, -0.0, 0.0, 0.3, 1.0] {
            assert!(bets.factors(difference).iter().all(|factor| *factor > 0.0), "{null:?} {difference}");
        }
        assert!(bets.factors(center).iter().all(|factor| (factor - 1.0).abs() < 1e-15), "{null:?}");
        assert_eq!(bets.factors(-0.0), bets.factors(0.0));
    }
}
