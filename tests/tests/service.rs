//! The service on the whole program: a validator that follows a chain, is steered, stopped, killed and begun again.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use subxt::utils::AccountId32;
use tempfile::TempDir;
use tests::chain::{ChainDouble, NETUID, State, golden, public_key};
use tests::{COMMIT, Subnet, said};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dethrone-under-test");

/// Seeds of the subnet's hotkeys: the validator's is the first, then two miners.
const SEEDS: [u8; 3] = [0x11, 0x22, 0x33];

fn key(place: usize) -> [u8; 32] {
    public_key([SEEDS[place]; 32])
}

/// A chain, a folder hub, and a validator's settings.
struct World {
    folder: TempDir,
    double: ChainDouble,
    port: u16,
}

impl World {
    /// Two miners with models of their own, the earlier of which is to reign; windows of 60 blocks.
    fn new() -> Self {
        Self::with("")
    }

    /// The same with further settings of the chain.
    fn with(chain: &str) -> Self {
        let hotkeys: Vec<[u8; 32]> = (0..SEEDS.len()).map(key).collect();
        let mut state = State::new(&golden(), &hotkeys);
        state.block();
        let folder = tempfile::tempdir().unwrap();
        for (place, family) in [(1, "llama"), (2, "qwen2")] {
            Subnet::lay_out(&folder.path().join("hub/o").join(family).join(COMMIT).join("files"), family);
            let text = json!({ "model": format!("o/{family}"), "revision": COMMIT }).to_string();
            state.reveal(&key(place), text.as_bytes(), place as u64);
        }
        for _ in 0..3 {
            state.block();
        }
        let double = ChainDouble::start(state);
        let world = Self { folder, double, port: free_port() };
        world.write_hotkey();
        let settings = format!(
            "output = 'output'\nround = 4\nenvironments = [{{ name = 'sat', tier = 0 }}]\n\
             [hub]\nkind = 'folder'\nfolder = 'hub'\n\
             [heat]\ntasks = 0\n\
             [duel]\nbudget = 12\nminimum_tasks = 4\n\
             [engine]\nrows = 16\npages = 512\nthreads = 1\n\
             [chain]\nnetuid = {NETUID}\nendpoints = ['ws://127.0.0.1:1', '{}']\nwallets = 'wallets'\nwallet = 'vali'\n\
             hotkey = 'hot'\ntimeout_seconds = 10\n{chain}\n\
             [service]\nwindow_blocks = 60\nblock_milliseconds = 120\nprefetch_blocks = 10\nlisten = '127.0.0.1:{}'\n",
            world.double.url(),
            world.port
        );
        fs::write(world.path("dethrone.toml"), settings).unwrap();
        world
    }

    fn write_hotkey(&self) {
        let hotkey = self.path("wallets/vali/hotkeys/hot");
        fs::create_dir_all(hotkey.parent().unwrap()).unwrap();
        let seed = format!("0x{}", format!("{:02x}", SEEDS[0]).repeat(32));
        let address = AccountId32(key(0)).to_string();
        fs::write(hotkey, json!({ "secretSeed": seed, "ss58Address": address, "cryptoType": 1 }).to_string()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn ctl(&self, arguments: &[&str]) -> Output {
        self.run(&[&["ctl", "--config", "dethrone.toml", "--format", "json"], arguments].concat())
    }

    fn start(&self, arguments: &[&str]) -> Validator {
        let log = fs::File::options().create(true).append(true).open(self.path("validator.log")).unwrap();
        let mut command = self.command(&["validate", "--config", "dethrone.toml"]);
        Validator(command.args(arguments).stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    /// The status as soon as it is as wanted. The limit only ends a test that would hang.
    #[track_caller]
    fn wait_for(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let mut latest = String::new();
        for _ in 0..1_200 {
            let output = self.ctl(&["status"]);
            if output.status.success()
                && let Ok(status) = serde_json::from_slice::<Value>(&output.stdout)
            {
                if is_so(&status) {
                    return status;
                }
                latest = status.to_string();
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let log = fs::read_to_string(self.path("validator.log")).unwrap_or_default();
        panic!("{what} did not come about: {latest}\n{log}")
    }

    /// The status line and the body of a page.
    fn page(&self, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A validator that runs, and is killed when the test ends.
struct Validator(Child);

impl Validator {
    /// Asks it to end, and waits for it.
    fn end(mut self) {
        Command::new("kill").arg(self.0.id().to_string()).status().unwrap();
        assert!(self.0.wait().unwrap().success());
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Waits until it ends by itself.
    fn ends(mut self) {
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Validator {
    fn drop(&mut self) {
        // One that has ended already is no trouble.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_applied(status: &Value) -> bool {
    status["weights"]["state"] == "applied"
}

fn succeeds(output: &Output) {
    assert!(output.status.success(), "{}", said(output));
}

/// First blocks of the windows that have a decision, the latest first.
fn decided(status: &Value) -> Vec<u64> {
    let latest = status["windows"]["latest"].as_array().unwrap().iter();
    latest.filter(|window| window["state"] == "decided").filter_map(|window| window["seed_block"].as_u64()).collect()
}

#[test]
fn a_validator_decides_windows_of_a_chain_and_sets_its_weights_whatever_happens_to_it() {
    let world = World::new();
    world.double.run();
    let validator = world.start(&[]);
    let status = world.wait_for("a row on the chain", is_applied);
    assert_eq!(world.double.state().row(0), [(1, 65_535)], "the earlier miner reigns");
    let champion = AccountId32(key(1)).to_string();
    assert_eq!((&status["weights"]["champion"], &status["alarms"]), (&json!(champion), &json!([])));
    assert!(status["chain"]["changes"].as_u64() >= Some(1), "the first endpoint refuses: {status}");

    let (green, body) = world.page("/healthz");
    assert!(green.contains("200") && body.contains("\"alarms\":[]"), "{green} {body}");
    let (_, metrics) = world.page("/metrics");
    for line in ["dethrone_healthy 1.0", "dethrone_weights_applied 1.0", "# EOF"] {
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }
    let (found, page) = world.page("/");
    assert!(found.contains("200"), "{found} {page}");
    for part in [
        "The weights are set, revealed and applied.",
        "blocks old, at a tempo of 20 blocks",
        "<li class=\"now\">applied",
        &champion,
    ] {
        assert!(page.contains(part), "{part:?} is not in {page}");
    }
    let (_, data) = world.page("/overview.json");
    assert!(data.contains("\"state\":\"applied\""), "{data}");

    let logs = fs::read_dir(world.path("output/logs")).unwrap().count();
    assert_eq!(logs, 1);
    let database = world.path("output/dethrone.sqlite");
    let database = database.to_str().unwrap();
    succeeds(&world.run(&["store", "check", database]));
    succeeds(&world.run(&["store", "backup", database, "copy.sqlite"]));
    assert!(!world.run(&["store", "prune", "--netuid", "1", database]).status.success(), "a validator works on it");

    let before = decided(&status)[0];
    validator.kill();
    let validator = world.start(&[]);
    let later = world.wait_for("a later decision after a kill", |status| decided(status).first() > Some(&before));
    assert!(decided(&later).contains(&before), "what was decided stays: {later}");
    validator.end();
    assert!(!world.path("output/control.sock").exists());
    assert!(!world.ctl(&["status"]).status.success());
    succeeds(&world.run(&["store", "prune", "--netuid", &NETUID.to_string(), "--keep", "1", database]));

    let validator = world.start(&[]);
    world.wait_for("a row again", is_applied);
    check_audit(&world, &decided(&later));
    succeeds(&world.ctl(&["drain"]));
    validator.ends();
}

/// The windows' logs hold, and each follows from the one before.
fn check_audit(world: &World, latest_first: &[u64]) {
    let log = |window: &u64| format!("output/window-{window}/evidence.jsonl");
    let logs: Vec<String> = latest_first.iter().rev().map(log).filter(|log| world.path(log).exists()).collect();
    let arguments: Vec<&str> = std::iter::once("audit").chain(logs.iter().map(String::as_str)).collect();
    succeeds(&world.run(&arguments));
}

#[test]
fn a_validator_is_paused_resumed_and_changed_while_it_runs() {
    let world = World::new();
    world.double.run();
    let _validator = world.start(&["--no-weights"]);
    world.wait_for("a finalized block", |status| status["chain"]["head"].is_u64());
    succeeds(&world.ctl(&["pause"]));
    let paused =
        world.wait_for("a window that waits", |status| !status["windows"]["late"].as_array().unwrap().is_empty());
    assert_eq!((&paused["paused"], decided(&paused).len()), (&json!(true), 0));
    assert!(paused["notes"][0].as_str().unwrap().contains("behind by 1 window"), "{paused}");
    succeeds(&world.ctl(&["set", "engine.rows=8"]));
    for refused in [["set", "alpha=0.02"], ["set", "engine.rows=none"], ["requeue", "5Nobody"]] {
        let output = world.ctl(&refused);
        assert!(!output.status.success() && said(&output).contains("error"), "{refused:?}: {}", said(&output));
    }
    succeeds(&world.ctl(&["resume"]));
    let status = world.wait_for("a decision", |status| !decided(status).is_empty());
    assert_eq!((&status["hotkey"], &status["paused"]), (&Value::Null, &json!(false)));
    assert!(world.double.state().row(0).is_empty(), "no weights are set");
}

#[test]
fn a_second_validator_on_the_same_folder_is_refused() {
    let world = World::new();
    world.double.run();
    let _validator = world.start(&["--no-weights"]);
    world.wait_for("the first one's socket", |status| status["version"] == 1);
    let second = world.run(&["validate", "--config", "dethrone.toml", "--no-weights"]);
    assert_eq!(second.status.code(), Some(8), "{}", said(&second));
    assert!(Path::new(&world.path("output/control.sock")).exists(), "the first one's socket stays");
}

#[test]
fn a_validator_publishes_the_root_of_its_evidence_and_another_one_follows_it() {
    let world = World::with("publish_roots = true");
    world.double.run();
    let validator = world.start(&[]);
    let status = world.wait_for("a decision", |status| !decided(status).is_empty());
    let address = AccountId32(key(0)).to_string();
    let follow =
        |from: &str| world.run(&["follow", &address, "--from", from, "--config", "dethrone.toml", "--format", "json"]);
    let mut followed = follow("output");
    for _ in 0..600 {
        if followed.status.success() {
            break;
        }
        assert_eq!(followed.status.code(), Some(12), "nothing is published yet: {}", said(&followed));
        std::thread::sleep(Duration::from_millis(100));
        followed = follow("output");
    }
    let document: Value = serde_json::from_slice(&followed.stdout).unwrap();
    let champion = AccountId32(key(1)).to_string();
    assert_eq!((&document["same"], &document["audited"]["champion"]), (&json!(true), &json!(champion)), "{document}");
    assert!(document["root"]["window"].as_u64() >= decided(&status).last().copied(), "{document}");

    // The same over HTTP, from the validator's own pages.
    let pages = follow(&format!("http://127.0.0.1:{}", world.port));
    succeeds(&pages);
    assert!(String::from_utf8_lossy(&pages.stdout).contains("as this validator does"));
    validator.end();

    // A log that is not the published one, and a hotkey that has published nothing.
    let window = document["root"]["window"].to_string();
    let copy = world.path("copy").join(format!("window-{window}"));
    fs::create_dir_all(&copy).unwrap();
    let older = decided(&status).last().copied().unwrap();
    let log = fs::read_to_string(world.path(&format!("output/window-{older}/evidence.jsonl"))).unwrap();
    let changed = tests::signed_again(&log, &world.path("output/validator.key"), |_, body| {
        body.replace("\"bouts\":0", "\"bouts\":1")
    });
    fs::write(copy.join("evidence.jsonl"), changed).unwrap();
    let refused = follow("copy");
    assert_eq!(refused.status.code(), Some(9), "{}", said(&refused));
    let stranger = AccountId32(key(2)).to_string();
    let nothing = world.run(&["follow", &stranger, "--from", "output", "--config", "dethrone.toml"]);
    assert_eq!(nothing.status.code(), Some(12), "{}", said(&nothing));
    assert!(said(&nothing).contains("has published no root"), "{}", said(&nothing));
}
