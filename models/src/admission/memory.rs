//! Memory that a model takes while it runs, beyond its own tensors.

use super::Limits;
use crate::{
    config::{FeedForward, Layer, Mixer, ModelConfig},
    decoder::Arithmetic,
    kernel::ALIGNMENT,
    layout::expected_tensors,
    refusal::Refusal,
};

/// Most bytes of one matrix of activations that a token has; Llama 3.1 405B has 208 KiB.
const WIDEST: u64 = 1 << 20;
/// Bytes of a number that is kept between two steps.
const NUMBER: u64 = 4;

/// Compares what a token and a sequence take with the limits.
pub(super) fn check(config: &ModelConfig, limits: &Limits) -> Result<(), Refusal> {
    let parts = [
        ("the keys and values of one token take", token(config), limits.bytes_per_token),
        ("the recurrent state of one text takes", state(config), limits.bytes_per_state),
        ("the widest activations of one token take", widest(config), WIDEST),
    ];
    match parts.into_iter().find(|(_, bytes, limit)| bytes > limit) {
        Some((what, bytes, limit)) => Err(Refusal::Memory { what: what.to_owned(), bytes, limit }),
        None => Ok(()),
    }
}

/// Rows of a step that are provided for: as many as the engine has by default, in whatever batches a machine computes.
const ROWS: u64 = 64 + 512;
/// Matrices of activations that are held at once.
const MATRICES: u64 = 6;
/// Sequences that are provided for.
const SEQUENCES: u64 = 64;

/// Bytes of memory that a model takes while it is loaded and run, at most: its tensors as they are held, the largest of them
/// once more as it is read, keys and values of one text of `context` tokens, recurrent states, activations and logits. It
/// follows from the configuration alone and is the same on every machine.
pub(super) fn peak(config: &ModelConfig, arithmetic: Arithmetic, context: usize) -> u64 {
    let (mut held, mut largest) = (0_u64, 0_u64);
    for (_, shape) in expected_tensors(config) {
        let elements = shape.iter().fold(1_u64, |product, size| product.saturating_mul(*size as u64));
        largest = largest.max(elements);
        held = held.saturating_add(match (arithmetic, shape.len()) {
            // Blocks of 32 numbers of a byte, each with a scale.
            (Arithmetic::EightBit, 2..) => elements / 32 * 36,
            (Arithmetic::Bf16, _) => elements * 2,
            _ => elements * NUMBER,
        });
    }
    let context = context.min(config.max_positions) as u64;
    let parts = [
        held,
        largest.saturating_mul(2 * NUMBER),
        token(config).saturating_mul(context),
        state(config).saturating_mul(SEQUENCES),
        widest(config).saturating_mul(ROWS * MATRICES),
        (config.vocabulary as u64).saturating_mul(SEQUENCES * NUMBER),
    ];
    parts.into_iter().fold(0, u64::saturating_add)
}

/// Bytes of the keys and values that one token leaves behind in all layers; no product of sizes exceeds 64 bits.
fn token(config: &ModelConfig) -> u64 {
    let layer = |mixer: &Mixer| match mixer {
        // Values are stored in whole multiples of so many.
        Mixer::Attention(attention) => {
            let size = attention.head_size;
            attention.key_heads as u64 * (size + size.next_multiple_of(ALIGNMENT)) as u64
        }
        Mixer::DeltaNet(_) => 0,
    };
    config.layers.iter().map(|found| layer(&found.mixer) * NUMBER).sum()
}

/// Bytes of the widest matrix of activations that a token has a row in, logits aside.
fn widest(config: &ModelConfig) -> u64 {
    let layer = |layer: &Layer| {
        let mixed = match &layer.mixer {
            Mixer::Attention(attention) => {
                let queries = attention.heads as u64 * attention.head_size as u64;
                if attention.gated { 2 * queries } else { queries }
            }
            Mixer::DeltaNet(net) => net.channels() as u64,
        };
        let inner = match &layer.feed_forward {
            FeedForward::Dense(dense) => dense.intermediate,
            FeedForward::Experts(experts) => experts.intermediate.max(experts.shared.unwrap_or(0)).max(experts.count),
        };
        mixed.max(inner as u64)
    };
    config.layers.iter().map(layer).max().unwrap_or(0).max(config.hidden as u64) * NUMBER
}

/// Bytes of the recurrent states, and of the inputs that the convolutions look back at, in all layers.
fn state(config: &ModelConfig) -> u64 {
    let layer = |mixer: &Mixer| match mixer {
        Mixer::Attention(_) => 0,
        Mixer::DeltaNet(net) => {
            let heads = net.value_heads as u64 * net.key_size as u64 * net.value_size as u64;
            heads + net.channels() as u64 * net.taps as u64
        }
    };
    config.layers.iter().map(|found| layer(&found.mixer) * NUMBER).sum()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn config(model_type: &str, layers: usize, (heads, key_heads, head): (usize, usize, usize), more: Value) -> Value {
        let mut config = json!({
            "model_type": model_type, "hidden_size": 4096, "intermediate_size": 128, "num_attention_heads": heads,
            "num_key_value_heads": key_heads, "head_dim": head, "num_hidden_layers": layers, "vocab_size": 320,
            "max_position_embeddings": 2048
        });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        config
    }

    #[track_caller]
    fn sizes(config: &Value) -> (u64, u64, Result<(), Refusal>) {
        let config = ModelConfig::parse(config).unwrap();
        (token(&config), state(&config), check(&config, &Limits::default()))
    }

    #[test]
    fn large_published_models_are_within_the_limits() {
        let experts = |count: usize| {
            json!({ "num_experts": count, "num_experts_per_tok": 8, "moe_intermediate_size": 8,
                "shared_expert_intermediate_size": 8, "linear_num_key_heads": 16, "linear_num_value_heads": 32,
                "linear_key_head_dim": 128, "linear_value_head_dim": 128, "linear_conv_kernel_dim": 4 })
        };
        let llama_70b = sizes(&config("llama", 80, (64, 8, 128), json!({})));
        assert_eq!(llama_70b, (655_360, 0, Ok(())));
        let llama_2_13b = sizes(&config("llama", 40, (40, 40, 128), json!({})));
        assert_eq!(llama_2_13b, (1_638_400, 0, Ok(())));
        let qwen3_235b = sizes(&config("qwen3_moe", 94, (64, 4, 128), experts(128)));
        assert_eq!(qwen3_235b, (385_024, 0, Ok(())));
        let qwen3_next_80b = sizes(&config("qwen3_next", 48, (16, 2, 256), experts(512)));
        assert_eq!(qwen3_next_80b, (49_152, 80_216_064, Ok(())));
    }

    #[test]
    fn the_peak_counts_tensors_as_they_are_held_and_the_keys_and_values_of_a_whole_text() {
        let parsed = |value: &Value| ModelConfig::parse(value).unwrap();
        // 256 heads of 1024 numbers: a model of 16 MiB that leaves 2 MiB a token.
        let small = parsed(&config(
            "llama",
            1,
            (256, 256, 1024),
            json!({ "hidden_size": 8, "max_position_embeddings": 131_072 }),
        ));
        assert_eq!(token(&small), 2 << 20);
        let whole = peak(&small, Arithmetic::Exact, 16_384);
        assert!(whole > 32 << 30 && whole < 36 << 30, "{whole}");
        assert!(peak(&small, Arithmetic::Exact, 512) < 5 << 30);
        // Ten billion parameters: 20 GB as bfloat16 are 40 GB in single precision, and 11 GB in eight bits.
        let large =
            parsed(&config("llama", 48, (32, 8, 128), json!({ "intermediate_size": 14_336, "vocab_size": 32_000 })));
        let held = |arithmetic| peak(&large, arithmetic, 2_048) >> 30;
        assert_eq!((held(Arithmetic::Exact), held(Arithmetic::Bf16), held(Arithmetic::EightBit)), (41, 21, 13));
    }

    #[test]
    fn a_small_file_cannot_ask_for_much_memory() {
        let (_, _, refused) = sizes(&config("llama", 1, (1024, 1024, 1024), json!({})));
        let sentence = refused.unwrap_err().to_string();
        assert!(sentence.starts_with("the keys and values of one token take 8388608 bytes"), "{sentence}");
        let nets = json!({
            "num_experts": 2, "num_experts_per_tok": 1, "moe_intermediate_size": 8,
            "shared_expert_intermediate_size": 8, "linear_num_key_heads": 256, "linear_num_value_heads": 256,
            "linear_key_head_dim": 1024, "linear_value_head_dim": 1024, "linear_conv_kernel_dim": 4,
            "partial_rotary_factor": 1
        });
        let (_, _, refused) = sizes(&config("qwen3_next", 4, (1, 1, 2), nets));
        assert!(refused.unwrap_err().to_string().starts_with("the recurrent state of one text takes 3"));
    }
}
