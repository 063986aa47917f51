//! GGUF containers: sound ones to the letter, truncated and lying ones to a refusal, and configurations of every
//! architecture.

use serde_json::{Value as Json, json};

use super::{
    Content, Gguf, List, Value, config_json,
    fixtures::{File, text},
};
use crate::{
    config::{ModelConfig, RopeScaling},
    refusal::Refusal,
    tensors::{Encoding, TensorSource},
};

/// One entry of every kind, one list of every kind, and two tensors.
fn sound() -> File {
    let list = |file: File, kind: u32, items: &[u8], count| file.list(&format!("list.{kind}"), kind, count, items);
    let mut file = File::default();
    for (kind, bytes) in [
        (0_u32, &[200_u8][..]),
        (1, &[0xFE]),
        (2, &[1, 2]),
        (3, &[0xFF, 0xFF]),
        (4, &[1, 0, 0, 0]),
        (5, &[0xFE, 0xFF, 0xFF, 0xFF]),
        (6, &[0, 0, 0x80, 0x3F]),
        (7, &[1]),
        (10, &[9, 0, 0, 0, 0, 0, 0, 0]),
        (11, &[0xFF; 8]),
        (12, &[0, 0, 0, 0, 0, 0, 0xF0, 0x3F]),
    ] {
        file = list(file.entry(&format!("one.{kind}"), kind, bytes), kind, &bytes.repeat(2), 2);
    }
    let file = file.text("one.8", "grüße").texts("list.8", &["a", ""]);
    file.tensor("b", &[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).tensor("a", &[2], &[7.0, 8.0])
}

#[test]
fn values_of_every_kind_are_read_as_written() {
    let bytes = sound().bytes();
    let content = Content::parse("x", &bytes).unwrap();
    let integers = |values: [i64; 2]| Value::List(List::Integers(values.to_vec()));
    for (kind, one, list) in [
        (0, Value::Unsigned(200), integers([200; 2])),
        (1, Value::Signed(-2), integers([-2; 2])),
        (2, Value::Unsigned(513), integers([513; 2])),
        (3, Value::Signed(-1), integers([-1; 2])),
        (4, Value::Unsigned(1), integers([1; 2])),
        (5, Value::Signed(-2), integers([-2; 2])),
        (6, Value::Float(1.0), Value::List(List::Floats(vec![1.0; 2]))),
        (7, Value::Bool(true), Value::List(List::Bools(vec![true; 2]))),
        (8, Value::Text("grüße"), Value::List(List::Texts(vec!["a", ""]))),
        (10, Value::Unsigned(9), integers([9; 2])),
        (11, Value::Signed(-1), integers([-1; 2])),
        (12, Value::Float(1.0), Value::List(List::Floats(vec![1.0; 2]))),
    ] {
        assert_eq!(content.metadata[format!("one.{kind}").as_str()], one);
        assert_eq!(content.metadata[format!("list.{kind}").as_str()], list);
    }
    assert_eq!((content.count("one.5"), content.count("one.4"), content.count("one.6")), (None, Some(1), None));
    assert_eq!((content.number("one.6"), content.number("one.5")), (Some(1.0), Some(-2.0)));
    assert_eq!((content.flag("one.7"), content.flag("one.0")), (Some(true), None));
    assert_eq!((content.text("one.8"), content.texts("one.8"), content.text("none")), (Some("grüße"), None, None));
}

#[test]
fn tensors_lie_where_the_header_says_and_have_their_shape_turned_round() {
    let bytes = sound().bytes();
    let content = Content::parse("x", &bytes).unwrap();
    let (a, b) = (&content.tensors["a"], &content.tensors["b"]);
    assert_eq!((a.shape.as_slice(), b.shape.as_slice()), (&[2][..], &[2, 3][..]));
    assert_eq!(Encoding::F32.decode(&bytes[a.bytes.clone()]), [7.0, 8.0]);
    assert_eq!(b.bytes.len(), 24);
}

#[test]
fn a_file_cut_short_anywhere_is_refused() {
    let bytes = sound().bytes();
    for length in 0..bytes.len() {
        let refused = Content::parse("x", &bytes[..length]);
        assert!(matches!(refused, Err(Refusal::Gguf { .. })), "{length} of {} bytes: {refused:?}", bytes.len());
    }
}

#[track_caller]
fn check(bytes: &[u8], sentence: &str) {
    let refusal = Content::parse("x.gguf", bytes).unwrap_err().to_string();
    assert!(refusal.contains(sentence), "{refusal}");
}

#[test]
fn headers_that_lie_are_refused_before_anything_is_made() {
    let file = File::default();
    check(&file.bytes_with(b"GGML", 3, 0, 0), "does not begin with GGUF");
    check(&file.bytes_with(b"GGUF", 1, 0, 0), "version 1 is not 2 or 3");
    check(&file.bytes_with(b"GGUF", 4, 0, 0), "version 4");
    check(&file.bytes_with(b"GGUF", 3 << 24, 0, 0), "it is big-endian");
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n";
    assert_eq!(Content::parse("x", pointer).unwrap_err(), Refusal::LfsPointer { file: "x".to_owned() });
    for (number, name) in [(16, "IQ2_XXS"), (40, "NVFP4"), (21, "IQ3_S"), (77, "GGML type 77")] {
        let refusal = Content::parse("x", &file.clone().place("t", &[256], number, 0).bytes()).unwrap_err();
        assert!(refusal.to_string().contains(&format!("tensor t is stored as {name},")), "{refusal}");
    }
    check(&file.bytes_with(b"GGUF", 3, u64::MAX, 0), "beyond reason");
    check(&file.bytes_with(b"GGUF", 3, 0, 4097), "beyond reason");
    check(&file.bytes_with(b"GGUF", 3, 0, 1)[..28], "not complete");
    check(&file.clone().list("k", 0, u64::MAX, &[]).bytes(), "makes more than 4194304");
    check(&file.clone().list("k", 12, 1 << 22, &[0; 64]).bytes(), "not complete");
    check(&file.clone().list("k", 9, 1, &[0; 64]).bytes(), "a list of unknown kind 9");
    check(&file.clone().entry("k", 13, &[]).bytes(), "metadata of unknown kind 13");
    check(&file.clone().entry("k", 7, &[2]).bytes(), "2 is neither true nor false");
    check(&file.clone().entry("k", 8, &u64::MAX.to_le_bytes()).bytes(), "longer than 1048576");
    check(&file.clone().entry("k", 8, &[1, 0, 0, 0, 0, 0, 0, 0, 0xFF]).bytes(), "not UTF-8");
    check(&file.clone().count("k", 1).count("k", 1).bytes(), "appears twice");
    check(&file.clone().count("", 1).bytes(), "a name of 0 bytes");
    check(&file.clone().count(&"k".repeat(257), 1).bytes(), "a name of 257 bytes");
    for alignment in [0, 4, 48, 1 << 17] {
        check(&file.clone().count("general.alignment", alignment).bytes(), "power of two from 8 to 65536");
    }
    // Many lists of a few values each are counted together.
    let full = vec![0; 1 << 21];
    let two = file.clone().list("a", 0, 1 << 21, &full).list("b", 0, 1 << 21, &full);
    assert!(Content::parse("x", &two.bytes()).is_ok());
    check(&two.list("c", 0, 1, &[0]).bytes(), "makes more than");
}

#[test]
fn tensors_that_lie_are_refused_by_name() {
    let file = File::default().data(&[0; 128]);
    check(&file.clone().place("t", &[1; 5], 0, 0).bytes(), "tensor t has 5 dimensions");
    check(&file.clone().place("t", &[4, 0], 0, 0).bytes(), "tensor t is empty");
    check(&file.clone().place("t", &[16], 12, 0).bytes(), "no whole number of Q4_K blocks");
    check(&file.clone().place("t", &[1 << 40, 1 << 40], 0, 0).bytes(), "no whole number of F32 blocks");
    check(&file.clone().place("t", &[4], 0, 4).bytes(), "not aligned to 32");
    check(&file.clone().place("t", &[4], 0, u64::MAX - 31).bytes(), "beyond any file");
    check(&file.clone().place("t", &[33], 0, 0).bytes(), "so it is not complete");
    check(&file.clone().place("t", &[4], 0, 32).place("u", &[9], 0, 0).bytes(), "tensor t overlaps another");
    check(&file.clone().place("t", &[4], 0, 0).place("t", &[4], 0, 32).bytes(), "tensor t appears twice");
    let unknown = Content::parse("x", &file.place("t", &[4], 99, 0).bytes()).unwrap_err();
    assert!(
        matches!(&unknown, Refusal::Encoding { tensor, encoding, .. } if tensor == "t" && encoding == "GGML type 99")
    );
    // A scalar is a row of one value.
    let scalar = File::default().place("t", &[], 0, 0).data(&[0; 4]).bytes();
    assert!(Content::parse("x", &scalar).unwrap().tensors["t"].shape.is_empty());
}

/// Metadata of an architecture, as converters write it.
fn described(architecture: &str) -> File {
    let key = |key: &str| format!("{architecture}.{key}");
    let file = File::default().text("general.architecture", architecture);
    let file = file.count(&key("block_count"), 2).count(&key("context_length"), 256);
    let file = file.count(&key("embedding_length"), 8).count(&key("feed_forward_length"), 12);
    let file = file.count(&key("attention.head_count"), 4).count(&key("attention.head_count_kv"), 2);
    let file = file.count(&key("attention.key_length"), 4);
    let file = file.count(&key("attention.sliding_window"), 16);
    file.float(&key("attention.layer_norm_rms_epsilon"), 1e-5).float(&key("rope.freq_base"), 50_000.0)
}

fn configured(file: &File) -> Result<Json, Refusal> {
    let bytes = file.clone().tensor("token_embd.weight", &[8, 10], &[0.0; 80]).bytes();
    config_json(&Content::parse("x", &bytes)?, &bytes)
}

#[test]
fn every_architecture_gives_a_configuration_of_its_family() {
    let qwen_moe = |file: File| {
        let file = file.count("qwen3moe.expert_count", 6).count("qwen3moe.expert_used_count", 2);
        file.count("qwen3moe.expert_feed_forward_length", 16)
    };
    for (architecture, model_type) in [
        ("llama", "llama"),
        ("qwen2", "qwen2"),
        ("qwen3", "qwen3"),
        ("qwen3moe", "qwen3_moe"),
        ("gemma3", "gemma3_text"),
        ("phi3", "phi3"),
    ] {
        let file = described(architecture);
        let file = if architecture == "qwen3moe" { qwen_moe(file) } else { file };
        let json = configured(&file).unwrap();
        assert_eq!(json["model_type"], model_type);
        let config = ModelConfig::parse(&json).unwrap_or_else(|refusal| panic!("{architecture}: {refusal}"));
        assert_eq!((config.vocabulary, config.hidden, config.layers.len()), (10, 8, 2), "{architecture}");
        assert_eq!((config.max_positions, config.tied_embeddings), (256, true), "{architecture}");
        assert_eq!(config.ropes[0].theta, 50_000.0, "{architecture}");
        assert_eq!(json["norm_topk_prob"], if architecture == "qwen3moe" { json!(true) } else { Json::Null });
    }
}

#[test]
fn ends_of_turns_are_those_that_the_metadata_names_and_marks() {
    let tokens = ["<s>", "</s>", "<|im_end|>", "<|eot_id|>", "a"];
    let file = described("llama").texts("tokenizer.ggml.tokens", &tokens);
    let file = file.integers("tokenizer.ggml.token_type", &[3, 3, 3, 1, 1]).count("tokenizer.ggml.eos_token_id", 1);
    let json = configured(&file.clone().count("tokenizer.ggml.eot_token_id", 4)).unwrap();
    // `<|eot_id|>` is marked as an ordinary token here, which it never is.
    assert_eq!(json["eos_token_id"], json!([1, 4, 2, 3]));
    assert_eq!(configured(&file.count("tokenizer.ggml.eom_token_id", 1)).unwrap()["eos_token_id"], json!([1, 2, 3]));
    assert_eq!(configured(&described("llama")).unwrap()["eos_token_id"], Json::Null);
}

/// Keys that change what llama.cpp computes, and a value at which they do not.
const UNUSED_KEYS: [(&str, f32); 4] = [
    ("rope.scaling.attn_factor", 1.0),
    ("rope.scaling.yarn_attn_factor", 1.0),
    ("rope.scaling.yarn_ext_factor", -1.0),
    ("rope.scaling.yarn_log_multiplier", 0.0),
];

#[test]
fn frequencies_of_longer_texts_are_found_again_or_refused() {
    let parse = |file: &File| configured(file).map(|json| ModelConfig::parse(&json).unwrap().ropes[0].scaling.clone());
    let kind = |name: &str| described("llama").text("llama.rope.scaling.type", name);
    assert_eq!(parse(&kind("none")), Ok(RopeScaling::None));
    assert_eq!(parse(&kind("linear").float("llama.rope.scaling.factor", 1.0)), Ok(RopeScaling::None));
    let linear = kind("linear").float("llama.rope.scaling.factor", 4.0);
    assert_eq!(parse(&linear), Ok(RopeScaling::Linear { factor: 4.0 }));
    let yarn =
        kind("yarn").float("llama.rope.scaling.factor", 2.0).count("llama.rope.scaling.original_context_length", 128);
    assert!(matches!(parse(&yarn), Ok(RopeScaling::Yarn { factor: 2.0, original: 128.0, .. })));
    let bent =
        yarn.clone().float("llama.rope.scaling.yarn_beta_fast", 16.0).float("llama.rope.scaling.yarn_beta_slow", 2.0);
    assert!(matches!(parse(&bent), Ok(RopeScaling::Yarn { fast: 16.0, slow: 2.0, .. })));
    // Without a type a factor is linear, under its older name as well, and of no type it is none.
    for key in ["llama.rope.scaling.factor", "llama.rope.scale_linear"] {
        assert_eq!(parse(&described("llama").float(key, 2.0)), Ok(RopeScaling::Linear { factor: 2.0 }));
        assert_eq!(parse(&kind("none").float(key, 2.0)), Ok(RopeScaling::None));
    }
    let dynamic = kind("dynamic").float("llama.rope.scaling.factor", 2.0);
    assert!(parse(&dynamic).unwrap_err().to_string().contains("only linear, yarn"));
    for (key, neutral) in UNUSED_KEYS {
        let key = format!("llama.{key}");
        assert_eq!(parse(&yarn.clone().float(&key, neutral)), parse(&yarn));
        let refused = parse(&yarn.clone().float(&key, 0.5)).unwrap_err().to_string();
        assert!(refused.contains(&key) && refused.contains("nothing here computes"), "{refused}");
    }
    // Factors of Llama 3.1 for two frequencies: the first is not stretched, the second is.
    let theta: f32 = 5e9;
    let llama3 = |factors: &[f32]| {
        let file = File::default().text("general.architecture", "llama");
        let file = ["block_count", "context_length", "embedding_length", "feed_forward_length", "attention.head_count"]
            .iter()
            .fold(file, |file, key| file.count(&format!("llama.{key}"), 4));
        file.float("llama.rope.freq_base", theta).tensor("rope_freqs.weight", &[factors.len() as u64], factors)
    };
    let json = configured(&llama3(&[1.0, 8.0])).unwrap();
    assert_eq!((&json["rope_scaling"]["rope_type"], &json["rope_scaling"]["factor"]), (&json!("llama3"), &json!(8.0)));
    for wrong in [&[1.0, 1.0][..], &[2.0, 8.0], &[8.0, 1.0]] {
        let refusal = configured(&llama3(wrong)).unwrap_err().to_string();
        assert!(refusal.contains("not those of Llama 3"), "{refusal}");
    }
}

#[test]
fn missing_and_mistaken_metadata_is_refused_by_its_key() {
    let refused = |file: &File| configured(file).unwrap_err().to_string();
    assert!(refused(&File::default()).contains("general.architecture = missing"));
    assert!(refused(&File::default().text("general.architecture", "bert")).contains("\"bert\" is not supported"));
    let bare = File::default().text("general.architecture", "llama");
    assert!(refused(&bare).contains("llama.attention.head_count = missing"));
    let list = bare.integers("llama.attention.head_count", &[4, 4]);
    assert!(refused(&list).contains("one whole number for all layers"), "{}", refused(&list));
}

/// A model of one architecture with the tensors given; the error of opening it.
fn opened(file: &File) -> Result<Gguf, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.gguf");
    std::fs::write(&path, file.clone().tensor("token_embd.weight", &[8, 10], &[0.0; 80]).bytes()).unwrap();
    Gguf::open(&path).map_err(|error| error.to_string())
}

#[test]
fn tensors_come_back_under_the_names_and_in_the_order_of_the_convention() {
    let rows: Vec<f32> = (0..128).map(|index| index as f32).collect();
    let file = described("llama").tensor("blk.1.attn_q.weight", &[8, 16], &rows);
    let source = opened(&file.tensor("blk.0.attn_norm.weight", &[8], &[1.0; 8])).unwrap();
    assert_eq!(
        source.names(),
        [
            "model.embed_tokens.weight",
            "model.layers.0.input_layernorm.weight",
            "model.layers.1.self_attn.q_proj.weight"
        ]
    );
    let found = source.read("model.layers.1.self_attn.q_proj.weight").unwrap();
    // Heads of four rows, the halves of which the file has in turns: 0, 2, 1, 3.
    let order: Vec<usize> = found.chunks(8).map(|row| row[0] as usize / 8).collect();
    assert_eq!(order, [0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15]);
    let stored = source.stored("model.layers.1.self_attn.q_proj.weight").unwrap();
    assert_eq!(stored.encoding.decode(&stored.bytes), found);
    let gemma = described("gemma3").tensor("blk.0.attn_norm.weight", &[8], &[1.5; 8]);
    let source = opened(&gemma).unwrap();
    assert_eq!(source.read("model.layers.0.input_layernorm.weight").unwrap(), [0.5; 8]);
    assert!(source.stored("model.layers.0.input_layernorm.weight").is_none(), "its bytes are not its values");
    assert!(source.read("blk.0.attn_norm.weight").is_err());
}

#[test]
fn tensors_without_a_counterpart_are_refused_by_their_own_name() {
    let moe = |count: u64| {
        let file = described("qwen3moe").count("qwen3moe.expert_count", 3).count("qwen3moe.expert_used_count", 2);
        let file = file.count("qwen3moe.expert_feed_forward_length", 2);
        file.tensor("blk.0.ffn_up_exps.weight", &[8, 2, count], &vec![0.0; 16 * count as usize])
    };
    let source = opened(&moe(3)).unwrap();
    assert_eq!(source.shape("model.layers.0.mlp.experts.2.up_proj.weight"), Some(vec![2, 8]));
    for (file, sentence) in [
        (moe(4), "tensor blk.0.ffn_up_exps.weight has shape [4, 2, 8]"),
        (
            described("llama").tensor("blk.2.attn_norm.weight", &[8], &[0.0; 8]),
            "tensor blk.2.attn_norm.weight has no place",
        ),
        (
            described("llama").tensor("blk.0.unknown.weight", &[8], &[0.0; 8]),
            "tensor blk.0.unknown.weight has no place",
        ),
        (described("llama").tensor("blk.0.attn_q.weight", &[8, 15], &[0.0; 120]), "no even number for each head"),
        (described("llama").tensor("blk.0.attn_k.weight", &[8, 2], &[0.0; 16]), "no even number for each head"),
    ] {
        let error = opened(&file).unwrap_err();
        assert!(error.contains(sentence), "{error}");
    }
    assert!(opened(&described("llama").entry("k", 8, &text("v"))).is_ok());
}
