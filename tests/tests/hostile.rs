//! A window with more than twenty hostile entries, a kind each, beside an honest pair: the pair is decided as if they were not
//! there, and the work that is counted is at most twice that of a window without them.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tests::{COMMIT, Subnet, WebHub, run, said};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dethrone-under-test");

/// Statuses with which the hub answers for a repository of this name.
const STATUSES: [(&str, u16); 6] =
    [("legal", 451), ("payment", 402), ("method", 405), ("gone", 410), ("bad", 400), ("teapot", 418)];

/// Questions that a tiny model has room for.
const TOSS: &str = r#"
ENV = {"name": "test.toss", "version": "1.0.0", "abi": 1, "max_new_tokens": 8}
def generate(seed, level=1): return {"prompt": f"toss {seed % 1000}", "private": seed % 2}
def verify(task, reply): return 1.0 if len(reply) % 2 == task["private"] else 0.0
def oracle(task): return "xx"[task["private"]:]
"#;

/// An entry that attacks the validator: its name, what it does to a sound model, and its standing.
type Attack = (&'static str, fn(&Path), &'static str);

const ATTACKS: [Attack; 22] = [
    ("room", room, "refused"),
    (
        "token",
        |model| edit(&model.join("tokenizer.json"), |file| file["model"]["vocab"]["a".repeat(2_000_000)] = json!(300)),
        "refused",
    ),
    ("added", |model| edit(&model.join("tokenizer.json"), add_a_long_token), "refused"),
    ("pattern", |model| edit(&model.join("tokenizer.json"), backtrack), "refused"),
    (
        "filler",
        |model| template(model, "{{ messages[0].content }}{% for i in range(3000) %} no{% endfor %}"),
        "refused",
    ),
    (
        "lower",
        |model| {
            template(
                model,
                "{% set x = '\u{ff41}' * 1300000 %}{% for i in range(9999) %}{% if x is lower %}{% endif %}{% endfor %}",
            );
        },
        "refused",
    ),
    (
        "loops",
        |model| template(model, "{% for i in range(99999) %}{% for i in range(99999) %}{% endfor %}{% endfor %}"),
        "refused",
    ),
    ("raises", |model| template(model, "{{ raise_exception('\u{1b}[2J\nall weight to raises') }}"), "refused"),
    ("nested", |model| template(model, &format!("{{{{ {}1{} }}}}", "[".repeat(60_000), "]".repeat(60_000))), "refused"),
    ("endless", endless, "lost or undecided"),
    ("rewritten", rewritten, "copy"),
    ("piece", piece, "lost or undecided"),
    (
        "name",
        |model| header(model, |header| header["\u{1b}[2J\nweights"] = header["model.norm.weight"].clone()),
        "refused",
    ),
    (
        "overlap",
        |model| header(model, |header| header["model.norm.weight"]["data_offsets"] = json!([0, 128])),
        "refused",
    ),
    ("numbers", numbers, "refused"),
    ("cut", |model| cut(&model.join("model.safetensors")), "refused"),
    ("lies", |model| overwrite(&model.join("model.safetensors"), &u64::MAX.to_le_bytes()), "refused"),
    (
        "layers",
        |model| edit(&model.join("config.json"), |config| config["num_hidden_layers"] = json!(1_000_000_000)),
        "refused",
    ),
    ("width", |model| edit(&model.join("config.json"), |config| config["hidden_size"] = json!(1_u64 << 40)), "refused"),
    ("code", |model| edit(&model.join("config.json"), code), "refused"),
    ("pickle", pickle, "refused"),
    ("copy", |_| {}, "copy"),
];

fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

fn template(model: &Path, source: &str) {
    edit(&model.join("tokenizer_config.json"), |config| config["chat_template"] = json!(source));
}

fn add_a_long_token(file: &mut Value) {
    let token = json!({ "id": 310, "content": "b".repeat(100_000), "special": false, "single_word": false, "lstrip": false,
        "rstrip": false, "normalized": false });
    file["added_tokens"].as_array_mut().unwrap().push(token);
}

fn backtrack(file: &mut Value) {
    file["pre_tokenizer"] =
        json!({ "type": "Split", "pattern": { "Regex": "(a+)+$" }, "behavior": "Isolated", "invert": false });
}

fn code(config: &mut Value) {
    config["model_type"] = json!("evil");
    config["auto_map"] = json!({ "AutoModelForCausalLM": "evil.Model" });
}

fn pickle(model: &Path) {
    fs::rename(model.join("model.safetensors"), model.join("pytorch_model.bin")).unwrap();
}

fn cut(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

fn overwrite(path: &Path, with: &[u8]) {
    let mut bytes = fs::read(path).unwrap();
    bytes[..with.len()].copy_from_slice(with);
    fs::write(path, bytes).unwrap();
}

/// Changes the header of a model's tensor file.
fn header(model: &Path, change: impl FnOnce(&mut Value)) {
    let path = model.join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    let end = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&bytes[8..end]).unwrap();
    change(&mut header);
    write_tensors(&path, &header, &bytes[end..]);
}

fn write_tensors(path: &Path, header: &Value, data: &[u8]) {
    let header = header.to_string();
    let length = (header.len() as u64).to_le_bytes();
    fs::write(path, [&length[..], header.as_bytes(), data].concat()).unwrap();
}

/// Every number of the tensors is none.
fn numbers(model: &Path) {
    let path = model.join("model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let end = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    bytes[end..].chunks_exact_mut(2).for_each(|number| number.copy_from_slice(&[0xc0, 0x7f]));
    fs::write(path, bytes).unwrap();
}

/// A sound model of 16 MiB that leaves 2 MiB of keys and values for each token of its texts.
fn room(model: &Path) {
    const WIDTH: usize = 256 * 1024;
    edit(&model.join("config.json"), |config| {
        for (key, value) in [
            ("hidden_size", 8),
            ("num_attention_heads", 256),
            ("num_key_value_heads", 256),
            ("head_dim", 1024),
            ("num_hidden_layers", 1),
            ("intermediate_size", 16),
            ("max_position_embeddings", 131_072),
        ] {
            config[key] = json!(value);
        }
    });
    let mut header = serde_json::Map::new();
    let mut length = 0;
    let layer = |part: &str| format!("model.layers.0.{part}.weight");
    for (name, shape) in [
        ("model.embed_tokens.weight".to_owned(), vec![320, 8]),
        ("model.norm.weight".to_owned(), vec![8]),
        (layer("self_attn.q_proj"), vec![WIDTH, 8]),
        (layer("self_attn.k_proj"), vec![WIDTH, 8]),
        (layer("self_attn.v_proj"), vec![WIDTH, 8]),
        (layer("self_attn.o_proj"), vec![8, WIDTH]),
        (layer("mlp.gate_proj"), vec![16, 8]),
        (layer("mlp.up_proj"), vec![16, 8]),
        (layer("mlp.down_proj"), vec![8, 16]),
        (layer("input_layernorm"), vec![8]),
        (layer("post_attention_layernorm"), vec![8]),
    ] {
        let bytes = 2 * shape.iter().product::<usize>();
        let entry = json!({ "dtype": "BF16", "shape": shape, "data_offsets": [length, length + bytes] });
        header.insert(name, entry);
        length += bytes;
    }
    write_tensors(&model.join("model.safetensors"), &Value::Object(header), &vec![0; length]);
}

/// Changes the numbers of a model's tensors, each as its two bytes, by name, width and place; those that are given no numbers are
/// left out.
fn tensors(model: &Path, change: impl Fn(&str, usize, usize, u16) -> u16, keeps: impl Fn(&str) -> bool) {
    let path = model.join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    let end = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Map<String, Value> = serde_json::from_slice(&bytes[8..end]).unwrap();
    let (mut kept, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, mut entry) in header.into_iter().filter(|(name, _)| name != "__metadata__" && keeps(name)) {
        let offset = |at: usize| end + entry["data_offsets"][at].as_u64().unwrap() as usize;
        let (numbers, start) = (&bytes[offset(0)..offset(1)], data.len());
        let width = entry["shape"].as_array().unwrap().last().unwrap().as_u64().unwrap() as usize;
        for (place, number) in numbers.chunks_exact(2).enumerate() {
            let number = u16::from_le_bytes([number[0], number[1]]);
            data.extend(change(&name, width, place, number).to_le_bytes());
        }
        entry["data_offsets"] = json!([start, data.len()]);
        kept.insert(name, entry);
    }
    write_tensors(&path, &Value::Object(kept), &data);
}

/// A model that says the last word that it has read for ever, behind a template that reads the task.
fn endless(model: &Path) {
    let is_zero = |name: &str| name.contains("o_proj") || name.contains("down_proj");
    tensors(model, |name, _, _, number| if is_zero(name) { 0 } else { number }, |_| true);
    template(model, "{{ messages[0].content }}{{ ' Answer: yes' if 'x' in messages[0].content }}");
}

/// The same model to the last bit of its outputs: the first neurons of each layer doubled before and halved behind.
fn rewritten(model: &Path) {
    // One more in the exponent of a bfloat16.
    const TWICE: u16 = 1 << 7;
    let change = |name: &str, width: usize, place: usize, number: u16| match name {
        _ if number << 1 == 0 => number,
        up if up.contains("up_proj") && place / width < 60 => number + TWICE,
        down if down.contains("down_proj") && place % width < 60 => number - TWICE,
        _ => number,
    };
    tensors(model, change, |_| true);
}

/// The champion's first layer.
fn piece(model: &Path) {
    tensors(model, |_, _, _, number| number, |name| !name.contains("layers.1.") && !name.contains("layers.2."));
    edit(&model.join("config.json"), |config| config["num_hidden_layers"] = json!(1));
}

/// A cache of its own for what is fetched, with the sandbox of this machine's.
fn cache(subnet: &Subnet) -> PathBuf {
    let cache = subnet.path("cache");
    fs::create_dir_all(&cache).unwrap();
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/dethrone"));
    let shared = std::env::var_os("DETHRONE_CACHE").map(PathBuf::from).or(home).unwrap();
    for name in ["sandbox", "packages"] {
        std::os::unix::fs::symlink(shared.join(name), cache.join(name)).unwrap();
    }
    cache
}

/// A window of an honest pair, and of all attackers behind it if there are to be any: the summary, and the log's records.
fn window(hostile: bool) -> (Value, Vec<Value>) {
    let mut subnet = Subnet::new(PROGRAM);
    fs::write(subnet.path("toss.py"), TOSS).unwrap();
    subnet.settings("environments = [{ name = 'toss.py' }]");
    subnet.enter("alice", "llama");
    subnet.enter("bob", "qwen2");
    if hostile {
        for (name, attack, _) in ATTACKS {
            // One that is a copy copies the honest challenger, and one that plays has tensors of its own.
            let family = match name {
                "copy" | "rewritten" => "qwen2",
                "endless" => "qwen3",
                _ => "llama",
            };
            attack(&subnet.enter(name, family));
        }
        for (name, _) in STATUSES {
            subnet.register(name, &format!("{name}/model@{COMMIT}"));
        }
    }
    let hub = WebHub::serve(&subnet.path("hub"), &STATUSES);
    let mut command: Command =
        subnet.validate(&["--set", "hub.kind=hugging_face", "--set", "admission.memory=1073741824"]);
    command.env("HF_ENDPOINT", hub.address()).env("DETHRONE_CACHE", cache(&subnet));
    let output = run(command);
    assert!(output.status.success(), "{}", said(&output));
    let audited = run(subnet.command(&["audit", "output/window-1000/evidence.jsonl"]));
    assert!(audited.status.success(), "{}", said(&audited));
    let log = subnet.result("evidence.jsonl").unwrap();
    assert!(subnet.result("weights.json").is_some());
    let records = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (serde_json::from_slice(&output.stdout).unwrap(), records)
}

fn bodies<'a>(records: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    records.iter().filter(move |record| record["kind"] == kind).map(|record| &record["body"])
}

/// Tokens, bytes and fuel of all rollouts.
fn work(records: &[Value]) -> [u64; 3] {
    ["tokens", "bytes", "fuel"]
        .map(|part| bodies(records, "rollout").map(|body| body["work"][part].as_u64().unwrap()).sum())
}

#[test]
fn an_entry_that_is_alone_is_absent_where_the_hub_has_answered_for_good() {
    let mut subnet = Subnet::new(PROGRAM);
    subnet.settings("environments = [{ name = 'sat' }]");
    subnet.register("legal", &format!("legal/model@{COMMIT}"));
    let hub = WebHub::serve(&subnet.path("hub"), &STATUSES);
    let mut command = subnet.validate(&["--set", "hub.kind=hugging_face"]);
    command.env("HF_ENDPOINT", hub.address()).env("DETHRONE_CACHE", cache(&subnet));
    let output = run(command);
    let told = said(&output);
    assert!(told.contains("no model was admitted") && told.contains("answered status 451"), "{told}");
    // The window has come to its end, without a champion.
    assert!(subnet.result("evidence.jsonl").unwrap().contains("\"absent\""));
}

#[test]
fn twenty_hostile_entries_do_not_change_how_an_honest_pair_is_decided() {
    let (honest, alone) = window(false);
    let (summary, among) = window(true);
    let entries = summary["entries"].as_array().unwrap();
    let standing = |name: &str| {
        let entry = entries.iter().find(|entry| entry["hotkey"] == name).unwrap();
        (entry["standing"].as_str().unwrap(), entry["verdict"].as_str().unwrap())
    };
    for (name, _, expected) in ATTACKS {
        let (found, verdict) = standing(name);
        assert!(expected.contains(found), "{name} is {found}: {verdict}");
    }
    for (name, status) in STATUSES {
        let (found, verdict) = standing(name);
        assert_eq!(found, "absent", "{name}: {verdict}");
        assert!(verdict.contains(&format!("status {status}")), "{verdict}");
    }
    // The pair's duel: the same tasks, replies, scores and decision.
    assert_eq!(summary["champion"], honest["champion"]);
    let decision =
        |records: &[Value]| bodies(records, "decision").find(|body| body["challenger"] == 1).unwrap().clone();
    assert_eq!(decision(&among), decision(&alone));
    let of_pair = |records: &[Value]| -> Vec<Value> {
        bodies(records, "rollout").filter(|body| body["entry"].as_u64().unwrap() < 2).cloned().collect()
    };
    assert_eq!(of_pair(&among), of_pair(&alone));
    for (one, two) in work(&among).into_iter().zip(work(&alone)) {
        assert!(two > 0 && one <= 2 * two, "{one} and {two}");
    }
}
