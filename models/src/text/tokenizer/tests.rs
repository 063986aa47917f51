//! Tokenizers from `tokenizer.json`: encoding and decoding at the edges, and a refusal for every part that is not sound.

use serde_json::{Value, json};

use super::{SpecialTokens, Tokenizer};
use crate::gguf::{Content, fixtures::File};

/// A byte-level tokenizer of a few letters.
fn written() -> Value {
    json!({
        "added_tokens": [
            { "id": 7, "content": "<s>", "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false },
            { "id": 8, "content": "[tool]", "special": false, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false }
        ],
        "normalizer": null,
        "pre_tokenizer": { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{ "SpecialToken": { "id": "<s>", "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } }],
            "pair": [{ "Sequence": { "id": "A", "type_id": 0 } }, { "Sequence": { "id": "B", "type_id": 1 } }],
            "special_tokens": { "<s>": { "id": "<s>", "ids": [7], "tokens": ["<s>"] } }
        },
        "decoder": { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true },
        "model": {
            "type": "BPE",
            // The bytes of U+00E9 are 0xC3 and 0xA9, which byte-level vocabularies write as these two letters.
            "vocab": { "a": 0, "b": 1, "ab": 2, "\u{120}": 3, "\u{c3}": 4, "\u{a9}": 5, "\u{120}a": 6 },
            "merges": ["a b", ["\u{120}", "a"]]
        }
    })
}

fn parse(value: &Value) -> Result<Tokenizer, String> {
    Tokenizer::parse(value.to_string().as_bytes()).map_err(|refusal| refusal.to_string())
}

#[test]
fn texts_become_ids_and_ids_become_texts_again() {
    let tokenizer = parse(&written()).unwrap();
    for (text, ids) in [
        ("", &[][..]),
        ("ab", &[2]),
        ("aab b", &[0, 2, 3, 1]),
        ("b a", &[1, 6]),
        ("\u{e9}", &[4, 5]),
        ("a<s>[tool]b", &[0, 7, 8, 1]),
    ] {
        assert_eq!(tokenizer.encode(text, SpecialTokens::Skip).unwrap(), ids, "{text:?}");
        assert_eq!(tokenizer.encode(text, SpecialTokens::Keep).unwrap(), [&[7], ids].concat(), "{text:?}");
        assert_eq!(tokenizer.decode(ids, SpecialTokens::Keep).unwrap(), text);
        assert_eq!(tokenizer.decode(ids, SpecialTokens::Skip).unwrap(), text.replace("<s>", ""), "{text:?}");
    }
    assert_eq!((tokenizer.id("[tool]"), tokenizer.id("<t>"), tokenizer.largest()), (Some(8), None, 8));
    assert_eq!(tokenizer.largest_of_text(), 6, "the added tokens only stand in a text by name");
}

#[test]
fn half_characters_and_unknown_ids_decode_to_something() {
    let tokenizer = parse(&written()).unwrap();
    let decode = |ids: &[u32]| tokenizer.decode(ids, SpecialTokens::Keep).unwrap();
    assert_eq!(decode(&[4]), "\u{FFFD}");
    assert_eq!(decode(&[0, 4, 1]), "a\u{FFFD}b");
    assert_eq!(decode(&[0, 9, 1_000_000, u32::MAX, 1]), "ab");
    assert_eq!(decode(&[]), "");
}

#[test]
fn a_text_that_is_too_long_is_refused_and_not_cut() {
    let tokenizer = parse(&written()).unwrap();
    let error = tokenizer.encode(&"a".repeat((8 << 20) + 1), SpecialTokens::Skip).unwrap_err().to_string();
    assert!(error.contains("at most 8388608 bytes are encoded"), "{error}");
    let mut growing = written();
    growing["normalizer"] = json!({ "type": "Prepend", "prepend": "ab".repeat(8) });
    let growing = parse(&growing).unwrap();
    assert!(growing.encode("a", SpecialTokens::Skip).is_ok());
    let error = growing.encode(&"a".repeat(2 << 20), SpecialTokens::Skip).unwrap_err().to_string();
    assert!(error.contains("times as long"), "{error}");
}

#[test]
fn a_tokenizer_survives_its_own_description() {
    let tokenizer = parse(&written()).unwrap();
    let again = Tokenizer::parse(tokenizer.to_json().unwrap().as_bytes()).unwrap();
    let text = "ab a\u{e9}<s>[tool] ";
    assert_eq!(again.encode(text, SpecialTokens::Keep), tokenizer.encode(text, SpecialTokens::Keep));
    assert_eq!(again.to_json().unwrap(), tokenizer.to_json().unwrap());
}

#[track_caller]
fn check(path: &str, value: Value, sentence: &str) {
    let mut spoiled = written();
    *spoiled.pointer_mut(path).unwrap() = value;
    let refusal = parse(&spoiled).unwrap_err();
    assert!(refusal.contains(sentence), "{refusal}");
}

#[test]
fn a_token_is_bounded_in_bytes_wherever_it_stands() {
    let said = |length: usize, added: bool| {
        let (mut file, token) = (written(), "b".repeat(length));
        file["post_processor"] = Value::Null;
        if added {
            file["added_tokens"][0]["content"] = json!(token);
        } else {
            // Added tokens follow those of the model.
            file["model"]["vocab"][token] = json!(7);
            for (place, id) in [8, 9].into_iter().enumerate() {
                file["added_tokens"][place]["id"] = json!(id);
            }
        }
        parse(&file).map(|tokenizer| tokenizer.token_bytes(7))
    };
    for added in [false, true] {
        assert_eq!(said(1024, added), Ok(1024));
        let refused = said(1025, added).unwrap_err();
        assert!(refused.contains("a token has 1025 bytes and at most 1024 are allowed"), "{refused}");
    }
    assert_eq!(parse(&written()).unwrap().token_bytes(u32::MAX), 0);
}

#[test]
fn models_that_are_not_sound_are_refused() {
    check("/model/type", json!("WordPiece"), "model \"WordPiece\" is neither BPE nor Unigram");
    check("/model/type", json!("Unigram"), "a list of pieces with their scores");
    check("/model/vocab", json!([["a", -1.0]]), "an object of tokens with their ids");
    for (model, sentence) in [
        (json!({ "vocab": [["a", -1.0], ["a", -2.0]] }), "piece \"a\" appears twice"),
        (json!({ "vocab": [["a", -1.0]], "unk_id": 1 }), "unk_id = 1 is no piece"),
        (json!({ "vocab": [["x".repeat(257), -1.0]] }), "piece 0 has 257 bytes"),
        (json!({ "vocab": [] }), "it has no tokens"),
        (json!({ "vocab": [["a", "b"]] }), "cannot be understood"),
    ] {
        let mut model = model;
        model["type"] = json!("Unigram");
        check("/model", model, sentence);
    }
    check("/model/vocab", json!({}), "it has no tokens");
    check("/model/vocab", json!({ "a": 1, "b": 1 }), "two tokens have id 1");
    check("/model/vocab", json!({ "a": 1 << 22 }), "");
    check("/model/vocab/b", json!(-1), "only byte-pair encoding and Unigram are known");
    check("/model/merges", json!(["a a a a a"]), "");
    check("/model/merges", json!([["ab", "ab"]]), "gives no token");
    check("/model/merges", json!([["a", "x"]]), "");
    check("/model/merges", json!([["a"]]), "only byte-pair encoding and Unigram are known");
    for (key, value, sentence) in [
        ("dropout", json!(0.1), "with dropout"),
        ("continuing_subword_prefix", json!("##"), "the affix \"##\" is not known"),
        ("end_of_word_suffix", json!("</w>"), "the affix \"</w>\" is not known"),
    ] {
        let mut model = written()["model"].clone();
        model[key] = value;
        check("/model", model, sentence);
    }
}

#[test]
fn added_tokens_that_are_not_sound_are_refused() {
    let token = |id: u64, content: &str| json!({ "id": id, "content": content, "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false });
    check("/added_tokens", json!([token(9, "<s>")]), "");
    check("/added_tokens", json!([token(7, "<s>"), token(9, "<t>")]), "should have id 9");
    check("/added_tokens", json!([token(7, "<s>"), token(1 << 22, "<t>")]), "beyond reason");
    check("/added_tokens", json!([token(7, "<s>"), token(8, "")]), "");
    check("/added_tokens/0/id", json!("7"), "only byte-pair encoding and Unigram are known");
}

#[test]
fn parts_that_are_unknown_or_without_bound_are_refused() {
    check("/normalizer", json!({ "type": "Precompiled", "precompiled_charsmap": "" }), "Precompiled");
    check(
        "/pre_tokenizer",
        json!({ "type": "Split", "pattern": { "Regex": "(a+)+b" }, "behavior": "Isolated", "invert": false }),
        "not one of a published base model",
    );
    check(
        "/pre_tokenizer",
        json!({ "type": "Split", "pattern": { "String": "" }, "behavior": "Isolated", "invert": false }),
        "has no pattern",
    );
    check(
        "/normalizer",
        json!({ "type": "Replace", "pattern": { "Regex": "a" }, "content": "b" }),
        "not one of a published",
    );
    check("/normalizer", json!({ "type": "Prepend", "prepend": "x".repeat(10_000) }), "puts in more than");
    check("/normalizer", json!(7), "");
    check(
        "/post_processor/single",
        json!([{ "Sequence": { "id": "B", "type_id": 0 } }]),
        "a second text where there is one",
    );
    check("/post_processor/single", json!(null), "TemplateProcessing without single");
    check("/post_processor/special_tokens", json!({}), "which it does not define");
    check("/post_processor/special_tokens/<s>/ids", json!([99]), "puts in token 99");
    check("/post_processor/special_tokens/<s>/ids", json!([7, 7]), "which it does not define");
}

/// Tokens of a byte-level vocabulary in a GGUF file.
const TOKENS: [&str; 6] = ["<s>", "</s>", "a", "b", "ab", "[tool]"];

fn byte_level(pre: &str) -> File {
    let file = File::default().text("tokenizer.ggml.model", "gpt2").text("tokenizer.ggml.pre", pre);
    let file = file.texts("tokenizer.ggml.tokens", &TOKENS).integers("tokenizer.ggml.token_type", &[3, 3, 1, 1, 1, 4]);
    let file = file.texts("tokenizer.ggml.merges", &["a b"]);
    file.count("tokenizer.ggml.bos_token_id", 0).count("tokenizer.ggml.eos_token_id", 1)
}

fn from_gguf(file: &File) -> Result<Option<Tokenizer>, String> {
    let bytes = file.bytes();
    let content = Content::parse("x", &bytes).unwrap();
    Tokenizer::from_gguf(&content).map_err(|refusal| refusal.to_string())
}

#[test]
fn metadata_of_every_known_style_gives_a_tokenizer() {
    for (pre, begins) in [
        ("gpt-2", false),
        ("smollm", false),
        ("llama-bpe", true),
        ("smaug-bpe", false),
        ("qwen2", false),
        ("qwen35", false),
        ("tekken", true),
        ("default", false),
        ("gpt-4o", false),
        ("dbrx", false),
        ("falcon3", true),
        ("falcon", false),
        ("deepseek-llm", false),
        ("deepseek-coder", false),
        ("deepseek-v3", false),
        ("viking", false),
        ("bailingmoe", false),
        ("seed-coder", false),
        ("exaone-moe", false),
        ("minicpm5", false),
        ("ufakzeka", false),
    ] {
        let tokenizer = from_gguf(&byte_level(pre)).unwrap().unwrap();
        let expected: &[u32] = if begins { &[0, 4, 5, 2, 1] } else { &[4, 5, 2, 1] };
        assert_eq!(tokenizer.encode("ab[tool]a</s>", SpecialTokens::Keep).unwrap(), expected, "{pre}");
        assert_eq!(tokenizer.decode(expected, SpecialTokens::Skip).unwrap(), "ab[tool]a", "{pre}");
    }
    let flagged =
        byte_level("gpt-2").flag("tokenizer.ggml.add_bos_token", true).flag("tokenizer.ggml.add_eos_token", true);
    let tokenizer = from_gguf(&flagged).unwrap().unwrap();
    assert_eq!(tokenizer.encode("a", SpecialTokens::Keep).unwrap(), [0, 2, 1]);
    assert_eq!(tokenizer.encode("a", SpecialTokens::Skip).unwrap(), [2]);
    assert!(from_gguf(&File::default()).unwrap().is_none(), "a file without a vocabulary has no tokenizer");
}

#[test]
fn pieces_are_merged_by_their_scores() {
    // U+2581 stands for a space; bytes without a token of their own are written as <0xNN>.
    let tokens = ["<unk>", "<s>", "</s>", "\u{2581}", "a", "b", "ab", "\u{2581}a", "<0x7A>"];
    let scores = [0.0, 0.0, 0.0, -5.0, -6.0, -7.0, -2.0, -1.0, 0.0];
    let file = File::default().text("tokenizer.ggml.model", "llama").texts("tokenizer.ggml.tokens", &tokens);
    let file = file.integers("tokenizer.ggml.token_type", &[2, 3, 3, 1, 1, 1, 1, 1, 6]);
    let file = file.count("tokenizer.ggml.bos_token_id", 1);
    let scored = file.clone().floats("tokenizer.ggml.scores", &scores);
    let tokenizer = from_gguf(&scored).unwrap().unwrap();
    // A space is put before the text, and its pair has the better score.
    assert_eq!(tokenizer.encode("ab", SpecialTokens::Keep).unwrap(), [1, 7, 5]);
    assert_eq!(tokenizer.encode("b ab", SpecialTokens::Skip).unwrap(), [3, 5, 7, 5]);
    assert_eq!(tokenizer.encode("z", SpecialTokens::Skip).unwrap(), [3, 8]);
    assert_eq!(tokenizer.decode(&[1, 7, 5, 8], SpecialTokens::Skip).unwrap(), "abz");
    let plain = scored.flag("tokenizer.ggml.add_space_prefix", false);
    assert_eq!(from_gguf(&plain).unwrap().unwrap().encode("ab", SpecialTokens::Skip).unwrap(), [6]);
    for wrong in [file.clone(), file.floats("tokenizer.ggml.scores", &scores[1..])] {
        assert!(from_gguf(&wrong).unwrap_err().contains("tokenizer.ggml.scores is not one number a token"));
    }
}

#[test]
fn metadata_that_gives_no_tokenizer_is_refused_by_its_key() {
    let tokens =
        |model: &str| File::default().text("tokenizer.ggml.model", model).texts("tokenizer.ggml.tokens", &TOKENS);
    for (file, sentence) in [
        (tokens("bert"), "tokenizer.ggml.model Some(\"bert\") is neither gpt2 nor llama"),
        (tokens("gpt2").text("tokenizer.ggml.pre", "kimi-k2"), "tokenizer.ggml.pre \"kimi-k2\" is not known"),
        (tokens("gpt2"), "tokenizer.ggml.merges is missing"),
        (tokens("gpt2").text("tokenizer.ggml.pre", "gpt-2"), "tokenizer.ggml.merges is missing"),
        (
            tokens("gpt2").integers("tokenizer.ggml.token_type", &[1]),
            "tokenizer.ggml.token_type is not one number a token",
        ),
        (
            tokens("gpt2").text("tokenizer.ggml.pre", "gpt-2").texts("tokenizer.ggml.merges", &["ab"]),
            "a merge is not two tokens",
        ),
        (byte_level("gpt-2").flag("tokenizer.ggml.add_sep_token", true).texts("x", &[]), ""),
    ] {
        match from_gguf(&file) {
            Err(refusal) => assert!(!sentence.is_empty() && refusal.contains(sentence), "{refusal}"),
            Ok(_) => assert!(sentence.is_empty(), "{sentence}"),
        }
    }
    let twice = File::default().text("tokenizer.ggml.model", "gpt2").text("tokenizer.ggml.pre", "gpt-2");
    let twice = twice.texts("tokenizer.ggml.tokens", &["a", "a"]).texts("tokenizer.ggml.merges", &[]);
    assert!(from_gguf(&twice).unwrap_err().contains("token \"a\" appears twice"));
}
