//! Conversion of GGUF metadata to the `config.json` that it was made from.

use serde_json::{Map, Value as Json, json};

use super::{Content, turn_ends::end_tokens};
use crate::{
    layout::ggml::{self, Architecture},
    refusal::Refusal,
};

/// RoPE scaling of Llama 3.1 and later: low and high factor and original length, the same in all of them and not in files.
const LLAMA3_ROPE: (f64, f64, f64) = (1.0, 4.0, 8192.0);
/// Layers of Gemma 3 27B, the one whose scores are not scaled by the width of a head.
const GEMMA_27B_LAYERS: u64 = 62;

/// Metadata of RoPE scaling that is not computed with, and the values at which it changes nothing.
const UNUSED: [(&str, &[f64]); 4] = [
    ("rope.scaling.attn_factor", &[1.0]),
    ("rope.scaling.yarn_attn_factor", &[1.0]),
    ("rope.scaling.yarn_ext_factor", &[1.0, -1.0]),
    ("rope.scaling.yarn_log_multiplier", &[0.0]),
];

/// The configuration in the form that [`ModelConfig::parse`](crate::config::ModelConfig::parse) reads.
///
/// `bytes` is the whole file: RoPE scaling factors are stored as tensors.
///
/// # Errors
/// If metadata is missing or describes a model that is not supported.
pub fn config_json(content: &Content<'_>, bytes: &[u8]) -> Result<Json, Refusal> {
    let name = content.text("general.architecture").ok_or_else(|| missing("general.architecture"))?;
    let architecture = Architecture::of(name)?;
    let metadata = Metadata { content, prefix: name };
    let mut config = Map::new();
    let mut set = |key: &str, value: Json| {
        if !value.is_null() {
            config.insert(key.to_owned(), value);
        }
    };
    let (model_type, class) = match architecture {
        Architecture::Llama => ("llama", "LlamaForCausalLM"),
        Architecture::Qwen2 => ("qwen2", "Qwen2ForCausalLM"),
        Architecture::Qwen3 => ("qwen3", "Qwen3ForCausalLM"),
        Architecture::Qwen3Moe => ("qwen3_moe", "Qwen3MoeForCausalLM"),
        Architecture::Gemma3 => ("gemma3_text", "Gemma3ForCausalLM"),
        Architecture::Phi3 => ("phi3", "Phi3ForCausalLM"),
    };
    set("model_type", json!(model_type));
    set("architectures", json!([class]));
    set("vocab_size", json!(content.tensors.get(ggml::EMBEDDING).and_then(|info| info.shape.first())));
    let heads = metadata.count("attention.head_count")?;
    for (key, from) in [
        ("hidden_size", "embedding_length"),
        ("num_hidden_layers", "block_count"),
        ("intermediate_size", "feed_forward_length"),
        ("max_position_embeddings", "context_length"),
    ] {
        set(key, json!(metadata.count(from)?));
    }
    set("num_attention_heads", json!(heads));
    set("num_key_value_heads", json!(metadata.optional_count("attention.head_count_kv")?.unwrap_or(heads)));
    let head_size = metadata.optional_count("attention.key_length")?;
    // What the file leaves out is what llama.cpp presumes, and not what the configuration's class would.
    let head_size = head_size.or_else(|| metadata.count("embedding_length").ok()?.checked_div(heads));
    set("head_dim", json!(head_size));
    set("rope_dimension_count", json!(metadata.optional_count("rope.dimension_count")?));
    set("rms_norm_eps", json!(metadata.number("attention.layer_norm_rms_epsilon")));
    set("rope_theta", json!(metadata.number("rope.freq_base").unwrap_or(10_000.0)));
    set("tie_word_embeddings", json!(!content.tensors.contains_key(ggml::OUTPUT)));
    set("attention_bias", attention_bias(content, architecture));
    set("bos_token_id", json!(content.count("tokenizer.ggml.bos_token_id")));
    set("eos_token_id", json!(end_tokens(content)));
    set("dtype", json!("float32"));
    let rope = Rope { metadata: &metadata, bytes };
    match architecture {
        Architecture::Gemma3 => {
            let layers = metadata.count("block_count")?;
            let scale = match layers {
                GEMMA_27B_LAYERS => metadata.count("embedding_length")?.checked_div(heads),
                _ => head_size,
            };
            set("query_pre_attn_scalar", json!(scale));
            set("hidden_activation", json!("gelu_pytorch_tanh"));
            let window = metadata.optional_count("attention.sliding_window")?;
            set("sliding_window", json!(window));
            set(
                "sliding_window_pattern",
                // Without a window no layer has one, as in llama.cpp: of every layer the last is full.
                match window {
                    Some(_) => json!(metadata.optional_count("attention.sliding_window_pattern")?.unwrap_or(6)),
                    None => json!(1),
                },
            );
            set("rope_local_base_freq", json!(metadata.number("rope.freq_base_swa").unwrap_or(10_000.0)));
            set("final_logit_softcapping", json!(metadata.number("final_logit_softcapping")));
        }
        Architecture::Phi3 => {
            set("sliding_window", json!(metadata.optional_count("attention.sliding_window")?));
            set(
                "original_max_position_embeddings",
                json!(
                    metadata
                        .optional_count("rope.scaling.original_context_length")?
                        .unwrap_or(metadata.count("context_length")?)
                ),
            );
        }
        Architecture::Qwen3Moe => {
            set("num_experts", json!(metadata.count("expert_count")?));
            set("num_experts_per_tok", json!(metadata.count("expert_used_count")?));
            set("moe_intermediate_size", json!(metadata.count("expert_feed_forward_length")?));
            set("norm_topk_prob", json!(true));
            set("decoder_sparse_step", json!(1));
            set("mlp_only_layers", json!([]));
        }
        _ => {}
    }
    if architecture != Architecture::Gemma3 {
        set("hidden_act", json!("silu"));
    }
    set("rope_scaling", rope.scaling(architecture)?);
    // A window that the file does not name is none.
    config.entry("sliding_window").or_insert(Json::Null);
    Ok(Json::Object(config))
}

/// The key `attention_bias`; for Llama it covers the output projection as well.
fn attention_bias(content: &Content<'_>, architecture: Architecture) -> Json {
    match architecture {
        Architecture::Qwen2 | Architecture::Phi3 => Json::Null,
        _ => json!(content.tensors.contains_key(ggml::QUERY_BIAS)),
    }
}

/// The entries of one architecture.
struct Metadata<'a> {
    content: &'a Content<'a>,
    prefix: &'a str,
}

impl Metadata<'_> {
    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.prefix)
    }

    fn count(&self, key: &str) -> Result<u64, Refusal> {
        self.optional_count(key)?.ok_or_else(|| missing(&self.key(key)))
    }

    fn optional_count(&self, key: &str) -> Result<Option<u64>, Refusal> {
        let key = self.key(key);
        match self.content.metadata.get(key.as_str()) {
            None => Ok(None),
            Some(value) => value.as_u64().map(Some).ok_or_else(|| Refusal::Setting {
                value: "not one number".to_owned(),
                hint: "it must be one whole number for all layers".to_owned(),
                key,
            }),
        }
    }

    fn number(&self, key: &str) -> Option<f64> {
        self.content.number(&self.key(key))
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.content.text(&self.key(key))
    }
}

/// RoPE scaling as the file states it.
struct Rope<'a> {
    metadata: &'a Metadata<'a>,
    bytes: &'a [u8],
}

impl Rope<'_> {
    fn scaling(&self, architecture: Architecture) -> Result<Json, Refusal> {
        let metadata = self.metadata;
        if let Some(factors) = self.factors(ggml::ROPE_FACTORS) {
            return self.llama3(&factors);
        }
        if architecture == Architecture::Phi3
            && let [Some(short), Some(long)] = ggml::LONG_ROPE_FACTORS.map(|name| self.factors(name))
        {
            let attention = metadata.number("rope.scaling.attn_factor");
            return Ok(
                json!({ "rope_type": "longrope", "short_factor": short, "long_factor": long, "attention_factor": attention }),
            );
        }
        self.check_unused()?;
        // Files from before there were other ways to scale say it by another name.
        let factor = metadata.number("rope.scaling.factor").or_else(|| metadata.number("rope.scale_linear"));
        let factor = factor.filter(|factor| *factor != 1.0 && *factor != 0.0);
        match (metadata.text("rope.scaling.type"), factor) {
            (Some("none"), _) | (None, None) | (Some("linear" | "yarn" | "longrope"), None) => Ok(Json::Null),
            // A factor without a type is linear, as in llama.cpp.
            (Some("linear") | None, Some(factor)) => Ok(json!({ "rope_type": "linear", "factor": factor })),
            (Some("yarn"), Some(factor)) => Ok(json!({
                "rope_type": "yarn",
                "factor": factor,
                "original_max_position_embeddings": metadata.optional_count("rope.scaling.original_context_length")?,
                "beta_fast": metadata.number("rope.scaling.yarn_beta_fast"),
                "beta_slow": metadata.number("rope.scaling.yarn_beta_slow"),
            })),
            (kind, factor) => Err(Refusal::Setting {
                key: metadata.key("rope.scaling.type"),
                value: format!("{:?} with factor {factor:?}", kind.unwrap_or("missing")),
                hint: "only linear, yarn and the factors of Llama 3 and Phi-3 are known".to_owned(),
            }),
        }
    }

    /// Refuses what llama.cpp would compute with and nothing here does, unless it changes nothing.
    fn check_unused(&self) -> Result<(), Refusal> {
        for (key, neutral) in UNUSED {
            let changes = |value: &f64| !neutral.contains(value);
            if let Some(value) = self.metadata.number(key).filter(changes) {
                return Err(Refusal::Setting {
                    key: self.metadata.key(key),
                    value: value.to_string(),
                    hint: "nothing here computes with it; publish the model as safetensors with its rope_scaling"
                        .to_owned(),
                });
            }
        }
        Ok(())
    }

    fn factors(&self, name: &str) -> Option<Vec<f32>> {
        let info = self.metadata.content.tensors.get(name)?;
        (info.shape.len() == 1 && info.shape[0] <= 1 << 12)
            .then(|| info.encoding.decode(&self.bytes[info.bytes.clone()]))
    }

    /// Recovers the parameters of the factors, and checks that they give these factors.
    fn llama3(&self, factors: &[f32]) -> Result<Json, Refusal> {
        let (low, high, original) = LLAMA3_ROPE;
        let factor = factors.iter().copied().fold(1.0f32, f32::max);
        let theta = self.metadata.number("rope.freq_base").unwrap_or(10_000.0);
        let fits = factors.iter().enumerate().all(|(index, found)| {
            let wavelength = std::f64::consts::TAU * theta.powf(index as f64 / factors.len() as f64);
            let blend = ((original / wavelength - low) / (high - low)).clamp(0.0, 1.0);
            let expected = 1.0 / ((1.0 - blend) / f64::from(factor) + blend);
            (f64::from(*found) - expected).abs() <= 1e-3 * expected
        });
        if !fits || factor <= 1.0 {
            return Err(Refusal::Setting {
                key: ggml::ROPE_FACTORS.to_owned(),
                value: format!("{} factors up to {factor}", factors.len()),
                hint: "they are not those of Llama 3; publish the model as safetensors with its rope_scaling"
                    .to_owned(),
            });
        }
        Ok(json!({
            "rope_type": "llama3",
            "factor": factor,
            "low_freq_factor": low,
            "high_freq_factor": high,
            "original_max_position_embeddings": original as u64,
        }))
    }
}

fn missing(key: &str) -> Refusal {
    Refusal::Setting { key: key.to_owned(), value: "missing".to_owned(), hint: "convert the model again".to_owned() }
}
