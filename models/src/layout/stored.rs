//! Which tensors a configuration implies, under which names and with which shapes.

use crate::{
    config::{Attention, DeltaNet, Dense, Experts, FeedForward, Mixer, ModelConfig},
    tensors::TensorSource,
};

/// Every tensor that the configuration implies, with its shape, in the order in which the decoder reads them; experts
/// one by one.
#[must_use]
pub fn expected_tensors(config: &ModelConfig) -> Vec<(String, Vec<usize>)> {
    list(config, |_| false).collect()
}

/// Like [`expected_tensors`], with experts stacked in one tensor a layer wherever `source` has them so.
///
/// Named a layer at a time, so that whoever stops at a missing one has not named more than the source has.
pub fn expected_tensors_in<'a>(
    config: &'a ModelConfig,
    source: &'a dyn TensorSource,
) -> impl Iterator<Item = (String, Vec<usize>)> + 'a {
    list(config, |name| source.shape(name).is_some())
}

impl ModelConfig {
    /// Whether a tensor may lie in the files although the text decoder has no use for it: the vision tower of a nested
    /// layout, the extra layers for predicting several tokens, stored rotary angles, a tied output layer.
    #[must_use]
    pub fn ignores(&self, name: &str) -> bool {
        let nested = self.tensor_prefix != "model.";
        let beside = ["model.visual.", "visual.", "vision_tower.", "multi_modal_projector."];
        (nested && beside.iter().any(|prefix| name.starts_with(prefix)))
            || name.starts_with("mtp.")
            || name.ends_with(".rotary_emb.inv_freq")
            || (self.tied_embeddings && name == self.output_name())
    }

    /// The name of a tensor under the model's prefix.
    pub(crate) fn tensor(&self, rest: &str) -> String {
        format!("{}{rest}", self.tensor_prefix)
    }

    /// The name of a tensor of a layer.
    pub(crate) fn layer_tensor(&self, layer: usize, rest: &str) -> String {
        format!("{}layers.{layer}.{rest}", self.tensor_prefix)
    }

    /// The name of the output layer's tensor.
    pub(crate) fn output_name(&self) -> &'static str {
        if self.tensor_prefix == "language_model.model." { "language_model.lm_head.weight" } else { "lm_head.weight" }
    }
}

type Tensors = Vec<(String, Vec<usize>)>;

fn list<'a>(
    config: &'a ModelConfig,
    has: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = (String, Vec<usize>)> + 'a {
    let hidden = config.hidden;
    let first = (config.tensor("embed_tokens.weight"), vec![config.vocabulary, hidden]);
    let layers = (0..config.layers.len()).flat_map(move |index| list_layer(config, index, &has));
    let norm = (config.tensor("norm.weight"), vec![hidden]);
    let output = (config.output_name().to_owned(), vec![config.vocabulary, hidden]);
    let output = (!config.tied_embeddings).then_some(output);
    std::iter::once(first).chain(layers).chain([norm]).chain(output)
}

fn list_layer(config: &ModelConfig, index: usize, has: &dyn Fn(&str) -> bool) -> Tensors {
    let (layer, hidden) = (&config.layers[index], config.hidden);
    let mut all = Tensors::new();
    let mut add = |rest: &str, shape: Vec<usize>| all.push((config.layer_tensor(index, rest), shape));
    add("input_layernorm.weight", vec![hidden]);
    match &layer.mixer {
        Mixer::Attention(attention) => list_attention(attention, hidden, &mut add),
        Mixer::DeltaNet(net) => list_delta_net(net, hidden, &mut add),
    }
    add("post_attention_layernorm.weight", vec![hidden]);
    if config.sandwich_norms {
        add("pre_feedforward_layernorm.weight", vec![hidden]);
        add("post_feedforward_layernorm.weight", vec![hidden]);
    }
    match &layer.feed_forward {
        FeedForward::Dense(dense) => list_dense(dense, hidden, &mut add),
        FeedForward::Experts(experts) => {
            let stacked = has(&config.layer_tensor(index, "mlp.experts.gate_up_proj"));
            list_experts(experts, hidden, stacked, &mut add);
        }
    }
    all
}

fn list_attention(attention: &Attention, hidden: usize, add: &mut dyn FnMut(&str, Vec<usize>)) {
    let queries = attention.heads * attention.head_size;
    let keys = attention.key_heads * attention.head_size;
    if attention.fused {
        add("self_attn.qkv_proj.weight", vec![queries + 2 * keys, hidden]);
    } else {
        let parts = if attention.gated { 2 } else { 1 };
        for (name, rows) in [("q_proj", parts * queries), ("k_proj", keys), ("v_proj", keys)] {
            add(&format!("self_attn.{name}.weight"), vec![rows, hidden]);
            if attention.input_bias {
                add(&format!("self_attn.{name}.bias"), vec![rows]);
            }
        }
    }
    add("self_attn.o_proj.weight", vec![hidden, queries]);
    if attention.output_bias {
        add("self_attn.o_proj.bias", vec![hidden]);
    }
    if attention.head_norms {
        add("self_attn.q_norm.weight", vec![attention.head_size]);
        add("self_attn.k_norm.weight", vec![attention.head_size]);
    }
}

fn list_delta_net(net: &DeltaNet, hidden: usize, add: &mut dyn FnMut(&str, Vec<usize>)) {
    let (channels, values) = (net.channels(), net.value_width());
    if net.interleaved {
        add("linear_attn.in_proj_qkvz.weight", vec![channels + values, hidden]);
        add("linear_attn.in_proj_ba.weight", vec![2 * net.value_heads, hidden]);
    } else {
        add("linear_attn.in_proj_qkv.weight", vec![channels, hidden]);
        add("linear_attn.in_proj_z.weight", vec![values, hidden]);
        add("linear_attn.in_proj_b.weight", vec![net.value_heads, hidden]);
        add("linear_attn.in_proj_a.weight", vec![net.value_heads, hidden]);
    }
    add("linear_attn.conv1d.weight", vec![channels, 1, net.taps]);
    add("linear_attn.dt_bias", vec![net.value_heads]);
    add("linear_attn.A_log", vec![net.value_heads]);
    add("linear_attn.norm.weight", vec![net.value_size]);
    add("linear_attn.out_proj.weight", vec![hidden, values]);
}

fn list_dense(dense: &Dense, hidden: usize, add: &mut dyn FnMut(&str, Vec<usize>)) {
    if dense.fused {
        add("mlp.gate_up_proj.weight", vec![2 * dense.intermediate, hidden]);
        add("mlp.down_proj.weight", vec![hidden, dense.intermediate]);
        return;
    }
    list_unit("mlp", dense.intermediate, hidden, add);
    if dense.bias {
        add("mlp.gate_proj.bias", vec![dense.intermediate]);
        add("mlp.up_proj.bias", vec![dense.intermediate]);
        add("mlp.down_proj.bias", vec![hidden]);
    }
}

fn list_experts(experts: &Experts, hidden: usize, stacked: bool, add: &mut dyn FnMut(&str, Vec<usize>)) {
    add("mlp.gate.weight", vec![experts.count, hidden]);
    if stacked {
        add("mlp.experts.gate_up_proj", vec![experts.count, 2 * experts.intermediate, hidden]);
        add("mlp.experts.down_proj", vec![experts.count, hidden, experts.intermediate]);
    } else {
        for expert in 0..experts.count {
            list_unit(&format!("mlp.experts.{expert}"), experts.intermediate, hidden, add);
        }
    }
    if let Some(shared) = experts.shared {
        list_unit("mlp.shared_expert", shared, hidden, add);
        add("mlp.shared_expert_gate.weight", vec![1, hidden]);
    }
}

fn list_unit(name: &str, intermediate: usize, hidden: usize, add: &mut dyn FnMut(&str, Vec<usize>)) {
    add(&format!("{name}.gate_proj.weight"), vec![intermediate, hidden]);
    add(&format!("{name}.up_proj.weight"), vec![intermediate, hidden]);
    add(&format!("{name}.down_proj.weight"), vec![hidden, intermediate]);
}
