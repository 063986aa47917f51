//! GGML tensor names, and their counterparts in the Hugging Face convention.

use super::canonical::{Linear, Part, TensorId, Unit};
use crate::refusal::Refusal;

/// Token embedding.
pub(crate) const EMBEDDING: &str = "token_embd.weight";
/// Output layer; absent where it is the embedding.
pub(crate) const OUTPUT: &str = "output.weight";
/// Query bias of the first layer: where it is present, every layer has biases.
pub(crate) const QUERY_BIAS: &str = "blk.0.attn_q.bias";
/// Divisors of the rotary frequencies in Llama 3 files; a part of the configuration.
pub(crate) const ROPE_FACTORS: &str = "rope_freqs.weight";
/// Divisors in Phi-3 files, for texts within and beyond the original length.
pub(crate) const LONG_ROPE_FACTORS: [&str; 2] = ["rope_factors_short.weight", "rope_factors_long.weight"];

/// True for a tensor that belongs to the configuration and not to the model's parameters.
pub(crate) fn is_rope_factors(name: &str) -> bool {
    name == ROPE_FACTORS || LONG_ROPE_FACTORS.contains(&name)
}

/// Architecture of GGUF files that can be converted back to a Hugging Face checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Architecture {
    Llama,
    Qwen2,
    Qwen3,
    Qwen3Moe,
    Gemma3,
    Phi3,
}

/// As in `general.architecture`.
const ARCHITECTURES: [(&str, Architecture); 6] = [
    ("llama", Architecture::Llama),
    ("qwen2", Architecture::Qwen2),
    ("qwen3", Architecture::Qwen3),
    ("qwen3moe", Architecture::Qwen3Moe),
    ("gemma3", Architecture::Gemma3),
    ("phi3", Architecture::Phi3),
];

/// Difference between a stored tensor's values and those of the convention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// None.
    None,
    /// Query rows were reordered within each head, for the other way to rotate them.
    QueryRows,
    /// Key rows were, likewise.
    KeyRows,
    /// One was added to every value.
    PlusOne,
}

/// Counterpart of a GGML tensor in the Hugging Face convention.
#[derive(Clone, Debug)]
pub(crate) struct Counterpart {
    name: Name,
    /// Difference of the values.
    pub(crate) change: Change,
    /// The layer that it belongs to, if to one.
    pub(crate) layer: Option<usize>,
}

/// Name of a counterpart.
#[derive(Clone, Debug)]
enum Name {
    One(String),
    /// A stack of experts' matrices, which the convention stores one by one.
    Experts(usize, fn(Unit) -> Linear),
}

impl Counterpart {
    /// True for a stack of experts.
    pub(crate) fn is_stacked(&self) -> bool {
        matches!(self.name, Name::Experts(..))
    }

    /// The conventional name; of a stack, that of one expert's tensor.
    pub(crate) fn of_expert(&self, expert: usize) -> String {
        match &self.name {
            Name::One(name) => name.clone(),
            Name::Experts(layer, linear) => {
                TensorId::Layer(*layer, Part::Weight(linear(Unit::Expert(expert)))).to_string()
            }
        }
    }
}

/// GGML name of a layer's tensor, read.
enum GgmlPart {
    Norm(Part),
    Linear(Linear),
    /// Several linear layers in one tensor, under the conventional name.
    Joined(&'static str),
    Experts(fn(Unit) -> Linear),
}

impl Architecture {
    /// The architecture of `general.architecture`.
    pub(crate) fn of(name: &str) -> Result<Self, Refusal> {
        ARCHITECTURES.iter().find(|(known, _)| *known == name).map(|(_, architecture)| *architecture).ok_or_else(|| {
            let supported = ARCHITECTURES.map(|(name, _)| name).join(", ");
            Refusal::UnsupportedArchitecture { architecture: name.chars().take(60).collect(), supported }
        })
    }

    /// The counterpart of a GGML name; `None` for one that this architecture does not have.
    pub(crate) fn counterpart(self, name: &str) -> Option<Counterpart> {
        let norm = if self == Self::Gemma3 { Change::PlusOne } else { Change::None };
        let outer = |id: TensorId, change| Counterpart { name: Name::One(id.to_string()), change, layer: None };
        match name {
            EMBEDDING => return Some(outer(TensorId::Embedding, Change::None)),
            "output_norm.weight" => return Some(outer(TensorId::FinalNorm, norm)),
            OUTPUT => return Some(outer(TensorId::Output, Change::None)),
            _ => {}
        }
        let (layer, rest) = name.strip_prefix("blk.")?.split_once('.')?;
        let number: usize = layer.parse().ok().filter(|number: &usize| number.to_string() == layer)?;
        let (part, kind) = rest.rsplit_once('.')?;
        let one = |part: Part| Name::One(TensorId::Layer(number, part).to_string());
        let (name, change) = match (self.part(part)?, kind) {
            (GgmlPart::Norm(part), "weight") => (one(part), norm),
            (GgmlPart::Linear(linear), "weight") => (one(Part::Weight(linear)), self.row_change(linear)),
            (GgmlPart::Linear(linear), "bias") => (one(Part::Bias(linear)), self.row_change(linear)),
            (GgmlPart::Joined(name), "weight") => {
                (Name::One(format!("model.layers.{number}.{name}.weight")), Change::None)
            }
            (GgmlPart::Experts(linear), "weight") => (Name::Experts(number, linear), Change::None),
            _ => return None,
        };
        Some(Counterpart { name, change, layer: Some(number) })
    }

    fn row_change(self, linear: Linear) -> Change {
        match (self, linear) {
            (Self::Llama, Linear::Query) => Change::QueryRows,
            (Self::Llama, Linear::Key) => Change::KeyRows,
            _ => Change::None,
        }
    }

    fn part(self, part: &str) -> Option<GgmlPart> {
        let fused = self == Self::Phi3;
        let sandwich = self == Self::Gemma3;
        let experts = self == Self::Qwen3Moe;
        let head_norms = matches!(self, Self::Qwen3 | Self::Qwen3Moe | Self::Gemma3);
        Some(match part {
            "attn_norm" => GgmlPart::Norm(Part::InputNorm),
            "attn_q" if !fused => GgmlPart::Linear(Linear::Query),
            "attn_k" if !fused => GgmlPart::Linear(Linear::Key),
            "attn_v" if !fused => GgmlPart::Linear(Linear::Value),
            "attn_qkv" if fused => GgmlPart::Joined("self_attn.qkv_proj"),
            "attn_output" => GgmlPart::Linear(Linear::AttentionOutput),
            "attn_q_norm" if head_norms => GgmlPart::Norm(Part::QueryNorm),
            "attn_k_norm" if head_norms => GgmlPart::Norm(Part::KeyNorm),
            "ffn_norm" if sandwich => GgmlPart::Norm(Part::PreFeedForwardNorm),
            "ffn_norm" => GgmlPart::Norm(Part::PostAttentionNorm),
            "post_attention_norm" if sandwich => GgmlPart::Norm(Part::PostAttentionNorm),
            "post_ffw_norm" if sandwich => GgmlPart::Norm(Part::PostFeedForwardNorm),
            "ffn_gate_inp" if experts => GgmlPart::Linear(Linear::Router),
            "ffn_gate_exps" if experts => GgmlPart::Experts(Linear::Gate),
            "ffn_up_exps" if experts => GgmlPart::Experts(Linear::Up),
            "ffn_down_exps" if experts => GgmlPart::Experts(Linear::Down),
            "ffn_up" if fused => GgmlPart::Joined("mlp.gate_up_proj"),
            "ffn_gate" if !fused && !experts => GgmlPart::Linear(Linear::Gate(Unit::Dense)),
            "ffn_up" if !experts => GgmlPart::Linear(Linear::Up(Unit::Dense)),
            "ffn_down" if !experts => GgmlPart::Linear(Linear::Down(Unit::Dense)),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(architecture: Architecture, name: &str, expected: Option<(&str, Change)>) {
        let found = architecture.counterpart(name);
        assert_eq!(
            found.as_ref().map(|found| (found.of_expert(7), found.change)),
            expected.map(|(name, change)| (name.to_owned(), change))
        );
    }

    #[test]
    fn names_go_back_to_the_convention() {
        use Architecture::*;
        check(Llama, "token_embd.weight", Some(("model.embed_tokens.weight", Change::None)));
        check(Llama, "blk.12.attn_q.weight", Some(("model.layers.12.self_attn.q_proj.weight", Change::QueryRows)));
        check(Llama, "blk.0.attn_k.bias", Some(("model.layers.0.self_attn.k_proj.bias", Change::KeyRows)));
        check(Qwen2, "blk.0.attn_q.bias", Some(("model.layers.0.self_attn.q_proj.bias", Change::None)));
        check(Llama, "blk.3.ffn_norm.weight", Some(("model.layers.3.post_attention_layernorm.weight", Change::None)));
        check(
            Gemma3,
            "blk.3.ffn_norm.weight",
            Some(("model.layers.3.pre_feedforward_layernorm.weight", Change::PlusOne)),
        );
        check(Gemma3, "blk.3.attn_q_norm.weight", Some(("model.layers.3.self_attn.q_norm.weight", Change::PlusOne)));
        check(Gemma3, "output_norm.weight", Some(("model.norm.weight", Change::PlusOne)));
        check(Phi3, "blk.1.ffn_up.weight", Some(("model.layers.1.mlp.gate_up_proj.weight", Change::None)));
        check(
            Qwen3Moe,
            "blk.1.ffn_up_exps.weight",
            Some(("model.layers.1.mlp.experts.7.up_proj.weight", Change::None)),
        );
    }

    #[test]
    fn names_that_an_architecture_does_not_have_have_no_counterpart() {
        use Architecture::*;
        for name in [
            "blk.0.attn_norm.bias",
            "blk.0.ffn_up_exps.weight",
            "blk.0.attn_qkv.weight",
            "blk.0.attn_q_norm.weight",
            "blk.00.attn_q.weight",
            "blk.-1.attn_q.weight",
            "blk.0.attn_q.scale",
            "x",
            "",
        ] {
            check(Llama, name, None);
        }
    }
}
