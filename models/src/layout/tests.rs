//! Stored tensors are tiled by canonical ones, every layout gives the same canonical tensors, and nothing else is let in.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    canonical::{Linear, Part, TensorId, Unit},
    checked::Layout,
    expected_tensors,
    names::Names,
    stored::{self, Stored},
};
use crate::{
    config::ModelConfig,
    error::LoadError,
    refusal::Refusal,
    tensors::{self, TensorSource},
};

/// Tensors in memory, whose values tell where they lie: their place in the list times a thousand, and their index.
#[derive(Clone, Default)]
struct Memory(BTreeMap<String, (Vec<usize>, Vec<f32>)>);

impl Memory {
    fn of(stored: impl IntoIterator<Item = (String, Vec<usize>)>) -> Self {
        let numbered = stored.into_iter().enumerate().map(|(place, (name, shape))| {
            let count = shape.iter().product::<usize>();
            let values = (0..count).map(|index| (place * 100_000 + index) as f32).collect();
            (name, (shape, values))
        });
        Self(numbered.collect())
    }
}

impl TensorSource for Memory {
    fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.0.get(name).map(|(shape, _)| shape.clone())
    }

    fn read(&self, name: &str) -> Result<Vec<f32>, LoadError> {
        let found = self.0.get(name).ok_or_else(|| LoadError::UnknownTensor { name: name.to_owned() })?;
        Ok(found.1.clone())
    }
}

/// The same tensors, offered as encoded bytes too.
struct Encoded(Memory);

impl TensorSource for Encoded {
    fn names(&self) -> Vec<String> {
        self.0.names()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.0.shape(name)
    }

    fn read(&self, name: &str) -> Result<Vec<f32>, LoadError> {
        self.0.read(name)
    }

    fn stored(&self, name: &str) -> Option<tensors::Stored<'_>> {
        let (shape, values) = self.0.0.get(name)?;
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Some(tensors::Stored { encoding: tensors::Encoding::F32, shape: shape.clone(), bytes: bytes.into() })
    }
}

fn config(model_type: &str, changes: &Value) -> ModelConfig {
    let mut value = json!({
        "model_type": model_type, "hidden_size": 12, "intermediate_size": 6, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 4, "num_hidden_layers": 4, "vocab_size": 10,
        "max_position_embeddings": 64, "num_experts_per_tok": 2, "moe_intermediate_size": 5,
        "shared_expert_intermediate_size": 3, "linear_num_key_heads": 2, "linear_num_value_heads": 4,
        "linear_key_head_dim": 3, "linear_value_head_dim": 2, "linear_conv_kernel_dim": 4, "partial_rotary_factor": 1
    });
    value.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    ModelConfig::parse(&value).unwrap()
}

/// Every family, with and without what changes its tensors.
fn configs() -> Vec<(String, ModelConfig)> {
    let rows = [
        ("llama", json!({})),
        ("llama", json!({ "attention_bias": true, "mlp_bias": true, "tie_word_embeddings": true })),
        ("mistral", json!({ "sliding_window": 8 })),
        ("qwen2", json!({})),
        ("qwen3", json!({ "tie_word_embeddings": true })),
        ("qwen3_moe", json!({ "num_experts": 3 })),
        ("qwen3_moe", json!({ "num_experts": 3, "mlp_only_layers": [1] })),
        ("qwen3_next", json!({ "num_experts": 3 })),
        ("qwen3_next", json!({ "num_experts": 3, "attention_bias": true })),
        ("qwen3_5_moe_text", json!({ "num_experts": 3 })),
        ("qwen3_5_text", json!({})),
        ("gemma3_text", json!({})),
        ("gemma3_text", json!({ "tie_word_embeddings": false })),
        ("phi3", json!({})),
        ("phi3", json!({ "attention_bias": true, "mlp_bias": true })),
    ];
    rows.into_iter().map(|(family, changes)| (format!("{family} {changes}"), config(family, &changes))).collect()
}

fn stored_of(config: &ModelConfig, stacked: bool) -> Vec<Stored> {
    stored::stored(config, Names::usual(config), move |_| stacked).collect()
}

fn memory_of(config: &ModelConfig, stacked: bool) -> Memory {
    Memory::of(stored_of(config, stacked).into_iter().map(|stored| (stored.name, stored.shape)))
}

#[test]
fn canonical_tensors_tile_every_stored_tensor_exactly() {
    for (what, config) in configs() {
        for stacked in [false, true] {
            for Stored { name, shape, pieces } in stored_of(&config, stacked) {
                let all_rows = if shape.len() == 1 { shape[0] } else { shape[..shape.len() - 1].iter().product() };
                let mut covered = vec![0; all_rows];
                // An output layer that is the embedding covers the same rows once more.
                let distinct: Vec<_> =
                    pieces.iter().filter(|piece| !(piece.id == TensorId::Output && pieces.len() == 2)).collect();
                for piece in distinct {
                    piece.rows.iter().cloned().flatten().for_each(|row| covered[row] += 1);
                    let rows: usize = piece.rows.iter().map(ExactSizeIterator::len).sum();
                    assert_eq!(rows * piece.columns(), piece.shape.iter().product::<usize>(), "{what}: {name}");
                    assert_eq!(piece.columns(), if shape.len() == 1 { 1 } else { *shape.last().unwrap() });
                }
                assert!(covered.iter().all(|times| *times == 1), "{what}: {name} {covered:?}");
            }
        }
    }
}

#[test]
fn no_name_and_no_canonical_tensor_occurs_twice() {
    for (what, config) in configs() {
        for stacked in [false, true] {
            let stored = stored_of(&config, stacked);
            let names: BTreeSet<&str> = stored.iter().map(|stored| stored.name.as_str()).collect();
            assert_eq!(names.len(), stored.len(), "{what}");
            let pieces = stored.iter().flat_map(|stored| stored.pieces.iter().map(|piece| piece.id));
            let ids: Vec<TensorId> = pieces.collect();
            let canonical: BTreeSet<String> = ids.iter().map(ToString::to_string).collect();
            assert_eq!(canonical.len(), ids.len(), "{what}");
        }
    }
}

#[test]
fn every_layout_holds_the_same_canonical_tensors() {
    for (what, config) in configs() {
        let shapes = |stacked: bool| -> BTreeMap<TensorId, Vec<usize>> {
            let stored = stored_of(&config, stacked);
            stored.into_iter().flat_map(|stored| stored.pieces).map(|piece| (piece.id, piece.shape)).collect()
        };
        assert_eq!(shapes(false), shapes(true), "{what}");
    }
}

#[test]
fn pieces_put_together_again_are_the_stored_tensor() {
    for (what, config) in configs() {
        let source = memory_of(&config, true);
        for stored in stored_of(&config, true) {
            let values = source.read(&stored.name).unwrap();
            let mut again = vec![f32::NAN; values.len()];
            for piece in &stored.pieces {
                let part = piece.values(&values);
                let mut part = part.chunks(piece.columns());
                for row in piece.rows.iter().cloned().flatten() {
                    again[row * piece.columns()..][..piece.columns()].copy_from_slice(part.next().unwrap());
                }
                assert_eq!(part.next(), None, "{what}: {}", stored.name);
            }
            assert_eq!(again, values, "{what}: {}", stored.name);
        }
    }
}

#[test]
fn encoded_rows_are_read_like_decoded_ones() {
    for (what, config) in configs() {
        for stacked in [false, true] {
            let source = memory_of(&config, stacked);
            let (layout, encoded) = (Layout::of(&config, &source).unwrap(), Encoded(source.clone()));
            for piece in layout.stored().iter().flat_map(|stored| &stored.pieces) {
                let found = layout.read(&encoded, piece.id).unwrap();
                assert_eq!(found, layout.read(&source, piece.id).unwrap(), "{what}: {}", piece.id);
                let (rows, columns) = layout.size(piece.id);
                assert_eq!(found.len(), rows * columns);
            }
        }
    }
}

#[test]
fn gates_of_queries_come_apart_head_by_head() {
    let config = config("qwen3_next", &json!({ "num_experts": 3, "attention_bias": true }));
    let source = memory_of(&config, false);
    let layout = Layout::of(&config, &source).unwrap();
    let read = |linear| layout.read(&source, TensorId::Layer(3, Part::Bias(linear))).unwrap();
    let stored = source.read("model.layers.3.self_attn.q_proj.bias").unwrap();
    let (queries, gates) = (read(Linear::Query), read(Linear::QueryGate));
    for head in 0..4 {
        assert_eq!(queries[head * 4..][..4], stored[head * 8..][..4], "head {head}");
        assert_eq!(gates[head * 4..][..4], stored[head * 8 + 4..][..4], "head {head}");
    }
    assert_eq!(layout.size(TensorId::Layer(3, Part::Weight(Linear::QueryGate))), (16, 12));
    // Fingerprints take both as one tensor.
    let canonical = layout.stored().iter().flat_map(|stored| &stored.pieces);
    assert!(canonical.clone().all(|piece| !piece.id.to_string().contains("q_gate")));
    let query = TensorId::Layer(3, Part::Weight(Linear::Query));
    assert_eq!(canonical.clone().find(|piece| piece.id == query).unwrap().shape, [32, 12]);
}

#[test]
fn interleaved_projections_come_apart_key_head_by_key_head() {
    let config = config("qwen3_next", &json!({ "num_experts": 3 }));
    let source = memory_of(&config, false);
    let layout = Layout::of(&config, &source).unwrap();
    let stored = source.read("model.layers.0.linear_attn.in_proj_qkvz.weight").unwrap();
    let row = |index: usize| &stored[index * 12..][..12];
    // Two key heads, each with 3 rows of queries, 3 of keys, 2 * 2 of values and as many of gates.
    let expected = [0..3, 14..17, 3..6, 17..20, 6..10, 20..24].into_iter().flatten();
    let mixed = layout.read(&source, TensorId::Layer(0, Part::Weight(Linear::DeltaMixed))).unwrap();
    assert!(mixed.chunks(12).eq(expected.map(row)));
    let gate = layout.read(&source, TensorId::Layer(0, Part::Weight(Linear::DeltaGate))).unwrap();
    assert!(gate.chunks(12).eq([10..14, 24..28].into_iter().flatten().map(row)));
    let stored = source.read("model.layers.0.linear_attn.in_proj_ba.weight").unwrap();
    let row = |index: usize| &stored[index * 12..][..12];
    let rates = layout.read(&source, TensorId::Layer(0, Part::Weight(Linear::DeltaRates))).unwrap();
    assert!(rates.chunks(12).eq([0, 1, 4, 5].into_iter().map(row)));
    let decays = layout.read(&source, TensorId::Layer(0, Part::Weight(Linear::DeltaDecays))).unwrap();
    assert!(decays.chunks(12).eq([2, 3, 6, 7].into_iter().map(row)));
}

#[test]
fn stacked_and_fused_matrices_come_apart_in_order() {
    let experts = config("qwen3_moe", &json!({ "num_experts": 3 }));
    let source = memory_of(&experts, true);
    let layout = Layout::of(&experts, &source).unwrap();
    let both = source.read("model.layers.2.mlp.experts.gate_up_proj").unwrap();
    let down = source.read("model.layers.2.mlp.experts.down_proj").unwrap();
    let read = |linear| layout.read(&source, TensorId::Layer(2, Part::Weight(linear))).unwrap();
    for expert in 0..3 {
        let unit = Unit::Expert(expert);
        assert_eq!(read(Linear::Gate(unit)), both[expert * 120..][..60], "expert {expert}");
        assert_eq!(read(Linear::Up(unit)), both[expert * 120 + 60..][..60], "expert {expert}");
        assert_eq!(read(Linear::Down(unit)), down[expert * 60..][..60], "expert {expert}");
    }
    let fused = config("phi3", &json!({}));
    let source = memory_of(&fused, false);
    let layout = Layout::of(&fused, &source).unwrap();
    let all = source.read("model.layers.1.self_attn.qkv_proj.weight").unwrap();
    let read = |linear| layout.read(&source, TensorId::Layer(1, Part::Weight(linear))).unwrap();
    assert_eq!(read(Linear::Query), all[..192]);
    assert_eq!(read(Linear::Key), all[192..288]);
    assert_eq!(read(Linear::Value), all[288..]);
    let all = source.read("model.layers.1.mlp.gate_up_proj.weight").unwrap();
    assert_eq!([read(Linear::Gate(Unit::Dense)), read(Linear::Up(Unit::Dense))].concat(), all);
}

#[track_caller]
fn check_refused(config: &ModelConfig, spoil: impl FnOnce(&mut Memory), expected: Refusal) {
    let mut source = memory_of(config, true);
    assert!(Layout::of(config, &source).is_ok());
    spoil(&mut source);
    assert_eq!(Layout::of(config, &source).unwrap_err(), expected);
}

#[test]
fn tensors_that_do_not_fit_are_refused_by_name() {
    let config = config("qwen3_moe", &json!({ "num_experts": 3 }));
    let name = "model.layers.1.mlp.experts.gate_up_proj".to_owned();
    let stack = |count| vec![count, 10, 12];
    check_refused(
        &config,
        |source| source.0.get_mut("model.layers.1.mlp.experts.gate_up_proj").unwrap().0 = vec![4, 10, 12],
        Refusal::TensorShape { tensor: name, expected: stack(3), found: stack(4) },
    );
    let missing = |tensor: &str, expected: &[usize]| Refusal::MissingTensor {
        tensor: tensor.to_owned(),
        expected: expected.to_vec(),
    };
    for (tensor, shape) in [
        ("model.embed_tokens.weight", vec![10, 12]),
        ("lm_head.weight", vec![10, 12]),
        ("model.norm.weight", vec![12]),
        ("model.layers.3.self_attn.k_norm.weight", vec![4]),
        ("model.layers.0.mlp.experts.down_proj", vec![3, 12, 5]),
    ] {
        check_refused(&config, |source| drop(source.0.remove(tensor)), missing(tensor, &shape));
    }
    for extra in [
        "model.layers.4.input_layernorm.weight",
        "model.layers.0.self_attn.q_proj.bias",
        "model.layers.0.mlp.experts.0.gate_proj.weight",
        "model.layers.00.input_layernorm.weight",
        "model.visual.norm.weight",
        "model.layers.0.self_attn.q_gate.weight",
        "zz",
    ] {
        let add = |source: &mut Memory| drop(source.0.insert(extra.to_owned(), (vec![1], vec![0.0])));
        check_refused(&config, add, Refusal::ExtraTensor { tensor: extra.to_owned() });
    }
}

#[test]
fn tensors_beside_the_text_model_are_passed_over_and_others_are_not() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/golden/qwen3_5-moe-nested/config.json");
    let nested = ModelConfig::parse(&serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()).unwrap();
    let tied = config("llama", &json!({ "tie_word_embeddings": true }));
    for (config, name, expected) in [
        (&nested, "model.visual.norm.weight", true),
        (&nested, "mtp.layers.0.norm.weight", true),
        (&nested, "model.vision_tower.encoder.layers.0.mlp.fc1.bias", true),
        (&tied, "model.layers.0.self_attn.rotary_emb.cos_cached", true),
        (&tied, "model.vision_tower.x", false),
        (&nested, "lm_head.weight", false),
        (&nested, "model.language_model.extra", false),
        (&tied, "lm_head.weight", true),
        (&tied, "model.visual.norm.weight", false),
        (&tied, "model.layers.0.self_attn.rotary_emb.inv_freq", true),
    ] {
        assert_eq!(Names::usual(config).pass_over(config, name), expected, "{name}");
    }
}

#[test]
fn nested_models_have_the_prefix_of_their_family() {
    let inner = |model_type: &str| {
        let mut inner = json!({
            "hidden_size": 12, "intermediate_size": 6, "num_attention_heads": 4, "head_dim": 4, "vocab_size": 10,
            "num_hidden_layers": 1, "max_position_embeddings": 64, "tie_word_embeddings": false
        });
        inner["layer_types"] = json!(["full_attention"]);
        inner["partial_rotary_factor"] = json!(1);
        let linear = json!({ "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 3,
            "linear_value_head_dim": 2, "linear_conv_kernel_dim": 4 });
        inner.as_object_mut().unwrap().extend(linear.as_object().unwrap().clone());
        ModelConfig::parse(&json!({ "model_type": model_type, "text_config": inner })).unwrap()
    };
    for (model_type, first, output) in [
        ("gemma3", "language_model.model.embed_tokens.weight", "language_model.lm_head.weight"),
        ("qwen3_5", "model.language_model.embed_tokens.weight", "lm_head.weight"),
    ] {
        let names: Vec<String> = expected_tensors(&inner(model_type)).into_iter().map(|(name, _)| name).collect();
        assert_eq!((names[0].as_str(), names.last().unwrap().as_str()), (first, output));
        let prefix = first.replace("embed_tokens.weight", "layers.0.");
        assert!(names[1..names.len() - 2].iter().all(|name| name.starts_with(&prefix)), "{names:?}");
    }
}

/// The same tensors under another prefix; the output layer under `output`, or not at all.
fn renamed(memory: &Memory, from: &str, to: &str, output: Option<&str>) -> Encoded {
    let names = memory.0.iter().filter_map(|(name, tensor)| {
        let name = match name.strip_prefix(from) {
            Some(rest) => format!("{to}{rest}"),
            None => output?.to_owned(),
        };
        Some((name, tensor.clone()))
    });
    Encoded(Memory(names.collect()))
}

#[test]
fn every_prefix_of_published_checkpoints_is_found() {
    let untied = config("llama", &json!({ "tie_word_embeddings": false }));
    let usual = Encoded(memory_of(&untied, false));
    let read = |config: &ModelConfig, source: &Encoded, id| {
        Layout::of(config, source).map(|layout| layout.read(source, id).unwrap())
    };
    for (prefix, output) in [
        ("model.", "lm_head.weight"),
        ("model.language_model.", "lm_head.weight"),
        ("language_model.model.", "language_model.lm_head.weight"),
        ("language_model.", "lm_head.weight"),
        ("", "lm_head.weight"),
    ] {
        let source = renamed(&usual.0, "model.", prefix, Some(output));
        for id in [TensorId::Embedding, TensorId::FinalNorm, TensorId::Output] {
            assert_eq!(read(&untied, &source, id), read(&untied, &usual, id), "{prefix}{id}");
        }
        let without = renamed(&usual.0, "model.", prefix, None);
        assert!(matches!(Layout::of(&untied, &without), Err(Refusal::MissingTensor { .. })), "{prefix}");
        let both = renamed(&usual.0, "model.", prefix, Some(output));
        let mut both = Encoded(both.0);
        both.0.0.insert("other.embed_tokens.weight".to_owned(), (vec![1], vec![0.0]));
        assert!(matches!(Layout::of(&untied, &both), Err(Refusal::ExtraTensor { .. })), "{prefix}");
    }
}

#[test]
fn an_output_layer_of_its_own_is_used_whatever_the_configuration_says() {
    let [tied, untied] = [true, false].map(|tied| config("llama", &json!({ "tie_word_embeddings": tied })));
    let apart = Encoded(memory_of(&untied, false));
    let read = |config: &ModelConfig, source: &Encoded, id| {
        let layout = Layout::of(config, source).unwrap();
        (layout.is_tied(), layout.read(source, id).unwrap())
    };
    // Other values than the embedding's.
    assert_eq!(read(&tied, &apart, TensorId::Output), read(&untied, &apart, TensorId::Output));
    assert!(!read(&tied, &apart, TensorId::Embedding).0);
    // The same values, in one file or another encoding of them.
    let mut twice = apart.0.clone();
    let embedding = twice.0["model.embed_tokens.weight"].clone();
    twice.0.insert("lm_head.weight".to_owned(), embedding.clone());
    assert_eq!(read(&tied, &Encoded(twice.clone()), TensorId::Output), (true, embedding.1.clone()));
    assert_eq!(read(&untied, &Encoded(twice.clone()), TensorId::Output), (false, embedding.1.clone()));
    // Under the output layer's name alone.
    twice.0.remove("model.embed_tokens.weight");
    for id in [TensorId::Embedding, TensorId::Output] {
        assert_eq!(read(&tied, &Encoded(twice.clone()), id), (true, embedding.1.clone()));
    }
    assert!(matches!(Layout::of(&untied, &Encoded(twice)), Err(Refusal::MissingTensor { .. })));
}

#[test]
fn the_largest_configuration_implies_less_than_half_a_million_tensors() {
    let config = json!({
        "model_type": "qwen3_moe", "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4,
        "num_hidden_layers": 1024, "vocab_size": 320, "max_position_embeddings": 2048, "num_experts": 128,
        "num_experts_per_tok": 1, "moe_intermediate_size": 8
    });
    assert!(expected_tensors(&ModelConfig::parse(&config).unwrap()).len() < 500_000);
}
