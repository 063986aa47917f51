//! Refusals, a row each: files, configurations, sizes and parameters that are not finite.

use serde_json::{Value, json};

use super::{FiniteCheck, Limits, admit, admitted, finite, memory};
use crate::{
    config::ModelConfig,
    error::LoadError,
    refusal::Refusal,
    snapshot::Snapshot,
    tensors::{Encoding, Stored, TensorSource},
};

/// One tensor in memory, with or without its encoded bytes.
struct One {
    values: Vec<f32>,
    encoded: bool,
}

impl TensorSource for One {
    fn names(&self) -> Vec<String> {
        vec!["t".to_owned()]
    }

    fn shape(&self, _: &str) -> Option<Vec<usize>> {
        Some(vec![self.values.len()])
    }

    fn read(&self, _: &str) -> Result<Vec<f32>, LoadError> {
        Ok(self.values.clone())
    }

    fn stored(&self, _: &str) -> Option<Stored<'_>> {
        let bytes: Vec<u8> = self.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let shape = vec![self.values.len()];
        self.encoded.then(|| Stored { encoding: Encoding::F32, shape, bytes: bytes.into() })
    }
}

fn spoiled(count: usize, at: usize, value: f32, encoded: bool, extent: FiniteCheck) -> Option<(usize, String)> {
    let mut values = vec![1.0; count];
    values[at] = value;
    match finite::check(&One { values, encoded }, extent) {
        Ok(()) => None,
        Err(LoadError::Refused(Refusal::NotFinite { index, value, .. })) => Some((index, value)),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_full_check_finds_every_number_that_is_none() {
    for at in [0, 1, 4095, 99_999] {
        for (value, said) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
            for encoded in [false, true] {
                assert_eq!(spoiled(100_000, at, value, encoded, FiniteCheck::Full), Some((at, said.to_owned())));
            }
        }
        assert_eq!(spoiled(100_000, at, f32::MAX, true, FiniteCheck::Full), None);
    }
}

#[test]
fn a_sampled_check_looks_at_both_ends_and_all_of_what_is_small() {
    let found = |count, at| spoiled(count, at, f32::NAN, true, FiniteCheck::Sampled);
    for at in [0, 255, 99_999, 99_744] {
        assert_eq!(found(100_000, at), Some((at, "NaN".to_owned())), "element {at}");
    }
    assert_eq!(found(100_000, 1_000), None, "between two runs");
    // What cannot be sampled is read in full.
    assert!(spoiled(100_000, 1_000, f32::NAN, false, FiniteCheck::Sampled).is_some());
    for count in [1, 2, 255, 256, 257, 8_192] {
        assert!(found(count, count / 2).is_some(), "{count} values");
    }
}

fn llama(changes: &Value) -> Value {
    let mut config = json!({
        "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4,
        "num_key_value_heads": 4, "num_hidden_layers": 2, "vocab_size": 320, "max_position_embeddings": 2048
    });
    config.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    config
}

#[test]
fn memory_is_limited_by_token_by_sequence_and_by_activation() {
    let check = |changes: Value, limits: &Limits| memory::check(&ModelConfig::parse(&llama(&changes)).unwrap(), limits);
    let limits = Limits::default();
    assert_eq!(check(json!({}), &limits), Ok(()));
    // Two layers of four heads with 16 keys and 16 values, which take the room of 32, four bytes each.
    let bytes = 2 * 4 * (16 + 32) * 4;
    assert_eq!(check(json!({}), &Limits { bytes_per_token: bytes, ..limits.clone() }), Ok(()));
    let refused = check(json!({}), &Limits { bytes_per_token: bytes - 1, ..limits.clone() }).unwrap_err();
    assert!(refused.to_string().starts_with("the keys and values of one token take 1536 bytes"), "{refused}");
    for wide in [json!({"intermediate_size": 1 << 20}), json!({"num_attention_heads": 512, "head_dim": 1024})] {
        let refused = check(wide, &Limits { bytes_per_token: u64::MAX, ..limits.clone() }).unwrap_err();
        assert!(refused.to_string().starts_with("the widest activations of one token take"), "{refused}");
    }
}

#[track_caller]
fn check_config(changes: &Value, tokenizer_config: Option<Value>, sentence: &str) {
    let refusal = admitted::check_config(&llama(changes), tokenizer_config.as_ref()).unwrap_err().to_string();
    assert!(refusal.contains(sentence), "{refusal}");
}

#[test]
fn code_and_quantization_are_refused_wherever_they_are_asked_for() {
    let other = |changes: Value| {
        let mut config = json!({"model_type": "their_own"});
        config.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        config
    };
    check_config(&other(json!({"auto_map": {"AutoModel": "a.B"}})), None, "config.json has auto_map");
    check_config(&other(json!({"custom_pipelines": {}})), None, "config.json has custom_pipelines");
    check_config(&json!({}), Some(json!({"auto_map": {}})), "tokenizer_config.json has auto_map");
    // A built-in architecture needs no code, whatever lies beside it.
    assert_eq!(admitted::check_config(&llama(&json!({"auto_map": {"AutoModel": "a.B"}})), None), Ok(()));
    assert_eq!(admitted::check_config(&llama(&json!({"text_config": {"auto_map": {}}})), None), Ok(()));
    check_config(&json!({"quantization_config": {"quant_method": "awq"}}), None, "quantization_config = \"awq\"");
    check_config(&json!({"quantization_config": {}}), None, "quantization_config = null");
    let nothing = json!({"auto_map": null, "quantization_config": null});
    assert_eq!(admitted::check_config(&llama(&nothing), Some(&json!({}))), Ok(()));
}

#[test]
fn replies_end_at_every_token_that_either_file_names() {
    let config = |ends: Value| ModelConfig::parse(&llama(&json!({"eos_token_id": ends}))).unwrap();
    for (ends, generation, expected) in [
        (json!(null), None, vec![]),
        (json!(7), None, vec![7]),
        (json!([9, 7]), Some(json!({"eos_token_id": 8})), vec![7, 8, 9]),
        (json!(7), Some(json!({"eos_token_id": [7, 7, 1]})), vec![1, 7]),
        (json!(320), Some(json!({"eos_token_id": [319, 320, -1, "x", u64::MAX]})), vec![319]),
        (json!(7), Some(json!({})), vec![7]),
        (json!(7), Some(json!({"eos_token_id": "x"})), vec![7]),
    ] {
        assert_eq!(
            admitted::stop_tokens(&config(ends.clone()), generation.as_ref(), &[]),
            expected,
            "{ends} {generation:?}"
        );
    }
}

#[test]
fn ends_of_the_tokenizer_are_ends_of_replies_too() {
    let config = ModelConfig::parse(&llama(&json!({"eos_token_id": 7}))).unwrap();
    assert_eq!(admitted::stop_tokens(&config, None, &[9, 7, 320]), [7, 9]);
    assert_eq!(admitted::stop_tokens(&config, Some(&json!({"eos_token_id": [3]})), &[9]), [3, 7, 9]);
}

#[test]
fn a_snapshot_is_measured_before_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors", "README.md"] {
        std::fs::write(folder.path().join(file), [b'x'; 100]).unwrap();
    }
    let snapshot = Snapshot::of_folder(folder.path()).unwrap();
    let refused = |limits: Limits| match admit(&snapshot, &limits) {
        Err(LoadError::Refused(refusal)) => refusal.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it is no model"),
    };
    let limits = Limits::default();
    let size = snapshot.size();
    assert!(refused(Limits { bytes: size - 1, ..limits.clone() }).contains(&format!("has {size} bytes")));
    assert!(refused(Limits { files: snapshot.files.len() - 1, ..limits.clone() }).contains("the number of files"));
    assert!(refused(limits).contains("config.json"), "only now it is read");
}

#[test]
fn limits_survive_being_written_and_unknown_ones_are_refused() {
    let limits = Limits { finite: FiniteCheck::Full, bytes: 7, ..Limits::default() };
    let written = serde_json::to_value(&limits).unwrap();
    assert_eq!(written["finite"], "full");
    assert_eq!(serde_json::from_value::<Limits>(written).unwrap(), limits);
    assert!(serde_json::from_value::<Limits>(json!({"finites": "full"})).is_err());
}
