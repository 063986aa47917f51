//! Minimal sound GGUF files of several families and tokenizers.

/// Type codes of metadata values.
const U32: u32 = 4;
const I32: u32 = 5;
const F32: u32 = 6;
const BOOL: u32 = 7;
const TEXT: u32 = 8;
const LIST: u32 = 9;

/// Width of every tensor, so that a row of Q8_0 is one block.
const WIDTH: u64 = 32;
const TOKENS: [&str; 8] = ["<unk>", "<s>", "a", "b", "ab", "\u{2581}", "<0x0A>", "abab"];

/// A file under construction.
#[derive(Default)]
struct Seed {
    entries: Vec<u8>,
    count: u64,
    tensors: Vec<(String, Vec<u64>, u32)>,
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

impl Seed {
    fn entry(&mut self, key: &str, kind: u32) -> &mut Vec<u8> {
        self.count += 1;
        text(&mut self.entries, key);
        self.entries.extend(kind.to_le_bytes());
        &mut self.entries
    }

    fn number(&mut self, key: &str, value: u32) {
        self.entry(key, U32).extend(value.to_le_bytes());
    }

    fn list(&mut self, key: &str, kind: u32, length: usize) -> &mut Vec<u8> {
        let bytes = self.entry(key, LIST);
        bytes.extend(kind.to_le_bytes());
        bytes.extend((length as u64).to_le_bytes());
        bytes
    }

    fn tensor(&mut self, name: &str, shape: &[u64], kind: u32) {
        self.tensors.push((name.to_owned(), shape.to_vec(), kind));
    }

    fn model(&mut self, architecture: &str) {
        text(self.entry("general.architecture", TEXT), architecture);
        for (key, value) in [
            ("block_count", 1),
            ("context_length", 64),
            ("embedding_length", WIDTH as u32),
            ("feed_forward_length", WIDTH as u32),
            ("attention.head_count", 2),
            ("expert_count", 2),
            ("expert_used_count", 1),
            ("expert_feed_forward_length", WIDTH as u32),
        ] {
            self.number(&format!("{architecture}.{key}"), value);
        }
        self.tensor("token_embd.weight", &[TOKENS.len() as u64, WIDTH], 8);
        self.tensor("output_norm.weight", &[WIDTH], 0);
        // of two kinds, because rows of heads are put back in blocks and in numbers
        self.tensor("blk.0.attn_q.weight", &[WIDTH, WIDTH], 8);
        self.tensor("blk.0.attn_k.weight", &[WIDTH, WIDTH], 0);
        if architecture == "qwen3moe" {
            self.tensor("blk.0.ffn_down_exps.weight", &[2, WIDTH, WIDTH], 8);
        }
    }

    fn tokenizer(&mut self, model: &str, pre: &str) {
        text(self.entry("tokenizer.ggml.model", TEXT), model);
        text(self.entry("tokenizer.ggml.pre", TEXT), pre);
        for (key, list) in [("tokens", &TOKENS[..]), ("merges", &["a b", "ab ab"][..])] {
            let bytes = self.list(&format!("tokenizer.ggml.{key}"), TEXT, list.len());
            list.iter().for_each(|token| text(bytes, token));
        }
        let bytes = self.list("tokenizer.ggml.token_type", I32, TOKENS.len());
        [2i32, 3, 1, 1, 1, 1, 6, 1].iter().for_each(|kind| bytes.extend(kind.to_le_bytes()));
        let bytes = self.list("tokenizer.ggml.scores", F32, TOKENS.len());
        [0.0f32, 0.0, -1.0, -2.0, -3.0, -4.0, 0.0, -5.0].iter().for_each(|score| bytes.extend(score.to_le_bytes()));
        self.number("tokenizer.ggml.bos_token_id", 1);
        self.entry("tokenizer.ggml.add_bos_token", BOOL).push(1);
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend((self.tensors.len() as u64).to_le_bytes());
        bytes.extend(self.count.to_le_bytes());
        bytes.extend(&self.entries);
        let mut offset = 0u64;
        for (name, shape, kind) in &self.tensors {
            text(&mut bytes, name);
            bytes.extend((shape.len() as u32).to_le_bytes());
            shape.iter().rev().for_each(|dimension| bytes.extend(dimension.to_le_bytes()));
            bytes.extend(kind.to_le_bytes());
            bytes.extend(offset.to_le_bytes());
            let elements: u64 = shape.iter().product();
            let size = if *kind == 8 { elements / 32 * 34 } else { elements * 4 };
            offset += size.next_multiple_of(32);
        }
        bytes.resize(bytes.len().next_multiple_of(32) + offset as usize, 0);
        bytes
    }
}

/// Every family with a change of its own, and every kind of tokenizer.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let files = [
        ("llama", "gpt2", "smollm"),
        ("llama", "gpt2", "llama-bpe"),
        ("qwen3moe", "gpt2", "qwen2"),
        ("gemma3", "llama", "default"),
    ];
    let build = |(architecture, model, pre): (&str, &str, &str)| {
        let mut seed = Seed::default();
        seed.model(architecture);
        seed.tokenizer(model, pre);
        seed.bytes()
    };
    files.into_iter().map(build).collect()
}
