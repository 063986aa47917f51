//! Prompts, replies and verdicts of a window, from its database and from its evidence.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::process::Output;

use serde_json::Value;
use tests::{Subnet, run, said};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dethrone-under-test");
const EVIDENCE: &str = "output/window-1000/evidence.jsonl";

/// Random models are right in a quarter of these tasks.
const PARITY: &str = r#"
ENV = {"name": "test.parity", "version": "1.0.0", "abi": 1, "max_new_tokens": 6}


def generate(seed, level=1):
    return {"prompt": f"Say anything about {seed}.", "private": {}}


def verify(task, reply):
    return float(sum(map(ord, reply)) % 4 == 0)


def oracle(task):
    return "d"
"#;

/// A decided window of four random models, one of them a copy; prompts of `sat` are too long for all of them.
fn decided() -> Subnet {
    let subnet = Subnet::of_four(PROGRAM);
    fs::write(subnet.path("parity.py"), PARITY).unwrap();
    subnet.settings("environments = ['parity.py', 'sat']");
    let output = run(subnet.validate(&["--set", "duel.budget=8"]));
    assert!(output.status.success(), "{}", said(&output));
    subnet
}

fn show(subnet: &Subnet, arguments: &[&str]) -> Output {
    run(subnet.command(&[&["show", "--config", "dethrone.toml"], arguments].concat()))
}

/// The transcripts that a command prints, a line each.
#[track_caller]
fn lines(subnet: &Subnet, arguments: &[&str]) -> Vec<Value> {
    let output = show(subnet, &[&["--format", "jsonl"], arguments].concat());
    assert!(output.status.success(), "{}", said(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_reply_of_a_window_is_shown_with_its_task_and_its_verdict() {
    let subnet = decided();
    let all = lines(&subnet, &["last"]);
    let judged: Vec<&Value> = all.iter().filter(|one| one["fault"].is_null()).collect();
    assert!(judged.len() >= 8 && judged.len() < all.len(), "{} of {} rollouts", judged.len(), all.len());
    for one in judged {
        let messages = one["messages"].as_array().unwrap();
        assert_eq!((messages.len(), one["notes"].as_array().unwrap().len()), (2, 0), "{one}");
        assert_eq!(messages[0]["text"], format!("Say anything about {}.", one["seed"]));
        assert!(messages[1]["text"].is_string() && !messages[1]["tokens"].as_array().unwrap().is_empty(), "{one}");
        assert_eq!(one["expected"], serde_json::json!(["d"]));
    }
    let dave = all.iter().rfind(|one| one["hotkey"] == "dave" && one["fault"].is_null()).unwrap();
    let task = dave["task"].to_string();
    let of_dave = lines(&subnet, &["1000", "--entry", "dave", "--env", "test.parity:0", "--task", &task]);
    assert_eq!(of_dave, std::slice::from_ref(dave));
    let cut_off = lines(&subnet, &["--cut-off"]);
    assert!(!cut_off.is_empty() && cut_off.iter().all(|one| one["cut_off"] == true));
    let failed = lines(&subnet, &["--failed"]);
    assert!(
        failed.iter().all(|one| one["environment"].as_str().unwrap().starts_with("sat@") && one["fault"] == "model")
    );
    let wrong = lines(&subnet, &["--wrong"]);
    assert!(!failed.is_empty() && !wrong.is_empty() && failed.len() + wrong.len() < all.len());
    assert_eq!(lines(&subnet, &["--wrong", "--failed"]).len(), failed.len() + wrong.len());

    let text = String::from_utf8(show(&subnet, &["--env", "test.parity", "--limit", "2"]).stdout).unwrap();
    assert!(text.contains("rollouts in window 1000 (subnet 120); `--limit 0` shows all"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    for part in ["  prompt\n", "  reply, ", "  looked for, for example\n", "  found: "] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}

#[test]
fn a_log_alone_shows_the_same_and_a_broken_one_is_refused() {
    let subnet = decided();
    let (of_store, of_log) = (lines(&subnet, &[]), lines(&subnet, &["--evidence", EVIDENCE]));
    let plain = |all: &[Value]| -> Vec<Value> {
        let without_time = |one: &Value| {
            let mut one = one.clone();
            one["seconds"] = Value::Null;
            one
        };
        all.iter().map(without_time).collect()
    };
    assert_eq!(plain(&of_store), plain(&of_log), "the tokens say how a reply ended");

    let evidence = fs::read_to_string(subnet.path(EVIDENCE)).unwrap();
    fs::write(subnet.path("broken.jsonl"), evidence.replacen("\"score\":", "\"score\": ", 1)).unwrap();
    assert_eq!(show(&subnet, &["--evidence", "broken.jsonl"]).status.code(), Some(9));
}

#[test]
fn the_report_links_pages_that_are_there() {
    let subnet = decided();
    let report = subnet.result("report.html").unwrap();
    let links: Vec<&str> =
        report.split("href=\"entries&#x2f;").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(links.len() >= 2, "{links:?}");
    for link in links {
        let page = subnet.result(&format!("entries/{link}")).unwrap();
        assert!(page.contains("looked for, for example") && page.contains("..&#x2f;report.html"), "{link}");
    }
    assert!(show(&subnet, &["--html", "pages", "--entry", "dave"]).status.success());
    let page = fs::read_dir(subnet.path("pages")).unwrap().next().unwrap().unwrap().path();
    assert!(fs::read_to_string(page).unwrap().matches("<details").count() >= 4);
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let subnet = decided();
    for (arguments, code, words) in [
        (vec!["999"], 5, "there are the windows 1000"),
        (vec!["yesterday"], 2, "yesterday is no window"),
        (vec!["--entry", "mallory"], 2, "no entry of the window is mallory; there are 1 (alice)"),
        (vec!["--env", "chess"], 2, "there are test.parity:0, sat:0"),
        (vec!["--evidence", "nowhere.jsonl"], 4, "nowhere.jsonl"),
        (vec!["--database", "nowhere.sqlite"], 5, "there is none"),
    ] {
        let output = show(&subnet, &arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains(words), "{arguments:?}: {}", said(&output));
    }
}
