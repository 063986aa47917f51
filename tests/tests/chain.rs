//! The commands of the chain against a double of it that decodes, checks and misbehaves.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use subxt::utils::AccountId32;
use tempfile::TempDir;
use tests::chain::{
    ChainDouble, KNOWN_ROUND, KNOWN_SIGNATURE, NETUID, PoolRefusal, Proxy, State, Traffic, core_package, golden,
    public_key,
};
use tests::{COMMIT, said};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dethrone-under-test");

/// Seeds of the subnet's hotkeys: the validator's is the first.
const SEEDS: [u8; 4] = [0x11, 0x22, 0x33, 0x44];

/// A validator's folder, and the chain's double.
struct World {
    folder: TempDir,
    double: ChainDouble,
    endpoints: Vec<String>,
}

fn key(place: usize) -> [u8; 32] {
    public_key([SEEDS[place]; 32])
}

fn address(place: usize) -> String {
    AccountId32(key(place)).to_string()
}

impl World {
    /// A subnet of a validator and three miners; the validator's folder has its hotkey.
    fn new() -> Self {
        let hotkeys: Vec<[u8; 32]> = (0..SEEDS.len()).map(key).collect();
        let mut state = State::new(&golden(), &hotkeys);
        for _ in 0..5 {
            state.block();
        }
        let double = ChainDouble::start(state);
        let folder = tempfile::tempdir().unwrap();
        let hotkey = folder.path().join("wallets/vali/hotkeys/hot");
        fs::create_dir_all(hotkey.parent().unwrap()).unwrap();
        let seed = format!("{:02x}", SEEDS[0]).repeat(32);
        let file = json!({ "secretSeed": format!("0x{seed}"), "ss58Address": address(0), "cryptoType": 1 });
        fs::write(hotkey, file.to_string()).unwrap();
        let endpoints = vec![double.url()];
        Self { folder, double, endpoints }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A window's weights: all to the miner with this address.
    fn weights(&self, hotkey: &str) -> PathBuf {
        let weights = json!({
            "version": 2, "netuid": NETUID, "seed_block": 1, "burned": 0.0, "not_reproducible": 0,
            "weights": [{ "hotkey": hotkey, "uid": 99, "weight": 1.0 }],
            "chain": [{ "uid": 99, "value": 65535 }],
        });
        let path = self.path("weights.json");
        fs::write(&path, weights.to_string()).unwrap();
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        let endpoints = format!("chain.endpoints={}", json!(self.endpoints));
        command.args(arguments).args(["--format", "json", "--set", &endpoints]).current_dir(self.folder.path());
        for set in
            ["chain.wallets=\"wallets\"", "chain.wallet=\"vali\"", "chain.hotkey=\"hot\"", "chain.timeout_seconds=20"]
        {
            command.args(["--set", set]);
        }
        command.env("DETHRONE_CACHE", self.path("cache"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Submits all weight to a miner: the exit code, the outcome and what was said.
    fn submit(&self, hotkey: &str) -> (i32, Value, String) {
        let weights = self.weights(hotkey);
        let output = self.run(&["weights", "submit", weights.to_str().unwrap()]);
        let printed: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code().unwrap(), printed["outcome"].clone(), said(&output))
    }

    /// Submits while no block is made before the pool has the transaction: blocks of this chain are quicker than a process.
    /// Then `meanwhile` changes the chain, and blocks are made.
    fn submit_unhurried(&self, hotkey: &str, meanwhile: impl Fn(&mut State)) -> (i32, Value, String) {
        let weights = self.weights(hotkey);
        let mut command = self.command(&["weights", "submit", weights.to_str().unwrap()]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        while self.double.state().pooled() == 0 && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(20));
        }
        meanwhile(&mut self.double.state());
        self.double.run();
        let output = child.wait_with_output().unwrap();
        let printed: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code().unwrap(), printed["outcome"].clone(), said(&output))
    }

    fn verify(&self) -> (i32, Value) {
        let output = self.run(&["weights", "verify", self.path("submission.json").to_str().unwrap()]);
        let printed: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code().unwrap(), printed["state"]["state"].clone())
    }
}

#[test]
fn a_row_is_set_in_the_open_read_back_and_not_set_again_within_the_rate() {
    let world = World::new();
    world.double.run();
    let (code, outcome, said) = world.submit(&address(2));
    assert_eq!((code, &outcome["outcome"]), (0, &json!("finalized")), "{said}");
    assert_eq!(outcome["reveal"], Value::Null);
    assert_eq!(world.double.state().row(0), [(2, 65535)]);
    assert_eq!(world.verify(), (0, json!("applied")));
    let shown: Value = serde_json::from_slice(&world.run(&["weights", "show"]).stdout).unwrap();
    assert_eq!(shown["row"], json!([[2, 65535]]));
    let block = outcome["block"]["number"].as_u64().unwrap();
    assert_eq!(shown["last_update"], block);

    world.double.state().set_number("WeightsSetRateLimit", 1000);
    let (code, outcome, _) = world.submit(&address(1));
    assert_eq!((code, outcome), (13, json!({ "outcome": "rate_limited", "until": block + 1000 })));
    assert_eq!(world.double.state().included.len(), 1, "nothing was sent");
}

#[test]
fn a_row_is_committed_revealed_and_applied_and_the_official_core_opens_it() {
    let world = World::new();
    // Absent from a sparse map is not off: the runtime's default is on.
    world.double.state().unset("CommitRevealWeightsEnabled");
    world.double.state().aim();
    let (code, outcome, said) = world.submit_unhurried(&address(3), |_| {});
    assert_eq!((code, &outcome["outcome"]), (0, &json!("finalized")), "{said}");
    assert_eq!(outcome["reveal"]["round"], KNOWN_ROUND);
    let target = outcome["reveal"]["block"].as_u64().unwrap();
    let (code, state) = world.verify();
    assert!(code == 0 && (state == "pending" || world.double.state().best() > target), "{state}");
    while world.double.state().best() < target + 8 {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(world.double.state().row(0), [(3, 65535)]);
    assert_eq!(world.verify(), (0, json!("applied")));

    let Some(core) = core_package() else {
        println!("skipped the official core: no wheel for this processor");
        return;
    };
    let extrinsic = world.double.state().included[0].1.clone();
    let hex: String = extrinsic.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", core).args(["-c", OPEN, &hex, KNOWN_SIGNATURE]);
    let golden = world.path("metadata.hex");
    fs::write(&golden, tests::chain::golden()["metadata"]["v15_hex"].as_str().unwrap()).unwrap();
    let output = python.arg(&golden).output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let opened: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(opened["call"], "commit_timelocked_mechanism_weights");
    assert_eq!(opened["hotkey"], json!(key(0).iter().map(|byte| format!("{byte:02x}")).collect::<String>()));
    assert_eq!(
        (&opened["uids"], &opened["weights"], &opened["version_key"]),
        (&json!([3]), &json!([65535]), &json!(0))
    );
    assert_eq!((&opened["round"], &opened["address"]), (&json!(KNOWN_ROUND), &json!(address(0))));
}

/// The words on standard error, where a local of that name hides the function.
fn told(output: &Output) -> String {
    said(output)
}

/// Decodes a commit with the official codec, opens it with the round's signature, and checks the transaction's signature.
const OPEN: &str = r#"
import json, struct, sys
import bittensor_core as core
extrinsic, signature = bytes.fromhex(sys.argv[1]), sys.argv[2]
metadata = bytes.fromhex(open(sys.argv[3]).read()[2:])[5:]
runtime = core.Runtime(metadata, 461, 1)
decoded = runtime.decode_extrinsic(extrinsic)
call = decoded["call"]
arguments = {argument["name"]: argument["value"] for argument in call["call_args"]}
commit = arguments["commit"]
commit = bytes.fromhex(commit[2:]) if isinstance(commit, str) else bytes(commit)
length = len(commit)
envelope = struct.pack("<H", length << 2 | 1) + commit + struct.pack("<Q", arguments["reveal_round"])
plain = bytes(core.decrypt_with_signature(envelope, signature))
assert plain[0] == 32 << 2
hotkey, rest = plain[1:33], plain[33:]
def numbers(rest):
    count = rest[0] >> 2
    return list(struct.unpack(f"<{count}H", rest[1:1 + 2 * count])), rest[1 + 2 * count:]
uids, rest = numbers(rest)
weights, rest = numbers(rest)
print(json.dumps({
    "call": call["call_function"], "hotkey": hotkey.hex(), "uids": uids, "weights": weights,
    "version_key": struct.unpack("<Q", rest)[0], "round": arguments["reveal_round"], "address": decoded["address"],
}))
"#;

#[test]
fn what_the_pool_or_the_block_refuses_is_told_as_what_it_is() {
    let world = World::new();
    world.double.run();
    let refuse =
        |code, message: &str, data: &str| PoolRefusal { code, message: message.to_owned(), data: data.to_owned() };
    for (refusal, part) in [
        (refuse(1014, "Priority is too low: (1 vs 1)", "The transaction has too low priority"), "has the same nonce"),
        (refuse(1010, "Invalid Transaction", "Custom error: 1"), "the stake is below the chain's threshold"),
        (refuse(1012, "Transaction is temporarily banned", ""), "has banned this transaction"),
    ] {
        world.double.state().faults.next_refusal = Some(refusal);
        let (code, outcome, _) = world.submit(&address(2));
        assert_eq!((code, &outcome["outcome"]), (13, &json!("rejected")));
        assert!(outcome["reason"].as_str().unwrap().contains(part), "{outcome}");
    }
    world.double.state().faults.next_refusal = Some(refuse(1010, "Invalid Transaction", "Custom error: 6"));
    assert_eq!(world.submit(&address(2)).1["outcome"], "rate_limited");

    world.double.state().faults.next_failure = Some("SettingWeightsTooFast");
    let (code, outcome, _) = world.submit(&address(2));
    assert_eq!((code, &outcome["outcome"]), (13, &json!("included_failed")));
    assert!(outcome["error"].as_str().unwrap().starts_with("SubtensorModule.SettingWeightsTooFast"), "{outcome}");
    assert_eq!(world.double.state().row(0), []);
    // A failed inclusion spends its nonce; the next row is set with the next.
    assert_eq!(world.submit(&address(2)).1["outcome"], "finalized");
}

#[test]
fn a_stale_nonce_and_an_upgrade_in_the_middle_are_rejected_and_the_next_try_is_set() {
    let world = World::new();
    world.double.run();
    assert_eq!(world.submit(&address(1)).1["outcome"], "finalized");
    {
        let mut state = world.double.state();
        state.set_number("WeightsSetRateLimit", 0);
        // Nodes tell the storage as a block left it.
        state.block();
        state.faults.next_nonce_is_stale = true;
    }
    let (code, outcome, _) = world.submit(&address(2));
    assert_eq!((code, &outcome["outcome"]), (13, &json!("rejected")));
    assert!(outcome["reason"].as_str().unwrap().contains("its nonce or its life is over"), "{outcome}");

    world.double.state().faults.upgrades_after_nonce = true;
    let (code, outcome, _) = world.submit(&address(2));
    assert_eq!((code, &outcome["outcome"]), (13, &json!("rejected")), "{outcome}");
    let (_, outcome, said) = world.submit(&address(2));
    assert_eq!(outcome["outcome"], "finalized", "{said}");
    assert_eq!(world.double.state().row(0), [(2, 65535)]);
}

#[test]
fn a_transaction_that_no_block_of_its_life_holds_is_rejected_for_good() {
    let world = World::new();
    world.double.run();
    world.double.state().faults.loses_transactions = true;
    let (code, outcome, _) = world.submit(&address(2));
    assert_eq!((code, &outcome["outcome"]), (13, &json!("rejected")));
    assert!(outcome["reason"].as_str().unwrap().contains("holds it, where its life ends"), "{outcome}");
    world.double.state().faults.loses_transactions = false;
    assert_eq!(world.submit(&address(2)).1["outcome"], "finalized");
}

#[test]
fn a_reorganized_block_decides_nothing_and_a_finalized_one_does() {
    let world = World::new();
    world.double.run();
    world.double.state().faults.is_frozen = true;
    let weights = world.weights(&address(2));
    let mut command = world.command(&["weights", "submit", weights.to_str().unwrap()]);
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    while world.double.state().included.is_empty() {
        std::thread::sleep(Duration::from_millis(20));
    }
    {
        let mut state = world.double.state();
        assert!(state.reorganize().blocks > 0 && state.included.is_empty());
        state.faults.is_frozen = false;
    }
    let output = child.wait_with_output().unwrap();
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let included = world.double.state().included.clone();
    assert_eq!((included.len(), &printed["outcome"]["block"]["number"]), (1, &json!(included[0].0)), "{printed}");
    assert_eq!(world.double.state().row(0), [(2, 65535)]);
}

#[test]
fn a_commit_whose_round_drand_skips_is_found_to_be_dropped() {
    let world = World::new();
    world.double.state().set(
        "SubtensorModule",
        "CommitRevealWeightsEnabled",
        vec![subxt::dynamic::Value::u128(NETUID.into())],
        &subxt::dynamic::Value::bool(true),
    );
    world.double.state().aim();
    let (_, outcome, said) = world.submit_unhurried(&address(3), |state| state.faults.skips_drand = true);
    assert_eq!(outcome["outcome"], "finalized", "{said}");
    let target = outcome["reveal"]["block"].as_u64().unwrap();
    while world.double.state().best() < target + 12 {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(world.verify(), (13, json!("different")));
    assert_eq!(world.double.state().row(0), []);
}

#[test]
fn a_uid_that_is_reused_gets_nothing_and_a_moved_hotkey_keeps_its_weight() {
    let world = World::new();
    let register = |uid, key: [u8; 32]| {
        let mut state = world.double.state();
        state.register(uid, &key, 3);
        // The change is finalized with the second block after it.
        state.block();
        state.block();
    };
    register(2, public_key([0x99; 32]));
    world.double.run();
    let (code, outcome, said) = world.submit(&address(2));
    assert_eq!((code, outcome), (13, Value::Null));
    assert!(said.contains("is not registered at block"), "{said}");
    assert_eq!(world.double.state().included.len(), 0);
    register(1, key(2));
    assert_eq!(world.submit(&address(2)).1["outcome"], "finalized");
    assert_eq!(world.double.state().row(0), [(1, 65535)]);
}

#[test]
fn subnets_that_cannot_take_the_row_refuse_it_before_anything_is_signed() {
    let world = World::new();
    world.double.run();
    for (item, number, back, part) in [
        ("MaxWeightsLimit", 655, 65535, "the subnet's MaxWeightsLimit is 655 of 65535"),
        ("WeightsVersionKey", 7, 0, "the subnet asks for version key 7"),
    ] {
        world.double.state().set_number(item, number);
        world.double.state().block();
        world.double.state().block();
        let (code, _, said) = world.submit(&address(2));
        assert!(code == 13 && said.contains(part), "{code} {said}");
        world.double.state().set_number(item, back);
    }
    world.double.state().set_number("MinAllowedWeights", 3);
    world.double.state().block();
    world.double.state().block();
    let (_, outcome, said) = world.submit(&address(2));
    assert_eq!(outcome["outcome"], "finalized", "{said}");
    assert_eq!(world.double.state().row(0), [(0, 0), (1, 0), (2, 65535)]);
    assert_eq!(world.verify(), (0, json!("applied")));
}

#[test]
fn a_dry_run_shows_the_call_and_signs_nothing() {
    let world = World::new();
    let weights = world.weights(&address(2));
    let arguments = ["weights", "submit", weights.to_str().unwrap(), "--dry-run", "--hotkey", &address(0)];
    let output = world.run(&arguments);
    assert!(output.status.success(), "{}", said(&output));
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["call"], "SubtensorModule.set_mechanism_weights");
    // Call 119 of pallet 7: subnet 120, mechanism 0, one uid 2, one weight 65535, version key 0.
    assert_eq!(shown["bytes"], "077778000004020004ffff0000000000000000");
    assert_eq!(world.double.state().included.len(), 0);
}

#[test]
fn the_next_node_answers_where_one_drops_stalls_or_stands_still() {
    let mut world = World::new();
    world.double.run();
    for traffic in [Traffic::Drops, Traffic::Stalls] {
        let proxy = Proxy::before(world.double.address());
        proxy.set(traffic);
        world.endpoints = vec![proxy.url(), world.double.url()];
        let show = ["weights", "show", "--set", "chain.timeout_seconds=2"];
        let output = world.run(&show);
        assert!(output.status.success(), "{traffic:?}: {}", said(&output));
        world.endpoints.pop();
        let output = world.run(&show);
        assert_eq!(output.status.code(), Some(12), "{traffic:?}");
    }
    world.double.state().faults.lies_about_genesis = true;
    world.endpoints = vec![world.double.url()];
    let output = world
        .command(&["weights", "show", "--set", &format!("chain.genesis=\"{}\"", "cd".repeat(32))])
        .output()
        .unwrap();
    assert!(output.status.code() == Some(12) && said(&output).contains("its chain begins with"), "{}", said(&output));
}

#[test]
fn a_snapshot_is_recorded_ranked_and_decided_from_without_the_chain() {
    let world = World::new();
    {
        let mut state = world.double.state();
        let text = |revision: &str| format!(r#"{{"model":"o/m","revision":"{revision}"}}"#);
        state.reveal(&key(1), text(COMMIT).as_bytes(), 3);
        state.reveal(&key(2), b"{\"model\":7}", 2);
        state.reveal(&key(2), text(&COMMIT.replace('0', "f")).as_bytes(), 2);
        for _ in 0..40 {
            state.block();
        }
    }
    let output = world.run(&["chain", "snapshot", "--at", "8", "--output", "snapshot.json"]);
    assert!(output.status.success(), "{}", said(&output));
    let recorded: Value = serde_json::from_slice(&output.stdout).unwrap();
    let snapshot = &recorded["snapshot"];
    assert_eq!((&snapshot["block"]["number"], &snapshot["spec_version"]), (&json!(8), &json!(461)));
    let neuron = &snapshot["neurons"][0];
    assert_eq!(
        (&neuron["hotkey"], &neuron["permit"], &neuron["stake"]),
        (&json!(address(0)), &json!(true), &json!(1_000_000_000_000_u64))
    );
    assert_eq!(snapshot["commitments"].as_array().unwrap().len(), 3);
    assert!(recorded["pulse"]["round"].is_u64(), "{recorded}");
    assert_eq!(serde_json::from_slice::<Value>(&fs::read(world.path("snapshot.json")).unwrap()).unwrap(), recorded);

    let ranked: Value = serde_json::from_slice(&world.run(&["rank"]).stdout).unwrap();
    let places: Vec<&Value> = ranked["places"].as_array().unwrap().iter().map(|place| &place["hotkey"]).collect();
    assert_eq!(places, [&json!(address(2)), &json!(address(1))]);
    assert!(ranked["not_taken"][0]["reason"].as_str().unwrap().contains("it is not a JSON object"));
    let output = world.run(&["rank", "--hotkey", &address(3)]);
    assert!(output.status.code() == Some(4) && said(&output).contains("has no revealed commitment"));

    // The recorded file is a registry: what is missing is the models.
    fs::create_dir(world.path("hub")).unwrap();
    let hub = ["--set", "hub.kind=\"folder\"", "--set", "hub.folder=\"hub\"", "--set", "registry=\"snapshot.json\""];
    let mut command = world.command(&[&["validate", "--once"][..], &hub].concat());
    // The sandbox that this machine has already.
    match std::env::var_os("DETHRONE_CACHE") {
        Some(cache) => command.env("DETHRONE_CACHE", cache),
        None => command.env_remove("DETHRONE_CACHE"),
    };
    let output = command.output().unwrap();
    let said = said(&output);
    assert!(output.status.code() == Some(3) && said.contains(&address(1)) && said.contains(&address(2)), "{said}");
    assert!(!said.contains(&address(3)), "{said}");
}

#[test]
fn a_miner_commits_a_model_that_validators_would_admit() {
    let world = World::new();
    let files = world.path("hub/o/m").join(COMMIT).join("files");
    tests::Subnet::lay_out(&files, "llama");
    let hub = ["--set", "hub.kind=\"folder\"", "--set", "hub.folder=\"hub\""];
    let model = format!("o/m@{COMMIT}");
    let output = world.run(&[&["commit", "o/absent@0123456789abcdef0123456789abcdef01234567"][..], &hub].concat());
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(world.double.state().included.is_empty());

    world.double.state().aim();
    world.double.run();
    let output = world.run(&[&["commit", &model][..], &hub].concat());
    assert!(output.status.success(), "{}", said(&output));
    let committed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(committed["outcome"]["outcome"], "finalized");
    assert_eq!(committed["text"], format!(r#"{{"model":"o/m","revision":"{COMMIT}"}}"#));
}

#[test]
fn the_doctor_names_what_is_wrong_and_the_way_out() {
    let world = World::new();
    let check = |checks: &Value, name: &str| {
        let rows = checks.as_array().unwrap().iter();
        rows.clone()
            .find(|check| check["name"] == name)
            .unwrap_or_else(|| panic!("no check {name} in {checks}"))
            .clone()
    };
    let set = ["--set", "hub.kind=\"folder\"", "--set", "hub.folder=\".\""];
    let checks: Value = serde_json::from_slice(&world.run(&[&["doctor"][..], &set].concat()).stdout).unwrap();
    for good in [
        "hotkey",
        "endpoint",
        "registered",
        "permit",
        "stake",
        "commit-reveal",
        "version key",
        "weight limit",
        "hub",
        "database",
    ] {
        assert_eq!(check(&checks, good)["status"], "good", "{good}: {checks}");
    }
    // The double's time is of 2023.
    assert_eq!(check(&checks, "clock")["status"], "bad");
    {
        let mut state = world.double.state();
        state.set_number("MaxWeightsLimit", 655);
        state.set_number("WeightsVersionKey", 9);
        state.set("SubtensorModule", "StakeThreshold", Vec::new(), &subxt::dynamic::Value::u128(2_000_000_000_000));
        state.block();
        state.block();
    }
    let output = world.run(&[&["doctor"][..], &set].concat());
    assert_eq!(output.status.code(), Some(10));
    let checks: Value = serde_json::from_slice(&output.stdout).unwrap();
    for bad in ["stake", "version key", "weight limit"] {
        let row = check(&checks, bad);
        assert!(row["status"] == "bad" && row["fix"].is_string(), "{row}");
    }
}

#[test]
fn a_signing_process_signs_weight_calls_of_its_subnet_and_nothing_else() {
    let world = World::new();
    world.double.run();
    let socket = world.path("signer.sock");
    let mut signer = world.command(&["signer", "--socket", socket.to_str().unwrap()]).spawn().unwrap();
    for _ in 0..200 {
        if socket.exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    // The validator has no key of its own.
    fs::remove_dir_all(world.path("wallets")).unwrap();
    let weights = world.weights(&address(2));
    let set = format!("chain.signer=\"{}\"", socket.display());
    let output = world.run(&["weights", "submit", weights.to_str().unwrap(), "--set", &set]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(world.double.state().row(0), [(2, 65535)]);

    // A transfer, and weights of another subnet.
    let genesis: String = {
        let recorded: Value = serde_json::from_slice(&world.run(&["chain", "snapshot"]).stdout).unwrap();
        recorded["snapshot"]["genesis"].as_str().unwrap().to_owned()
    };
    for (call, part) in [
        (format!("050300{}e5c0", "8e".repeat(32)), "Balances.transfer_keep_alive is not a weight call"),
        ("070001000800000100086400c8000000000000000000".to_owned(), "is for subnet Some([1]) and not for 120"),
        ("ff".to_owned(), "runtime 461 cannot be used"),
    ] {
        let order = json!({ "sign": { "genesis": genesis, "spec_version": 461, "call": call, "nonce": 1,
            "mortality": { "period": 64, "block": 1, "hash": genesis } } });
        let refused = ask(&socket, &order);
        assert!(refused["refused"].as_str().unwrap_or_default().contains(part), "{refused}");
    }
    let far = json!({ "sign": { "genesis": "00".repeat(32), "spec_version": 461, "call": "00", "nonce": 1,
        "mortality": { "period": 64, "block": 1, "hash": genesis } } });
    assert!(ask(&socket, &far)["refused"].as_str().unwrap().contains("is for the chain 0000"));
    assert!(ask(&socket, &json!({ "secret": 1 }))["refused"].as_str().unwrap().contains("not a request"));
    signer.kill().unwrap();
    signer.wait().unwrap();
}

/// Asks a signing process.
fn ask(socket: &std::path::Path, request: &Value) -> Value {
    use std::io::{BufRead, BufReader, Write};
    let mut stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
    writeln!(stream, "{request}").unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}
