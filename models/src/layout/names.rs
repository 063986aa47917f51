//! Names under which a checkpoint stores the tensors of a decoder: prefixes, and the output layer.

use super::canonical::TensorId;
use crate::config::{Family, ModelConfig};

/// Prefix of the decoder's tensors, and name of the output layer.
const STYLES: [(&str, &str); 5] = [
    ("model.", "lm_head.weight"),
    ("model.language_model.", "lm_head.weight"),
    ("language_model.model.", "language_model.lm_head.weight"),
    // Saved from the decoder alone, without its output layer.
    ("language_model.", "lm_head.weight"),
    ("", "lm_head.weight"),
];
/// Prefixes of what lies beside the decoder in a model that sees: nothing reads it.
const BESIDE: [&str; 6] = [
    "model.visual.",
    "visual.",
    "vision_tower.",
    "multi_modal_projector.",
    "model.vision_tower.",
    "model.multi_modal_projector.",
];
/// Ends of names of buffers that are computed anew: rotary angles, masks.
const BUFFERS: [&str; 5] =
    [".rotary_emb.inv_freq", ".rotary_emb.cos_cached", ".rotary_emb.sin_cached", ".attn.bias", ".masked_bias"];

/// Names that one checkpoint uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    prefix: &'static str,
    output: &'static str,
    /// True if embedding and output layer are one tensor.
    pub(super) tied: bool,
    /// True if that tensor lies under the output layer's name.
    under_output: bool,
}

impl Names {
    /// The names that a configuration implies by itself.
    pub(super) fn usual(config: &ModelConfig) -> Self {
        let (prefix, output) = match (config.nested, config.family) {
            (false, _) => STYLES[0],
            (true, Family::Gemma3) => STYLES[2],
            (true, _) => STYLES[1],
        };
        Self { prefix, output, tied: config.tied_embeddings, under_output: false }
    }

    /// The names that a checkpoint has. `has` knows which there are, and `same` compares the values of two tensors: an
    /// output layer of its own is used even where the configuration says that there is none, as transformers does.
    pub(super) fn of(config: &ModelConfig, has: impl Fn(&str) -> bool, same: impl Fn(&str, &str) -> bool) -> Self {
        let usual = Self::usual(config);
        let found = |names: &Self| has(&names.stored(TensorId::FinalNorm));
        let others = STYLES.map(|(prefix, output)| Self { prefix, output, ..usual });
        let names = std::iter::once(usual).chain(others).find(found).unwrap_or(usual);
        let (embedding, output) = (names.stored(TensorId::Embedding), names.output);
        let tied = names.tied && !(has(&embedding) && has(output) && !same(&embedding, output));
        Self { tied, under_output: tied && !has(&embedding) && has(output), ..names }
    }

    /// A canonical tensor's name.
    pub(super) fn stored(&self, id: TensorId) -> String {
        let canonical = id.to_string();
        match (id, canonical.strip_prefix("model.")) {
            (TensorId::Embedding, _) if self.under_output => self.output.to_owned(),
            (_, Some(rest)) => format!("{}{rest}", self.prefix),
            (_, None) => self.output.to_owned(),
        }
    }

    /// True for a tensor that may lie in the files although nothing reads it: the vision tower beside a decoder, the
    /// extra layers for predicting several tokens, buffers, an output layer that is the embedding.
    pub(super) fn pass_over(&self, config: &ModelConfig, name: &str) -> bool {
        (config.nested && BESIDE.iter().any(|prefix| name.starts_with(prefix)))
            || name.starts_with("mtp.")
            || BUFFERS.iter().any(|end| name.ends_with(end))
            || (self.tied && name == self.output)
    }
}
