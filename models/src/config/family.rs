//! Model families: mapping from each one's `config.json` to layers.

use serde_json::Value;

use super::{
    ModelConfig, Rope,
    fields::{Fields, class_defaults, invalid, missing},
    layers::{heads, layers},
    rope,
};
use crate::refusal::Refusal;

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

/// `model_type` as it appears in files, the family it means, and the configuration class whose defaults apply to what the
/// file leaves out.
const MODEL_TYPES: &[(&str, Family, &str)] = &[
    ("llama", Family::Llama, "llama"),
    ("mistral", Family::Mistral, "mistral"),
    ("qwen2", Family::Qwen2, "qwen2"),
    ("qwen3", Family::Qwen3, "qwen3"),
    ("qwen3_moe", Family::Qwen3Moe, "qwen3_moe"),
    ("qwen3_next", Family::Qwen3Next, "qwen3_next"),
    ("qwen3_5", Family::Qwen35, "qwen3_5_text"),
    ("qwen3_5_text", Family::Qwen35, "qwen3_5_text"),
    ("qwen3_5_moe", Family::Qwen35, "qwen3_5_moe_text"),
    ("qwen3_5_moe_text", Family::Qwen35, "qwen3_5_moe_text"),
    ("gemma3", Family::Gemma3, "gemma3_text"),
    ("gemma3_text", Family::Gemma3, "gemma3_text"),
    ("phi3", Family::Phi3, "phi3"),
];

impl Family {
    /// The family of a `model_type`.
    #[must_use]
    pub fn of(model_type: &str) -> Option<Self> {
        MODEL_TYPES.iter().find(|(name, ..)| *name == model_type).map(|(_, family, _)| *family)
    }

    /// Every `model_type` that can be run.
    pub fn supported() -> impl Iterator<Item = &'static str> {
        MODEL_TYPES.iter().map(|(name, ..)| *name)
    }

    /// True where norm tensors are stored as their distance from one.
    fn zero_centered_norms(self) -> bool {
        matches!(self, Self::Gemma3 | Self::Qwen3Next | Self::Qwen35)
    }

    pub(super) fn head_norms(self) -> bool {
        matches!(self, Self::Qwen3 | Self::Qwen3Moe | Self::Qwen3Next | Self::Qwen35 | Self::Gemma3)
    }

    pub(super) fn hybrid(self) -> bool {
        matches!(self, Self::Qwen3Next | Self::Qwen35)
    }

    /// True where a part of each head may be rotated; the others' classes pass over `partial_rotary_factor`.
    pub(super) fn rotates_partly(self) -> bool {
        self.hybrid() || self == Self::Phi3
    }
}

pub(super) fn parse(value: &Value) -> Result<ModelConfig, Refusal> {
    let outer = Fields::new(value);
    let model_type = outer.text("model_type")?.ok_or_else(|| missing("model_type"))?;
    let unsupported = || Refusal::UnsupportedArchitecture {
        architecture: model_type.chars().take(60).collect(),
        supported: Family::supported().collect::<Vec<_>>().join(", "),
    };
    let known = MODEL_TYPES.iter().find(|(name, ..)| *name == model_type);
    let (family, class) = known.map(|(_, family, class)| (*family, *class)).ok_or_else(unsupported)?;
    let (fields, nested) = match (outer.child("text_config"), family) {
        (Some(text), Family::Qwen35 | Family::Gemma3) => (text, true),
        (Some(_), _) => return Err(unsupported()),
        (None, _) => (outer, false),
    };
    let fields = fields.with_defaults(class_defaults(class));
    let gemma = family == Family::Gemma3;
    check_switches(family, fields)?;
    let hidden = fields.size("hidden_size")?;
    let ropes = rope::parse(family, fields, heads(fields, hidden)?.2)?;
    let long_from = long_from(&ropes)?;
    Ok(ModelConfig {
        family,
        nested,
        vocabulary: fields.size("vocab_size")?,
        hidden,
        max_positions: fields.size("max_position_embeddings")?,
        long_from,
        norm_epsilon: fields.positive("rms_norm_eps")?.ok_or_else(|| missing("rms_norm_eps"))? as f32,
        norm_offset: if family.zero_centered_norms() { 1.0 } else { 0.0 },
        embedding_scale: if gemma { (hidden as f32).sqrt() } else { 1.0 },
        tied_embeddings: tied_embeddings(outer, fields)?,
        logit_softcap: if gemma { fields.positive("final_logit_softcapping")?.map(|cap| cap as f32) } else { None },
        sandwich_norms: gemma,
        begin_token: tokens(outer, fields, "bos_token_id")?.first().copied(),
        end_tokens: tokens(outer, fields, "eos_token_id")?,
        layers: layers(family, class, fields, hidden)?,
        ropes,
    })
}

/// Length of text beyond which the angles are the long ones; layers of two kinds must agree on it.
fn long_from(ropes: &[Rope]) -> Result<Option<usize>, Refusal> {
    let mut lengths = ropes.iter().filter_map(Rope::reach);
    let first = lengths.next();
    match lengths.find(|length| Some(*length) != first) {
        Some(other) => {
            Err(invalid("original_max_position_embeddings", &other.into(), "the same for all kinds of layers"))
        }
        None => Ok(first),
    }
}

/// Tokens of a key, in a nested configuration those of both levels.
fn tokens(outer: Fields<'_>, fields: Fields<'_>, key: &str) -> Result<Vec<u32>, Refusal> {
    let mut found = fields.tokens(key)?;
    for id in outer.tokens(key)? {
        if !found.contains(&id) {
            found.push(id);
        }
    }
    Ok(found)
}

/// Of a nested configuration the outer one decides, where it says anything.
fn tied_embeddings(outer: Fields<'_>, fields: Fields<'_>) -> Result<bool, Refusal> {
    match outer.get("tie_word_embeddings") {
        Some(_) => outer.flag("tie_word_embeddings", false),
        None => fields.flag("tie_word_embeddings", false),
    }
}

/// Refuses what would change the arithmetic and is not computed here.
fn check_switches(family: Family, fields: Fields<'_>) -> Result<(), Refusal> {
    if let Some(value) = fields.get("attn_logit_softcapping") {
        return Err(invalid("attn_logit_softcapping", value, "null: capped attention is not supported"));
    }
    if family == Family::Gemma3 && fields.flag("use_bidirectional_attention", false)? {
        return Err(invalid("use_bidirectional_attention", &true.into(), "false: a model that writes looks back only"));
    }
    Ok(())
}
