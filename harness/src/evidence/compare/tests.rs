use environments::EnvironmentId;
use serde_json::json;
use serde_json::value::RawValue;

use super::*;
use crate::evidence::{HashChain, ValidatorKey};
use crate::record::WindowTerms;
use crate::window::fixtures::{registry, settings};

/// A validator's log of a window of two entries: its records as kind and body.
struct Written {
    key: ValidatorKey,
    records: Vec<(&'static str, Value)>,
}

impl Written {
    fn new(validator: u8) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, format!("{validator:02x}").repeat(32)).unwrap();
        let (key, _) = ValidatorKey::read_or_make(&path).unwrap();
        let environments = vec![EnvironmentId::built_in("sat", "1.0.0", 0)];
        let terms = WindowTerms::new(&registry(2), Default::default(), &settings(8, 4), environments, String::new());
        let mut terms = serde_json::to_value(&terms).unwrap();
        terms["previous"] = json!(format!("the log of {validator}"));
        let rollout = |entry: u32, task: u32| {
            json!({ "entry": entry, "environment": 0, "task": task, "seed": 7 + task, "replies": [[1, 2, 3], [4, 5]],
                    "score": 0.5, "reason": "partly right", "fault": null, "reproducible": true,
                    "work": { "tokens": 9, "bytes": 20, "fuel": 3 } })
        };
        let finding = json!({ "entry": 1, "finding": {
            "finding": { "entry": 1, "kind": "same_files", "of": 0, "measure": 0.1 + f64::from(validator), "threshold": 0.5 },
            "original": { "hotkey": "5Hot0" }, "sentence": format!("by {validator}") } });
        let mut records = vec![
            ("opened", json!({ "opened": terms, "validator": key.public() })),
            ("admission", json!({ "entry": 0, "standing": "admitted", "reason": null, "files": [] })),
        ];
        // Another secret may give other prints, and a different number of them.
        records.extend((0..validator).map(|print| ("print", json!({ "secret": validator, "print": print }))));
        records.push(("finding", finding));
        records.extend([(0, 0), (0, 1), (1, 0)].map(|(entry, task)| ("rollout", rollout(entry, task))));
        records
            .push(("decision", json!({ "challenger": 1, "decision": { "verdict": "defended", "odds": [1.5, 2.5] } })));
        records.push(("weights", json!({ "entries": [], "burned": 0.0 })));
        Self { key, records }
    }

    fn log(&self) -> String {
        let mut chain = HashChain::default();
        let line = |(kind, body): &(&str, Value)| {
            let body = RawValue::from_string(body.to_string()).unwrap();
            serde_json::to_string(&chain.link(kind, body, &self.key)).unwrap() + "\n"
        };
        self.records.iter().map(line).collect()
    }

    /// The place of the first record of this kind.
    fn find(&self, kind: &str) -> usize {
        self.records.iter().position(|(found, _)| *found == kind).unwrap()
    }
}

/// Compares a validator's log with that of another one in which something is changed.
#[track_caller]
fn check(change: impl Fn(&mut Written), expected: Option<(Part, &str, [Value; 2])>) {
    let (one, mut other) = (Written::new(1), Written::new(3));
    change(&mut other);
    let found = compare(one.log().as_bytes(), other.log().as_bytes()).unwrap();
    let difference = found.difference.map(|found| (found.part, found.what, found.values));
    assert_eq!(difference, expected.map(|(part, what, values)| (part, what.to_owned(), values)));
}

/// The same for a change of one value: its kind of record, its path within the body, and its value.
#[track_caller]
fn check_value(kind: &str, pointer: &str, value: Value, expected: Option<(Part, &str)>) {
    let (one, mut other) = (Written::new(1), Written::new(3));
    let place = other.find(kind);
    *other.records[place].1.pointer_mut(pointer).unwrap() = value;
    let found = compare(one.log().as_bytes(), other.log().as_bytes()).unwrap();
    let difference = found.difference.map(|found| (found.part, found.what));
    assert_eq!(difference, expected.map(|(part, what)| (part, what.to_owned())), "{kind}{pointer}");
}

#[test]
fn logs_of_two_validators_that_state_the_same_are_the_same() {
    check(|_| {}, None);
    let (one, other) = (Written::new(1), Written::new(3));
    let found = compare(one.log().as_bytes(), other.log().as_bytes()).unwrap();
    assert_eq!((found.same_records, found.window), (8, Some(100)));
    assert_eq!(found.validators, [one.key.public(), other.key.public()]);
    check_value("finding", "/finding/finding/measure", json!(0.25), None);
}

#[test]
fn a_difference_is_named_by_the_part_of_the_window_that_it_is_in() {
    check_value(
        "opened",
        "/opened/entries/1/hotkey",
        json!("5Eve"),
        Some((Part::Registry, "the window's entries.1.hotkey")),
    );
    check_value("opened", "/opened/seed_hash", json!("ff"), Some((Part::Seed, "the window's seed_hash")));
    check_value("opened", "/opened/seed_block", json!(101), Some((Part::Seed, "the window's seed_block")));
    check_value("opened", "/opened/settings/alpha", json!(0.5), Some((Part::Settings, "the window's settings.alpha")));
    check_value("opened", "/opened/runtime", json!("x"), Some((Part::Environments, "the window's runtime")));
    check_value("opened", "/opened/record/bouts", json!(4), Some((Part::Beginning, "the window's record.bouts")));
    check_value("admission", "/standing", json!("late"), Some((Part::Admission, "the admission of entry 0.standing")));
    check_value("finding", "/finding/finding/of", json!(null), Some((Part::Finding, "the finding on entry 1.of")));
    let task = "entry 0 on task 0 in environment 0";
    check_value("rollout", "/seed", json!(8), Some((Part::Seed, &format!("the seed of {task}"))));
    check_value("rollout", "/score", json!(1.0), Some((Part::Verdict, &format!("the verdict on {task}"))));
    check_value("rollout", "/fault", json!("model"), Some((Part::Verdict, &format!("the verdict on {task}"))));
    check_value("rollout", "/work/fuel", json!(4), Some((Part::Tokens, &format!("the work of {task}"))));
    let odds = "the decision on entry 1.decision.odds.1";
    check_value("decision", "/decision/odds/1", json!(9.0), Some((Part::Decision, odds)));
    check_value("weights", "/burned", json!(1.0), Some((Part::Decision, "the weights.burned")));
}

#[test]
fn tokens_are_named_by_reply_and_place() {
    let change = |reply: usize, tokens: Value| {
        move |written: &mut Written| {
            let place = written.find("rollout") + 1;
            written.records[place].1["replies"][reply] = tokens.clone();
        }
    };
    let what = |reply: u32, place: u32| format!("reply {reply}, token {place}, of entry 0 on task 1 in environment 0");
    check(change(1, json!([4, 6])), Some((Part::Tokens, &what(2, 1), [json!(5), json!(6)])));
    check(change(0, json!([1, 2])), Some((Part::Tokens, &what(1, 2), [json!(3), Value::Null])));
    check(
        change(0, json!("said")),
        Some((Part::Tokens, "reply 1 of entry 0 on task 1 in environment 0", [json!("3 tokens"), json!("said")])),
    );
}

#[test]
fn rollouts_that_only_one_has_and_a_log_that_ends_are_told() {
    let next = ["entry 1 on task 0 in environment 0", "entry 0 on task 1 in environment 0"].map(|name| json!(name));
    let [later, missing] = next;
    check(
        |written| drop(written.records.remove(written.find("rollout") + 1)),
        Some((Part::Rollouts, "the rollout that comes next", [missing, later])),
    );
    check(
        |written| drop(written.records.remove(written.find("rollout") + 2)),
        Some((
            Part::Rollouts,
            "the record that comes next",
            [json!("the rollout of entry 1 on task 0 in environment 0"), json!("the decision on entry 1")],
        )),
    );
    check(
        |written| drop(written.records.pop()),
        Some((Part::Decision, "the weights, where the other log ends", [json!("the weights"), Value::Null])),
    );
}

#[test]
fn a_log_whose_chain_is_broken_is_named_and_not_compared() {
    let (good, bad) = (Written::new(1).log(), Written::new(3).log().replacen("0.5", "0.6", 1));
    assert!(!compare(bad.as_bytes(), good.as_bytes()).unwrap_err().0);
    let (is_second, error) = compare(good.as_bytes(), bad.as_bytes()).unwrap_err();
    assert!(is_second && matches!(error, EvidenceError::Broken { .. }), "{error}");
}
