//! Fingerprints stay the same bytes from release to release, and outputs see through what does not change a model.

use models::decoder::Arithmetic;
use models::engine::{Engine, EngineSettings};
use models::export::{ExportSettings, ExportType, write_folder};
use models::fingerprint::{Fingerprint, Outputs, SketchKey, VERSION, fingerprint};
use models::local::{LoadedModel, LocalModel};

use super::{families, golden, open};

fn key() -> SketchKey {
    SketchKey::derive(b"secret")
}

/// BLAKE3 of everything that a fingerprint says, numbers by their bits.
fn digest(print: &Fingerprint) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&print.files).update(print.key.as_bytes());
    for tensor in &print.tensors {
        hasher.update(tensor.name.as_bytes()).update(b"\0");
        for length in &tensor.shape {
            hasher.update(&(*length as u64).to_le_bytes());
        }
        hasher.update(&tensor.digest);
        for value in &tensor.sketch {
            hasher.update(&value.to_bits().to_le_bytes());
        }
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

#[test]
fn the_same_model_has_the_fingerprint_that_it_always_had() {
    let found: Vec<(String, String)> = families()
        .into_iter()
        .map(|family| (family.clone(), digest(&fingerprint(&open(&golden(&family)).unwrap(), &key()).unwrap())))
        .collect();
    let expected = [
        ("gemma3", "fd6af20e141a31fe"),
        ("llama", "296299e93ca10915"),
        ("llama3-rope", "94b81b802b862813"),
        ("mistral", "04ed4c6b3b9549ee"),
        ("phi3", "b5c5df7b8e28fe18"),
        ("qwen2", "c2c972c8e2fefc2e"),
        ("qwen3", "5285b881cc5f0db8"),
        ("qwen3-moe", "6ff03062d6317962"),
        ("qwen3-next", "33efba1649683691"),
        ("qwen3_5-moe", "352f67ea700de348"),
        ("qwen3_5-moe-nested", "2953d80a46292596"),
    ];
    assert_eq!(VERSION, 3);
    let found: Vec<(&str, &str)> = found.iter().map(|(family, digest)| (family.as_str(), digest.as_str())).collect();
    assert_eq!(found, expected);
}

/// The outputs of the model in a folder, read by the tests' tokenizer.
async fn outputs(folder: &std::path::Path, secret: &str, threads: usize) -> Option<Outputs> {
    let loaded = LoadedModel::load(&open(folder).unwrap(), Arithmetic::Exact).unwrap();
    let (model, prompter) = loaded.into_parts();
    let settings = EngineSettings { context: Some(400), pages: 32, threads, ..EngineSettings::default() };
    let model = LocalModel { engine: Engine::start(model, &settings).unwrap(), prompter };
    Outputs::take(&model, &SketchKey::derive(secret.as_bytes())).await.unwrap()
}

fn with_tokenizer(folder: &std::path::Path) {
    let tokenizer = golden("llama").join("../../tokenizer");
    for name in ["tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(tokenizer.join(name), folder.join(name)).unwrap();
    }
}

/// Outputs of the tiny llama as it is, and with its tensors changed by name.
async fn disguised(change: &mut dyn FnMut(&str, &mut [f32])) -> (Outputs, Outputs) {
    let original = super::copy("llama");
    with_tokenizer(original.path());
    let folder = tempfile::tempdir().unwrap();
    let settings = ExportSettings { data_type: ExportType::F32, shards: 1 };
    write_folder(&open(original.path()).unwrap(), folder.path(), settings, change).unwrap();
    with_tokenizer(folder.path());
    (outputs(original.path(), "secret", 1).await.unwrap(), outputs(folder.path(), "secret", 2).await.unwrap())
}

fn farthest(one: &Outputs, two: &Outputs) -> f32 {
    assert_eq!(one.features.len(), two.features.len());
    one.features.iter().zip(&two.features).map(|(one, two)| (one - two).abs()).fold(0.0, f32::max)
}

#[tokio::test]
async fn outputs_see_through_what_does_not_change_the_model() {
    let same = disguised(&mut |_, _| {}).await;
    assert_eq!(same.0, same.1);
    // A few neurons doubled: every log-probability is the same bit for bit.
    let hidden = 64;
    let doubled = disguised(&mut |name, values| {
        let inner = values.len() / hidden;
        if name.ends_with("mlp.up_proj.weight") {
            values[..2 * hidden].iter_mut().for_each(|value| *value *= 2.0);
        } else if name.ends_with("mlp.down_proj.weight") {
            values.chunks_mut(inner).for_each(|row| row[..2].iter_mut().for_each(|value| *value /= 2.0));
        }
    })
    .await;
    assert_eq!(doubled.0, doubled.1);
    // All values and outputs scaled against one another, and the logits by a twentieth.
    let scaled = disguised(&mut |name, values| {
        let factor = if name.ends_with("v_proj.weight") {
            3.0
        } else if name.ends_with("o_proj.weight") {
            1.0 / 3.0
        } else if name == "model.norm.weight" {
            1.05
        } else {
            1.0
        };
        values.iter_mut().for_each(|value| *value *= factor);
    })
    .await;
    assert_ne!(scaled.0.digest, scaled.1.digest);
    assert!(farthest(&scaled.0, &scaled.1) < 1e-3);
    assert_eq!(scaled.0.likeliest, scaled.1.likeliest);
    // A change of a hundredth shows.
    let changed = disguised(&mut |name, values| {
        if name.ends_with("mlp.down_proj.weight") {
            values.iter_mut().step_by(2).for_each(|value| *value *= 1.1);
        }
    })
    .await;
    assert!(farthest(&changed.0, &changed.1) > 1e-3);
}

#[tokio::test]
async fn outputs_depend_on_the_secret_and_need_a_tokenizer() {
    let folder = super::copy("llama");
    assert_eq!(outputs(folder.path(), "secret", 1).await, None);
    with_tokenizer(folder.path());
    let (one, two) = (outputs(folder.path(), "one", 1).await.unwrap(), outputs(folder.path(), "two", 1).await.unwrap());
    assert_ne!(one, two);
    assert_eq!(one.features.len(), 5 * one.likeliest.len());
    assert_eq!(one.likeliest.len(), 152);
}
