use super::*;
use std::sync::Arc;

fn processor() -> Processor {
    Processor::new(Arc::new(rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap()))
}

fn logits(seed: u64, count: usize, spread: f32) -> Vec<f32> {
    (0..count as u64).map(|i| (mix(seed ^ (i << 20)) >> 40) as f32 / (1 << 24) as f32 * spread).collect()
}

fn with(temperature: f32, top_k: Option<u32>, top_p: Option<f32>, key: u64) -> Sampling {
    Sampling { temperature, top_k, top_p, key }
}

#[test]
fn passing_over_blocks_never_changes_the_winner() {
    let processor = processor();
    for seed in 0..300 {
        let logits = logits(seed, 1000 + seed as usize, [0.5, 8.0, 40.0][seed as usize % 3]);
        let sampling = with([0.3, 1.0, 2.5][seed as usize % 3], None, None, seed);
        let noise = Noise::new(seed, 7);
        let mut best = Best::none();
        for token in 0..logits.len() as u32 {
            best.offer(token, sampling.value(&logits, &noise, token));
        }
        assert_eq!(sampling.choose(&processor, &logits, 7), best.token, "seed {seed}");
    }
}

#[test]
fn draws_follow_the_softmax() {
    let processor = processor();
    let logits: Vec<f32> = [0.5_f32, 0.25, 0.15, 0.1].iter().map(|share| share.ln() * 2.0).collect();
    let mut counts = [0_u32; 4];
    for key in 0..20_000 {
        counts[with(2.0, None, None, key).choose(&processor, &logits, 3) as usize] += 1;
    }
    for (count, share) in counts.iter().zip([0.5, 0.25, 0.15, 0.1]) {
        let expected = 20_000.0 * share;
        let deviation = f64::from(*count) - expected;
        assert!(deviation.abs() < 5.0 * (expected * (1.0_f64 - share)).sqrt(), "{counts:?}");
    }
}

#[test]
fn neighbouring_positions_and_keys_draw_independently() {
    let processor = processor();
    let logits = [0.0, 0.0];
    let chosen = |key, position| with(1.0, None, None, key).choose(&processor, &logits, position);
    let same = (0..4000).filter(|i| chosen(*i, 0) == chosen(*i, 1)).count();
    assert!((1800..2200).contains(&same), "{same}");
    let same = (0..4000).filter(|i| chosen(*i, 0) == chosen(i + 1, 0)).count();
    assert!((1800..2200).contains(&same), "{same}");
}

#[test]
fn only_the_largest_logits_take_part() {
    let logits = [1.0, 3.0, 2.0, 3.0, 0.0];
    let largest = 3.0;
    let rows = [
        (Some(1), None, vec![1]),
        (Some(3), None, vec![1, 2, 3]),
        (Some(9), Some(1.0), vec![0, 1, 2, 3, 4]),
        (None, Some(0.39), vec![1]),
        (None, Some(0.5), vec![1, 3]),
        (None, Some(0.9), vec![1, 2, 3]),
        (Some(2), Some(0.4), vec![1]),
    ];
    for (top_k, top_p, expected) in rows {
        let candidates = with(1.0, top_k, top_p, 0).candidates(&logits, largest);
        let all = (0..5).collect::<Vec<u32>>();
        assert_eq!(candidates.unwrap_or(all), expected, "{top_k:?} {top_p:?}");
    }
}

#[test]
fn a_share_is_found_the_same_way_however_far_one_has_to_look() {
    let logits = logits(5, 5000, 0.01);
    let kept = with(1.0, None, Some(0.5), 0).candidates(&logits, logits.iter().copied().fold(0.0, f32::max)).unwrap();
    assert!((2450..2550).contains(&kept.len()), "{}", kept.len());
    let least = kept.iter().map(|token| logits[*token as usize]).fold(f32::INFINITY, f32::min);
    let outside = (0..5000).filter(|token| !kept.contains(token)).map(|token| logits[token as usize]);
    assert!(outside.fold(f32::NEG_INFINITY, f32::max) <= least);
}

#[test]
fn nothing_that_is_not_a_number_is_chosen() {
    let processor = processor();
    let logits = [f32::NAN, 1.0, f32::NAN];
    for sampling in
        [Sampling::greedy(), with(1.0, Some(1), None, 3), with(1.0, None, Some(0.9), 3), with(1.0, None, None, 4)]
    {
        assert_eq!(sampling.choose(&processor, &logits, 0), 1);
    }
}

#[test]
fn the_chosen_token_falls_short_by_nothing_and_others_by_something() {
    let processor = processor();
    let logits = logits(1, 50, 3.0);
    for key in 0..50 {
        let sampling = with(0.7, None, None, key);
        let chosen = sampling.choose(&processor, &logits, 5);
        for token in 0..50 {
            let shortfall = sampling.shortfall(&logits, 5, token, chosen);
            assert_eq!(shortfall == 0.0, token == chosen);
            assert!(shortfall >= 0.0);
        }
    }
}

/// Candidates by definition: sorted by logit and id, cut to `top_k`, then to the share.
fn naive_candidates(logits: &[f32], sampling: Sampling) -> Vec<u32> {
    let mut order: Vec<u32> = (0..logits.len() as u32).collect();
    order.sort_by(|a, b| logits[*b as usize].partial_cmp(&logits[*a as usize]).unwrap().then(a.cmp(b)));
    order.truncate(sampling.top_k.map_or(logits.len(), |k| k as usize));
    let odds =
        |token: u32| whole_odds(exp((logits[token as usize] - logits[order[0] as usize]) / sampling.temperature));
    if let Some(share) = sampling.top_p.filter(|share| *share < 1.0) {
        let mut ascending = order.clone();
        ascending.sort_unstable();
        let wanted = f64::from(share) * ascending.iter().map(|token| odds(*token)).sum::<u64>() as f64;
        let mut sum = 0;
        let enough = order.iter().position(|token| {
            sum += odds(*token);
            sum as f64 >= wanted
        });
        order.truncate(enough.map_or(order.len(), |last| last + 1));
    }
    order.sort_unstable();
    order
}

#[test]
fn candidates_are_those_of_the_definition_with_ties_and_without() {
    for seed in 0..60 {
        let mut logits = logits(seed, 700, [0.1, 5.0, 30.0][seed as usize % 3]);
        if seed % 2 == 0 {
            logits.iter_mut().for_each(|logit| *logit = logit.round());
        }
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for (top_k, top_p) in [
            (Some(1), None),
            (Some(50), None),
            (Some(699), Some(0.5)),
            (None, Some(0.01)),
            (None, Some(0.95)),
            (Some(7), Some(0.999)),
        ] {
            let sampling = with(0.9, top_k, top_p, 0);
            let found = sampling.candidates(&logits, largest).unwrap();
            assert_eq!(found, naive_candidates(&logits, sampling), "seed {seed}, {top_k:?}, {top_p:?}");
        }
    }
}

#[test]
fn temperature_zero_and_top_k_one_take_the_lowest_of_the_largest() {
    let processor = processor();
    for (logits, expected) in [
        (vec![1.0, 7.0, 7.0, 0.0], 1),
        (vec![-0.0, 0.0], 0),
        (vec![f32::NEG_INFINITY, -5.0], 1),
        (vec![3.0; 300], 0),
        (vec![f32::NAN, 2.0, 2.0], 1),
    ] {
        for (key, position) in [(0, 0), (1, 0), (u64::MAX, 1_000_000)] {
            for sampling in
                [with(0.0, None, None, key), with(0.0, Some(3), Some(0.1), key), with(1.5, Some(1), None, key)]
            {
                assert_eq!(sampling.choose(&processor, &logits, position), expected, "{sampling:?} of {logits:.1?}");
            }
        }
    }
}

#[test]
fn parameters_outside_their_ranges_are_invalid() {
    for (temperature, top_k, top_p, valid) in [
        (0.0, None, None, true),
        (1e-30, Some(1), Some(1.0), true),
        (1e30, Some(u32::MAX), Some(f32::MIN_POSITIVE), true),
        (-0.1, None, None, false),
        (f32::NAN, None, None, false),
        (f32::INFINITY, None, None, false),
        (1.0, Some(0), None, false),
        (1.0, None, Some(0.0), false),
        (1.0, None, Some(1.01), false),
        (1.0, None, Some(f32::NAN), false),
    ] {
        assert_eq!(with(temperature, top_k, top_p, 0).is_valid(), valid, "{temperature} {top_k:?} {top_p:?}");
    }
}

#[test]
fn very_high_temperatures_are_uniform_and_very_low_ones_greedy() {
    let processor = processor();
    let logits = logits(9, 8, 20.0);
    let greedy = Sampling::greedy().choose(&processor, &logits, 0);
    let mut counts = [0; 8];
    for key in 0..8000 {
        counts[with(1e9, None, None, key).choose(&processor, &logits, 0) as usize] += 1;
        assert_eq!(with(1e-6, None, None, key).choose(&processor, &logits, 0), greedy);
    }
    assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
}

#[test]
fn draws_within_a_share_follow_the_softmax_of_its_tokens() {
    let processor = processor();
    let logits: Vec<f32> = [0.4_f32, 0.3, 0.2, 0.1].iter().map(|share| share.ln()).collect();
    let mut counts = [0_u32; 4];
    for key in 0..20_000 {
        counts[with(1.0, None, Some(0.6), key).choose(&processor, &logits, 1) as usize] += 1;
    }
    assert_eq!((counts[2], counts[3]), (0, 0));
    let expected = 20_000.0 * 4.0 / 7.0;
    assert!((f64::from(counts[0]) - expected).abs() < 5.0 * (expected * 3.0 / 7.0).sqrt(), "{counts:?}");
}

#[test]
fn the_noise_has_the_mean_and_spread_of_the_gumbel_distribution() {
    let noise = Noise::new(5, 17);
    let draws: Vec<f64> = (0..100_000).map(|token| noise.gumbel(token)).collect();
    let mean = draws.iter().sum::<f64>() / draws.len() as f64;
    let variance = draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / draws.len() as f64;
    // Euler's constant, and pi squared over six.
    assert!((mean - 0.577_216).abs() < 0.02 && (variance - 1.644_934).abs() < 0.04, "{mean} {variance}");
    for gumbel in [-3.0, 0.0, 1.0, 8.0, 29.0, 40.0] {
        let bound = Noise::bits_below(gumbel);
        let below = (0..20_000).filter(|token| noise.bits(*token) < bound);
        assert!(below.into_iter().all(|token| noise.gumbel(token) < gumbel), "{gumbel}");
    }
}
