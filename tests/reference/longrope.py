"""Writes tests/fixtures/golden/phi3-longrope.json: texts beside and beyond the original length of LongRoPE.

pip install transformers==5.24 torch; python tests/reference/longrope.py

The model is tests/fixtures/golden/phi3 with other keys in its configuration. "scored" is the log-probability of each token
but the first in one pass over a text; "greedy" is a continuation token by token, each from one pass over all tokens before it,
which is what Phi-3's generate() computes since it drops its cache where the text outgrows the original length.
"""
import json
import pathlib

import torch
from transformers import AutoConfig, AutoModelForCausalLM

folder = pathlib.Path(__file__).parents[1] / "fixtures/golden"
change = {
    "original_max_position_embeddings": 40,
    "rope_parameters": None,
    "rope_scaling": {"type": "longrope", "short_factor": [1 + i / 16 for i in range(8)], "long_factor": [3 + 2 * i for i in range(8)]},
}
config = AutoConfig.for_model(**{**json.loads((folder / "phi3/config.json").read_text()), **change})
model = AutoModelForCausalLM.from_pretrained(folder / "phi3", config=config, dtype=torch.float32, attn_implementation="eager").eval()


def passed(tokens):
    with torch.no_grad():
        return torch.log_softmax(model(torch.tensor([tokens])).logits[0].double(), -1)


scored = []
for length in (30, 40, 41, 42, 90):
    tokens = [(i * 37 + 11 * length) % 320 for i in range(length)]
    rows = passed(tokens)
    scored.append({"tokens": tokens, "logprobs": [round(rows[i - 1, tokens[i]].item(), 7) for i in range(1, length)]})
greedy = []
for length in (5, 34, 40, 41, 70):
    tokens, logprobs, margins = [(i * 37 + 11 * length) % 320 for i in range(length)], [], []
    for _ in range(24):
        best = passed(tokens)[-1].topk(2)
        tokens.append(best.indices[0].item())
        logprobs.append(round(best.values[0].item(), 7))
        margins.append((best.values[0] - best.values[1]).item())
    assert min(margins) > 1e-4, "another text, since two tokens are as likely"
    greedy.append({"prompt": length, "tokens": tokens, "logprobs": logprobs})
(folder / "phi3-longrope.json").write_text(json.dumps({"config": change, "scored": scored, "greedy": greedy}) + "\n")
