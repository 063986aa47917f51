//! Model families: mapping from each one's `config.json` to layers.

use serde_json::Value;

use super::{
    Activation, Attention, DeltaNet, Dense, Experts, FeedForward, Layer, Mixer, ModelConfig, Rope, RopeScaling,
    fields::{Fields, invalid, missing},
};
use crate::refusal::Refusal;

/// No model has more layers than this.
const MOST_LAYERS: usize = 1024;
/// No model has more experts in one layer, nor in all layers together: the largest published ones have 384 and 23,040.
const MOST_EXPERTS: (usize, usize) = (4096, 1 << 17);

/// Model family: models whose `config.json` is read by the same rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Llama and everything built like it, SmolLM2 included.
    Llama,
    /// Mistral.
    Mistral,
    /// Qwen2 and Qwen2.5: biases on query, key and value.
    Qwen2,
    /// Qwen3: norms on queries and keys.
    Qwen3,
    /// Qwen3 with a mixture of experts.
    Qwen3Moe,
    /// Qwen3-Next: gated delta nets between gated attention layers, with experts.
    Qwen3Next,
    /// Qwen3.5 and Qwen3.6 text models: like Qwen3-Next with separate projections.
    Qwen35,
    /// Gemma 3: sliding windows, norms around everything.
    Gemma3,
    /// Phi-3: fused projections.
    Phi3,
}

/// `model_type` as it appears in files, and the family it means.
const MODEL_TYPES: &[(&str, Family)] = &[
    ("llama", Family::Llama),
    ("mistral", Family::Mistral),
    ("qwen2", Family::Qwen2),
    ("qwen3", Family::Qwen3),
    ("qwen3_moe", Family::Qwen3Moe),
    ("qwen3_next", Family::Qwen3Next),
    ("qwen3_5", Family::Qwen35),
    ("qwen3_5_text", Family::Qwen35),
    ("qwen3_5_moe", Family::Qwen35),
    ("qwen3_5_moe_text", Family::Qwen35),
    ("gemma3", Family::Gemma3),
    ("gemma3_text", Family::Gemma3),
    ("phi3", Family::Phi3),
];

/// Defaults of a family for keys that its `config.json` leaves out.
struct FamilyDefaults {
    theta: f64,
    head_size: Option<usize>,
    activation: Activation,
    tied: bool,
    input_bias: bool,
}

impl Family {
    /// The family of a `model_type`.
    #[must_use]
    pub fn of(model_type: &str) -> Option<Self> {
        MODEL_TYPES.iter().find(|(name, _)| *name == model_type).map(|(_, family)| *family)
    }

    /// Every `model_type` that can be run.
    pub fn supported() -> impl Iterator<Item = &'static str> {
        MODEL_TYPES.iter().map(|(name, _)| *name)
    }

    /// True where norm tensors are stored as their distance from one.
    fn zero_centered_norms(self) -> bool {
        matches!(self, Self::Gemma3 | Self::Qwen3Next | Self::Qwen35)
    }

    fn head_norms(self) -> bool {
        matches!(self, Self::Qwen3 | Self::Qwen3Moe | Self::Qwen3Next | Self::Qwen35 | Self::Gemma3)
    }

    fn hybrid(self) -> bool {
        matches!(self, Self::Qwen3Next | Self::Qwen35)
    }

    fn defaults(self) -> FamilyDefaults {
        let plain = FamilyDefaults {
            theta: 10_000.0,
            head_size: None,
            activation: Activation::Silu,
            tied: false,
            input_bias: false,
        };
        match self {
            Self::Gemma3 => FamilyDefaults {
                theta: 1_000_000.0,
                head_size: Some(256),
                activation: Activation::GeluTanh,
                tied: true,
                ..plain
            },
            Self::Qwen2 => FamilyDefaults { input_bias: true, ..plain },
            Self::Qwen3 => FamilyDefaults { head_size: Some(128), ..plain },
            Self::Qwen3Next | Self::Qwen35 => FamilyDefaults { head_size: Some(256), ..plain },
            Self::Llama | Self::Mistral | Self::Qwen3Moe | Self::Phi3 => plain,
        }
    }
}

pub(super) fn parse(value: &Value) -> Result<ModelConfig, Refusal> {
    let outer = Fields::new(value);
    let model_type = outer.text("model_type")?.ok_or_else(|| missing("model_type"))?;
    let unsupported = || Refusal::UnsupportedArchitecture {
        architecture: model_type.chars().take(60).collect(),
        supported: Family::supported().collect::<Vec<_>>().join(", "),
    };
    let family = Family::of(model_type).ok_or_else(unsupported)?;
    let (fields, nested) = match (outer.child("text_config"), family) {
        (Some(text), Family::Qwen35 | Family::Gemma3) => (text, true),
        (Some(_), _) => return Err(unsupported()),
        (None, _) => (outer, false),
    };
    let hidden = fields.size("hidden_size")?;
    let defaults = family.defaults();
    let ropes = ropes(family, fields, hidden, &defaults)?;
    let mut max_positions = fields.size("max_position_embeddings")?;
    if let (Some(original), true) = (
        fields.optional_size("original_max_position_embeddings")?,
        ropes.iter().any(|rope| matches!(rope.scaling, RopeScaling::Divided { .. })),
    ) {
        max_positions = max_positions.min(original);
    }
    let gemma = family == Family::Gemma3;
    Ok(ModelConfig {
        family,
        nested,
        vocabulary: fields.size("vocab_size")?,
        hidden,
        max_positions,
        norm_epsilon: fields.positive("rms_norm_eps")?.unwrap_or(1e-6) as f32,
        norm_offset: if family.zero_centered_norms() { 1.0 } else { 0.0 },
        embedding_scale: if gemma { (hidden as f32).sqrt() } else { 1.0 },
        tied_embeddings: match fields.get("tie_word_embeddings") {
            Some(_) => fields.flag("tie_word_embeddings", defaults.tied)?,
            None => outer.flag("tie_word_embeddings", defaults.tied)?,
        },
        logit_softcap: fields.positive("final_logit_softcapping")?.map(|cap| cap as f32),
        sandwich_norms: gemma,
        begin_token: fields.tokens("bos_token_id")?.first().copied(),
        end_tokens: match fields.tokens("eos_token_id")? {
            ids if ids.is_empty() => outer.tokens("eos_token_id")?,
            ids => ids,
        },
        layers: layers(family, fields, hidden, &defaults)?,
        ropes,
    })
}

fn ropes(family: Family, fields: Fields<'_>, hidden: usize, defaults: &FamilyDefaults) -> Result<Vec<Rope>, Refusal> {
    let (_, _, head_size) = heads(fields, hidden, defaults)?;
    if family != Family::Gemma3 {
        return Ok(vec![Rope::parse(fields, None, head_size, defaults.theta)?]);
    }
    let full = Rope::parse(fields, Some("full_attention"), head_size, defaults.theta)?;
    let sliding = match fields.child("rope_parameters").and_then(|all| all.child("sliding_attention")) {
        Some(_) => Rope::parse(fields, Some("sliding_attention"), head_size, 10_000.0)?,
        // The older layout scales the full layers only and names the other base beside it
        None => Rope {
            dimensions: head_size,
            theta: fields.positive("rope_local_base_freq")?.unwrap_or(10_000.0),
            scaling: RopeScaling::None,
        },
    };
    Ok(vec![full, sliding])
}

/// Query heads, key heads and the width of a head.
fn heads(fields: Fields<'_>, hidden: usize, defaults: &FamilyDefaults) -> Result<(usize, usize, usize), Refusal> {
    let heads = fields.size("num_attention_heads")?;
    let key_heads = fields.optional_size("num_key_value_heads")?.unwrap_or(heads);
    if !heads.is_multiple_of(key_heads) {
        return Err(invalid("num_key_value_heads", &key_heads.into(), "a divisor of num_attention_heads"));
    }
    let head_size = match (fields.optional_size("head_dim")?, defaults.head_size) {
        (Some(size), _) | (None, Some(size)) => size,
        (None, None) if hidden.is_multiple_of(heads) => hidden / heads,
        (None, None) => {
            return Err(invalid(
                "num_attention_heads",
                &heads.into(),
                "a divisor of hidden_size, or head_dim beside it",
            ));
        }
    };
    if !head_size.is_multiple_of(2) || head_size > 1024 {
        return Err(invalid("head_dim", &head_size.into(), "an even number up to 1024"));
    }
    Ok((heads, key_heads, head_size))
}

fn layers(family: Family, fields: Fields<'_>, hidden: usize, defaults: &FamilyDefaults) -> Result<Vec<Layer>, Refusal> {
    let count = fields.size("num_hidden_layers")?;
    if count > MOST_LAYERS {
        return Err(invalid("num_hidden_layers", &count.into(), "at most 1024"));
    }
    let kinds = layer_kinds(family, fields, count)?;
    let full = attention(family, fields, hidden, defaults)?;
    let delta = if family.hybrid() { Some(delta_net(fields)?) } else { None };
    let window = fields.optional_size("sliding_window")?;
    let dense_layers = fields.sizes("mlp_only_layers")?;
    let sparse_step = fields.optional_size("decoder_sparse_step")?.unwrap_or(1);
    let has_experts = fields.get("num_experts").is_some() || fields.get("num_local_experts").is_some();
    (0..count)
        .map(|index| {
            let mixer = match (kinds[index], &delta) {
                (Kind::Linear, Some(delta)) => Mixer::DeltaNet(delta.clone()),
                (Kind::Sliding, _) => {
                    let rope = usize::from(family == Family::Gemma3);
                    Mixer::Attention(Attention { window, rope, ..full.clone() })
                }
                _ => Mixer::Attention(full.clone()),
            };
            let sparse = has_experts && !dense_layers.contains(&index) && (index + 1).is_multiple_of(sparse_step);
            let feed_forward =
                if sparse { experts(family, fields, defaults)? } else { dense(family, fields, defaults)? };
            Ok(Layer { mixer, feed_forward })
        })
        .collect()
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Full,
    Sliding,
    Linear,
}

/// The kind of each layer, from `layer_types` or from the older fields that implied it.
fn layer_kinds(family: Family, fields: Fields<'_>, count: usize) -> Result<Vec<Kind>, Refusal> {
    if let Some(names) = fields.texts("layer_types")? {
        let kinds = names.iter().map(|name| match *name {
            "full_attention" => Some(Kind::Full),
            "sliding_attention" => Some(Kind::Sliding),
            "linear_attention" if family.hybrid() => Some(Kind::Linear),
            _ => None,
        });
        let kinds = kinds.collect::<Option<Vec<_>>>().filter(|kinds| kinds.len() == count);
        let expected =
            "one of full_attention, sliding_attention (and linear_attention where the family has it) for each layer";
        return kinds.ok_or_else(|| invalid("layer_types", &names.into(), expected));
    }
    let every = |period: usize, last: Kind, others: Kind| {
        (0..count).map(|index| if (index + 1).is_multiple_of(period) { last } else { others }).collect()
    };
    let window = fields.optional_size("sliding_window")?.is_some();
    Ok(match family {
        Family::Gemma3 => {
            let newer = fields.optional_size("_sliding_window_pattern")?;
            let period = newer.or(fields.optional_size("sliding_window_pattern")?).unwrap_or(6);
            every(period, Kind::Full, Kind::Sliding)
        }
        Family::Qwen3Next | Family::Qwen35 => {
            every(fields.optional_size("full_attention_interval")?.unwrap_or(4), Kind::Full, Kind::Linear)
        }
        Family::Qwen2 | Family::Qwen3 if window && fields.flag("use_sliding_window", false)? => {
            let first = fields.optional_size("max_window_layers")?.unwrap_or(28);
            (0..count).map(|index| if index >= first { Kind::Sliding } else { Kind::Full }).collect()
        }
        Family::Mistral | Family::Phi3 if window => vec![Kind::Sliding; count],
        Family::Qwen3Moe if window && fields.flag("use_sliding_window", false)? => vec![Kind::Sliding; count],
        _ => vec![Kind::Full; count],
    })
}

fn attention(
    family: Family,
    fields: Fields<'_>,
    hidden: usize,
    defaults: &FamilyDefaults,
) -> Result<Attention, Refusal> {
    let (heads, key_heads, head_size) = heads(fields, hidden, defaults)?;
    if let Some(value) = fields.get("attn_logit_softcapping") {
        return Err(invalid("attn_logit_softcapping", value, "null: capped attention is not supported"));
    }
    // Phi-3 has no biases whatever its configuration says.
    let bias = fields.flag("attention_bias", false)? && family != Family::Phi3;
    let scaled_by = fields.positive("query_pre_attn_scalar")?.unwrap_or(head_size as f64);
    Ok(Attention {
        heads,
        key_heads,
        head_size,
        input_bias: bias || defaults.input_bias,
        output_bias: bias,
        head_norms: family.head_norms(),
        gated: family.hybrid(),
        rope: 0,
        window: None,
        scale: (1.0 / scaled_by.sqrt()) as f32,
    })
}

fn delta_net(fields: Fields<'_>) -> Result<DeltaNet, Refusal> {
    let key_heads = fields.size("linear_num_key_heads")?;
    let value_heads = fields.size("linear_num_value_heads")?;
    if !value_heads.is_multiple_of(key_heads) {
        return Err(invalid("linear_num_value_heads", &value_heads.into(), "a multiple of linear_num_key_heads"));
    }
    let small = |name: &str, limit: usize| match fields.size(name)? {
        size if size <= limit => Ok(size),
        size => Err(invalid(name, &size.into(), &format!("at most {limit}"))),
    };
    Ok(DeltaNet {
        key_heads,
        value_heads,
        key_size: small("linear_key_head_dim", 1024)?,
        value_size: small("linear_value_head_dim", 1024)?,
        taps: small("linear_conv_kernel_dim", 16)?,
    })
}

fn activation(fields: Fields<'_>, defaults: &FamilyDefaults) -> Result<Activation, Refusal> {
    let field = if fields.get("hidden_activation").is_some() { "hidden_activation" } else { "hidden_act" };
    match fields.text(field)? {
        None => Ok(defaults.activation),
        Some("silu" | "swish") => Ok(Activation::Silu),
        Some("gelu_pytorch_tanh" | "gelu_new") => Ok(Activation::GeluTanh),
        Some(other) => Err(invalid(field, &other.into(), "silu or gelu_pytorch_tanh")),
    }
}

fn dense(family: Family, fields: Fields<'_>, defaults: &FamilyDefaults) -> Result<FeedForward, Refusal> {
    Ok(FeedForward::Dense(Dense {
        intermediate: fields.size("intermediate_size")?,
        activation: activation(fields, defaults)?,
        bias: fields.flag("mlp_bias", false)? && family != Family::Phi3,
    }))
}

fn experts(family: Family, fields: Fields<'_>, defaults: &FamilyDefaults) -> Result<FeedForward, Refusal> {
    let count = match fields.optional_size("num_experts")? {
        Some(count) => count,
        None => fields.size("num_local_experts")?,
    };
    let layers = fields.size("num_hidden_layers")?;
    if count > MOST_EXPERTS.0 || count * layers > MOST_EXPERTS.1 {
        return Err(invalid("num_experts", &count.into(), "at most 4096, and at most 131072 over all layers"));
    }
    let chosen = fields.size("num_experts_per_tok")?;
    if chosen > count {
        return Err(invalid("num_experts_per_tok", &chosen.into(), "at most num_experts"));
    }
    Ok(FeedForward::Experts(Experts {
        count,
        chosen,
        intermediate: fields.size("moe_intermediate_size")?,
        shared: if family.hybrid() { Some(fields.size("shared_expert_intermediate_size")?) } else { None },
        normalized: match family {
            Family::Qwen35 => true,
            Family::Qwen3Next => fields.flag("norm_topk_prob", true)?,
            _ => fields.flag("norm_topk_prob", false)?,
        },
        activation: activation(fields, defaults)?,
    }))
}
