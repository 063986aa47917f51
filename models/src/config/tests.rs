//! Configurations of real repositories are read, and what cannot be honoured is refused with a sentence.

use serde_json::{Value, json};

use super::*;

fn llama() -> Value {
    json!({
        "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4,
        "num_key_value_heads": 2, "num_hidden_layers": 3, "vocab_size": 320, "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-5
    })
}

fn with(mut config: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        config[key] = value.clone();
    }
    config
}

fn attention(config: &ModelConfig, layer: usize) -> &Attention {
    match &config.layers[layer].mixer {
        Mixer::Attention(attention) => attention,
        Mixer::DeltaNet(_) => panic!("layer {layer} has no attention"),
    }
}

#[test]
fn what_cannot_be_honoured_is_refused_with_the_field_and_what_it_should_be() {
    for (changes, sentence) in [
        (json!({"model_type": null}), "model_type = missing"),
        (json!({"model_type": "gpt2"}), "\"gpt2\" is not supported"),
        (json!({"hidden_size": null}), "hidden_size = missing"),
        (json!({"hidden_size": -1}), "hidden_size = -1"),
        (json!({"hidden_size": 1.5}), "hidden_size = 1.5"),
        (json!({"hidden_size": u64::MAX}), "from 1 to 1048576"),
        (json!({"hidden_size": 66}), "divisor of hidden_size"),
        (json!({"num_hidden_layers": 100_000}), "at most 1024"),
        (json!({"num_key_value_heads": 3}), "divisor of num_attention_heads"),
        (json!({"head_dim": 7}), "even number"),
        (json!({"head_dim": 2000}), "up to 1024"),
        (json!({"rms_norm_eps": "small"}), "a finite number"),
        (json!({"rms_norm_eps": 0}), "above 0"),
        (json!({"hidden_act": "relu"}), "silu or gelu_pytorch_tanh"),
        (json!({"attn_logit_softcapping": 50.0}), "capped attention"),
        (json!({"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}}), "default, linear, llama3, yarn"),
        (json!({"rope_scaling": {"rope_type": "llama3"}}), "rope_parameters.factor = missing"),
        (json!({"rope_theta": -5}), "above 0"),
        (json!({"partial_rotary_factor": 0.01}), "even number of dimensions"),
        (json!({"layer_types": ["full_attention"]}), "for each layer"),
        (json!({"layer_types": ["linear_attention", "full_attention", "full_attention"]}), "layer_types"),
        (json!({"eos_token_id": "end"}), "a token id"),
        (json!({"text_config": {}}), "not supported"),
    ] {
        let refusal = ModelConfig::parse(&with(llama(), changes.clone())).unwrap_err().to_string();
        assert!(refusal.contains(sentence), "{changes}: {refusal}");
    }
    for nonsense in [json!(null), json!([]), json!("llama"), json!({}), json!({"model_type": 3})] {
        assert!(ModelConfig::parse(&nonsense).is_err());
    }
}

#[test]
fn older_and_newer_ways_to_write_the_rope_mean_the_same() {
    let scaling = json!({
        "rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192
    });
    let newer = with(scaling.clone(), json!({"rope_theta": 500_000.0}));
    let old = ModelConfig::parse(&with(llama(), json!({"rope_theta": 500_000.0, "rope_scaling": scaling}))).unwrap();
    let new = ModelConfig::parse(&with(llama(), json!({"rope_parameters": newer}))).unwrap();
    assert_eq!(old, new);
    assert!(matches!(old.ropes[0].scaling, RopeScaling::Llama3 { .. }));
}

#[test]
fn stretched_frequencies_are_those_of_the_papers() {
    let rope =
        |scaling: Value| ModelConfig::parse(&with(llama(), json!({"rope_scaling": scaling}))).unwrap().ropes[0].clone();
    let plain = ModelConfig::parse(&llama()).unwrap().ropes[0].frequencies();
    let linear = rope(json!({"type": "linear", "factor": 4.0}));
    assert!(linear.frequencies().iter().zip(&plain).all(|(found, plain)| (found * 4.0 - plain).abs() < 1e-7));
    let yarn = rope(json!({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512}));
    assert!((yarn.magnitude() - (0.1 * 4.0_f64.ln() + 1.0)).abs() < 1e-12);
    let frequencies = yarn.frequencies();
    // the fastest turns too often to be stretched, the slowest not once
    assert_eq!(frequencies[0], plain[0]);
    assert!((frequencies.last().unwrap() * 4.0 - plain.last().unwrap()).abs() < 1e-7);
    let divided = with(
        llama(),
        json!({
            "model_type": "phi3", "max_position_embeddings": 131_072, "original_max_position_embeddings": 4096,
            "rope_scaling": {"type": "longrope", "short_factor": [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7], "long_factor": [1]}
        }),
    );
    let divided = ModelConfig::parse(&divided).unwrap();
    assert_eq!(divided.max_positions, 4096);
    assert!((divided.ropes[0].magnitude() - (1.0_f64 + 32.0_f64.ln() / 4096.0_f64.ln()).sqrt()).abs() < 1e-12);
}

#[test]
fn windows_apply_to_the_layers_that_each_family_says() {
    let windows = |changes: Value| -> Vec<Option<usize>> {
        let config = ModelConfig::parse(&with(llama(), changes)).unwrap();
        (0..config.layers.len()).map(|layer| attention(&config, layer).window).collect()
    };
    let some = Some(16);
    assert_eq!(windows(json!({"model_type": "mistral", "sliding_window": 16})), [some; 3]);
    assert_eq!(windows(json!({"model_type": "mistral", "sliding_window": null})), [None; 3]);
    assert_eq!(windows(json!({"model_type": "qwen2", "sliding_window": 16, "use_sliding_window": false})), [None; 3]);
    let qwen = json!({"model_type": "qwen2", "sliding_window": 16, "use_sliding_window": true, "max_window_layers": 2});
    assert_eq!(windows(qwen), [None, None, some]);
    let gemma =
        json!({"model_type": "gemma3_text", "sliding_window": 16, "sliding_window_pattern": 2, "num_hidden_layers": 4});
    assert_eq!(windows(gemma), [some, None, some, None]);
}

#[test]
fn a_few_numbers_do_not_imply_millions_of_tensors() {
    let config = json!({
        "model_type": "qwen3_moe", "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4,
        "num_hidden_layers": 1024, "vocab_size": 320, "max_position_embeddings": 2048, "num_experts": 4096,
        "num_experts_per_tok": 1, "moe_intermediate_size": 8
    });
    let refusal = ModelConfig::parse(&config).unwrap_err().to_string();
    assert!(refusal.contains("num_experts = 4096") && refusal.contains("over all layers"), "{refusal}");
    assert!(ModelConfig::parse(&with(config, json!({ "num_experts": 128 }))).is_ok());
}
