//! Logits of every family against another implementation's.

use std::path::PathBuf;
use std::sync::Arc;

use safetensors::SafeTensors;

use super::device::Accelerator;
use super::layers::Layers;
use super::{Arithmetic, Decoder, Room, Step};
use crate::config::ModelConfig;
use crate::kernel::PAGE_TOKENS;
use crate::load::Safetensors;
use crate::snapshot::Snapshot;

/// The logits of a family's reference, `[2, 48, vocabulary]`, and the tokens they belong to.
struct Expected {
    tokens: Vec<Vec<u32>>,
    logits: Vec<f32>,
}

fn folder(family: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/golden")).join(family)
}

fn expected(family: &str) -> Expected {
    let bytes = std::fs::read(folder(family).join("expected.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let ids = tensors.tensor("input_ids").unwrap();
    let ids: Vec<u32> =
        ids.data().chunks_exact(8).map(|id| i64::from_le_bytes(id.try_into().unwrap()) as u32).collect();
    let logits = tensors.tensor("logits").unwrap();
    let logits = logits.data().chunks_exact(4).map(|logit| f32::from_le_bytes(logit.try_into().unwrap())).collect();
    Expected { tokens: ids.chunks_exact(48).map(<[u32]>::to_vec).collect(), logits }
}

fn files(family: &str) -> (ModelConfig, Safetensors) {
    let config = std::fs::read(folder(family).join("config.json")).unwrap();
    let config = ModelConfig::parse(&serde_json::from_slice(&config).unwrap()).unwrap();
    (config, Safetensors::open(&Snapshot::of_folder(&folder(family)).unwrap()).unwrap())
}

/// Runs both texts, `chunk` tokens of each a step, and compares every logit.
fn check(family: &str, mut decoder: Decoder, vocabulary: usize, chunk: usize) {
    let expected = expected(family);
    let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap());
    decoder.start(Room { pages: 4, states: 2, positions: 2 * PAGE_TOKENS }, pool).unwrap();
    let mut step = Step::default();
    for start in (0..48).step_by(chunk) {
        step.clear();
        for (row, tokens) in expected.tokens.iter().enumerate() {
            let end = (start + chunk).min(48);
            let pages = [2 * row as u32, 2 * row as u32 + 1][..end.div_ceil(PAGE_TOKENS)].to_vec();
            step.push(&tokens[start..end], start, pages, row as u32, 0..end - start);
        }
        let mut logits = Vec::new();
        decoder.forward(&step, &mut |_, block| logits.extend_from_slice(block)).unwrap();
        for (row, found) in step.wanted.iter().zip(logits.chunks_exact(vocabulary)) {
            let text = step.spans.iter().position(|span| span.rows.contains(&(*row as usize))).unwrap();
            let position = step.positions[*row as usize] as usize;
            let expected = &expected.logits[(text * 48 + position) * vocabulary..][..vocabulary];
            for (token, (found, expected)) in found.iter().zip(expected).enumerate() {
                let difference = (found - expected).abs();
                assert!(
                    difference < 2e-3,
                    "{family}: text {text}, position {position}, token {token}: {found} for {expected}"
                );
            }
        }
    }
}

const FAMILIES: [&str; 11] = [
    "llama",
    "llama3-rope",
    "mistral",
    "qwen2",
    "qwen3",
    "qwen3-moe",
    "gemma3",
    "phi3",
    "qwen3-next",
    "qwen3_5-moe",
    "qwen3_5-moe-nested",
];

#[test]
fn every_family_agrees_with_the_reference() {
    for family in FAMILIES {
        for chunk in [48, 7] {
            let (config, source) = files(family);
            check(family, Decoder::load(&config, &source).unwrap(), config.vocabulary, chunk);
        }
    }
}

#[test]
fn the_device_backend_agrees_with_the_reference_too() {
    for family in FAMILIES {
        for chunk in [48, 7] {
            let (config, source) = files(family);
            let host = Accelerator { device: candle_core::Device::Cpu, dtype: candle_core::DType::F32 };
            let layers = Layers::load(host, &config, &source, Arithmetic::Exact).unwrap();
            check(family, Decoder { inner: Box::new(layers) }, config.vocabulary, chunk);
        }
    }
}
