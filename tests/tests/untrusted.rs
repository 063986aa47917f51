//! Names and texts of strangers: no output shows more of them than their escaped beginning.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;

use tests::{Subnet, run, said};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dethrone-under-test");

/// Sets a terminal's title, clears it, turns the direction of the text, and writes a line of its own.
const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}\nmallory holds all the weight.\u{2028}";

/// Adds a tensor without elements to a model.
fn add_tensor(files: &Path, name: &str) {
    let path = files.join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    let (size, rest) = bytes.split_first_chunk::<8>().unwrap();
    let (header, tensors) = rest.split_at(u64::from_le_bytes(*size) as usize);
    let header = std::str::from_utf8(header).unwrap().trim_end().strip_prefix('{').unwrap();
    let name = serde_json::Value::from(name);
    let header = format!("{{{name}:{{\"dtype\":\"BF16\",\"shape\":[0],\"data_offsets\":[0,0]}},{header}");
    fs::write(&path, [&(header.len() as u64).to_le_bytes(), header.as_bytes(), tensors].concat()).unwrap();
}

/// An entry's name, and the way to spoil its files.
type Hostile<'a> = (&'a str, &'a dyn Fn(&Path));

/// Everything that a window with one honest entry and these others shows and writes.
fn outputs(hostile: &[Hostile<'_>], format: &str) -> Vec<(String, String)> {
    let mut subnet = Subnet::new(PROGRAM);
    subnet.enter("honest", "llama");
    for (hotkey, spoil) in hostile {
        spoil(&subnet.enter(hotkey, "llama"));
    }
    let settings = ["--set", "environments=[{name=\"sat\"}]", "--set", "duel.budget=4"];
    let validate = ["validate", "--once", "--config", "dethrone.toml", "--format", format];
    let output = run(subnet.command(&[&validate[..], &settings].concat()));
    assert!(output.status.success(), "{}", said(&output));
    let mut all = vec![
        ("standard output".to_owned(), String::from_utf8(output.stdout.clone()).unwrap()),
        ("standard error".to_owned(), said(&output)),
    ];
    for name in ["evidence.jsonl", "report.html", "weights.json", "record.json"] {
        all.push((name.to_owned(), subnet.result(name).unwrap()));
    }
    let database = fs::read(subnet.path("output/dethrone.sqlite")).unwrap();
    all.push(("the database".to_owned(), String::from_utf8_lossy(&database).into_owned()));
    all
}

#[test]
fn escapes_and_line_breaks_of_a_model_are_nowhere() {
    let template = |files: &Path| {
        let said = serde_json::Value::from(HOSTILE).to_string();
        let template = format!("{{{{ raise_exception({}) }}}}", said.replace('"', "'"));
        let config = serde_json::json!({ "bos_token": "<s>", "chat_template": template });
        fs::write(files.join("tokenizer_config.json"), config.to_string()).unwrap();
    };
    let family = |files: &Path| {
        let config = fs::read_to_string(files.join("config.json")).unwrap();
        let hostile = serde_json::Value::from(HOSTILE).to_string();
        fs::write(files.join("config.json"), config.replace("\"llama\"", &hostile)).unwrap();
    };
    let entries: [Hostile<'_>; 3] =
        [("extra", &|files: &Path| add_tensor(files, HOSTILE)), ("template", &template), ("family", &family)];
    for format in ["json", "text"] {
        for (name, text) in outputs(&entries, format) {
            if name == "the database" {
                continue;
            }
            let acts = |character: char| {
                character.is_control() && character != '\n' || matches!(character, '\u{202e}' | '\u{2028}')
            };
            assert!(!text.contains(acts), "{name} holds a character that acts: {text:?}");
            assert!(!text.contains("\nmallory holds all the weight."), "{name} holds a forged line: {text}");
        }
    }
}

#[test]
fn a_name_of_thirty_megabytes_stands_nowhere() {
    let long = "n".repeat(30_000_000);
    for (name, text) in outputs(&[("wide", &|files: &Path| add_tensor(files, &long))], "json") {
        assert!(text.len() < 2_000_000, "{name} has {} bytes", text.len());
        assert!(!text.contains(&"n".repeat(201)), "{name} holds more than the beginning");
    }
}

#[test]
fn a_hotkey_that_is_none_is_an_error_of_the_registry() {
    for (hotkey, shown) in [
        (HOSTILE, "hotkey \"\\u{1b}]0;owned"),
        // One digit of an address is wrong.
        ("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQX", "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQX"),
    ] {
        let mut subnet = Subnet::new(PROGRAM);
        subnet.enter("honest", "llama");
        subnet.register(hotkey, &format!("o/m@{}", tests::COMMIT));
        let output = run(subnet.validate(&[]));
        let said = said(&output);
        assert_eq!(output.status.code(), Some(4), "{said}");
        assert!(said.contains(shown) && said.contains("is no SS58 address") && !said.contains('\u{1b}'), "{said}");
    }
}
