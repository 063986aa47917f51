//! The golden vectors of bittensor 11.3.0 (metadata of runtime 461 and what its codec makes of it), byte for byte.

use serde_json::Value as Json;

use super::*;

#[expect(dead_code, reason = "the whole-program tests share it and use all of it")]
#[expect(unreachable_pub, reason = "it is a part of another crate's tests, too")]
#[path = "../../../../tests/src/chain/assets.rs"]
mod assets;

pub(in crate::chain) use assets::golden;

fn bytes(text: &Json) -> Vec<u8> {
    hex::decode(text.as_str().unwrap().trim_start_matches("0x")).unwrap()
}

fn hash(text: &Json) -> Hash32 {
    Hash32(bytes(text).try_into().unwrap())
}

/// The runtime of the vectors' metadata in this version.
pub(in crate::chain) fn runtime(golden: &Json, version: &str) -> Runtime {
    let metadata = bytes(&golden["metadata"][version]);
    let start = metadata.windows(4).position(|four| four == b"meta").unwrap();
    Runtime::new(&metadata[start..], hash(&golden["network"]["genesis_hash"]), (461, 1)).unwrap()
}

/// A key of the vectors: a number, an address or a hash.
fn key(key: &Json) -> Value {
    match key.as_str() {
        None => Value::u128(key.as_u64().unwrap().into()),
        Some(text) => match text.parse::<AccountId32>() {
            Ok(account) => bytes_value(&account.0),
            Err(_) => bytes_value(&bytes(key)),
        },
    }
}

#[test]
fn storage_keys_are_the_official_codecs() {
    let golden = golden();
    for version in ["v14_hex", "v15_hex"] {
        let runtime = runtime(&golden, version);
        for vector in golden["storage_keys"].as_array().unwrap() {
            let keys = vector["params"].as_array().unwrap().iter().map(key).collect();
            let (pallet, item) = (vector["pallet"].as_str().unwrap(), vector["storage_function"].as_str().unwrap());
            let found = runtime.storage(pallet, item, keys).unwrap_or_else(|| panic!("no {pallet}.{item}"));
            assert_eq!(found.key, bytes(&vector["key_hex"]), "{pallet}.{item} {version}");
        }
    }
}

#[test]
fn calls_are_decoded_and_encoded_to_the_same_bytes() {
    let golden = golden();
    let runtime = runtime(&golden, "v15_hex");
    for vector in golden["calls"].as_array().unwrap() {
        let expected = bytes(&vector["data_hex"]);
        let call = runtime.decode_call(&expected).unwrap();
        assert_eq!(
            (call.pallet_name(), call.call_name()),
            (vector["module"].as_str().unwrap(), vector["function"].as_str().unwrap())
        );
        assert_eq!(runtime.encode_call(&call).unwrap(), expected, "{vector}");
    }
}

#[test]
fn payloads_and_extrinsics_of_mortal_transactions_are_the_official_codecs() {
    let golden = golden();
    let runtime = runtime(&golden, "v15_hex");
    let mortality =
        Mortality { period: 64, block: 66, hash: hash(&golden["signature_payloads"][1]["era_birth_block_hash"]) };
    for (list, place) in [("signature_payloads", 1), ("extrinsics", 1)] {
        let vector = &golden[list][place];
        let account = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY".parse().unwrap();
        let nonce = vector["nonce"].as_u64().unwrap();
        let mut payload = Vec::new();
        let signature: Vec<u8> = (1..=64).collect();
        let extrinsic = runtime.extrinsic(&bytes(&vector["call_data_hex"]), (nonce, &mortality), &account, |signed| {
            payload = signed.to_vec();
            MultiSignature::Sr25519(signature.try_into().unwrap())
        });
        let extrinsic = extrinsic.unwrap();
        match list {
            "extrinsics" => assert_eq!(extrinsic, bytes(&vector["extrinsic_hex"])),
            _ => assert_eq!(payload, bytes(&vector["payload_hex"])),
        }
    }
}

#[test]
fn addresses_are_the_official_ones_and_their_order_is_that_of_their_bytes() {
    let golden = golden();
    let mut pairs: Vec<([u8; 32], String)> = Vec::new();
    for vector in golden["ss58"].as_array().unwrap() {
        let account = AccountId32(bytes(&vector["public_key_hex"]).try_into().unwrap());
        assert_eq!(account.to_string(), vector["address"].as_str().unwrap());
        pairs.push((account.0, account.to_string()));
    }
    // All addresses of the prefix 42 have 48 letters, and base58's alphabet is in the order of ASCII.
    for seed in 0..2000_u64 {
        let account = AccountId32(*blake3::hash(&seed.to_le_bytes()).as_bytes());
        pairs.push((account.0, account.to_string()));
    }
    pairs.push(([0; 32], AccountId32([0; 32]).to_string()));
    pairs.push(([255; 32], AccountId32([255; 32]).to_string()));
    pairs.sort();
    assert!(pairs.is_sorted_by(|one, other| one.1 <= other.1) && pairs.iter().all(|(_, text)| text.len() == 48));
}

#[test]
fn stored_values_and_the_answers_of_calls_are_decoded() {
    let golden = golden();
    let runtime = runtime(&golden, "v15_hex");
    for (vector, expected) in [(1, 100), (2, 1)] {
        let vector = &golden["storage_values"][vector];
        let keys = vector["params"].as_array().unwrap().iter().map(key).collect();
        let (pallet, item) = (vector["pallet"].as_str().unwrap(), vector["storage_function"].as_str().unwrap());
        let item = runtime.storage(pallet, item, keys).unwrap();
        let value = runtime.value(&item, Some(&bytes(&vector["raw_hex"]))).unwrap().unwrap();
        assert_eq!(numbers(&value), [expected]);
        assert!(runtime.value(&item, Some(&[])).is_err(), "too few bytes are an error");
        assert!(runtime.value(&item, Some(&[0; 9])).is_err(), "too many bytes are an error");
    }
    let neurons = &golden["runtime_calls"][0];
    let answer =
        runtime.answer("NeuronInfoRuntimeApi", "get_neurons_lite", &bytes(&neurons["raw_hex"])).unwrap().unwrap();
    assert_eq!(items(&answer).count(), neurons["decoded"].as_array().unwrap().len());
}

#[test]
fn the_outcome_of_an_extrinsic_is_read_from_its_blocks_events() {
    let golden = golden();
    let runtime = runtime(&golden, "v15_hex");
    let item = runtime.storage("System", "Events", Vec::new()).unwrap();
    let events = runtime.value(&item, Some(&bytes(&golden["events"]["raw_hex"]))).unwrap().unwrap();
    for place in 0..3 {
        assert_eq!(runtime.outcome(&events, place), Some(Ok(())), "{place}");
    }
    assert_eq!(runtime.outcome(&events, 3), None, "no event tells of it");
}

#[test]
fn what_a_runtime_lacks_is_absent_and_what_its_map_lacks_has_the_default() {
    let golden = golden();
    let runtimes = ["v15_hex", "v14_hex"].map(|version| runtime(&golden, version));
    for runtime in &runtimes {
        assert!(runtime.storage("SubtensorModule", "SubnetEpochConsensus", vec![Value::u128(1)]).is_none());
        assert!(runtime.storage("Elsewhere", "Tempo", vec![Value::u128(1)]).is_none());
        assert_eq!(runtime.arguments("SubtensorModule", "set_everything"), None);
        assert_eq!(runtime.constant("Aura", "Nothing"), None);
        assert_eq!(runtime.block_ms(), Some(250), "the vectors are a fast chain's");
        // Absent from a sparse map is not off.
        let item = runtime.storage("SubtensorModule", "CommitRevealWeightsEnabled", vec![Value::u128(1)]).unwrap();
        assert_eq!(numbers(&runtime.value(&item, None).unwrap().unwrap()), [1]);
        let item = runtime.storage("SubtensorModule", "Uids", vec![Value::u128(1), bytes_value(&[7; 32])]).unwrap();
        assert!(runtime.value(&item, None).unwrap().is_none());
    }
    let has = runtimes.each_ref().map(|runtime| runtime.has_api("NeuronInfoRuntimeApi", "get_neurons_lite"));
    assert_eq!(has, [true, false], "version 14 tells no runtime calls");
    assert!(Runtime::new(b"meta", Hash32([0; 32]), (1, 1)).is_err());
    assert!(Runtime::new(&[0xff; 64], Hash32([0; 32]), (1, 1)).is_err());
}
