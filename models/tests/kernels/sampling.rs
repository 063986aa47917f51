//! Sampling, scores and checks on the card: the tokens of the definition, whatever the distribution.

use crate::shim::{Buffer, Launch, schedule};
use crate::values::values;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Sample,
    Score { token: u32, top: u32 },
    Verify { token: u32 },
}

#[derive(Clone, Copy, Debug)]
struct Task {
    kind: Kind,
    temperature: f32,
    top_k: u32,
    top_p: f32,
    key: u64,
    position: u64,
}

impl Task {
    fn words(&self) -> [u32; 12] {
        let (kind, token, top) = match self.kind {
            Kind::Sample => (0, u32::MAX, 0),
            Kind::Score { token, top } => (1, token, top),
            Kind::Verify { token } => (2, token, 0),
        };
        let split = |long: u64| [long as u32, (long >> 32) as u32];
        let ([key, key_high], [position, position_high]) = (split(self.key), split(self.position));
        let (temperature, top_p) = (self.temperature.to_bits(), self.top_p.to_bits());
        [key, key_high, position, position_high, kind, token, top, self.top_k, temperature, top_p, 0, 0]
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Outcome {
    token: i32,
    logprob: f32,
    rank: u32,
    shortfall: f64,
    top: Vec<(u32, f32)>,
}

const MOST_TOP: usize = 256;

fn run(rows: &[(Vec<f32>, Task)], softcap: f32) -> Vec<Outcome> {
    let (count, vocabulary) = (rows.len(), rows[0].0.len());
    let (stride, parts) = (vocabulary.next_multiple_of(8), vocabulary.div_ceil(8192));
    let mut logits = Buffer::<f32>::blank(count * stride);
    rows.iter().enumerate().for_each(|(row, (values, _))| logits.write(row * stride, values));
    let tasks = Buffer::of(&rows.iter().map(|(_, task)| task.words()).collect::<Vec<_>>());
    let (parts_b, results) = (Buffer::<[u64; 4]>::blank(count * parts), Buffer::<[u32; 6]>::blank(count));
    let top = Buffer::<[u32; 2]>::blank(count * MOST_TOP);
    Launch::of("reduce_logits", [parts, count], 256, 256)
        .pointers([logits.address(), tasks.address(), parts_b.address()])
        .integers([vocabulary, stride])
        .float(softcap)
        .run();
    Launch::of("sample", [count, 1], 1024, 4096 * 8 + 1024 * 8 + 1024 * 4 + 64)
        .pointers([logits.address(), parts_b.address(), tasks.address(), results.address(), top.address()])
        .integers([vocabulary, stride, MOST_TOP])
        .run();
    let top = top.read();
    let outcome = |(row, words): (usize, [u32; 6])| {
        let wanted = match rows[row].1.kind {
            Kind::Score { top, .. } => (top as usize).min(vocabulary),
            _ => 0,
        };
        let top =
            top[row * MOST_TOP..][..wanted].iter().map(|[token, logprob]| (*token, f32::from_bits(*logprob))).collect();
        let shortfall = f64::from_bits(u64::from(words[0]) | u64::from(words[1]) << 32);
        Outcome { token: words[2] as i32, logprob: f32::from_bits(words[3]), rank: words[4], shortfall, top }
    };
    results.read().into_iter().enumerate().map(outcome).collect()
}

/// The exponential of the processor's engine, operation for operation.
fn exp(x: f32) -> f32 {
    let shifted = x.mul_add(std::f32::consts::LOG2_E, 12_582_912.0);
    let whole = shifted - 12_582_912.0;
    let rest = whole.mul_add(2.121_944_4e-4, whole.mul_add(-0.693_359_4, x));
    let mut sum = 1.987_569_2e-4_f32;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5] {
        sum = sum.mul_add(rest, coefficient);
    }
    let fraction = sum.mul_add(rest * rest, rest) + 1.0;
    if x < -87.336_54 {
        0.0
    } else {
        fraction * 2.0_f32.powi(whole as i32 / 2) * 2.0_f32.powi(whole as i32 - whole as i32 / 2)
    }
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

fn noisy(logits: &[f32], task: &Task, token: u32) -> f64 {
    let base = mix(mix(task.key) ^ task.position.wrapping_mul(0xD134_2543_DE82_EF95));
    let bits = mix(base.wrapping_add(u64::from(token).wrapping_mul(0x9E37_79B9_7F4A_7C15))) >> 11;
    let uniform = (bits as f64 + 0.5) / (1_u64 << 53) as f64;
    let scaled = f64::from(logits[token as usize]) / f64::from(task.temperature);
    scaled - libm::log(-libm::log(uniform))
}

/// Tokens by logit, then by id.
fn order(logits: &[f32]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..logits.len() as u32).collect();
    order.sort_by(|a, b| logits[*b as usize].partial_cmp(&logits[*a as usize]).unwrap().then(a.cmp(b)));
    order
}

/// The token of the definition.
fn chosen(logits: &[f32], task: &Task) -> u32 {
    let mut order = order(logits);
    if task.temperature == 0.0 {
        return order[0];
    }
    if task.top_k > 0 {
        order.truncate(task.top_k as usize);
    }
    if task.top_p < 1.0 {
        let odds = |token: u32| {
            let odds = exp((logits[token as usize] - logits[order[0] as usize]) / task.temperature);
            (f64::from(odds) * (1_u64 << 40) as f64) as u64
        };
        let wanted = f64::from(task.top_p) * order.iter().map(|token| odds(*token)).sum::<u64>() as f64;
        let mut sum = 0;
        let last = order.iter().position(|token| {
            sum += odds(*token);
            sum as f64 >= wanted
        });
        order.truncate(last.map_or(order.len(), |last| last + 1));
    }
    let value = |token: &u32| noisy(logits, task, *token);
    order.sort_unstable();
    *order.iter().max_by(|a, b| value(a).total_cmp(&value(b)).then(b.cmp(a))).unwrap()
}

fn log_sum_exp(logits: &[f32]) -> f64 {
    let most = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    logits.iter().map(|logit| (f64::from(*logit) - most).exp()).sum::<f64>().ln() + most
}

/// Logits of several kinds: spread, nearly flat, with many ties.
fn logits(seed: u64, vocabulary: usize) -> Vec<f32> {
    let spread = [12.0, 0.01, 4.0, 40.0][seed as usize % 4];
    let values = values(seed, vocabulary).into_iter().map(|value| value * spread);
    if seed % 4 == 2 { values.map(|value| value.round() * 1.7).collect() } else { values.collect() }
}

fn check(vocabulary: usize, seeds: std::ops::Range<u64>, limits: &[(f32, u32, f32)]) {
    let mut rows = Vec::new();
    for seed in seeds {
        for (temperature, top_k, top_p) in limits {
            let (temperature, top_k, top_p) = (*temperature, *top_k, *top_p);
            let task =
                Task { kind: Kind::Sample, temperature, top_k, top_p, key: mix(seed), position: seed * 1000 + 7 };
            rows.push((logits(seed, vocabulary), task));
            let token = (seed * 77 % vocabulary as u64) as u32;
            rows.push((logits(seed, vocabulary), Task { kind: Kind::Verify { token }, ..task }));
        }
    }
    schedule(false, 3);
    for ((logits, task), found) in rows.iter().zip(run(&rows, 0.0)) {
        let token = chosen(logits, task);
        assert_eq!(found.token, token as i32, "{task:?}");
        let given = if let Kind::Verify { token } = task.kind { token } else { token };
        let exact = f64::from(logits[given as usize]) - log_sum_exp(logits);
        assert!((f64::from(found.logprob) - exact).abs() < 2e-5, "{task:?}: {} for {exact}", found.logprob);
        let shortfall = match task.kind {
            Kind::Verify { .. } if task.temperature == 0.0 => {
                f64::from(logits[token as usize]) - f64::from(logits[given as usize])
            }
            Kind::Verify { .. } => noisy(logits, task, token) - noisy(logits, task, given),
            _ => 0.0,
        };
        assert_eq!(found.shortfall.to_bits(), shortfall.to_bits(), "{task:?}");
    }
}

#[test]
fn tokens_are_those_of_the_definition_bit_for_bit() {
    check(
        320,
        0..12,
        &[(0.0, 0, 1.0), (1.0, 0, 1.0), (0.7, 20, 1.0), (1.3, 0, 0.9), (0.9, 50, 0.5), (1e-20, 0, 1.0), (1.0, 1, 1.0)],
    );
    check(9000, 0..4, &[(1.0, 0, 1.0), (0.6, 20, 0.95), (1.0, 0, 0.95), (1.0, 5000, 0.999)]);
}

#[test]
fn a_share_is_found_however_flat_the_distribution() {
    // Half of the tokens: more than are ever sorted.
    check(20_000, 1..2, &[(1.0, 0, 0.5), (1.0, 9000, 1.0), (1.0, 9000, 0.7)]);
}

#[test]
fn rounding_hides_no_winner_where_noise_is_of_the_size_of_the_last_bit() {
    let temperatures = [1e-15, 3e-15, 0.7e-15, 1.3e-15, 0.9e-14, 2.1e-14];
    let task = |index: u64| {
        let temperature = temperatures[index as usize % temperatures.len()];
        Task { kind: Kind::Sample, temperature, top_k: 0, top_p: 1.0, key: index, position: 2 }
    };
    let rows: Vec<(Vec<f32>, Task)> = (0..240).map(|index| (vec![6.8, 6.8, 6.1], task(index))).collect();
    for ((logits, task), found) in rows.iter().zip(run(&rows, 0.0)) {
        assert_eq!(found.token, chosen(logits, task) as i32, "{task:?}");
    }
}

#[test]
fn the_last_candidate_takes_part_and_the_next_does_not() {
    for seed in [0, 1, 3] {
        let (logits, temperature) = (logits(seed, 9000), 1e9);
        let task = |top_k| Task { kind: Kind::Sample, temperature, top_k, top_p: 1.0, key: seed, position: 9 };
        let winner = chosen(&logits, &task(0));
        let place = order(&logits).iter().position(|token| *token == winner).unwrap() as u32;
        assert!(place > 0, "the winner over all is not the first of all");
        for top_k in [place, place + 1] {
            let found = run(&[(logits.clone(), task(top_k))], 0.0)[0].token;
            assert_eq!(found, chosen(&logits, &task(top_k)) as i32, "seed {seed}, top {top_k}");
            assert_eq!(found == winner as i32, top_k == place + 1);
        }
    }
}

#[test]
fn scores_are_log_probabilities_ranks_and_runners_up() {
    for (vocabulary, top) in [(320, 5), (320, 256), (100, 256), (20_000, 20), (320, 0)] {
        let rows: Vec<(Vec<f32>, Task)> = (0..4)
            .map(|seed| {
                let kind = Kind::Score { token: (seed * 31 % 100) as u32, top };
                (logits(seed, vocabulary), Task { kind, temperature: 0.0, top_k: 0, top_p: 1.0, key: 0, position: 0 })
            })
            .collect();
        for ((logits, task), found) in rows.iter().zip(run(&rows, 0.0)) {
            let Kind::Score { token, top } = task.kind else { unreachable!() };
            let order = order(logits);
            assert_eq!(order[found.rank as usize], token);
            let tokens: Vec<u32> = found.top.iter().map(|(token, _)| *token).collect();
            assert_eq!(tokens, order[..(top as usize).min(vocabulary)], "{vocabulary} {top}");
            for (token, logprob) in found.top {
                assert!((f64::from(logprob) - f64::from(logits[token as usize]) + log_sum_exp(logits)).abs() < 2e-5);
            }
        }
    }
}

#[test]
fn a_row_has_the_same_bits_alone_and_in_company_and_after_a_softcap() {
    let rows: Vec<(Vec<f32>, Task)> = (0..6)
        .map(|seed| {
            (
                logits(seed, 9000),
                Task { kind: Kind::Sample, temperature: 1.0, top_k: 0, top_p: 1.0, key: seed, position: 1 },
            )
        })
        .collect();
    let together = run(&rows, 30.0);
    schedule(true, 11);
    for (row, outcome) in rows.iter().zip(&together) {
        assert_eq!(run(std::slice::from_ref(row), 30.0)[0], *outcome);
        let capped: Vec<f32> = row.0.iter().map(|logit| 30.0 * (1.0 - 2.0 / (1.0 + exp(2.0 * logit / 30.0)))).collect();
        assert_eq!(outcome.token, chosen(&capped, &row.1) as i32);
    }
}

#[test]
fn what_is_no_number_is_never_chosen_and_shows_in_the_log_probability() {
    for (temperature, top_k, top_p) in [(0.0, 0, 1.0), (1.0, 0, 1.0), (1.0, 1, 1.0), (1.0, 0, 0.9)] {
        let task = Task { kind: Kind::Sample, temperature, top_k, top_p, key: 5, position: 3 };
        let found = run(&[(vec![f32::NAN, 1.0, f32::NAN], task)], 0.0);
        assert_eq!(found[0].token, 1);
        assert!(found[0].logprob.is_nan());
    }
}
