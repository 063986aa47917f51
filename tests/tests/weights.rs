//! Who gets the weight, and that anybody can check it.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;

use serde_json::Value;
use tests::{COMMIT, Subnet, run, said};

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

/// Multiplies every tensor of a model, kept in bf16, by the same factor.
fn scale(files: &Path, factor: f32) {
    let path = files.join("model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let header = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    for word in bytes[8 + header..].chunks_exact_mut(2) {
        let value = f32::from_bits(u32::from(u16::from_le_bytes([word[0], word[1]])) << 16);
        let rounded = ((value * factor).to_bits() + 0x8000) >> 16;
        word.copy_from_slice(&(rounded as u16).to_le_bytes());
    }
    fs::write(&path, bytes).unwrap();
}

#[test]
fn with_a_base_it_counts_what_was_added_to_it() {
    let mut subnet = Subnet::new(PROGRAM);
    let tuned = subnet.enter("alice", "llama");
    let touched = subnet.enter("bob", "llama");
    // Bob has Alice's task vector, a 60th longer, and the rounding to bf16.
    scale(&tuned, 1.2);
    scale(&touched, 1.203);
    Subnet::lay_out(&subnet.model("base"), "llama");
    let bob = |arguments: &[&str]| {
        let output = run(subnet.validate(arguments));
        assert!(output.status.success(), "{}", said(&output));
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        let entries = summary["entries"].as_array().unwrap();
        entries.iter().find(|entry| entry["hotkey"] == "bob").unwrap()["verdict"].as_str().unwrap().to_owned()
    };
    let base = format!("screens.base=base/model@{COMMIT}");
    let found = bob(&["--set", &base]);
    assert!(found.starts_with("copy:"), "{found}");
    let output = run(subnet.validate(&["--set", "output=without"]));
    assert!(said(&output).contains("no `screens.base` is set"), "{}", said(&output));
    let output = run(subnet.validate(&["--set", &base.replace("base/model", "nobody/nothing")]));
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("screens.base"), "{}", said(&output));
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
    let audit_ends = |what: &str, status: i32| {
        let output = run(subnet.command(&["audit", path.to_str().unwrap()]));
        assert_eq!(output.status.code(), Some(status), "{}", said(&output));
        assert!(said(&output).contains(what), "{}", said(&output));
    };
    let audit = |what: &str| audit_ends(what, 9);
    audit_ends("", 0);
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
    audit("ends before the record for the next window");
    fs::write(&path, evidence.replacen("\"version\":4", "\"version\":3", 1)).unwrap();
    audit_ends("the evidence has version 3; this program audits version 4", 4);
}

#[test]
fn rollouts_are_made_again_and_a_forged_one_is_noticed() {
    let (subnet, _) = decided();
    let replay = |arguments: &[&str]| {
        let evidence = ["audit", "output/window-1000/evidence.jsonl", "--config", "dethrone.toml", "--format", "json"];
        run(subnet.command(&[&evidence, arguments].concat()))
    };
    let output = replay(&["--replay", "7", "--set", "engine.rows=3", "--set", "engine.threads=2"]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()[0]["replayed"], 7);
    // The chain holds if whoever has the key signs a lie; only the models tell.
    let path = subnet.path("output/window-1000/evidence.jsonl");
    let evidence = fs::read_to_string(&path).unwrap();
    let lies = tests::signed_again(&evidence, &subnet.path("output/validator.key"), |kind, body| {
        if kind == "rollout" { body.replacen("\"replies\":[[", "\"replies\":[[5,", 1) } else { body.to_owned() }
    });
    assert_ne!(lies, evidence);
    fs::write(&path, &lies).unwrap();
    let output = replay(&[]);
    assert!(output.status.success(), "{}", said(&output));
    let output = replay(&["--replay", "2"]);
    assert_eq!(output.status.code(), Some(9), "{}", said(&output));
    assert!(said(&output).contains("what the model replied in entry"), "{}", said(&output));
    // A model whose files are others says nothing about the rollouts.
    fs::write(&path, &evidence).unwrap();
    fs::write(subnet.model("alice").join("notes.md"), "new").unwrap();
    let output = replay(&["--replay", "1000"]);
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(said(&output).contains("its files are not those that the evidence names"), "{}", said(&output));
}

#[test]
fn a_signed_lie_about_a_rollout_or_its_window_is_noticed() {
    let (subnet, _) = decided();
    let path = subnet.path("output/window-1000/evidence.jsonl");
    let key = subnet.path("output/validator.key");
    let evidence = fs::read_to_string(&path).unwrap();
    let check = |log: &str, change: &dyn Fn(&str) -> String, what: &str| {
        let of_rollouts = |kind: &str, body: &str| if kind == "rollout" { change(body) } else { body.to_owned() };
        fs::write(&path, tests::signed_again(log, &key, of_rollouts)).unwrap();
        let output = run(subnet.command(&["audit", path.to_str().unwrap()]));
        assert_eq!(output.status.code(), Some(9), "{}", said(&output));
        assert!(said(&output).contains(what), "{}", said(&output));
    };
    check(&evidence, &|body| body.replacen("\"entry\":0", "\"entry\":99", 1), "entry 99, which there is not");
    let not_reproducible = |body: &str| body.replace("\"reproducible\":true", "\"reproducible\":false");
    check(&evidence, &not_reproducible, "cannot be reproduced");
    let opened_twice = format!("{}\n{evidence}", evidence.lines().next().unwrap());
    check(&opened_twice, &str::to_owned, "a window is opened once");
}

#[test]
fn what_is_burned_goes_to_uid_0_and_is_audited() {
    let subnet = Subnet::of_four(PROGRAM);
    let output = run(subnet.validate(&["--set", "weights.burn=0.25"]));
    assert!(output.status.success(), "{}", said(&output));
    let weights: Value = serde_json::from_str(&subnet.result("weights.json").unwrap()).unwrap();
    assert_eq!((&weights["burned"], &weights["weights"][0]["weight"]), (&Value::from(0.25), &Value::from(0.75)));
    let chain = serde_json::json!([{ "uid": 0, "value": 21845 }, { "uid": 1, "value": 65535 }]);
    assert_eq!(weights["chain"], chain);
    let output = run(subnet.command(&["audit", "output/window-1000/evidence.jsonl"]));
    assert!(output.status.success(), "{}", said(&output));
    let output = run(subnet.validate(&["--set", "weights.burn=1.5"]));
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("weights.burn"), "{}", said(&output));
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

/// Any reply is right.
const ANYTHING: &str = r#"
ENV = {"name": "test.anything", "version": "1.0.0", "abi": 1}


def generate(seed, level=1):
    return {"prompt": f"Say anything about {seed}.", "private": {}}


def verify(task, reply):
    return 1.0 if reply else 0.0
"#;

#[test]
fn who_comes_after_a_dethronement_meets_the_new_champion_in_the_next_window() {
    let mut subnet = Subnet::new(PROGRAM);
    for (hotkey, family) in [("alice", "llama"), ("bob", "qwen2"), ("dave", "qwen3")] {
        subnet.enter(hotkey, family);
    }
    // Alice has no room for a prompt.
    let config = subnet.model("alice").join("config.json");
    let mut short: Value = serde_json::from_str(&fs::read_to_string(&config).unwrap()).unwrap();
    short["max_position_embeddings"] = 4.into();
    fs::write(&config, short.to_string()).unwrap();
    fs::write(subnet.path("anything.py"), ANYTHING).unwrap();
    subnet.settings("environments = [{ name = 'anything.py' }]");
    let decide = |arguments: &[&str]| {
        let output = run(subnet.validate(&[&["--set", "duel.budget=40"], arguments].concat()));
        assert!(output.status.success(), "{}", said(&output));
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        let audit = run(subnet.command(&["audit", summary["files"]["evidence"].as_str().unwrap()]));
        assert!(audit.status.success(), "{}", said(&audit));
        let entries = summary["entries"].as_array().unwrap().iter();
        entries
            .map(|entry| (entry["standing"].as_str().unwrap().to_owned(), entry["weight"].as_f64().unwrap()))
            .collect::<Vec<_>>()
    };
    let standing = |name: &str, weight| (name.to_owned(), weight);
    assert_eq!(decide(&[]), [standing("deposed", 0.0), standing("champion", 1.0), standing("waiting", 0.0)]);
    let path = subnet.path("registry.json");
    let registry = fs::read_to_string(&path).unwrap();
    fs::write(&path, registry.replace("\"seed_block\":1000", "\"seed_block\":2000")).unwrap();
    let shared = decide(&["--set", "weights.decay=0.5", "--set", "weights.champions=2"]);
    let (alice, dave) = (&shared[0].0, &shared[2].0);
    assert_eq!((alice.as_str(), dave.as_str()), ("lost", "undecided"));
    let weights: Vec<f64> = shared.iter().map(|(_, weight)| *weight).collect();
    assert_eq!(weights, [1.0 / 3.0, 2.0 / 3.0, 0.0]);
}
