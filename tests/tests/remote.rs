//! A model that a server runs: usable by a person, and marked wherever its answers are kept.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use serde_json::Value;
use tests::{COMMIT, Subnet, run, said};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dethrone-under-test");
const VARIABLE: &str = "A_KEY_FOR_THIS_TEST";
const KEY: &str = "sk-that-nobody-may-see";

/// A server that answers everybody who brings the key with the same reply; its address.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that hangs up is no trouble of ours.
            thread::spawn(move || answer(&stream));
        }
    });
    address
}

fn answer(mut stream: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length, mut authorized) = (String::new(), 0, false);
    while reader.read_line(&mut line)? > 2 {
        match line.trim_end().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap_or(0),
            Some(("authorization", value)) => authorized = value == format!("bearer {KEY}"),
            _ => {}
        }
        line.clear();
    }
    reader.read_exact(&mut vec![0; length])?;
    let (status, body) = if authorized {
        (200, r#"{"choices":[{"message":{"content":"my answer"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5}}"#)
    } else {
        (401, r#"{"error":{"message":"no key"}}"#)
    };
    write!(stream, "HTTP/1.1 {status} Said\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

/// The records of one kind in an evidence log.
fn records(evidence: &str, kind: &str) -> Vec<Value> {
    let records = evidence.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.filter(|record| record["kind"] == kind).map(|record| record["body"].clone()).collect()
}

/// Fails if a file below the folder holds the key.
fn assert_key_is_nowhere(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_key_is_nowhere(&path);
        } else {
            let bytes = fs::read(&path).unwrap();
            assert!(!bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()), "{}", path.display());
        }
    }
}

#[test]
fn a_miner_evaluates_a_model_of_a_server_and_is_told_what_that_is_worth() {
    let subnet = Subnet::new(PROGRAM);
    let model = format!("openai:some-model@{}", server());
    let set = format!("remote.key_variable=\"{VARIABLE}\"");
    let arguments = ["eval", &model, "--tasks", "4", "--config", "dethrone.toml", "--set", &set, "--format", "json"];
    let mut command = subnet.command(&arguments);
    command.env(VARIABLE, KEY);
    let output = run(command);
    assert!(output.status.success(), "{}", said(&output));
    let evaluation: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&evaluation["not_reproducible"], &evaluation["model"]), (&12.into(), &model.into()));
    let shown = format!("{}{}", String::from_utf8_lossy(&output.stdout), said(&output));
    assert!(shown.contains("cannot be reproduced") && !shown.contains(KEY), "{shown}");

    let evidence = subnet.path(evaluation["files"]["evidence"].as_str().unwrap());
    let rollouts = records(&fs::read_to_string(&evidence).unwrap(), "rollout");
    assert_eq!(rollouts.len(), 12);
    for rollout in rollouts {
        assert_eq!((&rollout["reproducible"], &rollout["replies"][0]), (&false.into(), &"my answer".into()));
    }
    let output = run(subnet.command(&["audit", evidence.to_str().unwrap()]));
    assert!(output.status.success(), "{}", said(&output));
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains("12 of the rollouts were made by a server"), "{shown}");
    assert_key_is_nowhere(&subnet.path("."));
}

#[test]
fn a_verifier_that_raises_is_shown_with_its_file_its_line_and_how_often() {
    let subnet = Subnet::new(PROGRAM);
    let file = subnet.path("broken.py");
    let source = "ENV = {'name': 'me.broken', 'version': '1.0.0', 'abi': 1}\n\ndef generate(seed):\n    return {'prompt': 'Say OK.', 'private': {}}\n\ndef verify(task, reply):\n    return task['answer'] == reply\n";
    fs::write(&file, source).unwrap();
    let environments = format!("environments=[{{name={:?}}}]", file.to_str().unwrap());
    let (model, key) = (format!("openai:some-model@{}", server()), format!("remote.key_variable=\"{VARIABLE}\""));
    for format in ["json", "text"] {
        let arguments = ["eval", &model, "--tasks", "4", "--set", &key, "--set", &environments, "--format", format];
        let mut command = subnet.command(&arguments);
        command.env(VARIABLE, KEY);
        let output = run(command);
        assert_eq!(output.status.code(), Some(11), "{}", said(&output));
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = "verify raised: KeyError: 'answer' (line 7: return task['answer'] == reply)";
        assert!(said(&output).contains(line), "{}", said(&output));
        if format == "text" {
            let start = format!("4 x fault of the environment's verifier ({}): me.broken@1.0.0", file.display());
            assert!(shown.contains(&start) && shown.contains(line), "{shown}");
            continue;
        }
        let evaluation: Value = serde_json::from_str(&shown).unwrap();
        let environment = &evaluation["environments"][0];
        assert_eq!(environment["file"], file.to_str().unwrap());
        let reason = &environment["reasons"][0];
        assert_eq!(
            (&reason["fault"], &reason["tasks"], &environment["mean"]),
            (&"verifier".into(), &4.into(), &0.0.into())
        );
        assert!(reason["reason"].as_str().unwrap().contains(line), "{reason}");
    }
}

#[test]
fn weights_that_rest_on_a_server_say_so() {
    let mut subnet = Subnet::new(PROGRAM);
    subnet.enter("alice", "llama");
    subnet.enter("bob", "qwen2");
    let address = server();
    let served = format!("[{{ model = \"bob/model@{COMMIT}\", by = \"openai:bob@{address}\" }}]");
    let settings = format!("\n[remote]\nkey_variable = \"{VARIABLE}\"\nserved = {served}\n");
    let path = subnet.path("dethrone.toml");
    fs::write(&path, fs::read_to_string(&path).unwrap() + &settings).unwrap();
    let mut command = subnet.validate(&[]);
    command.env(VARIABLE, KEY);
    let output = run(command);
    assert!(output.status.success(), "{}", said(&output));

    let evidence = subnet.result("evidence.jsonl").unwrap();
    let rollouts = records(&evidence, "rollout");
    for rollout in &rollouts {
        assert_eq!(rollout["reproducible"], Value::from(rollout["entry"] == 0), "{rollout}");
    }
    let served = rollouts.iter().filter(|rollout| rollout["entry"] == 1).count();
    assert!(served > 0);
    let weights: Value = serde_json::from_str(&subnet.result("weights.json").unwrap()).unwrap();
    assert_eq!(weights["not_reproducible"], served);
    assert!(subnet.result("report.html").unwrap().contains("rollouts of a server, not reproducible"));
    let opened = &records(&evidence, "opened")[0]["opened"];
    assert_eq!(opened["settings"]["served"][0]["by"], format!("openai:bob@{address}"));
    // Its files are looked at all the same.
    assert!(records(&evidence, "admission")[1]["files"].as_array().unwrap().len() > 2);
    assert_key_is_nowhere(&subnet.path("."));
}

#[test]
fn a_key_that_is_expected_and_missing_is_not_done_without() {
    let subnet = Subnet::new(PROGRAM);
    let model = format!("openai:m@{}", server());
    let set = format!("remote.key_variable=\"{VARIABLE}\"");
    let output = run(subnet.command(&["eval", &model, "--tasks", "4", "--set", &set]));
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains(VARIABLE), "{}", said(&output));
}

#[test]
fn a_server_that_refuses_leaves_the_window_open_and_scores_nothing() {
    let subnet = Subnet::new(PROGRAM);
    let model = format!("openai:m@{}", server());
    let output = run(subnet.command(&["eval", &model, "--tasks", "4", "--config", "dethrone.toml"]));
    assert_eq!(output.status.code(), Some(7), "{}", said(&output));
    assert!(said(&output).contains("refuses the key"), "{}", said(&output));
    let evaluations: Vec<_> =
        fs::read_dir(subnet.path("output/eval")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(evaluations.iter().all(|folder| !folder.join("window-1/weights.json").exists()), "{evaluations:?}");
}

#[test]
fn a_registry_cannot_name_a_server() {
    let mut subnet = Subnet::new(PROGRAM);
    subnet.enter("alice", "llama");
    subnet.register("mallory", "openai:m@https://mallory.example/v1");
    let output = run(subnet.validate(&[]));
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(said(&output).contains("mallory"), "{}", said(&output));
}
