//! Misuse: one screen that names the thing, the cause and the way out; a documented exit code; nothing lost.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Command, Output};

use tests::{COMMIT, Subnet, run, said};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dethrone-under-test");

/// Checks the exit code, that every word is said, and that it fits one screen.
#[track_caller]
fn check(output: &Output, code: i32, words: &[&str]) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in:\n{said}");
    }
    assert!(said.lines().count() <= 24, "more than a screen:\n{said}");
}

/// A subnet in which one model was spoilt: the run goes on, that entry is refused with these words, the others play.
#[track_caller]
fn check_refused(spoil: impl Fn(&Path), words: &[&str]) {
    let mut subnet = Subnet::new(PROGRAM);
    subnet.enter("alice", "llama");
    let spoilt = subnet.enter("mallory", "qwen2");
    spoil(&spoilt);
    let output = run(subnet.validate(&[]));
    assert!(output.status.success(), "{}", said(&output));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mallory = &summary["entries"][1];
    assert_eq!(mallory["standing"], "refused", "{mallory}");
    let verdict = mallory["verdict"].as_str().unwrap();
    for word in words {
        assert!(verdict.contains(word), "{word:?} is not in: {verdict}");
    }
    assert_eq!(summary["champion"], "alice");
    // The miner is told the same before paying.
    let output = run(subnet.command(&["eval", spoilt.to_str().unwrap()]));
    check(&output, 3, words);
}

fn four() -> Subnet {
    Subnet::of_four(PROGRAM)
}

#[test]
fn an_unknown_setting_is_named_with_its_neighbour() {
    let subnet = four();
    let output = run(subnet.validate(&["--set", "engine.row=4"]));
    check(&output, 2, &["engine.row", "did you mean `rows`?", "--show-settings"]);
}

#[test]
fn an_unknown_key_in_the_file_is_named_with_the_file() {
    let subnet = four();
    subnet.settings("allpha = 0.1");
    check(&run(subnet.validate(&[])), 2, &["allpha", "dethrone.toml", "did you mean `alpha`?"]);
}

#[test]
fn an_unknown_variable_is_named() {
    let subnet = four();
    let mut command = subnet.validate(&[]);
    command.env("DETHRONE_ENGINE__THREAD", "2");
    check(&run(command), 2, &["engine.thread", "did you mean `threads`?"]);
}

#[test]
fn a_value_out_of_range_is_named_with_its_range() {
    let subnet = four();
    check(&run(subnet.validate(&["--set", "alpha=2.0"])), 2, &["alpha", "2", "between 1e-60 and 0.5"]);
}

#[test]
fn a_misspelt_environment_is_named_with_its_neighbour() {
    let subnet = four();
    subnet.settings("environments = [{ name = 'abducton' }]");
    check(&run(subnet.validate(&[])), 2, &["abducton", "abduction"]);
}

#[test]
fn a_branch_instead_of_a_commit_is_refused() {
    let mut subnet = four();
    subnet.register("erin", "erin/model@main");
    check(&run(subnet.validate(&[])), 4, &["erin", "main", "commit"]);
    check(&run(subnet.command(&["eval", "erin/model@main"])), 2, &["main", "commit"]);
}

#[test]
fn a_missing_registry_is_named() {
    let subnet = Subnet::new(PROGRAM);
    check(&run(subnet.validate(&[])), 4, &["registry.json", "No such file"]);
}

#[test]
fn a_missing_settings_file_is_named() {
    let subnet = four();
    let output = run(subnet.command(&["validate", "--once", "--config", "nowhere.toml"]));
    check(&output, 2, &["nowhere.toml", "No such file"]);
}

#[test]
fn a_missing_model_is_named() {
    let subnet = four();
    check(&run(subnet.command(&["eval", "nowhere.gguf"])), 4, &["nowhere.gguf"]);
}

#[test]
fn a_repository_that_is_not_in_the_hub_is_refused_and_the_others_play() {
    let mut subnet = Subnet::new(PROGRAM);
    subnet.enter("alice", "llama");
    subnet.register("ghost", &format!("ghost/model@{COMMIT}"));
    let output = run(subnet.validate(&[]));
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("ghost/model"), "{}", said(&output));
}

#[test]
fn a_missing_tensor_file_is_refused() {
    check_refused(|model| fs::remove_file(model.join("model.safetensors")).unwrap(), &["safetensors"]);
}

#[test]
fn a_truncated_gguf_is_refused() {
    let subnet = four();
    let path = subnet.path("cut.gguf");
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend(1_000_000_u64.to_le_bytes());
    bytes.extend(1_000_000_u64.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    check(&run(subnet.command(&["eval", path.to_str().unwrap()])), 3, &["cut.gguf"]);
}

#[test]
fn a_safetensors_header_that_lies_about_its_size_is_refused() {
    let lie = |model: &Path| {
        let mut file = fs::File::options().write(true).open(model.join("model.safetensors")).unwrap();
        file.write_all(&u64::MAX.to_le_bytes()).unwrap();
    };
    check_refused(lie, &["model.safetensors", "header"]);
}

#[test]
fn a_tensor_of_another_shape_than_the_configuration_says_is_refused() {
    let resize = |model: &Path| {
        let path = model.join("config.json");
        let config = fs::read_to_string(&path).unwrap();
        let changed = config.replace("\"intermediate_size\": 128", "\"intermediate_size\": 192");
        assert_ne!(changed, config);
        fs::write(&path, changed).unwrap();
    };
    check_refused(resize, &["mlp"]);
}

#[test]
fn a_tensor_that_is_not_finite_is_refused() {
    let poison = |model: &Path| {
        let mut file = fs::File::options().read(true).write(true).open(model.join("model.safetensors")).unwrap();
        let mut length = [0; 8];
        file.read_exact(&mut length).unwrap();
        file.seek(SeekFrom::Start(8 + u64::from_le_bytes(length))).unwrap();
        // Quiet NaNs in bfloat16 over the first tensors.
        let nans: Vec<u8> = [0xc0, 0x7f].repeat(40_000);
        file.write_all(&nans).unwrap();
    };
    check_refused(poison, &["finite"]);
}

#[test]
fn a_tokenizer_with_more_tokens_than_the_model_is_refused() {
    let enlarge = |model: &Path| {
        let path = model.join("tokenizer.json");
        let mut tokenizer: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let vocabulary = tokenizer["model"]["vocab"].as_object_mut().unwrap();
        // Tokens that no text can hold may lie beyond the rows; this one stands for each "ab".
        vocabulary.insert("ab".to_owned(), 1999.into());
        tokenizer["model"]["merges"].as_array_mut().unwrap().push(serde_json::json!(["a", "b"]));
        fs::write(&path, tokenizer.to_string()).unwrap();
    };
    check_refused(enlarge, &["tokenizer", "embedding rows"]);
}

#[test]
fn a_repository_with_code_of_its_own_is_refused() {
    let insert = |model: &Path| {
        let path = model.join("config.json");
        let mut config: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        // Beside an architecture that is built in it would be passed over: nothing of a repository is ever run.
        config["model_type"] = "evil".into();
        config["auto_map"] = serde_json::json!({ "AutoModelForCausalLM": "modeling_evil.Evil" });
        fs::write(&path, config.to_string()).unwrap();
    };
    check_refused(insert, &["auto_map"]);
}

#[test]
fn a_repository_of_pickles_is_refused() {
    let pickle = |model: &Path| {
        fs::rename(model.join("model.safetensors"), model.join("pytorch_model.bin")).unwrap();
    };
    check_refused(pickle, &["pytorch_model.bin", "safetensors"]);
}

#[test]
fn an_architecture_that_is_not_known_is_refused() {
    let rename = |model: &Path| {
        let path = model.join("config.json");
        let mut config: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        config["architectures"] = serde_json::json!(["BertForMaskedLM"]);
        config["model_type"] = "bert".into();
        fs::write(&path, config.to_string()).unwrap();
    };
    check_refused(rename, &["bert"]);
}

/// A run whose files may not grow beyond so many blocks of 512 bytes, as on a disk without room.
fn on_a_full_disk(subnet: &Subnet, blocks: u32) -> Output {
    let mut shell = Command::new("bash");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    let validate = subnet.validate(&[]);
    shell.args(["-c", &script, "bash"]).arg(validate.get_program()).args(validate.get_args());
    shell.current_dir(subnet.path("."));
    run(shell)
}

#[test]
fn a_full_disk_stops_the_run_and_loses_nothing() {
    let undisturbed = four();
    assert!(run(undisturbed.validate(&[])).status.success());
    let subnet = four();
    check(&on_a_full_disk(&subnet, 120), 5, &["dethrone.sqlite", "make room"]);
    let output = run(subnet.validate(&[]));
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(subnet.result("weights.json"), undisturbed.result("weights.json"));
}

#[test]
fn an_output_folder_that_cannot_be_written_is_named() {
    let subnet = four();
    fs::write(subnet.path("output"), "a file where the folder should be").unwrap();
    check(&run(subnet.validate(&[])), 5, &["output"]);
}

#[test]
fn a_read_only_database_is_named() {
    // SQLite writes no file whose header asks for a newer writer (byte 18): the one way that also holds for root.
    let subnet = four();
    assert!(run(subnet.validate(&[])).status.success());
    let database = subnet.path("output/dethrone.sqlite");
    let mut file = fs::File::options().write(true).open(&database).unwrap();
    file.seek(SeekFrom::Start(18)).unwrap();
    file.write_all(&[3]).unwrap();
    let before = fs::read(&database).unwrap();
    let output = run(subnet.validate(&["--set", "alpha=0.02"]));
    check(&output, 5, &["dethrone.sqlite", "readonly", "writable"]);
    assert_eq!(fs::read(&database).unwrap(), before);
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let subnet = four();
    assert!(run(subnet.validate(&[])).status.success());
    let database = subnet.path("output/dethrone.sqlite");
    tests::newer(&database);
    let before = fs::read(&database).unwrap();
    check(&run(subnet.validate(&[])), 5, &["dethrone.sqlite", "migration 9999", "use the version of dethrone"]);
    assert_eq!(fs::read(&database).unwrap(), before);
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let subnet = four();
    fs::create_dir_all(subnet.path("output")).unwrap();
    fs::write(subnet.path("output/dethrone.sqlite"), "not a database".repeat(1000)).unwrap();
    check(&run(subnet.validate(&[])), 5, &["dethrone.sqlite", "not a database"]);
}

#[test]
fn two_processes_do_not_share_a_database() {
    let subnet = four();
    fs::create_dir_all(subnet.path("output")).unwrap();
    let held = fs::File::create(subnet.path("output/dethrone.sqlite.lock")).unwrap();
    held.lock().unwrap();
    check(&run(subnet.validate(&[])), 8, &["dethrone.sqlite", "another process"]);
    drop(held);
    assert!(run(subnet.validate(&[])).status.success());
}
