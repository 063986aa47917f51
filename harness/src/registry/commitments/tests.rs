//! Commitments as miners write them, honest and not, and the entries that come of them.

use super::*;
use crate::registry::{BlockRef, CommitReveal, EpochState, Hash32, RecordedSnapshot, SubnetParameters};

const ONE: &str = "1111111111111111111111111111111111111111";
const TWO: &str = "2222222222222222222222222222222222222222";
const SIX: &str = "6666666666666666666666666666666666666666";

fn hotkey(name: &str) -> Hotkey {
    Hotkey(name.to_owned())
}

/// A subnet at block 1000 of these (uid, hotkey, block of registration).
fn subnet(slots: &[(u16, &str, u64)]) -> SubnetSnapshot {
    let neuron = |(uid, name, registered): &(u16, &str, u64)| Neuron {
        uid: Uid(*uid),
        hotkey: hotkey(name),
        coldkey: hotkey("owner"),
        registered: *registered,
        permit: false,
        stake: None,
        last_update: 0,
        active: true,
        incentive: 0,
    };
    SubnetSnapshot {
        version: SubnetSnapshot::VERSION,
        genesis: Hash32([1; 32]),
        spec_version: 461,
        netuid: 120,
        mechanism: 0,
        block: BlockRef { number: 1000, hash: Hash32([2; 32]), unix_ms: 1_800_000_000_000 },
        parameters: SubnetParameters {
            tempo: 360,
            weights_rate_limit: 100,
            min_allowed_weights: 1,
            max_weights_limit: u16::MAX,
            weights_version: 0,
            commit_reveal: Some(CommitReveal { version: 4, period: 1 }),
            epoch: EpochState::default(),
            stake_threshold: None,
            owner_hotkey: None,
            mechanisms: Some(1),
            drand_round: None,
        },
        neurons: slots.iter().map(neuron).collect(),
        commitments: Vec::new(),
    }
}

const PULSE: DrandPulse = DrandPulse { round: 7, randomness: Hash32([3; 32]) };

fn json(model: &str, revision: &str) -> String {
    format!(r#"{{"model":"{model}","revision":"{revision}"}}"#)
}

fn commit(snapshot: &mut SubnetSnapshot, name: &str, revealed: u64, data: impl AsRef<[u8]>) {
    snapshot.commitments.push(Commitment { hotkey: hotkey(name), revealed, data: data.as_ref().to_vec() });
}

fn entries(reading: &Reading) -> String {
    let entry = |entry: &Entry| format!("{}:{} {} {}", entry.number(), entry.hotkey, entry.model, entry.committed);
    reading.registry.entries.iter().map(entry).collect::<Vec<_>>().join("\n")
}

fn reasons(reading: &Reading) -> String {
    reading.not_taken.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Reads one commitment of a registered miner: its model, or the reason.
#[track_caller]
fn check(data: impl AsRef<[u8]>, expected: &str) {
    let mut snapshot = subnet(&[(5, "ada", 9)]);
    commit(&mut snapshot, "ada", 100, data);
    let reading = read_commitments(&snapshot, &PULSE, &Ledger::default());
    let shown = if reading.not_taken.is_empty() { entries(&reading) } else { reasons(&reading) };
    assert!(shown.contains(expected), "{shown:?} does not say {expected:?}");
    assert_eq!(reading.registry.entries.len() + reading.not_taken.len(), 1, "each commitment has one outcome");
}

#[test]
fn a_commitment_is_an_object_of_exactly_two_texts() {
    check(json("o/m", ONE), &format!("5:ada o/m@{ONE} 100"));
    check(format!(" {{ \"revision\" : \"{ONE}\",\n\"model\": \"o/m\" }} "), &format!("o/m@{ONE}"));
    for odd in [
        String::new(),
        "null".to_owned(),
        format!(r#"["o/m","{ONE}"]"#).replace("[\"", "[[\""),
        r#"{"model":"o/m"}"#.to_owned(),
        format!(r#"{{"model":7,"revision":"{ONE}"}}"#),
        format!(r#"{{"model":"o/m","revision":"{ONE}","weight":1}}"#),
        format!(r#"{{"model":"o/m","model":"o/n","revision":"{ONE}"}}"#),
        format!("{}{}", json("o/m", ONE), json("o/m", ONE)),
        format!("{}\0", json("o/m", ONE)),
    ] {
        check(odd, "in block 100: it is not a JSON object with the texts `model` and `revision` alone");
    }
    check([0xff, 0xfe, 0x00], "it is not a JSON object");
}

#[test]
fn a_model_is_a_repository_and_a_full_commit() {
    check(json("o/m", "main"), "is not a full commit hash");
    check(json("o/m", &ONE[1..]), "is not a full commit hash");
    check(json("m", ONE), "does not begin with owner/name");
    check(json("../m", ONE), "does not begin with owner/name");
    check(json("o/m/n", ONE), "does not begin with owner/name");
    check(json(&format!("o/m@{ONE}"), ONE), "it must be owner/name, the commit stands in `revision`");
    check(json("https://hub/o/m", ONE), "does not begin with owner/name");
}

#[test]
fn the_length_that_clients_encrypt_is_stripped_where_it_is_exact() {
    let text = json("o/m", ONE);
    let compact = |length: usize| ((length as u16) << 2 | 1).to_le_bytes();
    let with = |length: usize| [&compact(length)[..], text.as_bytes()].concat();
    check(with(text.len()), &format!("o/m@{ONE}"));
    check(with(text.len() + 1), "it is not a JSON object");
    check(with(text.len() - 1), "it is not a JSON object");
    check([&[3 << 2][..], b"{}x"].concat(), "it is not a JSON object");
    assert_eq!(without_length(&[2 << 2, 7, 8]), [7, 8]);
    assert_eq!(without_length(&[0]), [0]);
    assert_eq!(without_length(&[1]), [1]);
    assert_eq!(without_length(b""), b"");
}

#[test]
fn more_bytes_than_a_chain_encrypts_are_not_read() {
    let padded = |length: usize| format!("{:length$}", json("o/m", ONE));
    check(padded(1024), &format!("o/m@{ONE}"));
    check(padded(1025), "it has 1025 bytes; at most 1024 are read");
}

#[test]
fn the_model_that_was_first_revealed_last_is_the_entry() {
    let mut snapshot = subnet(&[(5, "ada", 9)]);
    commit(&mut snapshot, "ada", 100, json("o/m", ONE));
    commit(&mut snapshot, "ada", 200, json("o/m", TWO));
    commit(&mut snapshot, "ada", 300, json("o/m", ONE));
    commit(&mut snapshot, "ada", 400, "nonsense");
    let reading = read_commitments(&snapshot, &PULSE, &Ledger::default());
    assert_eq!(entries(&reading), format!("5:ada o/m@{TWO} 200"));
    assert_eq!(
        reasons(&reading).lines().map(|line| line.split(": ").next().unwrap()).collect::<Vec<_>>(),
        ["ada in block 100", "ada in block 300", "ada in block 400"]
    );
    assert!(reasons(&reading).contains("was replaced in block 200"));
    assert!(reasons(&reading).contains("counts from block 100, where it was revealed first"));
}

#[test]
fn two_models_in_one_block_count_in_the_chains_order() {
    let mut snapshot = subnet(&[(5, "ada", 9)]);
    commit(&mut snapshot, "ada", 100, json("o/m", TWO));
    commit(&mut snapshot, "ada", 100, json("o/m", ONE));
    let reading = read_commitments(&snapshot, &PULSE, &Ledger::default());
    assert_eq!(entries(&reading), format!("5:ada o/m@{ONE} 100"));
}

#[test]
fn entries_come_by_block_of_reveal_then_by_hotkey_and_uid_0_has_no_privilege() {
    let mut snapshot = subnet(&[(0, "zoe", 1), (1, "bob", 2), (2, "ada", 3), (3, "cid", 4)]);
    for (name, revealed) in [("zoe", 500), ("bob", 300), ("ada", 300), ("cid", 1000)] {
        commit(&mut snapshot, name, revealed, json("o/m", ONE));
    }
    let reading = read_commitments(&snapshot, &PULSE, &Ledger::default());
    let order: Vec<&str> = reading.registry.entries.iter().map(|entry| entry.hotkey.0.as_str()).collect();
    assert_eq!(order, ["ada", "bob", "zoe", "cid"]);
    assert_eq!(reading.registry.seed_block, 1000);
}

#[test]
fn a_commitment_without_a_live_hotkey_gives_no_entry() {
    let mut snapshot = subnet(&[(5, "ada", 9)]);
    commit(&mut snapshot, "gone", 100, json("o/m", ONE));
    commit(&mut snapshot, "ada", 200, json("o/m", ONE));
    let reading = read_commitments(&snapshot, &PULSE, &Ledger::default());
    assert_eq!(reasons(&reading), "gone in block 100: its hotkey is not registered");
    assert_eq!((reading.not_taken[0].uid, reading.registry.entries.len()), (None, 1));
}

#[test]
fn a_hotkey_that_was_swapped_into_a_slot_does_not_enter_and_one_that_registered_does() {
    let mut before = subnet(&[(5, "ada", 9)]);
    commit(&mut before, "ada", 100, json("o/m", ONE));
    let ledger = read_commitments(&before, &PULSE, &Ledger::default()).ledger;

    let mut swapped = subnet(&[(5, "eve", 9)]);
    commit(&mut swapped, "eve", 200, json("o/m", TWO));
    let reading = read_commitments(&swapped, &PULSE, &ledger);
    assert_eq!(entries(&reading), "");
    assert!(reasons(&reading).contains("uid 5 was registered in block 9 by ada, and a swapped hotkey does not enter"));
    assert_eq!(reading.ledger.slots, ledger.slots, "a slot keeps its first hotkey");

    let mut reused = subnet(&[(5, "eve", 150)]);
    commit(&mut reused, "eve", 200, json("o/m", TWO));
    commit(&mut reused, "ada", 100, json("o/m", ONE));
    let reading = read_commitments(&reused, &PULSE, &reading.ledger);
    assert_eq!(entries(&reading), format!("5:eve o/m@{TWO} 200"));
    assert!(reasons(&reading).contains("ada in block 100: its hotkey is not registered"));
}

#[test]
fn what_the_chain_forgets_the_ledger_keeps() {
    let mut before = subnet(&[(5, "ada", 9)]);
    commit(&mut before, "ada", 100, json("o/m", ONE));
    commit(&mut before, "ada", 110, json("o/m", TWO));
    let ledger = read_commitments(&before, &PULSE, &Ledger::default()).ledger;

    // The first two were pruned: the first model, revealed anew, is neither new nor the latest.
    let mut later = subnet(&[(5, "ada", 9)]);
    commit(&mut later, "ada", 900, json("o/m", ONE));
    let reading = read_commitments(&later, &PULSE, &ledger);
    assert_eq!(entries(&reading), format!("5:ada o/m@{TWO} 110"));
    commit(&mut later, "ada", 950, json("o/m", SIX));
    assert_eq!(entries(&read_commitments(&later, &PULSE, &reading.ledger)), format!("5:ada o/m@{SIX} 950"));

    let text = serde_json::to_string(&reading.ledger).unwrap();
    assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), reading.ledger);
}

#[test]
fn the_reading_does_not_depend_on_the_order_of_hotkeys_and_reading_again_changes_nothing() {
    let mut snapshot = subnet(&[(1, "bob", 2), (2, "ada", 3)]);
    commit(&mut snapshot, "ada", 300, json("o/m", ONE));
    commit(&mut snapshot, "bob", 300, json("o/m", TWO));
    commit(&mut snapshot, "bob", 400, json("o/m", ONE));
    let reading = read_commitments(&snapshot, &PULSE, &Ledger::default());
    let mut turned = snapshot.clone();
    turned.commitments.rotate_left(1);
    let mut of_turned = read_commitments(&turned, &PULSE, &Ledger::default());
    // The digest is of the bytes.
    assert_ne!(std::mem::take(&mut of_turned.registry.snapshot), reading.registry.snapshot);
    of_turned.registry.snapshot.clone_from(&reading.registry.snapshot);
    assert_eq!(of_turned, reading);
    assert_eq!(read_commitments(&snapshot, &PULSE, &reading.ledger), reading);
}

#[test]
fn the_seed_needs_the_blocks_hash_and_the_pulse() {
    let snapshot = subnet(&[(1, "bob", 2)]);
    let seed = |block: &BlockRef, pulse: &DrandPulse| chain_seed(block, pulse);
    let known = seed(&snapshot.block, &PULSE);
    assert_eq!(known, *blake3::hash(&[[2_u8; 32], [3; 32]].concat()).as_bytes());
    assert_ne!(known, seed(&BlockRef { hash: Hash32([4; 32]), ..snapshot.block }, &PULSE));
    assert_ne!(known, seed(&snapshot.block, &DrandPulse { randomness: Hash32([4; 32]), ..PULSE }));
}

#[test]
fn a_recorded_snapshot_is_a_registry_where_it_is_whole() {
    let mut snapshot = subnet(&[(1, "bob", 2)]);
    let recorded = |snapshot: &SubnetSnapshot| RecordedSnapshot { snapshot: snapshot.clone(), pulse: Some(PULSE) };
    assert_eq!(recorded(&snapshot).registry().unwrap_err(), "no commitment in it can be taken: nobody has committed");
    commit(&mut snapshot, "bob", 300, "{}");
    let error = recorded(&snapshot).registry().unwrap_err();
    assert!(error.starts_with("no commitment in it can be taken: bob in block 300: it is not"), "{error}");
    commit(&mut snapshot, "bob", 400, json("o/m", ONE));
    assert_eq!(recorded(&snapshot).registry().unwrap().registry.entries.len(), 1);
    let without = RecordedSnapshot { pulse: None, ..recorded(&snapshot) };
    assert!(without.registry().unwrap_err().starts_with("it has no drand pulse after block 1000"));

    let twice =
        SubnetSnapshot { neurons: [snapshot.neurons.clone(), snapshot.neurons.clone()].concat(), ..snapshot.clone() };
    assert_eq!(recorded(&twice).registry().unwrap_err(), "uid 1 occurs twice");
    let mut other = subnet(&[(1, "bob", 2), (2, "bob", 2)]);
    assert_eq!(recorded(&other).registry().unwrap_err(), "hotkey bob occurs twice");
    other.neurons.pop();
    commit(&mut other, "bob", 1001, json("o/m", ONE));
    assert!(recorded(&other).registry().unwrap_err().contains("after the snapshot's block 1000"));
}

#[test]
fn a_snapshot_is_the_same_bytes_and_digest_after_it_was_written_and_read() {
    let mut snapshot = subnet(&[(1, "bob", 2)]);
    commit(&mut snapshot, "bob", 300, [0, 255]);
    let text = serde_json::to_string_pretty(&snapshot).unwrap();
    let read: SubnetSnapshot = serde_json::from_str(&text).unwrap();
    assert_eq!((read.digest(), &read), (snapshot.digest(), &snapshot));
    commit(&mut snapshot, "bob", 301, []);
    assert_ne!(read.digest(), snapshot.digest());
    for odd in [text.replace("0202", "02"), text.replace("netuid", "net"), text.replace("00ff", "0ff")] {
        assert!(serde_json::from_str::<SubnetSnapshot>(&odd).is_err());
    }
}
