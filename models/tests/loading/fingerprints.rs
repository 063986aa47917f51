//! Fingerprints stay the same bytes from release to release: those of two validators are compared.

use models::fingerprint::{Fingerprint, VERSION, fingerprint};

use super::{families, golden, open};

/// BLAKE3 of everything that a fingerprint says, numbers by their bits.
fn digest(print: &Fingerprint) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&print.files);
    for tensor in &print.tensors {
        hasher.update(tensor.name.as_bytes()).update(b"\0");
        for length in &tensor.shape {
            hasher.update(&(*length as u64).to_le_bytes());
        }
        hasher.update(&tensor.digest).update(&tensor.norm.to_bits().to_le_bytes());
        for value in tensor.sketch.iter().chain(&tensor.spectrum) {
            hasher.update(&value.to_bits().to_le_bytes());
        }
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

#[test]
fn the_same_model_has_the_fingerprint_that_it_always_had() {
    let found: Vec<(String, String)> = families()
        .into_iter()
        .map(|family| (family.clone(), digest(&fingerprint(&open(&golden(&family)).unwrap()).unwrap())))
        .collect();
    let expected = [
        ("gemma3", "f597c344ad0e4dac"),
        ("llama", "0ff19cc5c1f93282"),
        ("llama3-rope", "36dce5b21ff69835"),
        ("mistral", "d132545eb1817d89"),
        ("phi3", "e801cb3367ae8add"),
        ("qwen2", "ccbbdbe1d9910750"),
        ("qwen3", "459cac64237b80f1"),
        ("qwen3-moe", "fda9fbd3bbd1bcab"),
        ("qwen3-next", "9d71a41da29aa83c"),
        ("qwen3_5-moe", "f2c004d8f9638341"),
        ("qwen3_5-moe-nested", "796aeb13e50d77a2"),
    ];
    assert_eq!(VERSION, 2);
    let found: Vec<(&str, &str)> = found.iter().map(|(family, digest)| (family.as_str(), digest.as_str())).collect();
    assert_eq!(found, expected);
}
