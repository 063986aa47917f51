//! One model in many layouts: what nothing computes with, and how the rest is cut, leaves the fingerprint alone.

use std::{fs, path::Path};

use models::{
    admission::Admitted,
    fingerprint::{SketchKey, fingerprint},
};
use serde_json::{Value, json};

use super::{copy, golden, open};

type Tensors = Vec<(String, Vec<usize>, Vec<f32>)>;

fn tensors(model: &Admitted) -> Tensors {
    let source = model.tensors.as_ref();
    let read = |name: String| (name.clone(), source.shape(&name).unwrap(), source.read(&name).unwrap());
    source.names().into_iter().map(read).collect()
}

fn write(folder: &Path, config: &Value, tensors: &Tensors) {
    let mut header = serde_json::Map::new();
    let mut data: Vec<u8> = Vec::new();
    for (name, shape, values) in tensors {
        let from = data.len();
        data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        header.insert(name.clone(), json!({ "dtype": "F32", "shape": shape, "data_offsets": [from, data.len()] }));
    }
    let header = Value::Object(header).to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    fs::write(folder.join("model.safetensors"), bytes).unwrap();
}

#[track_caller]
fn check(family: &str, change: impl FnOnce(&mut Value, &mut Tensors)) {
    let original = open(copy(family).path()).unwrap();
    let (mut config, mut all) = (original.config_json.clone(), tensors(&original));
    change(&mut config, &mut all);
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &config, &all);
    let key = SketchKey::derive(b"secret");
    let print = |model: &Admitted| fingerprint(model, &key).unwrap();
    let (one, two) = (print(&original), print(&open(folder.path()).unwrap()));
    let names = |print: &models::fingerprint::Fingerprint| -> Vec<String> {
        print.tensors.iter().map(|tensor| tensor.name.clone()).collect()
    };
    assert_eq!(names(&one), names(&two));
    for (one, two) in one.tensors.iter().zip(&two.tensors) {
        assert_eq!(one, two, "{}", one.name);
    }
}

fn take(all: &mut Tensors, name: &str) -> (Vec<usize>, Vec<f32>) {
    let place = all.iter().position(|(found, ..)| found == name).unwrap_or_else(|| panic!("{name}"));
    let (_, shape, values) = all.swap_remove(place);
    (shape, values)
}

#[test]
fn tensors_that_nothing_reads_do_not_count() {
    check("llama", |_, all| {
        all.push(("mtp.layers.0.anything".to_owned(), vec![3], vec![1.0; 3]));
        all.push(("model.layers.1.self_attn.rotary_emb.inv_freq".to_owned(), vec![7, 1], vec![2.0; 7]));
    });
}

#[test]
fn stacked_experts_are_experts() {
    check("qwen3-moe", |config, all| {
        let layers = config["num_hidden_layers"].as_u64().unwrap();
        for layer in 0..layers {
            let experts = format!("model.layers.{layer}.mlp.experts");
            let (mut both, mut downs) = (Vec::new(), Vec::new());
            let (mut inner, mut hidden) = (0, 0);
            let count = config["num_experts"].as_u64().or(config["num_local_experts"].as_u64()).unwrap() as usize;
            for expert in 0..count {
                for part in ["gate", "up"] {
                    let (shape, values) = take(all, &format!("{experts}.{expert}.{part}_proj.weight"));
                    (inner, hidden) = (shape[0], shape[1]);
                    both.extend(values);
                }
                downs.extend(take(all, &format!("{experts}.{expert}.down_proj.weight")).1);
            }
            all.push((format!("{experts}.gate_up_proj"), vec![count, 2 * inner, hidden], both));
            all.push((format!("{experts}.down_proj"), vec![count, hidden, inner], downs));
        }
    });
}

#[test]
fn an_output_layer_stored_twice_is_one() {
    check("gemma3", |config, all| {
        assert!(config.get("tie_word_embeddings").is_none_or(|tied| tied == true));
        config["tie_word_embeddings"] = json!(false);
        let embedding = all.iter().find(|(name, ..)| name == "model.embed_tokens.weight").unwrap();
        let (shape, values) = (embedding.1.clone(), embedding.2.clone());
        all.retain(|(name, ..)| name != "lm_head.weight");
        all.push(("lm_head.weight".to_owned(), shape, values));
    });
}

#[test]
fn biases_of_zero_are_none() {
    check("llama", |config, all| {
        (config["attention_bias"], config["mlp_bias"]) = (json!(true), json!(true));
        let rows: Vec<(String, usize)> = all
            .iter()
            .filter(|(name, ..)| name.ends_with("_proj.weight"))
            .map(|(name, shape, _)| (name.replace(".weight", ".bias"), shape[0]))
            .collect();
        all.extend(rows.into_iter().map(|(name, rows)| (name, vec![rows], vec![0.0; rows])));
    });
}

#[test]
fn fused_projections_are_projections() {
    check("phi3", |config, all| {
        let size = |key: &str| config[key].as_u64().unwrap() as usize;
        let head =
            config["head_dim"].as_u64().map_or(size("hidden_size") / size("num_attention_heads"), |n| n as usize);
        let (queries, keys) = (size("num_attention_heads") * head, size("num_key_value_heads") * head);
        let (inner, hidden) = (size("intermediate_size"), size("hidden_size"));
        for layer in 0..size("num_hidden_layers") {
            let name = |part: &str| format!("model.layers.{layer}.{part}.weight");
            let mut split = |from: &str, parts: &[(&str, usize)]| {
                let (_, mut values) = take(all, &name(from));
                for (part, rows) in parts {
                    let rest = values.split_off(rows * hidden);
                    all.push((name(part), vec![*rows, hidden], values));
                    values = rest;
                }
            };
            let parts = [("self_attn.q_proj", queries), ("self_attn.k_proj", keys), ("self_attn.v_proj", keys)];
            split("self_attn.qkv_proj", &parts);
            split("mlp.gate_up_proj", &[("mlp.gate_proj", inner), ("mlp.up_proj", inner)]);
        }
        config["model_type"] = json!("llama");
        config["rope_scaling"] = Value::Null;
        config.as_object_mut().unwrap().remove("rope_parameters");
    });
}

/// A configuration may name far more experts and layers than there are tensors.
#[test]
fn a_configuration_is_followed_no_further_than_there_are_tensors() {
    let folder = copy("qwen3-moe");
    let path = folder.path().join("config.json");
    let mut config: Value =
        serde_json::from_slice(&fs::read(golden("qwen3-moe").join("config.json")).unwrap()).unwrap();
    (config["num_hidden_layers"], config["num_experts"]) = (json!(1000), json!(130));
    config.as_object_mut().unwrap().remove("layer_types");
    config.as_object_mut().unwrap().remove("num_local_experts");
    fs::write(path, config.to_string()).unwrap();
    let refusal = super::refusal(folder.path());
    assert!(refusal.to_string().contains("make the two agree"), "{refusal}");
}
