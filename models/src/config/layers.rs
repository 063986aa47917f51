//! Layers of a model: attention, delta nets, gated units and experts, as the configuration describes them.

use super::{
    Activation, Attention, DeltaNet, Dense, Experts, Family, FeedForward, Layer, Mixer,
    fields::{Fields, invalid, missing},
};
use crate::refusal::Refusal;

/// No model has more layers than this.
const MOST_LAYERS: usize = 1024;
/// No model has more experts in one layer, nor in all layers together: the largest published ones have 384 and 23,040.
const MOST_EXPERTS: (usize, usize) = (4096, 1 << 17);
/// The class of Qwen3.5 in which every layer has experts; in the other none has.
const ALWAYS_SPARSE: &str = "qwen3_5_moe_text";

/// Query heads, key heads and the width of a head.
pub(super) fn heads(fields: Fields<'_>, hidden: usize) -> Result<(usize, usize, usize), Refusal> {
    let heads = fields.size("num_attention_heads")?;
    let key_heads = fields.optional_size("num_key_value_heads")?.unwrap_or(heads);
    if !heads.is_multiple_of(key_heads) {
        return Err(invalid("num_key_value_heads", &key_heads.into(), "a divisor of num_attention_heads"));
    }
    let head_size = match fields.optional_size("head_dim")? {
        Some(size) => size,
        None if hidden.is_multiple_of(heads) => hidden / heads,
        None => {
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

pub(super) fn layers(family: Family, class: &str, fields: Fields<'_>, hidden: usize) -> Result<Vec<Layer>, Refusal> {
    let count = fields.size("num_hidden_layers")?;
    if count > MOST_LAYERS {
        return Err(invalid("num_hidden_layers", &count.into(), "at most 1024"));
    }
    let window = window(family, fields)?;
    let kinds = layer_kinds(family, fields, count, window.is_some())?;
    let full = attention(family, fields, hidden)?;
    let delta = if family.hybrid() { Some(delta_net(fields)?) } else { None };
    let sparsity = Sparsity::of(family, class, fields)?;
    (0..count)
        .map(|index| {
            let mixer = match (kinds[index], &delta) {
                (Kind::Linear, Some(delta)) => Mixer::DeltaNet(delta.clone()),
                (Kind::Sliding, _) => {
                    let window = Some(window.ok_or_else(|| missing("sliding_window"))?);
                    let rope = usize::from(family == Family::Gemma3);
                    Mixer::Attention(Attention { window, rope, ..full.clone() })
                }
                _ => Mixer::Attention(full.clone()),
            };
            let feed_forward =
                if sparsity.has_experts(index) { experts(family, fields)? } else { dense(family, fields)? };
            Ok(Layer { mixer, feed_forward })
        })
        .collect()
}

/// The sliding window, where the family has one and it is not switched off.
fn window(family: Family, fields: Fields<'_>) -> Result<Option<usize>, Refusal> {
    let used = match family {
        Family::Mistral | Family::Phi3 | Family::Gemma3 => true,
        Family::Qwen2 | Family::Qwen3 | Family::Qwen3Moe => fields.flag("use_sliding_window", false)?,
        Family::Llama | Family::Qwen3Next | Family::Qwen35 => false,
    };
    let window = fields.optional_size("sliding_window")?;
    Ok(if used { window } else { None })
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Full,
    Sliding,
    Linear,
}

/// The kind of each layer, from `layer_types` where the family's class has it, or from the older fields that implied it.
fn layer_kinds(family: Family, fields: Fields<'_>, count: usize, window: bool) -> Result<Vec<Kind>, Refusal> {
    let listed = matches!(family, Family::Qwen2 | Family::Qwen3 | Family::Gemma3) || family.hybrid();
    if let Some(names) = fields.texts("layer_types")?
        && listed
    {
        let kinds = names.iter().map(|name| match *name {
            "full_attention" => Some(Kind::Full),
            "sliding_attention" if !family.hybrid() => Some(Kind::Sliding),
            "linear_attention" if family.hybrid() => Some(Kind::Linear),
            _ => None,
        });
        let kinds = kinds.collect::<Option<Vec<_>>>().filter(|kinds| kinds.len() == count);
        let expected =
            "one of full_attention, and sliding_attention or linear_attention where the family has it, for each layer";
        return kinds.ok_or_else(|| invalid("layer_types", &names.into(), expected));
    }
    let every = |period: usize, last: Kind, others: Kind| {
        (0..count).map(|index| if (index + 1).is_multiple_of(period) { last } else { others }).collect()
    };
    Ok(match family {
        Family::Gemma3 => every(fields.size("sliding_window_pattern")?, Kind::Full, Kind::Sliding),
        Family::Qwen3Next | Family::Qwen35 => every(fields.size("full_attention_interval")?, Kind::Full, Kind::Linear),
        Family::Qwen2 | Family::Qwen3 if window => {
            let first = fields.count("max_window_layers")?;
            (0..count).map(|index| if index >= first { Kind::Sliding } else { Kind::Full }).collect()
        }
        _ if window => vec![Kind::Sliding; count],
        _ => vec![Kind::Full; count],
    })
}

fn attention(family: Family, fields: Fields<'_>, hidden: usize) -> Result<Attention, Refusal> {
    let (heads, key_heads, head_size) = heads(fields, hidden)?;
    // Mistral, Qwen2 and Phi-3 pass over the key: their projections have the biases that they have.
    let bias = match family {
        Family::Mistral | Family::Qwen2 | Family::Phi3 => false,
        _ => fields.flag("attention_bias", false)?,
    };
    let scaled_by = match family {
        Family::Gemma3 => fields.positive("query_pre_attn_scalar")?.ok_or_else(|| missing("query_pre_attn_scalar"))?,
        _ => head_size as f64,
    };
    Ok(Attention {
        heads,
        key_heads,
        head_size,
        input_bias: bias || family == Family::Qwen2,
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

fn activation(family: Family, fields: Fields<'_>) -> Result<Activation, Refusal> {
    let field = if family == Family::Gemma3 { "hidden_activation" } else { "hidden_act" };
    match fields.text(field)?.ok_or_else(|| missing(field))? {
        "silu" | "swish" => Ok(Activation::Silu),
        "gelu_pytorch_tanh" | "gelu_new" => Ok(Activation::GeluTanh),
        other => Err(invalid(field, &other.into(), "silu or gelu_pytorch_tanh")),
    }
}

fn dense(family: Family, fields: Fields<'_>) -> Result<FeedForward, Refusal> {
    Ok(FeedForward::Dense(Dense {
        intermediate: fields.size("intermediate_size")?,
        activation: activation(family, fields)?,
        bias: family == Family::Llama && fields.flag("mlp_bias", false)?,
    }))
}

/// Layers that have experts.
enum Sparsity {
    None,
    All,
    Every { step: usize, but: Vec<usize> },
}

impl Sparsity {
    fn of(family: Family, class: &str, fields: Fields<'_>) -> Result<Self, Refusal> {
        Ok(match family {
            Family::Qwen3Moe | Family::Qwen3Next => {
                Self::Every { step: fields.size("decoder_sparse_step")?, but: fields.sizes("mlp_only_layers")? }
            }
            Family::Qwen35 if class == ALWAYS_SPARSE => Self::All,
            _ => Self::None,
        })
    }

    fn has_experts(&self, layer: usize) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Every { step, but } => !but.contains(&layer) && (layer + 1).is_multiple_of(*step),
        }
    }
}

fn experts(family: Family, fields: Fields<'_>) -> Result<FeedForward, Refusal> {
    // Qwen3's class has two names for one key.
    let (named, other) = (fields.written("num_experts"), fields.written("num_local_experts"));
    let count = match (family, named, other) {
        (Family::Qwen3Moe, Some(named), Some(other)) if named != other => {
            return Err(invalid("num_local_experts", other, "left out, or the same as num_experts"));
        }
        (Family::Qwen3Moe, None, Some(_)) => fields.size("num_local_experts")?,
        _ => fields.size("num_experts")?,
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
        normalized: family == Family::Qwen35 || fields.flag("norm_topk_prob", false)?,
        activation: activation(family, fields)?,
    }))
}
