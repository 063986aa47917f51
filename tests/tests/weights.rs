//! Who gets the weight, and that anybody can check it.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;

use serde_json::Value;
use tests::{Subnet, run, said};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dethrone-under-test");

fn decided() -> (Subnet, Value) {
    let subnet = Subnet::of_four(PROGRAM);
    let output = run(subnet.validate(&[]));
    assert!(output.status.success(), "{}", said(&output));
    let summary = serde_json::from_slice(&output.stdout).unwrap();
    (subnet, summary)
}

#[test]
fn weights_sum_to_one_and_one_is_not_zero() {
    let (subnet, summary) = decided();
    let weights: Value = serde_json::from_str(&subnet.result("weights.json").unwrap()).unwrap();
    let shares: Vec<f64> =
        weights["weights"].as_array().unwrap().iter().map(|line| line["weight"].as_f64().unwrap()).collect();
    assert_eq!(shares.iter().sum::<f64>(), 1.0);
    assert_eq!(shares.iter().filter(|share| **share > 0.0).count(), 1);
    assert_eq!(weights["chain"].as_array().unwrap().len(), 1);
    assert_eq!(weights["chain"][0]["value"], 65535);
    assert_eq!(summary["champion"], "alice");
}

#[test]
fn a_copy_under_another_name_is_found_and_does_not_play() {
    let (_, summary) = decided();
    let carol = summary["entries"].as_array().unwrap().iter().find(|entry| entry["hotkey"] == "carol").unwrap();
    assert_eq!(carol["standing"], "copy");
    assert!(carol["verdict"].as_str().unwrap().contains("alice"), "{carol}");
    assert_eq!(carol["scores"][0]["tasks"], 0);
}

#[test]
fn a_loser_more_or_less_changes_nobodys_weight() {
    let (subnet, _) = decided();
    let mut fewer = Subnet::new(PROGRAM);
    fewer.enter("alice", "llama");
    fewer.enter("bob", "qwen2");
    assert!(run(fewer.validate(&[])).status.success());
    for (name, weight) in [("alice", 1.0), ("bob", 0.0)] {
        for subnet in [&subnet, &fewer] {
            let weights: Value = serde_json::from_str(&subnet.result("weights.json").unwrap()).unwrap();
            let line = weights["weights"].as_array().unwrap().iter().find(|line| line["hotkey"] == name).unwrap();
            assert_eq!(line["weight"], weight, "{name}");
        }
    }
}

#[test]
fn evidence_holds_and_a_changed_score_is_noticed() {
    let (subnet, _) = decided();
    let path = subnet.path("output/window-1000/evidence.jsonl");
    let audit = |what: &str| {
        let output = run(subnet.command(&["audit", path.to_str().unwrap()]));
        assert_eq!(output.status.code(), Some(if what.is_empty() { 0 } else { 9 }), "{}", said(&output));
        assert!(said(&output).contains(what), "{}", said(&output));
    };
    audit("");
    let evidence = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = evidence.lines().collect();
    let rollout = lines.iter().position(|line| line.contains("\"kind\":\"rollout\"")).unwrap();
    let mut changed: Vec<String> = lines.iter().map(ToString::to_string).collect();
    changed[rollout] = changed[rollout].replace("\"score\":0.0", "\"score\":1.0");
    assert_ne!(changed[rollout], lines[rollout]);
    fs::write(&path, changed.join("\n")).unwrap();
    audit("the record was changed");
    let mut missing = lines.clone();
    missing.remove(rollout);
    fs::write(&path, missing.join("\n")).unwrap();
    audit("a record is missing");
    fs::write(&path, lines[..lines.len() - 1].join("\n")).unwrap();
    audit("ends before the weights");
}

#[test]
fn an_entry_committed_after_the_seed_waits() {
    let mut subnet = Subnet::new(PROGRAM);
    subnet.enter("alice", "llama");
    let path = subnet.path("registry.json");
    let registry = fs::read_to_string(&path).unwrap();
    fs::write(&path, registry.replace("\"committed\":101", "\"committed\":1000")).unwrap();
    let output = run(subnet.validate(&[]));
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("late"), "{}", said(&output));
}
