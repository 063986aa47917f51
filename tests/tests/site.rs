//! The site over HTTP: of a validator's output folder, and of a log alone.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tests::{Subnet, run, said};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dethrone-under-test");
const EVIDENCE: &str = "output/window-1000/evidence.jsonl";

/// Random models are right in a quarter of these tasks.
const PARITY: &str = r#"
ENV = {"name": "test.parity", "version": "1.0.0", "abi": 1, "max_new_tokens": 6}


def generate(seed, level=1):
    return {"prompt": f"Say <b>anything</b> about {seed}.", "private": {}}


def verify(task, reply):
    return float(sum(map(ord, reply)) % 4 == 0)


def oracle(task):
    return "d"
"#;

/// A decided window of four random models, one of them a copy.
fn decided() -> Subnet {
    let subnet = Subnet::of_four(PROGRAM);
    fs::write(subnet.path("parity.py"), PARITY).unwrap();
    subnet.settings("environments = ['parity.py']");
    let output = run(subnet.validate(&["--set", "duel.budget=8"]));
    assert!(output.status.success(), "{}", said(&output));
    subnet
}

/// A site that is served until the test ends.
struct Served {
    process: Child,
    address: String,
}

impl Served {
    fn new(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        let address = told["address"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
        Self { process, address }
    }

    fn ask(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        stream
    }

    /// The head and the body of a page.
    fn get(&self, path: &str) -> (String, String) {
        let mut text = String::new();
        self.ask(path).read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    #[track_caller]
    fn page(&self, path: &str) -> String {
        let (head, body) = self.get(path);
        assert!(head.starts_with("HTTP/1.0 200"), "{path}: {head}\n{body}");
        assert!(head.contains("default-src 'none'; script-src 'self'"), "{path}: {head}");
        body
    }

    #[track_caller]
    fn data(&self, path: &str) -> Value {
        serde_json::from_str(&self.page(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Checks what a site says of the window, from its database or from its log.
#[track_caller]
fn check_window(site: &Served) {
    let overview = site.data("/overview.json");
    assert_eq!((&overview["champion"]["hotkey"], &overview["windows"][0]["window"]), (&"alice".into(), &1_000.into()));
    assert_eq!(overview["lineage"].as_array().unwrap().len(), 1);
    assert_eq!(overview["left_out"][0]["hotkey"], "carol", "a copy of alice's model");
    assert!(overview["duel"]["evidence"][0]["legend"][0]["needed"].is_string(), "{overview}");

    let page = site.page("/");
    for part in
        ["alice", "carol", "Evidence for the challenger", "<svg", "/window/1000/evidence.jsonl", "No window plays."]
    {
        assert!(page.contains(&part.replace('/', "&#x2f;")) || page.contains(part), "{part:?} is not in {page}");
    }
    let report = site.page("/window/1000/report.html");
    assert!(report.contains("window of block 1000") && report.contains("entries&#x2f;3.html"), "{report}");
    assert_eq!(site.data("/window/1000/summary.json")["champion"], "alice");

    let rollouts = site.data("/window/1000/entries/3.json");
    let first = &rollouts[0];
    assert_eq!(first["hotkey"], "dave");
    assert!(first["messages"][1]["text"].is_string() && first["notes"] == Value::Array(Vec::new()), "{first}");
    let page = site.page("/window/1000/entries/3.html");
    assert!(page.contains("Say &lt;b&gt;anything&lt;&#x2f;b&gt;") && !page.contains("<b>anything"), "{page}");

    let beside = site.data(&format!("/window/1000/rollout/3/0/{}.json", first["task"]));
    let both: Vec<&str> = beside.as_array().unwrap().iter().filter_map(|one| one["hotkey"].as_str()).collect();
    assert_eq!(both, ["dave", "alice"], "the opponent's answer to the same task stands beside it");
    let page = site.page(&format!("/window/1000/rollout/3/0/{}.html", first["task"]));
    assert!(page.contains("dave") && page.contains("alice"), "{page}");
}

#[test]
fn a_validators_results_are_pages_and_json() {
    let subnet = decided();
    let site = Served::new(subnet.command(&[
        "serve",
        "--config",
        "dethrone.toml",
        "--listen",
        "127.0.0.1:0",
        "--format",
        "jsonl",
    ]));
    check_window(&site);
    let evidence = fs::read_to_string(subnet.path(EVIDENCE)).unwrap();
    let (head, body) = site.get("/window/1000/evidence.jsonl");
    assert!(head.contains("attachment; filename=\"window-1000-evidence.jsonl\""), "{head}");
    assert_eq!(body, evidence, "what is downloaded can be audited");
    assert!(site.data("/window/1000/weights.json")["weights"].is_array());
    assert_eq!(site.data("/status.json"), Value::Null, "no validator runs");

    // A database of another release hides nothing that the evidence says.
    tests::newer(&subnet.path("output/dethrone.sqlite"));
    check_window(&site);

    let mut events = BufReader::new(site.ask("/events")).lines().map(Result::unwrap);
    let event = events.find(|line| line.starts_with("data:"));
    assert_eq!(event.map(|line| line.len()), Some("data: 0123456789abcdef".len()));
}

#[test]
fn a_log_alone_is_shown_as_its_validator_shows_it() {
    let subnet = decided();
    fs::copy(subnet.path(EVIDENCE), subnet.path("log.jsonl")).unwrap();
    fs::remove_dir_all(subnet.path("output")).unwrap();
    let site = Served::new(subnet.command(&[
        "view",
        "log.jsonl",
        "--config",
        "dethrone.toml",
        "--listen",
        "127.0.0.1:0",
        "--format",
        "jsonl",
    ]));
    check_window(&site);
    assert!(site.get("/window/1000/weights.json").0.starts_with("HTTP/1.0 404"));

    let evidence = fs::read_to_string(subnet.path("log.jsonl")).unwrap();
    fs::write(subnet.path("log.jsonl"), evidence.replacen("\"score\":0.0", "\"score\":1.0", 1)).unwrap();
    let (head, body) = site.get("/window/1000/summary.json");
    assert!(head.starts_with("HTTP/1.0 500") && body.contains("does not hold"), "{head} {body}");
    let refused = run(subnet.command(&["view", "log.jsonl", "--listen", "127.0.0.1:0"]));
    assert_eq!(refused.status.code(), Some(4), "{}", said(&refused));
}
