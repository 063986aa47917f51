"""Writes tests/fixtures/tokenizer/reference.jsonl: digests of what the tokenizers library makes of random texts, a kind a row.

pip install tokenizers==0.23.*; python tests/reference/token_ids.py

A row has a tokenizer.json of its own: a vocabulary learned from the texts' characters, and the parts that a published tokenizer
has. The texts come from a generator that the test has too. Digest: SHA-256 of all ids as little-endian 32-bit numbers, each text
followed by 0xffffffff.
"""
import hashlib
import json
import pathlib
import struct

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

COUNT = 2000
# Ranges of code points, and how often each is drawn from.
RANGES = [(0x20, 0x7F, 12), (0x30, 0x3A, 6), (0x41, 0x5B, 4), (0x61, 0x7B, 10), (0x09, 0x0E, 3), (0x20, 0x21, 8), (0xA0, 0x180, 4),
          (0x300, 0x330, 2), (0x391, 0x3CA, 2), (0x400, 0x460, 3), (0x5D0, 0x5EB, 1), (0x660, 0x66A, 1), (0x905, 0x93A, 1), (0x1F00, 0x2000, 1),
          (0x2010, 0x2040, 2), (0x2150, 0x2190, 1), (0x3000, 0x3100, 3), (0x4E00, 0x4F00, 4), (0xAC00, 0xAC80, 2), (0xFF01, 0xFF60, 2), (0x1F600, 0x1F640, 2), (0x27, 0x28, 2)]
TABLE = [(low, high) for low, high, often in RANGES for _ in range(often)]
WORDS = ["'s", "'LL", "don't", "I'VE", "12345", "x = 1\n", "\r\n\r\n", "    ", "...", "http://a.b/c?d=1", "<|x|>", "\t\t"]


class Numbers:
    """splitmix64, as the crate has it."""

    def __init__(self, state):
        self.state = state

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & (2**64 - 1)
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
        return z ^ (z >> 31)


def texts():
    numbers = Numbers(7)
    for _ in range(COUNT):
        text = ""
        for _ in range(numbers.next() % 40):
            if numbers.next() % 8 == 0:
                text += WORDS[numbers.next() % len(WORDS)]
            else:
                low, high = TABLE[numbers.next() % len(TABLE)]
                text += chr(low + numbers.next() % (high - low))
        yield text


def split(pattern): return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
def byte_level(cuts): return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": cuts}
SPELLED = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
USUAL = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = USUAL + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace("{1,3}", "")
QWEN35 = USUAL + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEKKEN = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
O200K = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + USUAL + r"?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + USUAL + r"?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CL100K = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
DEEPSEEK3 = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"
DIGITS = {"type": "Digits", "individual_digits": True}
KINDS = {
    "gpt2": [byte_level(True)],
    "smollm": [DIGITS, byte_level(True)],
    "llama3": [split(LLAMA3), byte_level(False)],
    "llama3_spelled": [split(LLAMA3.replace(USUAL, SPELLED)), byte_level(False)],
    "qwen2": [split(QWEN2), byte_level(False)],
    "qwen2_spelled": [split(QWEN2.replace(USUAL, SPELLED)), byte_level(False)],
    "qwen35": [split(QWEN35), byte_level(False)],
    "tekken": [split(TEKKEN), byte_level(False)],
    "o200k": [split(O200K), byte_level(False)],
    "o200k_spelled": [split(O200K.replace(USUAL, SPELLED)), byte_level(False)],
    "cl100k": [split(CL100K), byte_level(False)],
    "falcon3": [{"type": "Punctuation", "behavior": "Contiguous"}, byte_level(True), {"type": "Digits", "individual_digits": False}, split("[0-9][0-9][0-9]")],
    "deepseek_coder": [split("[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"), split("[一-龥ࠀ-一가-\ud7ff]+"), DIGITS, byte_level(False)],
    "deepseek_v3": [split(r"\p{N}{1,3}"), split("[一-龥\u3040-\u309f\u30a0-\u30ff]+"), split(DEEPSEEK3), byte_level(False)],
    "bloom": [split(r" ?[^(\s|.,!?…。，、।۔،)]+"), byte_level(False)],
    "metaspace": [{"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}],
}
NORMALIZERS = {"qwen2": {"type": "NFC"}, "metaspace": {"type": "NFKC"}}


def tokenizer(kind, parts):
    """A vocabulary learned by cutting with the same parts."""
    model = models.BPE(unk_token="<unk>", byte_fallback=False)
    learned = Tokenizer(model)
    written = json.loads(learned.to_str())
    written["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": parts}
    written["normalizer"] = NORMALIZERS.get(kind)
    learned = Tokenizer.from_str(json.dumps(written))
    alphabet = [] if kind == "metaspace" else pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=420, limit_alphabet=256, special_tokens=["<unk>", "<s>"], initial_alphabet=alphabet, show_progress=False)
    learned.train_from_iterator(list(texts())[:400], trainer)
    return learned


def unigram():
    """SentencePiece's other model, with pieces of one and more characters."""
    written = json.loads(Tokenizer(models.Unigram()).to_str())
    written["pre_tokenizer"] = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}
    learned = Tokenizer.from_str(json.dumps(written))
    trainer = trainers.UnigramTrainer(vocab_size=600, special_tokens=["<unk>", "<s>"], unk_token="<unk>", show_progress=False)
    learned.train_from_iterator(["".join(c for c in text if ord(c) < 0x180) for text in list(texts())[:400]], trainer)
    return learned


def row(kind, learned):
    digest = hashlib.sha256()
    for text in texts():
        for number in [*learned.encode(text, add_special_tokens=False).ids, 0xFFFFFFFF]:
            digest.update(struct.pack("<I", number))
    return {"kind": kind, "tokenizer": json.loads(learned.to_str()), "digest": digest.hexdigest()}


rows = [row(kind, tokenizer(kind, parts)) for kind, parts in KINDS.items()] + [row("unigram", unigram())]
path = pathlib.Path(__file__).parents[1] / "fixtures/tokenizer/reference.jsonl"
path.write_text("\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n")
