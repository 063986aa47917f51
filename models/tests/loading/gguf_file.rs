//! Writes small GGUF files, the way converters do.

use models::tensors::TensorSource;
use serde_json::Value as Json;

/// A file being put together.
#[derive(Default)]
pub(crate) struct GgufFile {
    metadata: Vec<u8>,
    entries: u64,
    tensors: Vec<(String, Vec<u64>, u32, Vec<u8>)>,
}

impl GgufFile {
    fn entry(&mut self, key: &str, kind: u32) -> &mut Vec<u8> {
        self.entries += 1;
        text(&mut self.metadata, key);
        self.metadata.extend(kind.to_le_bytes());
        &mut self.metadata
    }

    pub(crate) fn number(&mut self, key: &str, value: u64) {
        self.entry(key, 4).extend((value as u32).to_le_bytes());
    }

    pub(crate) fn float(&mut self, key: &str, value: f64) {
        self.entry(key, 6).extend((value as f32).to_le_bytes());
    }

    pub(crate) fn flag(&mut self, key: &str, value: bool) {
        self.entry(key, 7).push(value.into());
    }

    pub(crate) fn text(&mut self, key: &str, value: &str) {
        text(self.entry(key, 8), value);
    }

    pub(crate) fn texts(&mut self, key: &str, values: &[&str]) {
        let bytes = self.entry(key, 9);
        bytes.extend(8u32.to_le_bytes());
        bytes.extend((values.len() as u64).to_le_bytes());
        values.iter().for_each(|value| text(bytes, value));
    }

    pub(crate) fn integers(&mut self, key: &str, values: &[i32]) {
        let bytes = self.entry(key, 9);
        bytes.extend(5u32.to_le_bytes());
        bytes.extend((values.len() as u64).to_le_bytes());
        values.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
    }

    /// Adds a tensor as F32.
    pub(crate) fn tensor(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.raw(name, shape, 0, bytes);
    }

    pub(crate) fn raw(&mut self, name: &str, shape: &[usize], kind: u32, bytes: Vec<u8>) {
        let shape = shape.iter().rev().map(|dimension| *dimension as u64).collect();
        self.tensors.push((name.to_owned(), shape, kind, bytes));
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3u32.to_le_bytes());
        bytes.extend((self.tensors.len() as u64).to_le_bytes());
        bytes.extend(self.entries.to_le_bytes());
        bytes.extend(&self.metadata);
        let mut offset = 0u64;
        for (name, shape, kind, data) in &self.tensors {
            text(&mut bytes, name);
            bytes.extend((shape.len() as u32).to_le_bytes());
            shape.iter().for_each(|dimension| bytes.extend(dimension.to_le_bytes()));
            bytes.extend(kind.to_le_bytes());
            bytes.extend(offset.to_le_bytes());
            offset += (data.len() as u64).next_multiple_of(32);
        }
        for (_, _, _, data) in &self.tensors {
            bytes.resize(bytes.len().next_multiple_of(32), 0);
            bytes.extend(data);
        }
        bytes
    }
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

/// A tokenizer of bytes and one merge.
pub(crate) fn add_tokenizer(file: &mut GgufFile, vocabulary: usize) {
    let mut tokens: Vec<String> = ["<|start|>", "<|im_end|>", "a", "b", "ab"].map(str::to_owned).to_vec();
    tokens.extend((tokens.len()..vocabulary).map(|id| format!("token{id}")));
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    let mut kinds = vec![1; vocabulary];
    kinds[..2].fill(3);
    file.text("tokenizer.ggml.model", "gpt2");
    file.text("tokenizer.ggml.pre", "smollm");
    file.texts("tokenizer.ggml.tokens", &tokens);
    file.integers("tokenizer.ggml.token_type", &kinds);
    file.texts("tokenizer.ggml.merges", &["a b"]);
    file.number("tokenizer.ggml.bos_token_id", 0);
    file.number("tokenizer.ggml.eos_token_id", 1);
    file.flag("tokenizer.ggml.add_bos_token", false);
    file.text("tokenizer.chat_template", "{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}");
}

/// Converts a checkpoint of the Llama, Qwen2, Qwen3 or Gemma 3 family, as llama.cpp's converter does.
pub(crate) fn convert(config: &Json, source: &dyn TensorSource) -> GgufFile {
    let gemma = config["model_type"] == "gemma3_text";
    let architecture = if gemma { "gemma3" } else { config["model_type"].as_str().unwrap() };
    let llama = architecture == "llama";
    let mut file = GgufFile::default();
    file.text("general.architecture", architecture);
    for (key, from) in [
        ("block_count", "num_hidden_layers"),
        ("context_length", "max_position_embeddings"),
        ("embedding_length", "hidden_size"),
        ("feed_forward_length", "intermediate_size"),
        ("attention.head_count", "num_attention_heads"),
        ("attention.head_count_kv", "num_key_value_heads"),
        ("attention.key_length", "head_dim"),
        ("attention.sliding_window", "sliding_window"),
    ] {
        if let Some(value) = config[from].as_u64() {
            file.number(&format!("{architecture}.{key}"), value);
        }
    }
    file.float(&format!("{architecture}.attention.layer_norm_rms_epsilon"), config["rms_norm_eps"].as_f64().unwrap());
    let rope = &config["rope_parameters"];
    let theta = rope["rope_theta"].as_f64().or(rope["full_attention"]["rope_theta"].as_f64()).unwrap();
    file.float(&format!("{architecture}.rope.freq_base"), theta);
    if rope["rope_type"] == "llama3" {
        let factors = llama3_factors(rope, config["head_dim"].as_u64().unwrap() as usize);
        file.tensor("rope_freqs.weight", &[factors.len()], &factors);
    }
    add_tokenizer(&mut file, config["vocab_size"].as_u64().unwrap() as usize);
    for name in source.names() {
        let shape = source.shape(&name).unwrap();
        let mut values = source.read(&name).unwrap();
        let heads = |key: &str| config[key].as_u64().unwrap() as usize;
        if gemma && name.ends_with("norm.weight") {
            values.iter_mut().for_each(|value| *value += 1.0);
        }
        if llama && name.contains("q_proj") {
            values = interleave(&values, shape[1], heads("num_attention_heads"));
        }
        if llama && name.contains("k_proj") {
            values = interleave(&values, shape[1], heads("num_key_value_heads"));
        }
        file.tensor(&ggml_name(&name, gemma), &shape, &values);
    }
    file
}

fn interleave(values: &[f32], row: usize, heads: usize) -> Vec<f32> {
    let rows: Vec<&[f32]> = values.chunks(row).collect();
    let head = rows.len() / heads;
    (0..rows.len()).flat_map(|to| rows[to / head * head + to % 2 * head / 2 + to % head / 2].to_vec()).collect()
}

fn llama3_factors(rope: &Json, head: usize) -> Vec<f32> {
    let number = |key: &str| rope[key].as_f64().unwrap();
    let (factor, low, high) = (number("factor"), number("low_freq_factor"), number("high_freq_factor"));
    let original = number("original_max_position_embeddings");
    let factors = (0..head / 2).map(|index| {
        let wavelength = std::f64::consts::TAU * number("rope_theta").powf(2.0 * index as f64 / head as f64);
        if wavelength < original / high {
            return 1.0;
        }
        if wavelength > original / low {
            return factor;
        }
        let smooth = (original / wavelength - low) / (high - low);
        1.0 / ((1.0 - smooth) / factor + smooth)
    });
    factors.map(|factor| factor as f32).collect()
}

fn ggml_name(name: &str, gemma: bool) -> String {
    let after_attention = if gemma { "post_attention_norm" } else { "ffn_norm" };
    let name = name.replace("model.layers.", "blk.").replace("model.embed_tokens", "token_embd");
    let name = name.replace("model.norm", "output_norm").replace("lm_head", "output");
    let parts = [
        ("input_layernorm", "attn_norm"),
        ("post_attention_layernorm", after_attention),
        ("pre_feedforward_layernorm", "ffn_norm"),
        ("post_feedforward_layernorm", "post_ffw_norm"),
        ("self_attn.q_proj", "attn_q"),
        ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"),
        ("self_attn.o_proj", "attn_output"),
        ("self_attn.q_norm", "attn_q_norm"),
        ("self_attn.k_norm", "attn_k_norm"),
        ("mlp.gate_proj", "ffn_gate"),
        ("mlp.up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"),
    ];
    parts.iter().fold(name, |name, (from, to)| name.replace(from, to))
}
