//! The text side of the two real models against another implementation: rendered conversations and token ids.

use std::path::PathBuf;

use harness::assets::{GEMMA3, ModelAsset, SMOLLM2};
use models::{
    admission::{Limits, admit},
    load::{Message, Role, tokenizer::SpecialTokens},
    snapshot::Snapshot,
};
use serde_json::Value;

fn check(asset: &ModelAsset, golden: &str) {
    let cache = sandboxes::cache_folder().expect("there is a cache folder");
    let file = asset.fetch(&cache, &|_| {}).unwrap();
    let admitted = admit(&Snapshot::of_gguf(&file).unwrap(), &Limits::default()).unwrap();
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/golden")).join(golden);
    let golden: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(admitted.stop_tokens.contains(&(golden["eos_token_id"].as_u64().unwrap() as u32)));
    let rows = golden["rows"].as_array().unwrap();
    assert!(rows.len() >= 6);
    for row in rows {
        let ids = |key: &str| -> Vec<u32> {
            row[key].as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
        };
        let messages = [Message { role: Role::User, content: row["prompt"].as_str().unwrap().to_owned() }];
        let prompter = &admitted.prompter;
        assert_eq!(prompter.render_text(&messages).unwrap(), row["rendered"].as_str().unwrap());
        assert_eq!(prompter.render(&messages).unwrap(), ids("input_ids"));
        let tokenizer = prompter.tokenizer.as_ref().unwrap();
        let text = tokenizer.decode(&ids("greedy_ids"), SpecialTokens::Keep).unwrap();
        assert_eq!(text, row["greedy_text"].as_str().unwrap());
    }
}

#[test]
fn smollm2_reads_and_writes_as_the_reference_does() {
    check(&SMOLLM2, "smollm2-135m-instruct-q4_1.json");
}

#[test]
fn gemma_3_reads_and_writes_as_the_reference_does() {
    check(&GEMMA3, "gemma-3-270m-q4_k_m.json");
}
