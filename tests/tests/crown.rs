//! The crown belongs to a model: windows in which somebody tries to take it, to keep it, or to spend it, without a duel.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::process::Output;

use serde_json::{Value, json};
use tests::{Windows, said, signed_again};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dethrone-under-test");

#[track_caller]
fn succeeds(output: &Output) {
    assert!(output.status.success(), "{}", said(output));
}

/// The miner that holds all the weight after a window, and the model that was crowned.
#[track_caller]
fn check(windows: &Windows, block: u64, hotkey: &str, model: &str) {
    assert_eq!(windows.weights(block), [(hotkey.to_owned(), 1.0)]);
    let champion = &windows.record(block)["champion"];
    assert_eq!((champion["hotkey"].as_str(), champion["model"].as_str()), (Some(hotkey), Some(model)));
    assert!(champion["snapshot"].is_string(), "its files were seen: {champion}");
}

/// Numbers of the bouts that a record names.
fn numbers(record: &Value) -> Vec<u64> {
    record["models"].as_array().unwrap().iter().map(|bout| bout["number"].as_u64().unwrap()).collect()
}

#[test]
fn a_champion_that_commits_another_model_keeps_the_crown_with_the_one_that_won_it() {
    let windows = Windows::new(PROGRAM);
    let model = |name, family| windows.model(name, family, 0.0);
    let (good, bob, other) = (model("good", "llama"), model("bob", "qwen2"), model("other", "qwen3"));
    succeeds(&windows.decide(1000, &[("alice", &good, 10), ("bob", &bob, 20)], json!({ "champion": "alice" })));
    let swapped = windows.decide(2000, &[("bob", &bob, 20), ("alice", &other, 1500)], json!({}));
    succeeds(&swapped);
    check(&windows, 2000, "alice", &good);
    // Bob has had his bout; the new model has its own.
    assert!(!said(&swapped).contains("bob stays") && said(&swapped).contains("alice"), "{}", said(&swapped));
    // The crowned files are gone: neither the miner's untested model nor the oldest entry inherits the crown. The oldest is
    // regent and earns nothing.
    fs::remove_dir_all(windows.path("hub/o/good")).unwrap();
    succeeds(&windows.decide(3000, &[("bob", &bob, 20), ("alice", &other, 1500)], json!({})));
    assert_eq!(windows.weights(3000), []);
    let record = windows.record(3000);
    assert_eq!((&record["champion"]["hotkey"], &record["regency"]), (&json!("bob"), &json!(1)));
    succeeds(&windows.audit(&[1000, 2000, 3000]));
}

#[test]
fn a_window_that_is_killed_gives_no_number_back() {
    let windows = Windows::new(PROGRAM);
    let names = ["alice", "bob", "carol", "dave"];
    let models: Vec<String> = names
        .iter()
        .zip(["llama", "qwen2", "qwen3", "mistral"])
        .map(|(name, family)| windows.model(name, family, 0.0))
        .collect();
    let entries: Vec<_> = names
        .iter()
        .zip(&models)
        .zip([10, 20, 30, 40])
        .map(|((name, model), block)| (*name, model.as_str(), block))
        .collect();
    succeeds(&windows.decide(1000, &entries[..1], json!({ "champion": "alice" })));
    for block in [2000, 3000, 4000] {
        windows.kill_at(block, &entries, "stays champion");
    }
    succeeds(&windows.decide(5000, &entries, json!({})));
    check(&windows, 5000, "alice", &models[0]);
    assert_eq!(numbers(&windows.record(5000)), [1, 2, 3], "one bout a model, and every number once");
    // The killed windows are closed with what was stored, and each log follows from the one before.
    let audited = windows.audit(
        &[1000, 2000, 3000, 4000, 5000]
            .map(|block| block)
            .into_iter()
            .filter(|block| windows.log(*block).exists())
            .collect::<Vec<_>>(),
    );
    succeeds(&audited);
    assert!(windows.log(2000).exists() && windows.result(2000, "weights.json").is_none());
}

#[test]
fn a_window_goes_on_with_the_files_that_it_has_admitted_or_not_at_all() {
    let windows = Windows::new(PROGRAM);
    let model = |name, family| windows.model(name, family, 0.0);
    let (alice, bob, carol) = (model("alice", "llama"), model("bob", "qwen2"), model("carol", "qwen3"));
    let entries = [("alice", alice.as_str(), 10), ("bob", &bob, 20), ("carol", &carol, 30)];
    windows.kill_at(1000, &entries, "stays champion");
    // The champion has answered already; carol has not.
    fs::write(windows.path("hub/o/carol").join(tests::COMMIT).join("files/notes.md"), "new").unwrap();
    let resumed = windows.decide(1000, &entries, json!({}));
    succeeds(&resumed);
    let told = said(&resumed);
    assert!(
        told.contains("absent from this window") && told.contains("not those that this window has admitted"),
        "{told}"
    );
    check(&windows, 1000, "alice", &alice);
    succeeds(&windows.audit(&[1000]));
}

#[test]
fn the_latest_former_champion_that_plays_follows_one_that_does_not() {
    let windows = Windows::new(PROGRAM);
    let (squatter, alice) = (windows.model("squatter", "phi3", 0.0), windows.model("alice", "llama", 0.0));
    let gone = tests::reference("gone");
    let entries = [("squatter", squatter.as_str(), 1), ("alice", &alice, 10), ("carol", &gone, 20)];
    let reign = json!({ "champion": "carol", "former": ["alice"], "tested": 300 });
    succeeds(&windows.decide(1000, &entries, reign));
    check(&windows, 1000, "alice", &alice);
    assert_eq!(windows.record(1000)["bouts"], 1, "a reign of its own");
    assert_eq!(windows.record(1000)["former"][0]["hotkey"], "carol");
}

#[test]
fn a_champion_that_improves_its_model_is_no_copy_of_its_copier() {
    let windows = Windows::new(PROGRAM);
    let (first, third) = (windows.model("first", "llama", 0.0), windows.model("third", "qwen2", 0.0));
    let (copy, better) = (windows.model("copied", "llama", 1e-3), windows.model("better-one", "llama", 1e-3));
    let entries = [("third", third.as_str(), 5), ("alice", &first, 10), ("mallory", &copy, 20)];
    let output = windows.decide(1000, &entries, json!({ "champion": "alice" }));
    succeeds(&output);
    assert!(said(&output).contains("copy: its tensors differ from those of alice"), "{}", said(&output));
    let entries = [("third", third.as_str(), 5), ("mallory", &copy, 20), ("alice", &better, 1500)];
    let output = windows.decide(2000, &entries, json!({}));
    succeeds(&output);
    check(&windows, 2000, "alice", &first);
    assert_eq!(said(&output).matches("copy: ").count(), 1, "{}", said(&output));
    // Alice leaves. What she has shown is still hers: a copy of it is a copy.
    let entries = [("third", third.as_str(), 5), ("mallory", &better, 2500)];
    let output = windows.decide(3000, &entries, json!({}));
    succeeds(&output);
    assert!(
        said(&output).contains("copy: its tensor files are those of alice (committed at block 1500)"),
        "{}",
        said(&output)
    );
    check(&windows, 3000, "third", &third);
    succeeds(&windows.audit(&[1000, 2000, 3000]));
}

#[test]
fn a_model_has_one_bout_in_a_reign() {
    let windows = Windows::new(PROGRAM);
    let model = |name, family| windows.model(name, family, 0.0);
    let (alice, bob, carol) = (model("alice", "llama"), model("bob", "qwen2"), model("carol", "qwen3"));
    let entries = [("alice", alice.as_str(), 10), ("bob", &bob, 20), ("carol", &carol, 30)];
    for block in [1000, 2000, 3000] {
        succeeds(&windows.decide(block, &entries, json!({ "champion": "alice" })));
    }
    check(&windows, 3000, "alice", &alice);
    assert_eq!((&windows.record(3000)["bouts"], numbers(&windows.record(3000))), (&json!(2), vec![1, 2]));
    // Those that are undecided go on: each has its number still.
    let carried = windows.record(3000)["models"].as_array().unwrap().iter().all(|bout| bout["carried"].is_object());
    assert!(carried, "{}", windows.record(3000)["models"]);
    succeeds(&windows.audit(&[1000, 2000, 3000]));
}

#[test]
fn the_registry_decides_for_a_validator_that_has_forked_and_an_agreed_record_before_it() {
    let windows = Windows::new(PROGRAM);
    let model = |name, family| windows.model(name, family, 0.0);
    let (alice, bob) = (model("alice", "llama"), model("bob", "qwen2"));
    let entries = [("alice", alice.as_str(), 10), ("bob", &bob, 20)];
    succeeds(&windows.decide(1000, &entries, json!({ "champion": "alice" })));
    let forked = windows.decide(2000, &entries, json!({ "champion": "bob" }));
    succeeds(&forked);
    assert!(said(&forked).contains("own record is set aside"), "{}", said(&forked));
    check(&windows, 2000, "bob", &bob);
    assert!(!windows.audit(&[1000, 2000]).status.success());
    windows.register(3000, &entries, json!({ "champion": "bob" }));
    let record = windows.path("output/window-1000/record.json");
    let agreed = windows.validate(&["--set", &format!("record={}", record.display())]).output().unwrap();
    succeeds(&agreed);
    check(&windows, 3000, "alice", &alice);
    succeeds(&windows.audit(&[1000, 3000]));
}

#[test]
fn an_audit_refuses_a_window_that_does_not_follow_from_the_one_before() {
    let windows = Windows::new(PROGRAM);
    let model = |name, family| windows.model(name, family, 0.0);
    let (alice, bob, carol) = (model("alice", "llama"), model("bob", "qwen2"), model("carol", "qwen3"));
    let entries = [("alice", alice.as_str(), 10), ("bob", &bob, 20), ("carol", &carol, 1500)];
    succeeds(&windows.decide(1000, &entries[..2], json!({ "champion": "alice" })));
    succeeds(&windows.decide(2000, &entries, json!({})));
    let together = windows.audit(&[1000, 2000]);
    succeeds(&together);
    let text = String::from_utf8(together.stdout).unwrap();
    assert!(text.contains("taken on trust") && text.contains("begins from the record of the window before"), "{text}");
    assert_eq!(windows.audit(&[2000, 1000]).status.code(), windows.audit(&[1000, 1000]).status.code());
    assert!(!windows.audit(&[2000, 1000]).status.success());
    // A validator that tests everybody at the first numbers again: a log that holds by itself.
    let liar = Windows::new(PROGRAM);
    liar.model("alice", "llama", 0.0);
    liar.model("bob", "qwen2", 0.0);
    liar.model("carol", "qwen3", 0.0);
    fs::create_dir_all(liar.path("output")).unwrap();
    fs::copy(windows.path("output/validator.key"), liar.path("output/validator.key")).unwrap();
    succeeds(&liar.decide(2000, &entries, json!({ "champion": "alice" })));
    let honest = windows.result(2000, "evidence.jsonl").unwrap();
    let opened: Value = serde_json::from_str(honest.lines().next().unwrap()).unwrap();
    let previous = opened["body"]["opened"]["previous"].as_str().unwrap();
    let forged =
        signed_again(&liar.result(2000, "evidence.jsonl").unwrap(), &liar.path("output/validator.key"), |_, body| {
            body.replacen("\"previous\":null", &format!("\"previous\":\"{previous}\""), 1)
        });
    fs::write(windows.log(2000), forged).unwrap();
    succeeds(&windows.audit(&[2000]));
    let refused = windows.audit(&[1000, 2000]);
    assert!(
        !refused.status.success() && said(&refused).contains("at the beginning of window 2000"),
        "{}",
        said(&refused)
    );
}

#[test]
fn evidence_of_an_earlier_version_is_refused_as_older() {
    let windows = Windows::new(PROGRAM);
    let alice = windows.model("alice", "llama", 0.0);
    succeeds(&windows.decide(1000, &[("alice", &alice, 10)], json!({})));
    let log = windows.result(1000, "evidence.jsonl").unwrap();
    let older = signed_again(&log, &windows.path("output/validator.key"), |_, body| {
        body.replacen("\"version\":4", "\"version\":3", 1)
    });
    fs::write(windows.log(1000), older).unwrap();
    let output = windows.audit(&[1000]);
    assert!(!output.status.success() && said(&output).contains("has version 3"), "{}", said(&output));
}

/// Two validators with keys of their own decide a window, commit to their logs, and begin the next one from one record.
#[test]
fn validators_that_agree_begin_the_next_window_from_one_record() {
    let windows = Windows::new(PROGRAM);
    let model = |name, family| windows.model(name, family, 0.0);
    let (alice, bob) = (model("alice", "llama"), model("bob", "qwen2"));
    let entries = [("alice", alice.as_str(), 10), ("bob", &bob, 20)];
    windows.register(1000, &entries, json!({ "champion": "alice" }));
    let mut validators = Vec::new();
    for folder in ["one", "two"] {
        succeeds(&windows.validate(&["--set", &format!("output={folder}")]).output().unwrap());
        let log = windows.path(&format!("{folder}/window-1000/evidence.jsonl"));
        let mut audit = windows.command(&["audit", "--format", "json"]);
        let audited: Value = serde_json::from_slice(&audit.arg(log).output().unwrap().stdout).unwrap();
        validators.push(json!({ "validator": audited[0]["validator"], "stake": 10, "commitment": audited[0]["hash"] }));
    }
    let agree = |validators: &[Value], folders: &[&str]| {
        let stakes = json!({ "version": 1, "validators": validators });
        fs::write(windows.path("stakes.json"), stakes.to_string()).unwrap();
        let mut command = windows.command(&["agree", "--stakes", "stakes.json", "--output", "agreed.json"]);
        command.args(folders.iter().map(|folder| windows.path(&format!("{folder}/window-1000/evidence.jsonl"))));
        command.output().unwrap()
    };
    let refused = |output: &Output, expected: &str| {
        assert!(!output.status.success() && said(output).contains(expected), "{}", said(output));
        assert!(!windows.path("agreed.json").exists());
    };
    refused(&agree(&validators[..1], &["one", "two"]), "has no stake");
    let mut other = validators.clone();
    other[1]["commitment"] = json!("beef");
    refused(&agree(&other, &["one", "two"]), "committed to beef");
    other[1]["commitment"] = Value::Null;
    refused(&agree(&other, &["one", "two"]), "has published no commitment");
    succeeds(&agree(&validators, &["one", "two"]));
    let agreed = fs::read(windows.path("agreed.json")).unwrap();
    succeeds(&agree(&validators, &["two", "one"]));
    assert_eq!(fs::read(windows.path("agreed.json")).unwrap(), agreed);
    let record: Value = serde_json::from_slice(&agreed).unwrap();
    let own: Value =
        serde_json::from_str(&fs::read_to_string(windows.path("one/window-1000/record.json")).unwrap()).unwrap();
    assert_eq!(record["record"], own["record"], "validators that say the same agree on what each of them says");
    windows.register(2000, &entries, json!({}));
    let mut logs = Vec::new();
    for folder in ["one", "two"] {
        let begun = ["--set", &format!("output={folder}"), "--set", "record=agreed.json"];
        succeeds(&windows.validate(&begun).output().unwrap());
        logs.push(fs::read_to_string(windows.path(&format!("{folder}/window-2000/record.json"))).unwrap());
    }
    let of_record = |text: &String| serde_json::from_str::<Value>(text).unwrap()["record"].clone();
    assert_eq!(of_record(&logs[0]), of_record(&logs[1]));
}

#[test]
fn a_window_that_replaces_another_or_comes_too_late_or_has_another_signer_says_so() {
    let windows = Windows::new(PROGRAM);
    let (alice, bob) = (windows.model("alice", "llama", 0.0), windows.model("bob", "qwen2", 0.0));
    let entries = [("alice", alice.as_str(), 10), ("bob", bob.as_str(), 20)];
    let check = |output: &Output, warning: Option<&str>| {
        succeeds(output);
        for part in ["was decided before, with another registry", "older window", "the validator's key was not there"] {
            assert_eq!(said(output).contains(part), warning == Some(part), "{part}: {}", said(output));
        }
    };
    check(&windows.decide(2000, &entries, json!({})), None);
    check(&windows.decide(2000, &entries, json!({})), None);
    check(&windows.decide(2000, &entries[..1], json!({})), Some("was decided before, with another registry"));
    check(&windows.decide(1500, &entries, json!({})), Some("older window"));
    fs::remove_file(windows.path("output/validator.key")).unwrap();
    check(&windows.decide(2500, &entries, json!({})), Some("the validator's key was not there"));

    let audit = |block: u64, more: &[&str]| {
        windows.command(&["audit", windows.log(block).to_str().unwrap()]).args(more).output().unwrap()
    };
    let signer = |block: u64| {
        let audited: Value = serde_json::from_slice(&audit(block, &["--format", "json"]).stdout).unwrap();
        audited[0]["validator"].as_str().unwrap().to_owned()
    };
    let [old, new] = [2000, 2500].map(signer);
    assert_ne!(old, new);
    succeeds(&audit(2500, &["--signer", &new]));
    let other = audit(2500, &["--signer", &old]);
    assert_eq!(other.status.code(), Some(9), "{}", said(&other));
    assert!(said(&other).contains(&format!("signed by {new} and not by {old}")), "{}", said(&other));
}
