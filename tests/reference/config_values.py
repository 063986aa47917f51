"""Writes tests/fixtures/config/reference.jsonl: what transformers makes of config.json keys, for every family.

pip install transformers==5.24 torch; python tests/reference/config_values.py

The first row of a family is its smallest configuration; each further one changes keys or leaves some out. "values" is null where
they are those of the first row, and instead of them there is "error" where transformers refuses the configuration.
A model of each row is built without memory, and what it computes with is read off its modules.
"""
import importlib
import json
import logging
import pathlib

import torch
from transformers import logging as transformers_logging
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

logging.disable(logging.WARNING)
transformers_logging.set_verbosity_error()

SMALL = {
    "vocab_size": 32, "hidden_size": 64, "intermediate_size": 24, "num_hidden_layers": 4, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 1024, "pad_token_id": 0,
}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 8, "shared_expert_intermediate_size": 8}
NET = {"linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 8}
FAMILIES = {
    "llama": ("llama", "Llama", {}),
    "mistral": ("mistral", "Mistral", {}),
    "qwen2": ("qwen2", "Qwen2", {}),
    "qwen3": ("qwen3", "Qwen3", {}),
    "qwen3_moe": ("qwen3_moe", "Qwen3Moe", EXPERTS),
    "qwen3_next": ("qwen3_next", "Qwen3Next", {**EXPERTS, **NET}),
    "qwen3_5_text": ("qwen3_5", "Qwen3_5", NET),
    "qwen3_5_moe_text": ("qwen3_5_moe", "Qwen3_5Moe", {**EXPERTS, **NET}),
    "gemma3_text": ("gemma3", "Gemma3", {"sliding_window_pattern": 3}),
    "phi3": ("phi3", "Phi3", {}),
}
# Families that rotate a part of each head where they are told to.
PARTLY = ("Qwen3Next", "Qwen3_5", "Qwen3_5Moe", "Phi3")
def yarn(**more): return {"rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 256, **more}}
def longrope(count, **more):
    return {"rope_type": "longrope", "short_factor": [1 + i / 8 for i in range(count)], "long_factor": [2 + i for i in range(count)], **more}
CHANGES = [
    {}, {"num_key_value_heads": None}, {"head_dim": 8}, {"head_dim": 32}, {"rms_norm_eps": 1e-4},
    {"rope_theta": 5e5}, {"rope_parameters": {"rope_type": "default", "rope_theta": 2e4}}, {"rope_theta": 7, "rope_parameters": {"rope_theta": 2e4}},
    {"partial_rotary_factor": 0.5}, {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5}},
    {"rope_scaling": {"type": "linear", "factor": 4.0}}, {"rope_scaling": {"rope_type": "linear", "factor": 2.5}, "rope_parameters": {"rope_theta": 9.0}},
    {"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}}, {"rope_scaling": {}},
    {"rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 128}},
    {"rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}},
    yarn(), yarn(truncate=False), yarn(mscale=0.7), yarn(mscale=0.7, mscale_all_dim=1.3), yarn(mscale=1.0, mscale_all_dim=0.0),
    yarn(attention_factor=0.5), yarn(attention_factor=0.5, mscale=0.7, mscale_all_dim=1.3), yarn(beta_fast=8.0, beta_slow=2.0),
    yarn(beta_fast=0, beta_slow=0), yarn(factor=None), yarn(factor=0.5),
    {"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, {"original_max_position_embeddings": 512, **yarn()},
    {"original_max_position_embeddings": 512, "rope_scaling": {"rope_type": "yarn", "factor": 4.0}},
    {"rope_scaling": longrope(8, original_max_position_embeddings=256)}, {"rope_scaling": longrope(8), "original_max_position_embeddings": 256},
    {"rope_scaling": longrope(8, factor=3.0), "original_max_position_embeddings": 256},
    {"rope_scaling": longrope(8, attention_factor=1.25), "original_max_position_embeddings": 256},
    {"rope_scaling": {**longrope(8), "type": "su", "rope_type": "su"}, "original_max_position_embeddings": 256},
    {"rope_scaling": longrope(4), "original_max_position_embeddings": 256, "partial_rotary_factor": 0.5}, {"rope_scaling": longrope(8)},
    {"rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 3e4}, "sliding_attention": {"rope_type": "default"}}},
    {"rope_local_base_freq": 3e3, "rope_scaling": {"rope_type": "linear", "factor": 8.0}},
    {"sliding_window": None}, {"sliding_window": 16}, {"sliding_window": 16, "use_sliding_window": True, "max_window_layers": 2},
    {"use_sliding_window": True, "max_window_layers": 0}, {"use_sliding_window": True},
    {"layer_types": ["full_attention", "sliding_attention"] * 2, "sliding_window": 16, "use_sliding_window": True},
    {"layer_types": ["linear_attention", "full_attention"] * 2}, {"full_attention_interval": 2}, {"sliding_window_pattern": 2}, {"_sliding_window_pattern": 2},
    {"attention_bias": True}, {"mlp_bias": True}, {"hidden_act": "gelu_pytorch_tanh"}, {"hidden_activation": "silu"},
    {"query_pre_attn_scalar": 100}, {"final_logit_softcapping": 30.0}, {"tie_word_embeddings": True}, {"tie_word_embeddings": False},
    {"partial_rotary_factor": 0.2}, {"partial_rotary_factor": 0.3}, {"partial_rotary_factor": 1.0}, {"partial_rotary_factor": 0.001},
    {"partial_rotary_factor": 0.2, "rope_scaling": {"type": "linear", "factor": 4.0}}, {"partial_rotary_factor": 0.2, **yarn()},
    {"partial_rotary_factor": 0.5, **yarn()}, {"partial_rotary_factor": 0.5, "rope_scaling": {"rope_type": "dynamic", "factor": 2.0}},
    {"partial_rotary_factor": 0.2, "rope_scaling": {"rope_type": "dynamic", "factor": 2.0}},
    {"partial_rotary_factor": 0.2, "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}},
    {"partial_rotary_factor": 0.2, "rope_scaling": longrope(26)}, {"partial_rotary_factor": 0.2, "rope_scaling": longrope(2)},
    {"rope_scaling": {"rope_type": "proportional"}}, {"rope_scaling": {"rope_type": "proportional", "factor": 3.0, "partial_rotary_factor": 0.4}},
    {"partial_rotary_factor": 0.25, "rope_parameters": {"rope_type": "proportional", "rope_theta": 2e4}},
    {"rope_parameters": None}, {"rope_scaling": None, "rope_parameters": {"type": "linear", "factor": 3.0}},
    {"rope_scaling": {"type": "yarn", "rope_type": "linear", "factor": 3.0}},
    {"rope_parameters": {"rope_type": "linear", "factor": 8.0, "rope_theta": 3e4}}, {"rope_parameters": {"rope_theta": 3e4}, "rope_theta": 5e4},
    {"rope_parameters": {"full_attention": {"rope_theta": 3e4}, "rope_theta": 9.0, "rope_type": "linear", "factor": 2.0}},
    {"rope_parameters": {"full_attention": {"type": "linear", "factor": 8.0}, "sliding_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 5e3}}},
    {"rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8.0}}, "rope_scaling": {"factor": 2.0}},
    {"rope_parameters": {"full_attention": {**longrope(128), "original_max_position_embeddings": 256}, "sliding_attention": None}},
    {"rope_scaling": {**longrope(128), "original_max_position_embeddings": 256}},
    {"rope_scaling": {**longrope(32), "original_max_position_embeddings": 256, "partial_rotary_factor": 0.25}},
    {"mlp_only_layers": [1]}, {"decoder_sparse_step": 2}, {"norm_topk_prob": False}, {"norm_topk_prob": True}, {"num_local_experts": 6},
]
# Left out, so that the class says what they are.
OMITTED = [["rms_norm_eps"], ["num_key_value_heads"], ["max_position_embeddings"], ["intermediate_size"],
           ["linear_num_key_heads", "linear_num_value_heads", "linear_key_head_dim", "linear_value_head_dim"], ["num_hidden_layers"]]


def name_of(activation):
    return {"SiLUActivation": "silu", "SiLU": "silu", "GELUTanh": "gelu_tanh", "PytorchGELUTanh": "gelu_tanh"}[type(activation).__name__]


def some(frequencies):
    numbers = [float(f"{value:.7g}") for value in frequencies.tolist()]
    return {"count": len(numbers), "some": [numbers[0], numbers[len(numbers) // 2], numbers[-1]]}


def values(module, prefix, config):
    classes = importlib.import_module(f"transformers.models.{module}.modeling_{module}")
    with torch.device("meta"):
        name = "Qwen3_5ForCausalLM" if prefix == "Qwen3_5" else "Qwen3_5MoeForCausalLM" if prefix == "Qwen3_5Moe" else f"{prefix}ForCausalLM"
        model = getattr(classes, name)(config)
    rotary = type(model.model.rotary_emb)(config)
    kinds = ["full_attention", "sliding_attention"] if prefix == "Gemma3" else [None]
    ropes = []
    for kind in kinds:
        # A kind without layers has no angles either.
        if kind is not None and kind not in config.layer_types:
            ropes.append(None)
            continue
        frequencies = rotary.inv_freq if kind is None else getattr(rotary, f"{kind}_inv_freq")
        scale = rotary.attention_scaling if kind is None else getattr(rotary, f"{kind}_attention_scaling")
        rope = config.rope_parameters if kind is None else config.rope_parameters[kind]
        row = {**some(frequencies), "scale": float(f"{scale:.7g}")}
        if rope["rope_type"] == "longrope":
            original = rope["original_max_position_embeddings"]
            longer, _ = ROPE_INIT_FUNCTIONS["longrope"](config, seq_len=original + 1, layer_type=kind)
            row["long"] = {"from": original, **some(longer)}
        # What no class would notice before its first text.
        head = model.model.layers[-1].self_attn.head_dim
        assert 2 * len(frequencies) == head or (prefix in PARTLY and 2 * len(frequencies) < head), "angles do not fit a head"
        ropes.append(row)
    layers = []
    for index, layer in enumerate(model.model.layers):
        attention = getattr(layer, "self_attn", None)
        row = {}
        if attention is None or not hasattr(attention, "o_proj"):
            net = layer.linear_attn
            row["net"] = [net.num_k_heads, net.num_v_heads, net.head_k_dim, net.head_v_dim, net.conv_kernel_size]
        else:
            projection = getattr(attention, "q_proj", None) or attention.qkv_proj
            assert attention.num_key_value_groups, "more key heads than heads"
            row["head"] = attention.head_dim
            row["groups"] = attention.num_key_value_groups
            row["scale"] = float(f"{attention.scaling:.7g}")
            row["bias"] = [projection.bias is not None, attention.o_proj.bias is not None]
            window = getattr(config, "sliding_window", None)
            listed = getattr(config, "layer_types", None) if module in ("qwen2", "qwen3", "gemma3") else None
            if module in ("llama", "qwen3_next", "qwen3_5", "qwen3_5_moe") or (listed and listed[index] != "sliding_attention"):
                window = None
            row["window"] = window
        unit = layer.mlp
        if hasattr(unit, "experts"):
            gate = unit.gate
            row["experts"] = [gate.num_experts, gate.top_k, bool(getattr(gate, "norm_topk_prob", True))]
        else:
            up = getattr(unit, "up_proj", None) or unit.gate_up_proj
            row["unit"] = [unit.down_proj.in_features, name_of(getattr(unit, "act_fn", None) or unit.activation_fn), up.bias is not None]
        layers.append(row)
    norm = model.model.norm
    kinds = [row for index, row in enumerate(layers) if row not in layers[:index]]
    return {
        "ropes": ropes, "kinds": kinds, "layers": [kinds.index(row) for row in layers], "epsilon": float(getattr(norm, "variance_epsilon", None) or norm.eps), "tied": bool(config.tie_word_embeddings),
        "softcap": getattr(config, "final_logit_softcapping", None) if prefix == "Gemma3" else None, "positions": config.max_position_embeddings,
    }


def rows():
    for name, (module, prefix, more) in FAMILIES.items():
        configuration = importlib.import_module(f"transformers.models.{module}.configuration_{module}")
        config_class = getattr(configuration, f"{prefix}TextConfig", None) or getattr(configuration, f"{prefix}Config")
        base = {"model_type": name, **SMALL, **more}
        tries = [(change, []) for change in CHANGES] + [({}, keys) for keys in OMITTED]
        first = None
        for change, omitted in tries:
            config = {key: value for key, value in {**base, **change}.items() if key not in omitted}
            row = {"family": name, "change": change if first else config, "omitted": omitted}
            try:
                found = values(module, prefix, config_class.from_dict(json.loads(json.dumps(config))))
                yield {**row, "values": None if found == first else found}
                first = first or found
            except Exception as error:
                yield {**row, "error": f"{type(error).__name__}: {error}".split("\n")[0][:100]}


path = pathlib.Path(__file__).parents[1] / "fixtures/config/reference.jsonl"
path.parent.mkdir(exist_ok=True)
with path.open("w") as file:
    for row in rows():
        file.write(json.dumps(row, separators=(",", ":")) + "\n")
