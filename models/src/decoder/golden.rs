//! Logits of every family against another implementation's.

use std::{path::PathBuf, sync::Arc};

use safetensors::SafeTensors;

use super::{Arithmetic, Capacity, Decoder, Step};
use crate::{config::ModelConfig, layout::Layout, snapshot::Snapshot, tensors::Safetensors};

/// Logits may be this far from the reference's.
const TOLERANCE: f32 = 2e-3;

/// The logits of a family's reference, `[2, 48, vocabulary]`, and the tokens they belong to.
struct Expected {
    tokens: Vec<Vec<u32>>,
    logits: Vec<f32>,
}

pub(crate) fn folder(family: &str) -> PathBuf {
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

pub(crate) fn files(family: &str) -> (ModelConfig, Safetensors) {
    let config = std::fs::read(folder(family).join("config.json")).unwrap();
    let config = ModelConfig::parse(&serde_json::from_slice(&config).unwrap()).unwrap();
    (config, Safetensors::open(&Snapshot::of_folder(&folder(family)).unwrap()).unwrap())
}

/// Runs both texts, `chunk` tokens of each a step, and compares every logit: the largest difference of each row and where
/// it is.
pub(crate) fn differences(family: &str, mut decoder: Decoder, vocabulary: usize, chunk: usize) -> Vec<(f32, String)> {
    let mut rows = Vec::new();
    let expected = expected(family);
    let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap());
    decoder
        .start(Capacity { pages: 4, page_tokens: 32, states: 2, positions: 64, long_from: None, rows: 96 }, pool)
        .unwrap();
    let mut step = Step::default();
    for start in (0..48).step_by(chunk) {
        step.clear();
        for (row, tokens) in expected.tokens.iter().enumerate() {
            let end = (start + chunk).min(48);
            let pages = [2 * row as u32, 2 * row as u32 + 1][..end.div_ceil(32)].to_vec();
            step.push(&tokens[start..end], start, pages, row as u32, 0..end - start);
        }
        let mut logits = Vec::new();
        decoder.forward(&step, &mut |_, block| logits.extend_from_slice(block)).unwrap();
        for (row, found) in step.wanted.iter().zip(logits.chunks_exact(vocabulary)) {
            let text = step.spans.iter().position(|span| span.rows.contains(&(*row as usize))).unwrap();
            let position = step.positions[*row as usize] as usize;
            let expected = &expected.logits[(text * 48 + position) * vocabulary..][..vocabulary];
            let mut farthest = (0.0, String::new());
            for (token, (found, expected)) in found.iter().zip(expected).enumerate() {
                let difference = (found - expected).abs();
                // NaN counts as infinitely far off.
                if difference.is_nan() || difference > farthest.0 {
                    let place = format!("text {text}, position {position}, token {token}: {found} for {expected}");
                    farthest = (if difference.is_nan() { f32::INFINITY } else { difference }, place);
                }
            }
            rows.push(farthest);
        }
    }
    rows.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    rows
}

fn check(family: &str, decoder: Decoder, vocabulary: usize, chunk: usize, tolerance: f32) {
    let (difference, place) = differences(family, decoder, vocabulary, chunk).pop().unwrap();
    assert!(difference < tolerance, "{family}: {place}");
}

/// The families that there are references of: the names of the folders.
pub(crate) fn families() -> Vec<String> {
    let entries = std::fs::read_dir(folder("")).unwrap().map(Result::unwrap);
    let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    let mut families: Vec<String> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
    families.sort();
    assert_eq!(families.len(), 11, "{families:?}");
    families
}

#[test]
fn every_family_agrees_with_the_reference() {
    for family in &families() {
        for chunk in [48, 7] {
            let (config, source) = files(family);
            check(
                family,
                Decoder::load(&config, &source, &Layout::of(&config, &source).unwrap(), Arithmetic::Exact).unwrap(),
                config.vocabulary,
                chunk,
                TOLERANCE,
            );
        }
    }
}
