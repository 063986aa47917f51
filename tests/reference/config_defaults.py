"""Writes models/src/config/class_defaults.json: what transformers presumes of a key that config.json leaves out.

pip install transformers==5.24 torch; python tests/reference/config_defaults.py

The keys are those that change what a model computes; a null default stands for one that follows from other keys.
"""
import importlib
import json
import logging
import pathlib

logging.disable(logging.WARNING)
from transformers import logging as transformers_logging

transformers_logging.set_verbosity_error()

CLASSES = {
    "llama": ("llama", "LlamaConfig"),
    "mistral": ("mistral", "MistralConfig"),
    "qwen2": ("qwen2", "Qwen2Config"),
    "qwen3": ("qwen3", "Qwen3Config"),
    "qwen3_moe": ("qwen3_moe", "Qwen3MoeConfig"),
    "qwen3_next": ("qwen3_next", "Qwen3NextConfig"),
    "qwen3_5_text": ("qwen3_5", "Qwen3_5TextConfig"),
    "qwen3_5_moe_text": ("qwen3_5_moe", "Qwen3_5MoeTextConfig"),
    "gemma3_text": ("gemma3", "Gemma3TextConfig"),
    "phi3": ("phi3", "Phi3Config"),
}
KEYS = """vocab_size hidden_size intermediate_size num_hidden_layers num_attention_heads num_key_value_heads head_dim
hidden_act hidden_activation max_position_embeddings original_max_position_embeddings rms_norm_eps tie_word_embeddings
attention_bias mlp_bias sliding_window use_sliding_window max_window_layers query_pre_attn_scalar
use_bidirectional_attention num_experts num_experts_per_tok moe_intermediate_size shared_expert_intermediate_size
norm_topk_prob decoder_sparse_step mlp_only_layers linear_conv_kernel_dim linear_key_head_dim linear_value_head_dim
linear_num_key_heads linear_num_value_heads""".split()
# Presumed by code instead of by a field.
MORE = {
    "qwen3_next": {"partial_rotary_factor": 0.25, "full_attention_interval": 4},
    "qwen3_5_text": {"partial_rotary_factor": 0.25, "full_attention_interval": 4},
    "qwen3_5_moe_text": {"partial_rotary_factor": 0.25, "full_attention_interval": 4},
    "gemma3_text": {"sliding_window_pattern": 6, "rope_theta": 1e6, "rope_local_base_freq": 1e4},
}

table = {}
for name, (module, class_name) in CLASSES.items():
    config = getattr(importlib.import_module(f"transformers.models.{module}.configuration_{module}"), class_name)
    found = {key: getattr(config, key) for key in KEYS if hasattr(config, key)}
    found = {key: value for key, value in found.items() if value is not None}
    found.setdefault("rope_theta", 10_000.0)
    found.update(MORE.get(name, {}))
    # The instance agrees with what the code above says.
    rope = config().rope_parameters
    rope = rope.get("full_attention", rope)
    assert rope["rope_theta"] == found["rope_theta"] and rope.get("partial_rotary_factor", 1.0) == found.get("partial_rotary_factor", 1.0)
    table[name] = dict(sorted(found.items()))
path = pathlib.Path(__file__).parents[2] / "models/src/config/class_defaults.json"
path.write_text(json.dumps(table, indent=2) + "\n")
