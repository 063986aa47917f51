//! Heats, bouts that go on in the next window, and the guard: several windows of models whose skill is known.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tests::{Committed, Windows, reference, said};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dethrone-under-test");

/// A heat of twelve tasks that two may leave for a bout, and bouts of fifty tasks a window with two reference tasks each.
fn subnet() -> Windows {
    let windows = Windows::of_known_skill(
        PROGRAM,
        "tasks = 12\npass = 1.5\nbouts = 2",
        "budget = 20\nminimum_tasks = 4\nreferences = 2",
    );
    for (name, family, percent) in [
        ("alice", "llama", 40),
        ("bob", "qwen2", 75),
        ("carol", "qwen3", 20),
        ("dave", "mistral", 55),
        ("guard", "qwen3-moe", 95),
    ] {
        windows.skilled(name, family, percent);
    }
    windows
}

#[track_caller]
fn succeeds(output: &Output) {
    assert!(output.status.success(), "{}", said(output));
}

/// The records of a kind in a window's evidence.
fn records(windows: &Windows, block: u64, kind: &str) -> Vec<Value> {
    let log = windows.result(block, "evidence.jsonl").unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["kind"] == kind).map(|line| line["body"].clone()).collect()
}

/// The task numbers that an entry of a window has answered.
fn answered(windows: &Windows, block: u64, entry: u64) -> Vec<u64> {
    let rollouts = records(windows, block, "rollout");
    let own = rollouts.iter().filter(|rollout| rollout["entry"] == entry);
    own.map(|rollout| rollout["task"].as_u64().unwrap()).collect()
}

/// Entries in order of commitment.
fn committed<'a>(names: &[&'a str], models: &'a [String]) -> Vec<Committed<'a>> {
    let entry = |((name, model), place): ((&&'a str, &'a String), u64)| (*name, model.as_str(), 10 * place);
    names.iter().zip(models).zip(1..).map(entry).collect()
}

#[test]
fn a_bout_that_is_carried_over_windows_dethrones_the_champion() {
    let windows = subnet();
    let names = ["alice", "bob", "carol"];
    let models = names.map(reference);
    let entries = committed(&names, &models);
    let mut blocks = Vec::new();
    for block in (1000..).step_by(1000).take(8) {
        succeeds(&windows.decide(block, &entries, json!({})));
        blocks.push(block);
        if windows.weights(block) != [("alice".to_owned(), 1.0)] {
            break;
        }
        // It waits with its number and its wealth, and has no other heat; what is hopeless is dropped in every heat.
        let bouts = windows.record(block)["models"].as_array().unwrap().clone();
        assert!(bouts.len() == 1 && bouts[0]["number"] == 1 && bouts[0]["carried"].is_object(), "{bouts:?}");
        let heats = records(&windows, block, "heat");
        assert_eq!(heats.len(), if block == 1000 { 2 } else { 1 });
        assert_eq!(heats.last().unwrap()["challenger"], 2);
    }
    let last = *blocks.last().unwrap();
    assert_eq!(windows.weights(last), [("bob".to_owned(), 1.0)]);
    assert!(blocks.len() >= 2, "one window was enough");
    assert_eq!(records(&windows, last, "decision")[0]["number"], 1);
    let record = windows.record(last);
    assert_eq!((&record["bouts"], &record["former"][0]["hotkey"]), (&json!(0), &json!("alice")));
    // Heat tasks, bout tasks, and two reference tasks after each, which the champion alone has answered.
    let (champion, challenger) = (answered(&windows, 1000, 0), answered(&windows, 1000, 1));
    assert!(challenger.iter().all(|task| *task < 12 || (task - 12) % 3 == 0), "{challenger:?}");
    assert!([12, 13, 14].iter().all(|task| champion.contains(task)), "{champion:?}");
    succeeds(&windows.audit(&blocks));
    let replayed =
        windows.command(&["audit", "--replay", "40", "--config", "dethrone.toml"]).arg(windows.log(last)).output();
    succeeds(&replayed.unwrap());
}

/// Writes a record after ten reigns in which alice reigns: the first of the ten had the model "guard", and its miner, as those of
/// the reigns between, has left.
fn ten_reigns(windows: &Windows, with_guard: bool) -> String {
    let crowned = |hotkey: &str, model: &str, committed: u64| {
        json!({
            "hotkey": hotkey, "model": reference(model), "snapshot": null, "committed": committed, "position": 0,
        })
    };
    let mut former: Vec<Value> = (0..9).map(|place| crowned(&format!("former{place}"), "gone", 9 - place)).collect();
    if with_guard {
        former.push(crowned("first", "guard", 1));
    }
    let record = json!({
        "version": 1, "netuid": 1, "seed_block": 900, "log": null,
        "record": {
            "champion": crowned("alice", "alice", 10), "former": former, "bouts": 0, "models": [], "sightings": [],
        },
    });
    fs::write(windows.path("ten.json"), record.to_string()).unwrap();
    "record=ten.json".to_owned()
}

#[test]
fn the_champion_of_ten_reigns_ago_keeps_a_model_that_falls_below_it_from_the_crown() {
    let names = ["alice", "bob"];
    let models = names.map(reference);
    let more = "duel.budget=400";
    let decide = |with_guard: bool, gone: bool| {
        let windows = subnet();
        if gone {
            fs::remove_dir_all(windows.path("hub/o/guard")).unwrap();
        }
        windows.register(1000, &committed(&names, &models), json!({}));
        let record = ten_reigns(&windows, with_guard);
        let output = windows.validate(&["--set", &record, "--set", more]).output().unwrap();
        succeeds(&output);
        succeeds(&windows.audit(&[1000]));
        (windows, said(&output))
    };
    let holder = |windows: &Windows| windows.weights(1000)[0].0.clone();
    let (windows, _) = decide(false, false);
    assert_eq!((holder(&windows).as_str(), &records(&windows, 1000, "decision")[0]["guard"]), ("bob", &Value::Null));
    let (windows, told) = decide(true, false);
    assert_eq!(holder(&windows), "alice", "{told}");
    assert!(told.contains("falls short of the guard"), "{told}");
    let entries: Vec<Value> = records(&windows, 1000, "opened")[0]["opened"]["entries"].as_array().unwrap().clone();
    let guard = entries.iter().position(|entry| entry["hotkey"] == "first").unwrap() as u64;
    let decision = &records(&windows, 1000, "decision")[0];
    assert_eq!((&decision["guard"], entries[guard as usize]["uid"].as_u64()), (&json!(guard), None));
    // It plays the tasks of bouts, and can be replayed as the others.
    let tasks = answered(&windows, 1000, guard);
    assert!(!tasks.is_empty() && tasks.iter().all(|task| *task >= 12 && (task - 12) % 3 == 0), "{tasks:?}");
    let replay = ["audit", "--replay", "100000", "--config", "dethrone.toml"];
    succeeds(&windows.command(&replay).arg(windows.log(1000)).output().unwrap());
    let page = windows.result(1000, "report.html").unwrap();
    assert!(page.contains("than the champion of ten reigns ago"), "the page shows its tests");
    // A validator that leaves the guard out, or says that another entry stood guard, is found out.
    let key = windows.path("output/validator.key");
    let log = windows.result(1000, "evidence.jsonl").unwrap();
    let audit_of = |change: &dyn Fn(&str) -> String| {
        fs::write(windows.log(1000), tests::signed_again(&log, &key, |_, body| change(body))).unwrap();
        said(&windows.audit(&[1000]))
    };
    let refused =
        audit_of(&|body| body.replacen(&format!("\"guard\":{guard},\"number\""), "\"guard\":null,\"number\"", 1));
    assert!(refused.contains("the decision on entry"), "{refused}");
    let uncalled = format!("{{\"entry\":{guard},\"standing\":\"admitted\"");
    let refused = audit_of(&|body| body.replacen(&uncalled, &uncalled.replace("admitted", "reserve"), 1));
    assert!(refused.contains("which former champion's model was called upon"), "{refused}");
    // Its files are gone: the log says why, and the bout is held without it.
    let (windows, told) = decide(true, true);
    assert_eq!(holder(&windows), "bob", "{told}");
    assert!(told.contains("no bout has it as guard"), "{told}");
    let admissions = records(&windows, 1000, "admission");
    assert_eq!(admissions[guard as usize]["standing"], "refused");
    assert!(admissions[guard as usize]["reason"].is_string());
}

/// Moments of death: a multiplicative sequence spread over a window's length, different for each kill.
fn moment(kill: u64, whole: Duration) -> Duration {
    let fraction = kill.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    whole.mul_f64(fraction as f64 / f64::from(u32::MAX))
}

/// Three windows after ten reigns: heats, reference tasks, bouts that go on, a guard; one more challenger in every window.
/// Killed at so many moments they end with the bytes of those that were left alone.
#[expect(clippy::disallowed_methods, reason = "the length of a window decides only when the others are killed")]
fn check_killed(kills: u64) {
    let names = ["alice", "dave", "bob", "carol"];
    let models = names.map(reference);
    let entries = committed(&names, &models);
    let (undisturbed, killed) = (subnet(), subnet());
    let mut died = 0;
    for (window, begun) in (1..=3).zip(["record=ten.json", "alpha=0.01", "alpha=0.01"]) {
        let arguments = ["--set", "key=validator.key", "--set", begun];
        let register = |windows: &Windows| windows.register(1000 * window, &entries[..window as usize + 1], json!({}));
        for windows in [&undisturbed, &killed] {
            fs::write(windows.path("validator.key"), "07".repeat(32)).unwrap();
            ten_reigns(windows, true);
            register(windows);
        }
        let start = std::time::Instant::now();
        succeeds(&undisturbed.validate(&arguments).output().unwrap());
        let whole = start.elapsed();
        for kill in (1..=kills).filter(|kill| kill % 3 + 1 == window) {
            let mut command = killed.validate(&arguments);
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(moment(kill, whole));
            died += u32::from(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
            child.wait().unwrap();
        }
        succeeds(&killed.validate(&arguments).output().unwrap());
        for name in ["evidence.jsonl", "weights.json", "record.json"] {
            let block = 1000 * window;
            assert!(killed.result(block, name) == undisturbed.result(block, name), "{name} of window {block}");
        }
        let guarded = records(&killed, 1000 * window, "decision");
        assert!(guarded.iter().all(|bout| bout["guard"].is_u64()), "{guarded:?}");
    }
    assert!(died > 0, "every run ended before it could be killed");
    succeeds(&killed.audit(&[1000, 2000, 3000]));
}

#[test]
fn guarded_windows_killed_at_six_moments_end_as_those_that_were_left_alone() {
    check_killed(6);
}

#[test]
#[ignore = "takes minutes"]
fn guarded_windows_killed_at_twenty_moments_end_as_those_that_were_left_alone() {
    check_killed(20);
}
