//! The command `sandbox judge`: what passes, what does not, and what scripts are told of it.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;
use tests::{run, said};

/// Tests of a function that adds, with the expected values where no candidate can see them.
const TESTS: &str = "from dethrone_guest import candidate
import random
add = candidate('add')
for _ in range(5):
    a, b = random.randrange(1000), random.randrange(1000)
    assert add(a, b) == a + b, (a, b)
print('all sums are right')
";

/// Judges a candidate from files, with these arguments behind them.
fn judge(candidate: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("candidate.py"), candidate).unwrap();
    fs::write(folder.path().join("tests.py"), TESTS).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_dethrone-under-test"));
    command.current_dir(folder.path()).args(["sandbox", "judge", "candidate.py", "tests.py"]).args(arguments);
    run(command)
}

/// The exit code, and how candidate and tests ended.
#[track_caller]
fn check(candidate: &str, code: i32, ended: &str, tests_ended: &str) -> Value {
    let output = judge(candidate, &["--format", "json", "--fuel", "2000000000"]);
    assert_eq!(output.status.code(), Some(code), "{candidate}\n{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["passed"], code == 0, "{candidate}");
    assert_eq!(report["candidate"]["outcome"], ended, "{candidate}\n{report}");
    assert_eq!(report["tests"]["outcome"], tests_ended, "{candidate}\n{report}");
    report
}

#[test]
fn a_right_candidate_passes_with_exit_code_zero() {
    let report = check("def add(a, b): return a + b", 0, "finished", "finished");
    assert_eq!(report["tests"]["stdout"], "all sums are right\n");
    assert!(report["candidate"]["fuel"].as_u64().unwrap() > 0);
}

#[test]
fn a_candidate_that_is_wrong_or_cheats_ends_with_exit_code_ten() {
    check("def add(a, b): return a - b - 1", 10, "finished", "raised");
    check("def other(a, b): return a + b", 10, "finished", "raised");
    check("def add(a, b): return float(a + b) + 0.5", 10, "finished", "raised");
    check("def add(a, b): raise AssertionError", 10, "finished", "raised");
    check("class All(int):\n    __eq__ = lambda *given: True\ndef add(a, b): return All()", 10, "finished", "raised");
    check("import os; os._exit(0)", 10, "raised", "raised");
    check("import os\ndef add(a, b): os._exit(0)", 10, "raised", "raised");
    check("def add(a, b):\n    while True: pass", 10, "out_of_fuel", "raised");
    check("(", 10, "raised", "raised");
}

#[test]
fn a_person_is_told_the_verdict_and_the_way_on() {
    let output = judge("def add(a, b): return 0", &[]);
    assert_eq!(output.status.code(), Some(10));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("AssertionError") && text.trim_end().ends_with("not passed"), "{text}");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("candidate.py did not pass its tests"), "{told}");
}

#[test]
fn a_missing_file_is_an_error_of_the_command_line() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dethrone-under-test"));
    command.args(["sandbox", "judge", "no-candidate.py", "no-tests.py"]);
    let output = run(command);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("no-candidate.py"), "{}", said(&output));
}
