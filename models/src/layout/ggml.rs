//! What GGML calls a tensor, and what a Hugging Face checkpoint calls it.

use crate::refusal::Refusal;

/// An architecture of GGUF files that we know the way back from.
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

/// What lies between a stored tensor and the one of the convention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing.
    None,
    /// Query or key rows were reordered within each head, for another way of turning them.
    HeadRows,
    /// One was added to every value.
    PlusOne,
}

/// One stored tensor's counterpart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counterpart {
    /// The conventional name, with `{}` for the number of the expert where experts are stacked.
    pub(crate) name: String,
    /// What was done to it.
    pub(crate) change: Change,
    /// Whether it is a stack of experts, one to a tensor by convention.
    pub(crate) stacked: bool,
    /// The layer that it belongs to, if to one.
    pub(crate) layer: Option<usize>,
}

impl Architecture {
    pub(crate) fn of(name: &str) -> Result<Self, Refusal> {
        ARCHITECTURES.iter().find(|(known, _)| *known == name).map(|(_, architecture)| *architecture).ok_or_else(|| {
            let supported = ARCHITECTURES.map(|(name, _)| name).join(", ");
            Refusal::UnsupportedArchitecture { architecture: name.chars().take(60).collect(), supported }
        })
    }

    /// The counterpart of a GGML name; `None` for one that this architecture does not have.
    pub(crate) fn counterpart(self, name: &str) -> Option<Counterpart> {
        let plain = |name: &str| Counterpart {
            name: name.to_owned(),
            change: self.norm_change(name),
            stacked: false,
            layer: None,
        };
        match name {
            "token_embd.weight" => return Some(plain("model.embed_tokens.weight")),
            "output_norm.weight" => return Some(plain("model.norm.weight")),
            "output.weight" => return Some(plain("lm_head.weight")),
            _ => {}
        }
        let (layer, rest) = name.strip_prefix("blk.")?.split_once('.')?;
        let number: usize = layer.parse().ok().filter(|number: &usize| number.to_string() == layer)?;
        let (part, kind) = rest.rsplit_once('.')?;
        if kind != "weight" && kind != "bias" {
            return None;
        }
        let (part, stacked) = self.part(part)?;
        let change = match (self, part) {
            (Self::Llama, "self_attn.q_proj" | "self_attn.k_proj") => Change::HeadRows,
            _ => self.norm_change(part),
        };
        let name = format!("model.layers.{number}.{part}.{kind}");
        Some(Counterpart { name, change, stacked, layer: Some(number) })
    }

    fn norm_change(self, name: &str) -> Change {
        let norm = name.trim_end_matches(".weight").ends_with("norm");
        if self == Self::Gemma3 && norm { Change::PlusOne } else { Change::None }
    }

    fn part(self, part: &str) -> Option<(&'static str, bool)> {
        let fused = self == Self::Phi3;
        let sandwich = self == Self::Gemma3;
        let experts = self == Self::Qwen3Moe;
        let head_norms = matches!(self, Self::Qwen3 | Self::Qwen3Moe | Self::Gemma3);
        Some(match part {
            "attn_norm" => ("input_layernorm", false),
            "attn_q" if !fused => ("self_attn.q_proj", false),
            "attn_k" if !fused => ("self_attn.k_proj", false),
            "attn_v" if !fused => ("self_attn.v_proj", false),
            "attn_qkv" if fused => ("self_attn.qkv_proj", false),
            "attn_output" => ("self_attn.o_proj", false),
            "attn_q_norm" if head_norms => ("self_attn.q_norm", false),
            "attn_k_norm" if head_norms => ("self_attn.k_norm", false),
            "ffn_norm" if sandwich => ("pre_feedforward_layernorm", false),
            "ffn_norm" => ("post_attention_layernorm", false),
            "post_attention_norm" if sandwich => ("post_attention_layernorm", false),
            "post_ffw_norm" if sandwich => ("post_feedforward_layernorm", false),
            "ffn_gate_inp" if experts => ("mlp.gate", false),
            "ffn_gate_exps" if experts => ("mlp.experts.{}.gate_proj", true),
            "ffn_up_exps" if experts => ("mlp.experts.{}.up_proj", true),
            "ffn_down_exps" if experts => ("mlp.experts.{}.down_proj", true),
            "ffn_up" if fused => ("mlp.gate_up_proj", false),
            "ffn_gate" if !fused && !experts => ("mlp.gate_proj", false),
            "ffn_up" if !experts => ("mlp.up_proj", false),
            "ffn_down" if !experts => ("mlp.down_proj", false),
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
        assert_eq!(found.as_ref().map(|found| (found.name.as_str(), found.change)), expected);
    }

    #[test]
    fn names_go_back_to_the_convention() {
        use Architecture::*;
        check(Llama, "token_embd.weight", Some(("model.embed_tokens.weight", Change::None)));
        check(Llama, "blk.12.attn_q.weight", Some(("model.layers.12.self_attn.q_proj.weight", Change::HeadRows)));
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
            Some(("model.layers.1.mlp.experts.{}.up_proj.weight", Change::None)),
        );
    }

    #[test]
    fn names_that_an_architecture_does_not_have_have_no_counterpart() {
        use Architecture::*;
        for name in
            ["blk.0.attn_q_norm.weight", "blk.00.attn_q.weight", "blk.-1.attn_q.weight", "blk.0.attn_q.scale", "x", ""]
        {
            check(Llama, name, None);
        }
    }
}
