//! Every refusal by name, each from a model that was sound before it was spoiled.

use std::{fs, path::Path};

use models::{
    admission::{Limits, admit},
    error::LoadError,
    refusal::Refusal,
    snapshot::Snapshot,
};
use serde_json::{Value, json};

use super::{
    copy,
    gguf_file::{GgufFile, add_tokenizer, convert},
    open, refusal,
};

fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

/// Changes the header of a safetensors file and leaves its tensors.
fn edit_header(path: &Path, change: impl FnOnce(&mut Value)) {
    let bytes = fs::read(path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    change(&mut header);
    let header = header.to_string();
    let mut changed = (header.len() as u64).to_le_bytes().to_vec();
    changed.extend(header.as_bytes());
    changed.extend(&bytes[8 + length..]);
    fs::write(path, changed).unwrap();
}

/// Name of a refusal's kind, its words joined by underscores.
fn kind(refusal: &impl std::fmt::Debug) -> String {
    let debug = format!("{refusal:?}");
    let mut kind = String::new();
    for letter in debug.chars().take_while(char::is_ascii_alphanumeric) {
        if letter.is_ascii_uppercase() && !kind.is_empty() {
            kind.push('_');
        }
        kind.push(letter.to_ascii_lowercase());
    }
    kind
}

#[track_caller]
fn check(spoil: impl FnOnce(&Path), expected: &str) {
    let folder = copy("llama");
    spoil(folder.path());
    let refusal = refusal(folder.path());
    let kind = kind(&refusal);
    assert!(format!("{kind}: {refusal}").contains(expected), "{kind}: {refusal}");
}

#[track_caller]
fn check_config(change: impl FnOnce(&mut Value), expected: &str) {
    check(|folder| edit(&folder.join("config.json"), change), expected);
}

#[track_caller]
fn check_header(change: impl FnOnce(&mut Value), expected: &str) {
    check(|folder| edit_header(&folder.join("model.safetensors"), change), expected);
}

#[test]
fn kinds_of_files() {
    check(
        |folder| fs::rename(folder.join("model.safetensors"), folder.join("pytorch_model.bin")).unwrap(),
        "pickle_only: pytorch_model.bin is a pickle",
    );
    check(|folder| fs::remove_file(folder.join("model.safetensors")).unwrap(), "no_model: there is no model");
    check(|folder| fs::remove_file(folder.join("config.json")).unwrap(), "missing_file: config.json");
    check(|folder| fs::write(folder.join("config.json"), "[]").unwrap(), "malformed: config.json");
    check(|folder| fs::write(folder.join("config.json"), "{").unwrap(), "malformed: config.json");
    check(|folder| fs::rename(folder.join("model.safetensors"), folder.join("other.safetensors")).unwrap(), "no_model");
}

#[test]
fn configurations() {
    check_config(
        |config| {
            config["model_type"] = json!("mamba");
            config["auto_map"] = json!({ "AutoModel": "code.Model" });
        },
        "remote_code: config.json has auto_map",
    );
    check(
        |folder| fs::write(folder.join("tokenizer_config.json"), r#"{"auto_map":{}}"#).unwrap(),
        "remote_code: tokenizer_config.json",
    );
    check_config(|config| config["model_type"] = json!("mamba"), "unsupported_architecture: architecture \"mamba\"");
    check_config(
        |config| config["quantization_config"] = json!({ "quant_method": "gptq" }),
        "setting: quantization_config = \"gptq\"",
    );
    check_config(|config| config["hidden_size"] = json!(-1), "setting: hidden_size");
    check_config(|config| config["vocab_size"] = json!(u64::MAX), "setting: vocab_size");
    check_config(|config| config["vocab_size"] = json!(321), "tensor_shape: tensor");
    check_config(|config| config["num_hidden_layers"] = json!(1000), "missing_tensor: tensor model.layers.");
    check_config(|config| config["num_hidden_layers"] = json!(1), "extra_tensor: tensor model.layers.");
    check_config(|config| config["intermediate_size"] = json!(64), "tensor_shape");
}

#[test]
fn safetensors_files() {
    let lie = |key: &'static str, value: Value| move |header: &mut Value| header["model.norm.weight"][key] = value;
    check_header(lie("data_offsets", json!([0, u64::MAX])), "safetensors: model.safetensors is not a sound");
    check_header(lie("shape", json!([1u64 << 40, 1u64 << 40])), "larger than any memory");
    check_header(lie("shape", json!([63])), "does not take");
    check_header(lie("dtype", json!("F8_E4M3")), "does not take");
    check_header(|header| header["model.norm.weight"] = json!(1), "invalid type");
    check(
        |folder| {
            let path = folder.join("model.safetensors");
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        },
        "safetensors",
    );
    check(
        |folder| fs::write(folder.join("model.safetensors"), u64::MAX.to_le_bytes()).unwrap(),
        "its header claims 18446744073709551615 bytes",
    );
    check(
        |folder| {
            let path = folder.join("model.safetensors");
            let mut bytes = fs::read(&path).unwrap();
            let last = bytes.len() - 2;
            bytes[last..].copy_from_slice(&0x7FC0u16.to_le_bytes());
            fs::write(&path, bytes).unwrap();
        },
        "not_finite: tensor",
    );
}

#[test]
fn indexes() {
    // Beside a whole file an index is not read.
    let sharded = |folder: &Path| {
        fs::rename(folder.join("model.safetensors"), folder.join("model-1.safetensors")).unwrap();
    };
    let index = |json: &'static str| {
        move |folder: &Path| {
            sharded(folder);
            fs::write(folder.join("model.safetensors.index.json"), json).unwrap();
        }
    };
    check(index("{}"), "malformed");
    check(
        |folder| {
            sharded(folder);
            let file = fs::File::create(folder.join("model.safetensors.index.json")).unwrap();
            file.set_len((64 << 20) + 1).unwrap();
        },
        "too_large: model.safetensors.index.json has 67108865 bytes",
    );
    check(index(r#"{"weight_map":{}}"#), "index: model.safetensors.index.json");
    check(index(r#"{"weight_map":{"a":"../model-1.safetensors"}}"#), "file_name");
    check(index(r#"{"weight_map":{"a":"missing.safetensors"}}"#), "missing_file: missing.safetensors");
    check(index(r#"{"weight_map":{"a":"model-1.safetensors"}}"#), "which is not listed there");
}

/// The runs that are looked at reach from the first element to the last.
#[test]
fn a_sample_finds_what_is_not_a_number() {
    for at_end in [false, true] {
        let folder = copy("llama");
        let path = folder.path().join("model.safetensors");
        let mut bytes = fs::read(&path).unwrap();
        let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let at = if at_end { bytes.len() - 2 } else { 8 + header };
        bytes[at..at + 2].copy_from_slice(&0x7F80u16.to_le_bytes());
        fs::write(path, bytes).unwrap();
        let refused = admit(&Snapshot::of_folder(folder.path()).unwrap(), &Limits::default());
        let Err(LoadError::Refused(Refusal::NotFinite { index, value, .. })) = refused else {
            panic!("it was admitted")
        };
        assert_eq!((value.as_str(), index == 0), ("inf", !at_end));
    }
}

#[test]
fn sizes() {
    let folder = copy("llama");
    let limits = Limits { bytes: 1000, ..Limits::default() };
    let refused = admit(&Snapshot::of_folder(folder.path()).unwrap(), &limits);
    assert!(matches!(refused, Err(LoadError::Refused(Refusal::TooLarge { limit: 1000, .. }))));
}

fn tokenizer() -> Value {
    json!({
        "added_tokens": [{ "id": 3, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true }],
        "pre_tokenizer": { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true },
        "model": { "type": "BPE", "vocab": { "a": 0, "b": 1, "ab": 2, "<s>": 3 }, "merges": [["a", "b"]] },
    })
}

#[track_caller]
fn check_tokenizer(change: impl FnOnce(&mut Value), expected: &str) {
    let mut tokenizer = tokenizer();
    change(&mut tokenizer);
    check(|folder| fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap(), expected);
}

#[test]
fn tokenizers() {
    let folder = copy("llama");
    fs::write(folder.path().join("tokenizer.json"), tokenizer().to_string()).unwrap();
    let admitted = open(folder.path()).unwrap();
    let ids = admitted.prompter.tokenizer.unwrap().encode("<s>abb", models::text::SpecialTokens::Keep).unwrap();
    assert_eq!(ids, [3, 2, 1]);

    check_tokenizer(
        |json| json["model"]["vocab"]["z"] = json!(320),
        "vocabulary: the tokenizer makes tokens up to 320 but the model has only 320",
    );
    check_tokenizer(|json| json["model"]["vocab"]["z"] = json!(u32::MAX), "beyond reason");
    check_tokenizer(|json| json["model"]["vocab"]["z"] = json!(1), "two tokens have id 1");
    check_tokenizer(|json| json["model"]["dropout"] = json!(0.5), "dropout");
    check_tokenizer(|json| json["model"]["type"] = json!("Unigram"), "tokenizer: ");
    check_tokenizer(|json| json["model"]["merges"] = json!([["ab", "ab"]]), "gives no token");
    check_tokenizer(|json| json["model"]["merges"] = json!([["b", "a"]]), "tokenizer: ");
    check_tokenizer(|json| json["model"]["merges"] = json!(["ab"]), "no merge of two tokens");
    check_tokenizer(|json| json["model"]["continuing_subword_prefix"] = json!("ä"), "affix");
    check_tokenizer(|json| json["added_tokens"][0]["id"] = json!(9), "should have id 9");
    check_tokenizer(|json| json["added_tokens"][0]["content"] = json!(""), "empty");
    check_tokenizer(
        |json| {
            json["pre_tokenizer"] =
                json!({ "type": "Split", "pattern": { "Regex": "(a+)+$" }, "behavior": "Isolated", "invert": false });
        },
        "not one of a published base model",
    );
    check_tokenizer(
        |json| json["normalizer"] = json!({ "type": "Precompiled", "precompiled_charsmap": "AAAA" }),
        "is not one of",
    );
    check_tokenizer(
        |json| {
            json["normalizer"] =
                json!({ "type": "Replace", "pattern": { "String": "a" }, "content": "a".repeat(1000) });
        },
        "puts in more than",
    );
    check_tokenizer(
        |json| json["post_processor"] = json!({ "type": "TemplateProcessing", "single": [{ "SpecialToken": { "id": "<x>", "type_id": 0 } }], "pair": [], "special_tokens": {} }),
        "does not define",
    );
    check_tokenizer(
        |json| json["post_processor"] = json!({ "type": "TemplateProcessing", "single": [{ "Sequence": { "id": "B", "type_id": 0 } }], "pair": [], "special_tokens": {} }),
        "a second text where there is one",
    );
    let template = |id: u64| {
        json!({
            "type": "TemplateProcessing", "single": [{ "SpecialToken": { "id": "<s>", "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } }],
            "pair": [], "special_tokens": { "<s>": { "id": "<s>", "ids": [id], "tokens": ["<s>"] } }
        })
    };
    check_tokenizer(|json| json["post_processor"] = template(4), "puts in token 4, which the vocabulary does not have");
    check_tokenizer(|json| json["post_processor"] = template(1 << 40), "which is no token id");
    check_tokenizer(
        |json| json["post_processor"] = json!({ "type": "Sequence", "processors": [template(300)] }),
        "puts in token 300",
    );
    check(
        |folder| fs::write(folder.join("tokenizer_config.json"), r#"{"chat_template":"{% if %}"}"#).unwrap(),
        "template: the chat template",
    );
    check(|folder| fs::write(folder.join("chat_template.jinja"), "{{ 'x' * 1000000000 }}").unwrap(), "template: ");
}

#[test]
fn chains_that_blow_a_text_up() {
    let chain = |members: &str, part: Value, count: usize| json!({ "type": "Sequence", members: vec![part; count] });
    let replace = json!({ "type": "Replace", "pattern": { "String": "a" }, "content": "aaaaaaaa" });
    check_tokenizer(
        |json| json["normalizer"] = chain("normalizers", replace.clone(), 3),
        "tokenizer: the tokenizer cannot be used: Normalizer can make a text 512 times as long and at most 144",
    );
    check_tokenizer(|json| json["decoder"] = chain("decoders", replace.clone(), 31), "Decoder can make a text");
    let bytes = json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false });
    check_tokenizer(
        |json| json["pre_tokenizer"] = chain("pretokenizers", bytes, 8),
        "PreTokenizer can make a text 256",
    );
    let text = json!({ "Sequence": { "id": "A", "type_id": 0 } });
    let twice = json!({ "type": "TemplateProcessing", "single": [text, text], "pair": [], "special_tokens": {} });
    check_tokenizer(|json| json["post_processor"] = chain("processors", twice, 8), "PostProcessor can make a text 256");
}

/// The chains of SentencePiece, and of byte-level tokenizers.
#[test]
fn chains_of_published_tokenizers_are_taken() {
    let replace = |from: &str, to: &str| json!({ "type": "Replace", "pattern": { "String": from }, "content": to });
    let mut json = tokenizer();
    json["normalizer"] = json!({ "type": "Sequence", "normalizers": [
        { "type": "NFKC" }, { "type": "Prepend", "prepend": "\u{2581}" }, replace(" ", "\u{2581}")
    ] });
    json["decoder"] = json!({ "type": "Sequence", "decoders": [
        replace("\u{2581}", " "), { "type": "ByteFallback" }, { "type": "Fuse" },
        { "type": "Strip", "content": " ", "start": 1, "stop": 0 }
    ] });
    json["pre_tokenizer"] = json!({ "type": "Sequence", "pretokenizers": [
        { "type": "Digits", "individual_digits": true },
        { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true }
    ] });
    assert!(models::text::Tokenizer::parse(json.to_string().as_bytes()).is_ok());
}

fn llama_gguf() -> GgufFile {
    let original = open(copy("llama").path()).unwrap();
    convert(&original.config_json, original.tensors.as_ref())
}

#[track_caller]
fn check_gguf(bytes: &[u8], expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("model.gguf"), bytes).unwrap();
    let refusal = refusal(folder.path());
    assert!(refusal.to_string().contains(expected), "{refusal}");
}

/// A mixture of two experts with a stack of 4096 in one of its tensors.
fn mixture_gguf(stack: &str) -> GgufFile {
    let mut file = GgufFile::default();
    file.text("general.architecture", "qwen3moe");
    for (key, value) in [
        ("block_count", 1),
        ("context_length", 64),
        ("embedding_length", 32),
        ("feed_forward_length", 32),
        ("attention.head_count", 2),
        ("expert_count", 2),
        ("expert_used_count", 1),
        ("expert_feed_forward_length", 1),
    ] {
        file.number(&format!("qwen3moe.{key}"), value);
    }
    add_tokenizer(&mut file, 10);
    file.tensor("token_embd.weight", &[10, 32], &[0.0; 320]);
    file.raw(stack, &[4096, 1, 32], 0, vec![0; 4 * 4096 * 32]);
    file
}

#[test]
fn gguf_files() {
    let bytes = llama_gguf().bytes();
    check_gguf(&bytes[..bytes.len() - 1], "so it is not complete");
    check_gguf(&bytes[..200], "in the middle of its header");
    check_gguf(b"GGUF", "in the middle of its header");
    check_gguf(b"PK\x03\x04....", "does not begin with GGUF");
    let with = |at: usize, number: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + number.len()].copy_from_slice(number);
        bytes
    };
    check_gguf(&with(4, &1u32.to_le_bytes()), "version 1");
    check_gguf(&with(8, &u64::MAX.to_le_bytes()), "beyond reason");
    check_gguf(&with(16, &u64::MAX.to_le_bytes()), "beyond reason");
    check_gguf(&with(24, &u64::MAX.to_le_bytes()), "is longer than");

    let stretched = open(copy("llama3-rope").path()).unwrap();
    check_gguf(&convert(&stretched.config_json, stretched.tensors.as_ref()).bytes(), "they are not those of Llama 3");
    let mut file = llama_gguf();
    file.raw("blk.0.attn_q.extra", &[4], 0, vec![0; 16]);
    check_gguf(&file.bytes(), "tensor blk.0.attn_q.extra has no place");
    let mut file = llama_gguf();
    file.raw("blk.3.attn_q.weight", &[64, 64], 0, vec![0; 4 * 64 * 64]);
    check_gguf(&file.bytes(), "tensor blk.3.attn_q.weight has no place");
    check_gguf(
        &mixture_gguf("blk.0.ffn_gate_exps.weight").bytes(),
        "[4096, 1, 32] but the configuration implies [2, 1, 32]",
    );
    check_gguf(&mixture_gguf("blk.1.ffn_gate_exps.weight").bytes(), "tensor blk.1.ffn_gate_exps.weight has no place");
    let mut file = llama_gguf();
    file.raw("output_norm.bias", &[4], 99, vec![0; 16]);
    check_gguf(&file.bytes(), "stored as GGML type 99");
    let mut file = llama_gguf();
    file.raw("huge", &[usize::MAX, usize::MAX], 0, vec![]);
    check_gguf(&file.bytes(), "no whole number of F32 blocks");
    let mut file = llama_gguf();
    file.raw("none", &[0], 0, vec![]);
    check_gguf(&file.bytes(), "is empty");
    let mut file = llama_gguf();
    file.number("general.alignment", 3);
    check_gguf(&file.bytes(), "general.alignment");
    let mut file = llama_gguf();
    file.text("general.architecture", "llama");
    check_gguf(&file.bytes(), "appears twice");
    let mut file = GgufFile::default();
    file.text("general.architecture", "rwkv");
    check_gguf(&file.bytes(), "architecture \"rwkv\" is not supported");
    let mut file = GgufFile::default();
    file.text("general.architecture", "llama");
    add_tokenizer(&mut file, 10);
    check_gguf(&file.bytes(), "llama.attention.head_count = missing");
}
