//! The promise under the promises: under the null no wealth grows in expectation, and it is the same to the bit
//! everywhere.

use pareto::eprocess::{Bets, CAREFUL_PRIOR, EProcess, Null, PRIOR, STRANDS};
use pareto::lab::{LabSettings, Random};
use pareto::{Duel, DuelSettings, Pair};

/// Distributions on a few points with a given mean: (difference, probability).
fn distributions(mean: f64) -> Vec<Vec<(f64, f64)>> {
    let two = |low: f64, high: f64| vec![(low, (high - mean) / (high - low)), (high, (mean - low) / (high - low))];
    let with_ties = |ties: f64| {
        let rest = 1.0 - ties;
        vec![(-1.0, (rest - mean) / 2.0), (0.0, ties), (1.0, (rest + mean) / 2.0)]
    };
    vec![two(-1.0, 1.0), two(-1.0, 0.5), two(-0.4, 1.0), with_ties(0.2), with_ties(0.8)]
}

/// Expected wealth after `left` more differences, over every sequence there is; checks at each step that it does not
/// grow.
fn expected(process: &EProcess, bets: &Bets, distribution: &[(f64, f64)], left: usize) -> f64 {
    if left == 0 {
        return process.value();
    }
    let mut next_step = 0.0;
    let mut end = 0.0;
    for (difference, probability) in distribution {
        let mut next = process.clone();
        next.push(bets, *difference);
        next_step += probability * next.value();
        end += probability * expected(&next, bets, distribution, left - 1);
    }
    assert!(next_step <= process.value() * (1.0 + 1e-12), "{next_step} > {}", process.value());
    end
}

#[test]
fn wealth_is_a_supermartingale_under_the_null_by_enumeration() {
    for centre in [-0.1, -0.02, 0.0, 0.03, 0.2] {
        for (null, worse) in [(Null::AtMost(centre), -0.05), (Null::AtLeast(centre), 0.05)] {
            let bets = Bets::against(null);
            for prior in [PRIOR, CAREFUL_PRIOR] {
                let start = EProcess::with(prior);
                for (on_the_edge, inside) in distributions(centre).iter().zip(distributions(centre + worse)) {
                    let edge = expected(&start, &bets, on_the_edge, 6);
                    assert!((edge - 1.0).abs() < 1e-12, "{null:?} on its edge: {edge}");
                    assert!(expected(&start, &bets, &inside, 6) < 1.0, "{null:?} within");
                }
            }
        }
    }
}

#[test]
fn priors_share_out_exactly_the_initial_wealth() {
    for prior in [PRIOR, CAREFUL_PRIOR] {
        assert!(prior.iter().all(|share| *share > 0.0));
        assert!((EProcess::with(prior).value() - 1.0).abs() < 1e-15, "{prior:?}");
    }
}

#[test]
fn the_chance_of_ever_reaching_the_bar_is_at_most_alpha() {
    let (trials, steps, alpha) = (4_000, 1_500, 0.05);
    for (null, ties) in [(Null::AtMost(0.0), 0.6), (Null::AtLeast(0.03), 0.2), (Null::AtMost(-0.02), 0.8)] {
        let mean = match null {
            Null::AtMost(mean) | Null::AtLeast(mean) => mean,
        };
        let bets = Bets::against(null);
        let mut random = Random::new(11, &[]);
        let mut reached = 0;
        for _ in 0..trials {
            let mut process = EProcess::default();
            for _ in 0..steps {
                let draw = random.uniform();
                let plus = (1.0 - ties + mean) / 2.0;
                let difference = if draw < ties {
                    0.0
                } else if draw < ties + plus {
                    1.0
                } else {
                    -1.0
                };
                process.push(&bets, difference);
                if process.reaches(1.0 / alpha) {
                    reached += 1;
                    break;
                }
            }
        }
        let rate = f64::from(reached) / f64::from(trials);
        // Above alpha by four standard errors would be no accident; far below it the bets would be wasted.
        assert!(rate <= alpha + 4.0 * (alpha / f64::from(trials)).sqrt() && rate > alpha / 5.0, "{null:?}: {rate}");
    }
}

#[test]
fn ten_million_tasks_overflow_nothing() {
    let bets = Bets::against(Null::AtMost(-0.02));
    let check = |pattern: &[f64], finite: std::ops::Range<f64>| {
        let mut process = EProcess::default();
        for difference in pattern.iter().cycle().take(10_000_000) {
            process.push(&bets, *difference);
        }
        let log = process.log_e();
        assert!(finite.contains(&log), "{pattern:?}: {log}");
        assert_eq!(process.reaches(100.0), log > 0.0);
    };
    check(&[1.0], 1e6..1e7);
    check(&[-1.0], -1e6..-1e5);
    check(&[0.0], 1e3..1e6);
    check(&[1.0, -1.0], -1e5..0.0);
}

/// Differences of a seeded world, as pairs.
fn pairs(seed: u64, count: usize) -> Vec<Pair> {
    let mut random = Random::new(seed, &[]);
    (0..count)
        .map(|_| Pair::new((random.uniform() * 4.0).floor() / 4.0, (random.uniform() * 5.0).floor() / 4.0))
        .collect()
}

#[test]
fn every_machine_computes_the_same_bits() {
    let settings = DuelSettings {
        better: pareto::Better::Somewhere,
        tolerance: 0.02,
        futility_margin: 0.03,
        ..DuelSettings::default()
    };
    let mut duel = Duel::new(2, &settings, 0.004).expect("valid");
    for environment in 0..2 {
        for pair in pairs(environment as u64, 60) {
            duel.push(environment, pair).expect("valid");
        }
    }
    let decision = duel.decision();
    let logs = [
        decision.environments[0].noninferiority_log_e,
        decision.environments[1].inferiority_log_e,
        decision.superiority_log_e,
        decision.futility_log_e,
        decision.environments[0].interval.0,
        decision.environments[1].interval.1,
        decision.needed_log_e,
    ];
    let bits: Vec<u64> = logs.iter().map(|log| log.to_bits()).collect();
    assert_eq!(bits, RECORDED, "{logs:?}");
    assert_eq!(LabSettings::default().duel, DuelSettings::default());
    assert_eq!(STRANDS, 8);
}

/// Recorded once; another machine, compiler or day must not change a bit.
const RECORDED: [u64; 7] = [
    4_616_793_771_234_637_885,
    13_835_671_246_585_508_769,
    4_616_772_018_275_614_041,
    13_836_937_457_327_508_298,
    4_567_573_129_309_856_278,
    4_598_520_655_484_219_120,
    4_617_902_630_760_444_196,
];
