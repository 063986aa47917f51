//! Configurations of real repositories are read, and what is not supported is refused with a sentence.

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
fn what_is_not_supported_is_refused_with_the_field_and_what_it_should_be() {
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
        (json!({"rope_scaling": {"rope_type": "axial", "factor": 2.0}}), "default, linear, dynamic, llama3, yarn"),
        (json!({"rope_scaling": {"rope_type": "dynamic"}}), "rope_parameters.factor = missing"),
        (json!({"rope_scaling": {"rope_type": "linear", "factor": 2.0, "alpha": 3}}), "rope_parameters.alpha = 3"),
        (
            json!({"rope_scaling": {"rope_type": "yarn", "factor": 8, "mscale": -9, "mscale_all_dim": 1}}),
            "rope_parameters.mscale = -9",
        ),
        (
            json!({"rope_scaling": {"rope_type": "yarn", "factor": 8, "beta_slow": -1}}),
            "rope_parameters.beta_slow = -1",
        ),
        (
            json!({"partial_rotary_factor": 0.5, "rope_scaling": {"rope_type": "linear", "factor": 2.0}}),
            "rotates whole heads",
        ),
        (json!({"model_type": "phi3", "rope_scaling": {"rope_type": "linear", "factor": 2.0}}), "default or longrope"),
        (json!({"rope_parameters": [1]}), "an object"),
        (json!({"model_type": "gemma3_text", "use_bidirectional_attention": true}), "looks back only"),
        (json!({"model_type": "mistral", "layer_types": 7}), "a list of strings"),
        (json!({"rope_scaling": {"rope_type": "llama3"}}), "rope_parameters.factor = missing"),
        (json!({"rope_theta": -5}), "above 0"),
        (json!({"model_type": "phi3", "partial_rotary_factor": 0.01}), "one dimension or more"),
        (json!({"model_type": "qwen3", "layer_types": ["full_attention"]}), "for each layer"),
        (
            json!({"model_type": "qwen3", "layer_types": ["linear_attention", "full_attention", "full_attention"]}),
            "layer_types",
        ),
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
    // The fastest rotates too often to be scaled, the slowest not once.
    assert_eq!(frequencies[0], plain[0]);
    assert!((frequencies.last().unwrap() * 4.0 - plain.last().unwrap()).abs() < 1e-7);
    let divided = with(
        llama(),
        json!({
            "model_type": "phi3", "max_position_embeddings": 131_072, "original_max_position_embeddings": 4096,
            "rope_scaling": {"type": "longrope", "short_factor": [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7], "long_factor": [1, 2, 3, 4, 5, 6, 7, 8]}
        }),
    );
    let divided = ModelConfig::parse(&divided).unwrap();
    assert_eq!((divided.max_positions, divided.long_from), (131_072, Some(4096)));
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

/// A configuration with every key that some family asks for.
fn complete(model_type: &str) -> Value {
    with(
        llama(),
        json!({
            "model_type": model_type, "num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 24,
            "shared_expert_intermediate_size": 16, "linear_num_key_heads": 2, "linear_num_value_heads": 4,
            "linear_key_head_dim": 8, "linear_value_head_dim": 8, "linear_conv_kernel_dim": 4
        }),
    )
}

/// Facts of a family that its configuration file leaves out.
struct Facts {
    head_size: usize,
    theta: f64,
    tied: bool,
    input_bias: bool,
    head_norms: bool,
    norm_offset: f32,
    activation: Activation,
}

#[test]
fn families_differ_in_what_their_files_leave_out() {
    let plain = || Facts {
        head_size: 16,
        theta: 10_000.0,
        tied: false,
        input_bias: false,
        head_norms: false,
        norm_offset: 0.0,
        activation: Activation::Silu,
    };
    let gemma = || Facts {
        head_size: 256,
        theta: 1e6,
        tied: true,
        head_norms: true,
        norm_offset: 1.0,
        activation: Activation::GeluTanh,
        ..plain()
    };
    let hybrid = || Facts { head_size: 256, head_norms: true, norm_offset: 1.0, ..plain() };
    for (model_type, facts) in [
        ("llama", plain()),
        ("mistral", plain()),
        ("phi3", plain()),
        ("qwen2", Facts { input_bias: true, ..plain() }),
        ("qwen3", Facts { head_size: 128, head_norms: true, ..plain() }),
        ("qwen3_moe", Facts { head_norms: true, ..plain() }),
        ("qwen3_next", hybrid()),
        ("qwen3_5", hybrid()),
        ("qwen3_5_text", hybrid()),
        ("qwen3_5_moe", hybrid()),
        ("qwen3_5_moe_text", hybrid()),
        ("gemma3_text", gemma()),
        ("gemma3", gemma()),
    ] {
        let config = ModelConfig::parse(&with(complete(model_type), json!({"num_hidden_layers": 4}))).unwrap();
        let last = attention(&config, 3);
        assert_eq!(last.head_size, facts.head_size, "{model_type}");
        assert_eq!(config.ropes[0].theta, facts.theta, "{model_type}");
        assert_eq!(config.tied_embeddings, facts.tied, "{model_type}");
        assert_eq!((last.input_bias, last.output_bias), (facts.input_bias, false), "{model_type}");
        assert_eq!((last.head_norms, config.norm_offset), (facts.head_norms, facts.norm_offset), "{model_type}");
        let activation = match &config.layers[3].feed_forward {
            FeedForward::Dense(dense) => dense.activation,
            FeedForward::Experts(experts) => experts.activation,
        };
        assert_eq!(activation, facts.activation, "{model_type}");
        assert_eq!(config.embedding_scale, if model_type.starts_with("gemma3") { 8.0 } else { 1.0 });
        assert_eq!(config.sandwich_norms, model_type.starts_with("gemma3"));
        assert_eq!(config.is_recurrent(), last.gated, "{model_type}");
    }
    assert_eq!(Family::supported().count(), 13);
}

#[test]
fn every_size_is_from_one_to_a_million() {
    let sizes = [
        "hidden_size",
        "intermediate_size",
        "num_attention_heads",
        "num_key_value_heads",
        "num_hidden_layers",
        "vocab_size",
        "max_position_embeddings",
        "head_dim",
        "sliding_window",
        "num_experts",
        "num_experts_per_tok",
        "moe_intermediate_size",
        "decoder_sparse_step",
    ];
    for key in sizes {
        for value in [json!(0), json!(-1), json!(0.5), json!((1 << 20) + 1), json!("8"), json!([8]), json!(true)] {
            // One layer is dense, so that every size is read.
            let config = with(complete("qwen3_moe"), json!({ "mlp_only_layers": [0], key: value.clone() }));
            let refusal = ModelConfig::parse(&config).expect_err(key).to_string();
            assert!(refusal.starts_with(&format!("{key} = {value}")), "{key} {value}: {refusal}");
        }
    }
    for key in ["vocab_size", "intermediate_size", "max_position_embeddings"] {
        for value in [1, 1 << 20] {
            assert!(ModelConfig::parse(&with(llama(), json!({ key: value }))).is_ok(), "{key} {value}");
        }
    }
}

#[test]
fn a_delta_net_has_sizes_that_its_state_can_have() {
    for (changes, sentence) in [
        (json!({"linear_num_value_heads": 3}), "a multiple of linear_num_key_heads"),
        (json!({"linear_key_head_dim": 1025}), "at most 1024"),
        (json!({"linear_value_head_dim": 1025}), "at most 1024"),
        (json!({"linear_conv_kernel_dim": 17}), "at most 16"),
        (json!({"linear_num_key_heads": null}), "linear_num_key_heads = missing"),
        (json!({"shared_expert_intermediate_size": null}), "shared_expert_intermediate_size = missing"),
    ] {
        for model_type in ["qwen3_next", "qwen3_5_moe_text"] {
            let refusal = ModelConfig::parse(&with(complete(model_type), changes.clone())).unwrap_err().to_string();
            assert!(refusal.contains(sentence), "{changes}: {refusal}");
        }
        assert!(ModelConfig::parse(&with(complete("qwen3_moe"), changes)).is_ok(), "other families do not look at it");
    }
    let config = ModelConfig::parse(&complete("qwen3_next")).unwrap();
    let Mixer::DeltaNet(net) = &config.layers[0].mixer else { panic!("the first layer is recurrent") };
    assert_eq!((net.channels(), net.value_width()), (2 * 2 * 8 + 4 * 8, 32));
}

#[test]
fn layers_have_experts_where_the_configuration_says() {
    let sparse = |changes: Value| -> Vec<bool> {
        let config = ModelConfig::parse(&with(complete("qwen3_moe"), changes)).unwrap();
        config.layers.iter().map(|layer| matches!(layer.feed_forward, FeedForward::Experts(_))).collect()
    };
    assert_eq!(sparse(json!({})), [true; 3]);
    assert_eq!(sparse(json!({"mlp_only_layers": [0, 2]})), [false, true, false]);
    assert_eq!(sparse(json!({"decoder_sparse_step": 2})), [false, true, false]);
    assert_eq!(sparse(json!({"num_experts": null, "num_local_experts": 4})), [true; 3]);
    let without = complete("qwen3_moe");
    let without = with(without, json!({"num_experts": null}));
    assert!(ModelConfig::parse(&without).unwrap_err().to_string().starts_with("num_experts = missing"));
    let normalized = |model_type: &str, changes: Value| {
        let config = ModelConfig::parse(&with(complete(model_type), changes)).unwrap();
        match &config.layers[0].feed_forward {
            FeedForward::Experts(experts) => experts.normalized,
            FeedForward::Dense(_) => panic!("{model_type} has experts"),
        }
    };
    for (model_type, changes, expected) in [
        ("qwen3_moe", json!({}), false),
        ("qwen3_moe", json!({"norm_topk_prob": true}), true),
        ("qwen3_next", json!({}), true),
        ("qwen3_next", json!({"norm_topk_prob": false}), false),
        ("qwen3_5_moe", json!({"norm_topk_prob": false}), true),
    ] {
        assert_eq!(normalized(model_type, changes.clone()), expected, "{model_type} {changes}");
    }
    let refusal = ModelConfig::parse(&with(complete("qwen3_moe"), json!({"num_experts_per_tok": 7}))).unwrap_err();
    assert!(refusal.to_string().contains("at most num_experts"), "{refusal}");
}

#[test]
fn hybrid_families_alternate_as_their_files_say() {
    let recurrent = |changes: Value| -> Vec<bool> {
        let config = ModelConfig::parse(&with(complete("qwen3_next"), changes)).unwrap();
        config.layers.iter().map(|layer| matches!(layer.mixer, Mixer::DeltaNet(_))).collect()
    };
    assert_eq!(recurrent(json!({"num_hidden_layers": 5})), [true, true, true, false, true]);
    assert_eq!(recurrent(json!({"full_attention_interval": 2})), [true, false, true]);
    let listed = json!({"layer_types": ["full_attention", "linear_attention", "full_attention"]});
    assert_eq!(recurrent(listed), [false, true, false]);
}

#[test]
fn phi3_has_no_biases_whatever_its_file_says() {
    let phi = |changes: Value| ModelConfig::parse(&with(complete("phi3"), changes)).unwrap();
    assert_eq!(phi(json!({"attention_bias": true, "mlp_bias": true})), phi(json!({})));
    let llama = ModelConfig::parse(&with(llama(), json!({"attention_bias": true, "mlp_bias": true}))).unwrap();
    assert_eq!((attention(&llama, 0).input_bias, attention(&llama, 0).output_bias), (true, true));
}

#[test]
fn gemma_rotates_its_sliding_layers_otherwise_than_its_full_ones() {
    let ropes = |changes: Value| ModelConfig::parse(&with(complete("gemma3_text"), changes)).unwrap().ropes;
    let thetas = |ropes: &[Rope]| ropes.iter().map(|rope| rope.theta).collect::<Vec<_>>();
    assert_eq!(thetas(&ropes(json!({}))), [1e6, 1e4]);
    let older = ropes(
        json!({"rope_theta": 5e5, "rope_local_base_freq": 2e4, "rope_scaling": {"rope_type": "linear", "factor": 8.0}}),
    );
    assert_eq!(thetas(&older), [5e5, 2e4]);
    assert_eq!((&older[0].scaling, &older[1].scaling), (&RopeScaling::Linear { factor: 8.0 }, &RopeScaling::None));
    let newer = ropes(json!({"rope_parameters": {
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 5e5},
        "sliding_attention": {"rope_type": "default", "rope_theta": 2e4}
    }}));
    assert_eq!(newer, older);
    let config = ModelConfig::parse(&with(complete("gemma3_text"), json!({"num_hidden_layers": 6}))).unwrap();
    let used: Vec<usize> = (0..6).map(|layer| attention(&config, layer).rope).collect();
    assert_eq!(used, [1, 1, 1, 1, 1, 0]);
}

#[test]
fn a_part_of_the_head_is_rotated_where_the_file_says() {
    let phi = || with(llama(), json!({"model_type": "phi3"}));
    for (changes, expected) in [
        (json!({}), 16),
        (json!({"partial_rotary_factor": 0.5}), 8),
        (json!({"partial_rotary_factor": 0.25}), 4),
        (json!({"partial_rotary_factor": 7.0}), 16),
        (json!({"rope_parameters": {"partial_rotary_factor": 0.5, "rope_theta": 1e4}}), 8),
        (json!({"model_type": "llama", "rope_dimension_count": 12}), 12),
        (json!({"model_type": "llama", "partial_rotary_factor": 0.25}), 16),
        (json!({"partial_rotary_factor": 0.2}), 4),
        (json!({"model_type": "qwen3_5", "head_dim": 16}), 4),
    ] {
        let rope = ModelConfig::parse(&with(phi(), changes.clone())).unwrap().ropes[0].clone();
        assert_eq!((rope.dimensions, rope.frequencies().len()), (expected, expected / 2), "{changes}");
    }
}

#[test]
fn frequencies_are_single_precision_whatever_the_tensors_are() {
    let rope = |changes: Value| ModelConfig::parse(&with(llama(), changes)).unwrap().ropes[0].clone();
    let plain = rope(json!({}));
    assert_eq!(plain, rope(json!({"dtype": "bfloat16", "max_position_embeddings": 512})));
    let expected: Vec<f32> = (0..8).map(|pair| 10_000_f64.powf(-2.0 * f64::from(pair) / 16.0) as f32).collect();
    assert_eq!(plain.frequencies(), expected);
}

#[test]
fn ends_of_texts_are_found_in_either_configuration() {
    let inner = with(complete("qwen3_5"), json!({"eos_token_id": null, "bos_token_id": 3}));
    let nested = |changes: Value| {
        let outer = with(json!({"model_type": "qwen3_5", "text_config": inner.clone()}), changes);
        ModelConfig::parse(&outer).unwrap()
    };
    let config = nested(json!({"eos_token_id": [7, 8], "tie_word_embeddings": true}));
    assert_eq!((config.end_tokens, config.begin_token), (vec![7, 8], Some(3)));
    assert_eq!((config.nested, config.tied_embeddings), (true, true));
    assert!(nested(json!({})).end_tokens.is_empty());
    // -1 was once written for none.
    assert_eq!(nested(json!({"eos_token_id": [-1, 7, null]})).end_tokens, [7]);
    let both = with(
        json!({"model_type": "qwen3_5", "text_config": with(inner.clone(), json!({"eos_token_id": 8}))}),
        json!({"eos_token_id": [7, 8]}),
    );
    assert_eq!(ModelConfig::parse(&both).unwrap().end_tokens, [8, 7], "both levels end a reply");
    assert!(nested(json!({"eos_token_id": -1})).end_tokens.is_empty());
    let flat = ModelConfig::parse(&with(llama(), json!({"eos_token_id": 5}))).unwrap();
    assert_eq!((flat.end_tokens, flat.nested), (vec![5], false));
}

#[test]
fn refusals_quote_only_the_beginning_of_what_was_found() {
    let long = "x".repeat(1000);
    let refusal = ModelConfig::parse(&with(llama(), json!({"hidden_size": long}))).unwrap_err().to_string();
    assert!(refusal.contains("xxx...") && refusal.len() < 200, "{refusal}");
    let refusal = ModelConfig::parse(&json!({"model_type": "y".repeat(1000)})).unwrap_err().to_string();
    assert!(!refusal.contains(&"y".repeat(61)), "{refusal}");
}
