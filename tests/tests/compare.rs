//! Evidence of two validators, compared.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::process::Output;

use serde_json::Value;
use tests::{Subnet, run, said, signed_again};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dethrone-under-test");
const EVIDENCE: &str = "output/window-1000/evidence.jsonl";

/// The evidence of a validator with a key of its own.
fn decided(subnet: &Subnet) -> String {
    subnet.settings("environments = ['sat']");
    let output = run(subnet.validate(&["--set", "duel.budget=8"]));
    assert!(output.status.success(), "{}", said(&output));
    subnet.result("evidence.jsonl").unwrap()
}

fn compare(subnet: &Subnet, format: &str) -> Output {
    run(subnet.command(&["compare", EVIDENCE, "other.jsonl", "--format", format]))
}

#[test]
fn two_validators_with_keys_of_their_own_state_the_same() {
    let (one, other) = (Subnet::of_four(PROGRAM), Subnet::of_four(PROGRAM));
    let (first, second) = (decided(&one), decided(&other));
    assert_ne!(first, second, "each has signed with its own key");
    fs::write(one.path("other.jsonl"), second).unwrap();
    let output = compare(&one, "json");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let compared: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&compared["difference"], &compared["window"]), (&Value::Null, &1_000.into()));
    assert_ne!(compared["validators"][0], compared["validators"][1]);
}

#[test]
fn the_first_difference_of_two_validators_is_named_and_has_a_code_of_its_own() {
    let subnet = Subnet::of_four(PROGRAM);
    let evidence = decided(&subnet);
    let changed = signed_again(&evidence, &subnet.path("output/validator.key"), |kind, body| match kind {
        "rollout" => body.replace("\"score\":0.0", "\"score\":1.0"),
        _ => body.to_owned(),
    });
    fs::write(subnet.path("other.jsonl"), changed).unwrap();
    let output = compare(&subnet, "text");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(14), "{text}");
    for part in
        ["first difference of window 1000, after", ": verdict\n", "the verdict on entry 0 on task 0", "\"score\":1.0"]
    {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    let document: Value = serde_json::from_slice(&compare(&subnet, "json").stdout).unwrap();
    assert_eq!(document["difference"]["part"], "verdict");

    let spoilt = evidence.replacen("\"score\":0.0", "\"score\":1.0", 1);
    fs::write(subnet.path("other.jsonl"), spoilt).unwrap();
    let output = compare(&subnet, "text");
    assert_eq!(output.status.code(), Some(9), "{}", said(&output));
    assert!(said(&output).contains("other.jsonl: record"), "{}", said(&output));
}
