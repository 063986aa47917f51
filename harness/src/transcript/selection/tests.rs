use super::*;
use crate::record::{Fault, Reply};
use crate::settings::Settings;
use crate::window::fixtures::registry;

/// Entries `5Hot0` to `5Hot2` with uids from 1, in two tiers of sat and in coding.
fn terms() -> WindowTerms {
    let environments = vec![
        EnvironmentId::built_in("sat", "1.0.0", 0),
        EnvironmentId::built_in("sat", "1.0.0", 2),
        EnvironmentId::built_in("coding", "1.0.0", 0),
    ];
    WindowTerms::new(&registry(3), Default::default(), &Settings::default(), environments, String::new())
}

fn rollout(entry: usize, environment: usize, task: u32) -> Rollout {
    let reply = Reply {
        work: Default::default(),
        prompt_tokens: 1,
        text: None,
        tokens: vec![1],
        logprob_bits: Vec::new(),
        finish: "stop token".to_owned(),
    };
    Rollout {
        entry,
        environment,
        task,
        seed: 0,
        replies: vec![reply],
        score: 1.0,
        reason: "right".to_owned(),
        fault: None,
        reproducible: true,
        attempts: 1,
        seconds: 0.0,
    }
}

fn select(entry: Option<&str>, environment: Option<&str>, task: Option<u32>) -> Result<Selection, SelectionError> {
    Selection::new(&terms(), entry, environment, task, Kinds::default())
}

/// Checks which of all entries' rollouts on tasks 0 and 1 are selected, as `entry.environment.task`.
#[track_caller]
fn check(selection: &Selection, expected: &str) {
    let mut found = Vec::new();
    for (entry, environment, task) in (0..12).map(|number| (number / 6, number / 2 % 3, number as u32 % 2)) {
        if selection.may_hold(&rollout(entry, environment, task)) {
            found.push(format!("{entry}.{environment}.{task}"));
        }
    }
    assert_eq!(found.join(" "), expected);
}

#[test]
fn rollouts_are_found_by_entry_environment_and_task() {
    check(&select(Some("2"), Some("coding"), None).unwrap(), "1.2.0 1.2.1");
    check(&select(Some("5Hot1"), Some("sat"), Some(1)).unwrap(), "1.0.1 1.1.1");
    check(&select(Some("5Hot"), Some("sat:2"), Some(0)).unwrap(), "0.1.0 1.1.0");
    check(&select(None, None, Some(7)).unwrap(), "");
}

#[test]
fn a_name_that_the_window_does_not_have_is_an_error_with_those_that_it_has() {
    let error = |entry, environment| select(entry, environment, None).unwrap_err().to_string();
    assert_eq!(error(Some("9"), None), "no entry of the window is 9; there are 1 (5Hot0), 2 (5Hot1), 3 (5Hot2)");
    assert_eq!(error(Some(""), None), "no entry of the window is \"\"; there are 1 (5Hot0), 2 (5Hot1), 3 (5Hot2)");
    assert_eq!(
        error(None, Some("sat:1")),
        "no environment of the window is \"sat:1\"; there are sat:0, sat:2, coding:0"
    );
    assert!(error(Some("\u{1b}[2J"), None).contains("\"\\u{1b}[2J\""));
}

/// Checks which of these outcomes are selected: right, wrong, without an answer, cut off and wrong, failed.
#[track_caller]
fn check_kinds(kinds: Kinds, expected: [bool; 5]) {
    let wrong = |reason: &str| Rollout { score: 0.0, reason: reason.to_owned(), ..rollout(0, 0, 0) };
    let mut cut = wrong("wrong (from a box)");
    cut.replies[0].finish = "length".to_owned();
    let failed = Rollout { fault: Some(Fault::Model), ..wrong("no answer in the reply") };
    let rollouts = [rollout(0, 0, 0), wrong("wrong"), wrong("no answer in the reply"), cut, failed];
    let selection = Selection::new(&terms(), None, None, None, kinds).unwrap();
    assert_eq!(rollouts.map(|rollout| selection.may_hold(&rollout)), expected, "{kinds:?}");
}

#[test]
fn rollouts_are_found_by_outcome_and_several_kinds_are_put_together() {
    let none = Kinds::default();
    check_kinds(none, [true; 5]);
    check_kinds(Kinds { wrong: true, ..none }, [false, true, true, true, false]);
    check_kinds(Kinds { failed: true, ..none }, [false, false, false, false, true]);
    check_kinds(Kinds { cut_off: true, ..none }, [false, false, false, true, false]);
    check_kinds(Kinds { no_answer: true, ..none }, [false, false, true, false, false]);
    check_kinds(Kinds { failed: true, cut_off: true, ..none }, [false, false, false, true, true]);
}

#[test]
fn a_reply_of_a_log_may_have_been_cut_off_until_its_tokens_are_read() {
    let selection = Selection::new(&terms(), None, None, None, Kinds { cut_off: true, ..Kinds::default() }).unwrap();
    let mut of_log = rollout(0, 0, 0);
    of_log.replies[0].finish = String::new();
    assert!(selection.may_hold(&of_log));
}
