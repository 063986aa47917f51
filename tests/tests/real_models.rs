//! The text side of the two real models against another implementation: rendered conversations and token ids.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::PathBuf;

use harness::assets::{GEMMA3, ModelAsset, SMOLLM2};
use models::{
    admission::{Limits, admit},
    snapshot::Snapshot,
    text::{Message, Role, SpecialTokens},
};
use serde_json::Value;

fn check(asset: &ModelAsset, golden: &str) {
    let cache = sandbox_builder::cache_folder().expect("there is a cache folder");
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
        assert_eq!(prompter.render_text(&messages, 0).unwrap(), row["rendered"].as_str().unwrap());
        assert_eq!(prompter.render(&messages, 0).unwrap(), ids("input_ids"));
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

/// The command's log-probabilities and greedy continuations of the reference's prompts.
fn check_scores(asset: &ModelAsset, golden: &str) {
    let cache = sandbox_builder::cache_folder().expect("there is a cache folder");
    let file = asset.fetch(&cache, &|_| {}).unwrap();
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/golden")).join(golden);
    let golden: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let rows = golden["rows"].as_array().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ids = folder.path().join("ids.json");
    let prompts: Vec<&Value> = rows.iter().map(|row| &row["input_ids"]).collect();
    std::fs::write(&ids, serde_json::to_vec(&prompts).unwrap()).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_dethrone-under-test"));
    command.arg("score").arg(&file).arg("--ids").arg(&ids).args(["--greedy", "24", "--format", "json"]);
    let output = tests::run(command);
    assert!(output.status.success(), "{}", tests::said(&output));
    let scores: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut alike = 0;
    for (row, scored) in rows.iter().zip(scores["rows"].as_array().unwrap()) {
        let numbers = |value: &Value| -> Vec<f64> {
            value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
        };
        let (expected, found) = (numbers(&row["prompt_token_logprobs"]), numbers(&scored["token_logprobs"]));
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() <= 0.02, "{found} instead of {expected}: {}", row["prompt"]);
        }
        let until_the_end = |value: &Value| -> Vec<u64> {
            let ids = value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap());
            ids.take(24).take_while(|id| Some(*id) != golden["eos_token_id"].as_u64()).collect()
        };
        alike += usize::from(until_the_end(&row["greedy_ids"]) == until_the_end(&scored["greedy_ids"]));
    }
    assert!(alike >= 5, "{alike} of {} continuations are the reference's", rows.len());
}

#[test]
fn smollm2_continues_as_the_reference_does() {
    check_scores(&SMOLLM2, "smollm2-135m-instruct-q4_1.json");
}

#[test]
fn gemma_continues_as_the_reference_does() {
    check_scores(&GEMMA3, "gemma-3-270m-q4_k_m.json");
}
