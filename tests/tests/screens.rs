//! Whole screens: exit code, standard output and standard error of commands, as files under review.
//!
//! `INSTA_UPDATE=always cargo test -p tests --test screens` writes them anew; read what changed before it is committed.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tests::{Subnet, fixtures, run, said};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dethrone-under-test");

/// A command in this folder, as nobody has set it up: no variables, no terminal.
fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).current_dir(folder).env_remove("COLUMNS").env_remove("RUST_LOG").env_remove("CI");
    command
}

/// Compares the screen of a command with the file of this name, without what differs from run to run.
#[track_caller]
fn check(name: &str, arguments: &[&str], output: &Output) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    let screen = format!(
        "$ dethrone {}\nexit code: {}\n----- standard output -----\n{}\n----- standard error -----\n{}",
        arguments.join(" "),
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr)
    );
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.add_filter("dethrone-under-test", "dethrone");
    settings.add_filter(r"/\S*/tests/fixtures", "[FIXTURES]");
    settings.add_filter(r"/tmp/\.tmp\w+", "[FOLDER]");
    settings.add_filter(r"\d+\.\d s\b", "[TIME]");
    settings.add_filter(r"\(\d+\.\d%\)", "[SHARE]");
    settings.add_filter(r"\d+ tokens/s(, at most [^\n]* left)?", "[PACE]");
    settings.add_filter(r"[ \t]+\n", "\n");
    settings.bind(|| insta::assert_snapshot!(name, screen));
}

/// Runs a command in an empty folder and compares its screen.
#[track_caller]
fn check_alone(name: &str, arguments: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    check(name, arguments, &run(command(folder.path(), arguments)));
}

#[test]
fn help_says_what_every_command_is_for_and_takes() {
    check_alone("help", &["--help"]);
    check_alone("help_without_arguments", &[]);
    for name in [
        "demo",
        "validate",
        "eval",
        "score",
        "audit",
        "env",
        "sandbox",
        "decide",
        "lab",
        "plan",
        "consensus",
        "ctl",
        "store",
        "init",
        "settings",
        "show",
        "compare",
        "follow",
        "serve",
        "view",
        "cache",
        "completions",
        "man",
        "version",
    ] {
        check_alone(&format!("help_{name}"), &[name, "--help"]);
    }
    check_alone("settings_of_a_table", &["settings", "screens"]);
    check_alone("settings_misspelt", &["settings", "duel.bugdet"]);
    check_alone("error_as_json", &["--format", "json", "settings", "duel.bugdet"]);
    for (name, part) in
        [("env", "check"), ("env", "list"), ("env", "new"), ("env", "show"), ("sandbox", "run"), ("sandbox", "judge")]
    {
        check_alone(&format!("help_{name}_{part}"), &[name, part, "--help"]);
    }
}

#[test]
fn every_setting_is_shown_with_its_source() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("dethrone.toml"), "round = 4\n[hub]\nkind = 'folder'\nfolder = 'hub'\n").unwrap();
    let arguments = ["validate", "--show-settings", "--config", "dethrone.toml", "--set", "engine.rows=8"];
    let mut command = command(folder.path(), &arguments);
    command.env("DETHRONE_SANDBOX__SLOTS", "2");
    check("show_settings", &arguments, &run(command));
}

#[test]
fn what_was_typed_wrong_is_named_with_the_way_out() {
    check_alone("unknown_command", &["valdate"]);
    check_alone("unknown_setting", &["validate", "--once", "--set", "duel.tolerence=0.1"]);
    check_alone("setting_of_another_type", &["validate", "--once", "--set", "engine.mode=float16"]);
    check_alone("setting_out_of_range", &["validate", "--once", "--set", "alpha=2"]);
    let folder = tempfile::tempdir().unwrap();
    for (name, variable) in
        [("unknown_variable", "DETHRONE_ENGINE__ROSW"), ("unknown_variable_at_the_top", "DETHRONE_ALHPA")]
    {
        let mut command = command(folder.path(), &["validate", "--once"]);
        command.env(variable, "3");
        check(name, &["validate", "--once"], &run(command));
    }
    check_alone("quiet_and_verbose", &["plan", "--quiet", "--verbose"]);
    check_alone("model_of_no_kind", &["eval", "qwen"]);
    check_alone("unknown_scenario", &["lab", "--scenario", "bribery"]);
    check_alone("unknown_mechanism", &["lab", "--mechanism", "oracle"]);
    let mut loud = command(folder.path(), &["plan"]);
    loud.env("RUST_LOG", "models=loud");
    check("log_of_no_level", &["plan"], &run(loud));
}

#[test]
fn files_that_are_missing_are_named() {
    check_alone("missing_settings_file", &["validate", "--once", "--config", "missing.toml"]);
    check_alone("missing_registry", &["validate", "--once"]);
    check_alone("missing_evidence", &["audit", "missing.jsonl"]);
    check_alone("missing_cases", &["decide", "missing.json"]);
    check_alone("missing_program", &["sandbox", "run", "missing.py"]);
    check_alone("missing_ids", &["score", "model", "--ids", "missing.json"]);
}

#[test]
fn small_simulations_print_their_tables() {
    check_alone("lab", &["lab", "--trials", "20", "--budget", "200", "--scenario", "copy"]);
    check_alone("plan", &["plan", "--trials", "5", "--budget", "200"]);
    check_alone(
        "plan_page",
        &["plan", "--trials", "2", "--budget", "50", "--environments", "2", "--page", "plan.html"],
    );
}

#[test]
fn recorded_cases_are_decided_by_their_rules() {
    let folder = tempfile::tempdir().unwrap();
    for (rule, list) in [("window", "cases"), ("four_stage", "cases"), ("yuma", "vectors")] {
        let name = format!("{rule}.json");
        let text = fs::read_to_string(fixtures().join("vectors").join(&name)).unwrap();
        let mut value: Value = serde_json::from_str(&text).unwrap();
        value[list].as_array_mut().unwrap().truncate(3);
        fs::write(folder.path().join(&name), value.to_string()).unwrap();
        let arguments = ["decide", "--mechanism", rule, &name];
        check(&format!("decide_{rule}"), &arguments, &run(command(folder.path(), &arguments)));
    }
    let arguments = ["decide", "window.json"];
    check("decide_sequential", &arguments, &run(command(folder.path(), &arguments)));
}

#[test]
fn disagreeing_with_the_other_validators_has_its_price() {
    let folder = tempfile::tempdir().unwrap();
    let row = |validator: usize| if validator < 3 { json!([[3, 65_535]]) } else { json!([]) };
    let rows: Vec<Value> = (0..5).map(row).collect();
    let epoch = json!({
        "n": 5, "block": 1_000, "cutoff": 5_000, "kappa": 32_767, "bma": 900_000, "bondsPenalty": 65_535,
        "yuma3": true, "liquid": false, "alpha": [45_875, 58_982], "steep": 1_000, "lastTempo": 639,
        "stake": [1_000, 1_000, 1_000, 0, 0], "permit": [true, true, true, false, false],
        "lastUpdate": [999, 999, 999, 999, 999], "reg": [0, 0, 0, 0, 0], "weights": rows, "bonds": rows,
    });
    let question = json!({ "epoch": epoch, "uid": 0, "weights": [[4, 65_535]] });
    fs::write(folder.path().join("state.json"), question.to_string()).unwrap();
    let arguments = ["consensus", "state.json", "--epochs", "3", "--differs", "1"];
    check("consensus", &arguments, &run(command(folder.path(), &arguments)));
}

/// The text with the lines of this ending sorted among themselves: models are checked at once, and end in any order.
fn in_order(text: &str, ending: &str) -> String {
    let mut sorted: Vec<&str> = text.lines().filter(|line| line.ends_with(ending)).collect();
    sorted.sort_unstable();
    let mut sorted = sorted.into_iter();
    let lines = text.lines().map(|line| if line.ends_with(ending) { sorted.next().unwrap() } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_window_ends_with_its_table() {
    let subnet = Subnet::of_four(PROGRAM);
    let arguments = ["validate", "--once", "--config", "dethrone.toml"];
    let mut output = run(subnet.command(&arguments));
    output.stderr = in_order(&said(&output), ": admitted").into_bytes();
    check("validate", &arguments, &output);
    let quiet = ["validate", "--once", "--config", "dethrone.toml", "--quiet"];
    let output = run(subnet.command(&quiet));
    assert_eq!((output.status.code(), said(&output).as_str()), (Some(0), ""));
}

/// The exit code of a command whose standard output and standard error nobody reads any more.
fn code_without_readers(mut command: Command) -> Option<i32> {
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        Stdio::from(writer)
    };
    command.stdout(closed()).stderr(closed()).status().unwrap().code()
}

#[test]
fn a_command_whose_reader_is_gone_ends_as_it_would_have() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, code) in [
        (&["--help"][..], 0),
        (&["validate", "--show-settings"], 0),
        (&["plan", "--trials", "2", "--budget", "50", "--environments", "2"], 0),
        (&["plan", "--trials", "2", "--budget", "50", "--environments", "2", "-vvv"], 0),
        (&["validate", "--once", "--set", "alpha=2"], 2),
        (&["valdate"], 2),
    ] {
        assert_eq!(code_without_readers(command(folder.path(), arguments)), Some(code), "{arguments:?}");
    }
    let subnet = Subnet::of_four(PROGRAM);
    for verbosity in ["-v", "--format=json"] {
        let arguments = ["validate", "--once", "--config", "dethrone.toml", verbosity];
        assert_eq!(code_without_readers(subnet.command(&arguments)), Some(0), "{verbosity}");
    }
}
