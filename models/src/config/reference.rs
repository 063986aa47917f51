//! Every key of a configuration, for every family, against what the reference implementation makes of it.
//!
//! `tests/reference/config_values.py` wrote the table.

use serde_json::{Value, json};

use super::{Activation, Attention, FeedForward, Layer, Mixer, ModelConfig, RopeScaling};

/// The configuration of each row, and its values or `None` where the reference refuses it.
fn table() -> Vec<(Value, Option<Value>)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/config/reference.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let mut base = (Value::Null, Value::Null);
    let mut rows = Vec::new();
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        if base.0["model_type"] != row["family"] {
            base = (row["change"].clone(), row["values"].clone());
        }
        let mut config = base.0.clone();
        let object = config.as_object_mut().unwrap();
        object.extend(row["change"].as_object().unwrap().clone());
        for key in row["omitted"].as_array().unwrap() {
            object.remove(key.as_str().unwrap());
        }
        let values = match row.get("values") {
            None => None,
            Some(Value::Null) => Some(base.1.clone()),
            Some(values) => Some(values.clone()),
        };
        rows.push((config, values));
    }
    rows
}

fn close(found: f64, expected: &Value) -> bool {
    let expected = expected.as_f64().unwrap();
    (found - expected).abs() <= 2e-6 * expected.abs()
}

#[track_caller]
fn check_frequencies(frequencies: &[f32], expected: &Value, what: &Value) {
    let some = [0, frequencies.len() / 2, frequencies.len() - 1].map(|index| f64::from(frequencies[index]));
    assert_eq!(json!(frequencies.len()), expected["count"], "{what}");
    let same = some.iter().zip(expected["some"].as_array().unwrap()).all(|(found, value)| close(*found, value));
    assert!(same, "{some:?} for {expected} in {what}");
}

#[track_caller]
fn check_ropes(config: &ModelConfig, expected: &Value, what: &Value) {
    for (rope, expected) in config.ropes.iter().zip(expected.as_array().unwrap()).filter(|(_, row)| !row.is_null()) {
        check_frequencies(&rope.frequencies(), expected, what);
        assert!(close(rope.magnitude(), &expected["scale"]), "{} for {expected} in {what}", rope.magnitude());
        assert_eq!(matches!(rope.scaling, RopeScaling::Divided { .. }), expected.get("long").is_some(), "{what}");
        if let Some(long) = expected.get("long") {
            check_frequencies(&rope.long_frequencies(), long, what);
            assert_eq!(json!(config.long_from), long["from"], "{what}");
        }
    }
}

fn described(attention: &Attention) -> Value {
    json!({
        "head": attention.head_size, "groups": attention.heads / attention.key_heads, "window": attention.window,
        "bias": [attention.input_bias, attention.output_bias],
    })
}

#[track_caller]
fn check_layer(layer: &Layer, expected: &Value, what: &Value) {
    match &layer.mixer {
        Mixer::Attention(attention) => {
            for (key, value) in described(attention).as_object().unwrap() {
                assert_eq!(value, &expected[key], "{key} in {what}");
            }
            assert!(close(attention.scale.into(), &expected["scale"]), "scale in {what}");
        }
        Mixer::DeltaNet(net) => {
            let found = json!([net.key_heads, net.value_heads, net.key_size, net.value_size, net.taps]);
            assert_eq!(found, expected["net"], "{what}");
        }
    }
    match &layer.feed_forward {
        FeedForward::Dense(dense) => {
            let activation = if dense.activation == Activation::Silu { "silu" } else { "gelu_tanh" };
            assert_eq!(json!([dense.intermediate, activation, dense.bias]), expected["unit"], "{what}");
        }
        FeedForward::Experts(experts) => {
            assert_eq!(json!([experts.count, experts.chosen, experts.normalized]), expected["experts"], "{what}");
        }
    }
}

#[test]
fn every_key_means_in_every_family_what_it_means_in_the_reference() {
    let (mut held, mut refused, mut unexpected) = (0, 0, Vec::new());
    for (config, values) in table() {
        let (found, expected) = match (ModelConfig::parse(&config), values) {
            (Ok(found), Some(expected)) => (found, expected),
            // Of what the reference refuses no values are known.
            (_, None) => continue,
            // Classes without a use for these keys pass over them without a word, and other engines do not.
            (Err(refusal), Some(_)) => {
                let known =
                    ["rope_parameters.", "sliding_window = missing", "layer_types = [", "num_local_experts = 6"];
                if !known.iter().any(|start| refusal.to_string().starts_with(start)) {
                    unexpected.push(format!("{refusal}: {config}"));
                }
                refused += 1;
                continue;
            }
        };
        check_ropes(&found, &expected["ropes"], &config);
        for (layer, kind) in found.layers.iter().zip(expected["layers"].as_array().unwrap()) {
            check_layer(layer, &expected["kinds"][kind.as_u64().unwrap() as usize], &config);
        }
        assert_eq!(found.layers.len(), expected["layers"].as_array().unwrap().len(), "{config}");
        assert!(close(found.norm_epsilon.into(), &expected["epsilon"]), "{config}");
        assert_eq!(json!(found.tied_embeddings), expected["tied"], "{config}");
        assert_eq!(json!(found.logit_softcap), expected["softcap"], "{config}");
        assert_eq!(json!(found.max_positions), expected["positions"], "{config}");
        held += 1;
    }
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n"));
    assert!(held > 450 && refused < 60, "{held} rows held and {refused} were refused");
}
