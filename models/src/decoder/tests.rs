//! The decoder on the tiny checkpoints: the same bits for every composition of a step, routing, and the delta rule.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use super::{
    Arithmetic, Capacity, Decoder, Step,
    backend::Recurrence,
    delta_net::{Inputs, State},
    layers::choose,
};
use crate::{
    config::{DeltaNet, Experts, ModelConfig},
    error::LoadError,
    layout::Layout,
    snapshot::Snapshot,
    tensors::{Safetensors, TensorSource},
};

fn files(family: &str) -> (ModelConfig, Safetensors) {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/golden")).join(family);
    let config = std::fs::read(folder.join("config.json")).unwrap();
    let config = ModelConfig::parse(&serde_json::from_slice(&config).unwrap()).unwrap();
    (config, Safetensors::open(&Snapshot::of_folder(&folder).unwrap()).unwrap())
}

fn started(config: &ModelConfig, source: &dyn TensorSource, arithmetic: Arithmetic) -> Decoder {
    let layout = Layout::of(config, source).unwrap();
    let mut decoder = Decoder::load(config, source, &layout, arithmetic).unwrap();
    let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap());
    decoder
        .start(Capacity { pages: 8, page_tokens: 32, states: 4, positions: 64, long_from: None, rows: 128 }, pool)
        .unwrap();
    decoder
}

/// Logits of every token of some texts, as bits; each step is a list of (text, tokens of it).
fn logits(
    decoder: &mut Decoder,
    texts: &[Vec<u32>],
    steps: &[Vec<(usize, usize)>],
) -> BTreeMap<(usize, usize), Vec<u32>> {
    let mut done = vec![0; texts.len()];
    let mut all = BTreeMap::new();
    for parts in steps {
        let mut step = Step::default();
        let mut rows = Vec::new();
        for (text, count) in parts {
            let (from, to) = (done[*text], done[*text] + count);
            let pages = [2 * *text as u32, 2 * *text as u32 + 1][..to.div_ceil(32)].to_vec();
            step.push(&texts[*text][from..to], from, pages, *text as u32, 0..*count);
            rows.extend((from..to).map(|position| (*text, position)));
            done[*text] = to;
        }
        let mut found = Vec::new();
        decoder.forward(&step, &mut |_, block| found.extend_from_slice(block)).unwrap();
        let width = found.len() / rows.len();
        for (row, values) in rows.into_iter().zip(found.chunks(width)) {
            all.insert(row, values.iter().map(|value| value.to_bits()).collect());
        }
    }
    all
}

#[test]
fn no_bit_depends_on_what_else_is_in_a_step_or_how_it_is_cut() {
    let texts: Vec<Vec<u32>> = (0..3).map(|text| (0..40).map(|i| (i * 7 + text * 13) % 320).collect()).collect();
    for family in ["llama", "qwen3-moe", "gemma3", "qwen3-next"] {
        let (config, source) = files(family);
        let mut decoder = started(&config, &source, Arithmetic::Exact);
        let alone = logits(&mut decoder, &texts, &[vec![(0, 40)], vec![(1, 40)], vec![(2, 40)]]);
        let together = logits(&mut decoder, &texts, &[vec![(0, 40), (1, 40), (2, 40)]]);
        assert_eq!(alone, together, "{family}: batched");
        let steps: Vec<_> = (0..40).map(|_| vec![(2, 1), (0, 1), (1, 1)]).collect();
        assert_eq!(alone, logits(&mut decoder, &texts, &steps), "{family}: token by token");
        let ragged = [vec![(1, 33)], vec![(0, 5), (1, 7)], vec![(2, 31), (0, 35)], vec![(2, 9)]];
        assert_eq!(alone, logits(&mut decoder, &texts, &ragged), "{family}: ragged");
    }
}

/// A Qwen3-Next checkpoint with its projections stored apart, as Qwen3.5 stores them.
struct Apart {
    source: Safetensors,
    layout: Layout,
}

impl Apart {
    fn stored(&self, name: &str) -> Option<(String, crate::layout::TensorId)> {
        let (layer, part) = name.split_once(".linear_attn.in_proj_")?;
        let joined = if part.starts_with("qkv") || part.starts_with('z') { "qkvz" } else { "ba" };
        let joined = format!("{layer}.linear_attn.in_proj_{joined}.weight");
        let stored = self.layout.stored().iter().find(|stored| stored.name == joined)?;
        let piece = stored.pieces.iter().find(|piece| piece.id.to_string() == name)?;
        Some((joined, piece.id))
    }
}

impl TensorSource for Apart {
    fn names(&self) -> Vec<String> {
        let pieces = self.layout.stored().iter().flat_map(|stored| &stored.pieces);
        let mut names: Vec<String> = pieces.map(|piece| piece.id.to_string()).collect();
        names.sort();
        names
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        let pieces = self.layout.stored().iter().flat_map(|stored| &stored.pieces);
        pieces.into_iter().find(|piece| piece.id.to_string() == name).map(|piece| piece.shape.clone())
    }

    fn read(&self, name: &str) -> Result<Vec<f32>, LoadError> {
        match self.stored(name) {
            Some((_, id)) => self.layout.read(&self.source, id),
            None => self.source.read(name),
        }
    }
}

#[test]
fn a_layout_changes_no_bit_in_either_arithmetic() {
    let texts = vec![(0..20).map(|i| i * 11 % 320).collect::<Vec<u32>>()];
    let (config, source) = files("qwen3-next");
    let layout = Layout::of(&config, &source).unwrap();
    let apart = Apart { source: files("qwen3-next").1, layout };
    let separate = ModelConfig { family: crate::config::Family::Qwen35, ..config.clone() };
    for arithmetic in [Arithmetic::Exact, Arithmetic::EightBit] {
        let joined = logits(&mut started(&config, &source, arithmetic), &texts, &[vec![(0, 20)]]);
        let found = logits(&mut started(&separate, &apart, arithmetic), &texts, &[vec![(0, 20)]]);
        assert_eq!(joined, found, "{arithmetic:?}");
    }
}

#[test]
fn a_cache_that_no_machine_has_is_refused_before_it_is_made() {
    let (config, source) = files("llama");
    let layout = Layout::of(&config, &source).unwrap();
    let mut decoder = Decoder::load(&config, &source, &layout, Arithmetic::Exact).unwrap();
    let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap());
    for pages in [1 << 36, 1 << 37] {
        let capacity = Capacity { pages, page_tokens: 32, states: 1, positions: 8, long_from: None, rows: 8 };
        let error = decoder.start(capacity, pool.clone()).unwrap_err().to_string();
        assert!(error.contains("tokens of keys and values"), "{error}");
    }
    let Err(error) = Decoder::load(&config, &source, &layout, Arithmetic::Bf16) else { panic!("the CPU has no bf16") };
    assert!(error.to_string().contains("bfloat16"), "{error}");
    assert!(decoder.bytes() > 4 * config.vocabulary * config.hidden);
}

fn router(count: usize, chosen: usize, normalized: bool) -> Experts {
    let activation = crate::config::Activation::Silu;
    Experts { count, chosen, intermediate: 1, shared: None, normalized, activation }
}

#[test]
fn routers_choose_the_largest_logits_and_the_lower_expert_of_equals() {
    let chosen = |experts: &Experts, logits: &[f32]| -> Vec<Vec<u32>> {
        choose(experts, logits).into_iter().map(|(rows, _)| rows).collect()
    };
    let two = router(4, 2, true);
    assert_eq!(chosen(&two, &[0.0, 3.0, 1.0, 2.0, 5.0, 5.0, 5.0, 5.0]), [vec![1], vec![0, 1], vec![], vec![0]]);
    assert_eq!(chosen(&two, &[-1.0, -1.0, f32::NEG_INFINITY, -1.0]), [vec![0], vec![0], vec![], vec![]]);
    assert_eq!(chosen(&router(1, 1, false), &[7.0]), [vec![0]]);
}

#[test]
fn shares_are_a_softmax_over_all_experts_or_over_the_chosen() {
    let logits = [0.3_f32, -1.2, 2.0, 0.9];
    let weights: Vec<f64> = logits.iter().map(|logit| f64::from(*logit).exp()).collect();
    for (normalized, whole) in [(false, weights.iter().sum::<f64>()), (true, weights[2] + weights[3])] {
        let found = choose(&router(4, 2, normalized), &logits);
        for expert in [2, 3] {
            let (share, expected) = (f64::from(found[expert].1[0]), weights[expert] / whole);
            assert!((share - expected).abs() < 1e-6, "{normalized} {expert}: {share} for {expected}");
        }
        assert!(found[0].0.is_empty() && found[1].0.is_empty());
    }
}

fn noise(count: usize, key: u32) -> Vec<f32> {
    let mut state = key.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..count).map(|_| next()).collect()
}

/// One head's recurrence in double precision: its outputs after every position, on convolved inputs.
fn naive(net: &DeltaNet, recurrence: &Recurrence, inputs: &[(Vec<f32>, Vec<f32>, Vec<f32>)]) -> Vec<Vec<f64>> {
    let (keys, width) = (net.key_size, net.value_size);
    let silu = |x: f64| x / (1.0 + (-x).exp());
    let mut states = vec![vec![vec![0.0_f64; width]; keys]; net.value_heads];
    let mut outputs = Vec::new();
    for position in 0..inputs.len() {
        let mixed: Vec<f64> = (0..net.channels())
            .map(|channel| {
                let taps = &recurrence.convolution[channel * net.taps..][..net.taps];
                let past = (0..net.taps).filter_map(|tap| {
                    let at = (position + tap + 1).checked_sub(net.taps)?;
                    Some(f64::from(taps[tap]) * f64::from(inputs[at].0[channel]))
                });
                silu(past.sum())
            })
            .collect();
        let unit = |from: usize| {
            let head = &mixed[from..from + keys];
            let length = (head.iter().map(|x| x * x).sum::<f64>() + 1e-6).sqrt();
            head.iter().map(|x| x / length).collect::<Vec<f64>>()
        };
        let mut row = Vec::new();
        for head in 0..net.value_heads {
            let shared = head / (net.value_heads / net.key_heads);
            let (query, key) = (unit(shared * keys), unit((net.key_heads + shared) * keys));
            let value = &mixed[2 * net.key_heads * keys + head * width..][..width];
            let (rate, step) = (f64::from(inputs[position].1[head]), f64::from(inputs[position].2[head]));
            let rate = 1.0 / (1.0 + (-rate).exp());
            let softplus = (step + f64::from(recurrence.step_bias[head])).exp().ln_1p();
            let decay = (f64::from(recurrence.decay[head]) * softplus).exp();
            let state = &mut states[head];
            state.iter_mut().flatten().for_each(|entry| *entry *= decay);
            for column in 0..width {
                let recalled: f64 = (0..keys).map(|row| state[row][column] * key[row]).sum();
                let change = (value[column] - recalled) * rate;
                (0..keys).for_each(|row| state[row][column] += key[row] * change);
                let scale = 1.0 / (keys as f64).sqrt();
                row.push((0..keys).map(|row| state[row][column] * query[row] * scale).sum::<f64>());
            }
        }
        outputs.push(row);
    }
    outputs
}

#[test]
fn the_delta_rule_agrees_with_its_definition_and_forgets_when_reset() {
    for (key_heads, value_heads, key_size, value_size, taps) in [(1, 1, 2, 3, 1), (2, 4, 4, 3, 4), (3, 3, 8, 5, 2)] {
        let net = DeltaNet { key_heads, value_heads, key_size, value_size, taps };
        let recurrence = Recurrence {
            convolution: noise(net.channels() * taps, 1),
            decay: noise(value_heads, 2).iter().map(|x| -(x + 0.6)).collect(),
            step_bias: noise(value_heads, 3),
            net: net.clone(),
        };
        let inputs: Vec<_> = (0..9_u32)
            .map(|position| {
                let part =
                    |count, key: u32| noise(count, 100 * position + key).iter().map(|x| 3.0 * x).collect::<Vec<f32>>();
                (part(net.channels(), 10), part(value_heads, 11), part(value_heads, 12))
            })
            .collect();
        let expected = naive(&net, &recurrence, &inputs);
        let mut state = State::new(&net);
        for round in 0..2 {
            for ((mixed, rates, decays), expected) in inputs.iter().zip(&expected) {
                let mut out = vec![0.0; net.value_width()];
                state.advance(&recurrence, Inputs { mixed, rates, decays }, &mut out);
                for (found, expected) in out.iter().zip(expected) {
                    assert!((f64::from(*found) - expected).abs() < 1e-5, "round {round}: {found} for {expected}");
                }
            }
            state.reset();
        }
    }
}

#[test]
fn a_step_keeps_rows_positions_and_wanted_logits_together() {
    let mut step = Step::default();
    step.push(&[5, 6, 7], 10, vec![0], 2, 2..3);
    step.push(&[8], 0, vec![1], 3, 0..1);
    step.push(&[9, 9], 31, vec![2, 3], 0, 0..0);
    assert_eq!((step.rows(), step.tokens.as_slice()), (6, &[5, 6, 7, 8, 9, 9][..]));
    assert_eq!(step.positions, [10, 11, 12, 0, 31, 32]);
    assert_eq!(step.wanted, [2, 3]);
    assert_eq!(step.spans.iter().map(|span| span.rows.clone()).collect::<Vec<_>>(), [0..3, 3..4, 4..6]);
    step.clear();
    assert_eq!(step, Step::default());
}

#[test]
fn logits_pass_through_the_cap_where_there_is_one() {
    let (mut config, source) = files("llama");
    let texts = vec![vec![1, 2, 3]];
    let plain = logits(&mut started(&config, &source, Arithmetic::Exact), &texts, &[vec![(0, 3)]]);
    config.logit_softcap = Some(0.5);
    let capped = logits(&mut started(&config, &source, Arithmetic::Exact), &texts, &[vec![(0, 3)]]);
    for (plain, capped) in plain.values().flatten().zip(capped.values().flatten()) {
        let (plain, capped) = (f32::from_bits(*plain), f32::from_bits(*capped));
        assert!((capped - 0.5 * (plain / 0.5).tanh()).abs() < 1e-5, "{plain} {capped}");
    }
    // A configuration that implies other tensors than there are has no layout.
    config.hidden += 1;
    assert!(Layout::of(&config, &source).is_err());
}
