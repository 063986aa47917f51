//! Calls for a real runtime, in bytes.

use super::super::runtime::tests::{golden, runtime};
use super::*;
use crate::registry::Uid;

fn row(netuid: u16, mechanism: u8) -> WeightRow {
    WeightRow { netuid, mechanism, version_key: 0, pairs: vec![(Uid(0), 100), (Uid(1), 200)] }
}

#[test]
fn a_row_in_the_open_is_the_official_codecs_call() {
    let golden = golden();
    let runtime = runtime(&golden, "v15_hex");
    let call = Call::set_weights(&row(1, 0), &runtime);
    assert_eq!(call.label(), "SubtensorModule.set_mechanism_weights");
    // Pallet 7, call 119; the arguments of the golden `set_weights` with the mechanism after the subnet.
    assert_eq!(
        hex::encode(call.encode(&runtime).unwrap()),
        "0777010000080000010008".to_owned() + "6400c8000000000000000000"
    );
    let without = golden["calls"].as_array().unwrap().iter().find(|call| call["function"] == "set_weights").unwrap();
    assert_eq!(without["data_hex"], "0x070001000800000100086400c8000000000000000000");
    assert_eq!(hex::encode(Call::set_weights(&row(1, 3), &runtime).encode(&runtime).unwrap())[4..10], *"010003");
}

#[test]
fn a_commit_is_the_call_of_its_mechanism() {
    let runtime = runtime(&golden(), "v15_hex");
    let scheme = CommitReveal { version: 4, period: 1 };
    let call = Call::commit_weights(&row(120, 0), &runtime, (vec![0xaa; 3], 1000), scheme);
    assert_eq!(call.label(), "SubtensorModule.commit_timelocked_mechanism_weights");
    let bytes = hex::encode(call.encode(&runtime).unwrap());
    assert_eq!(bytes, "0776".to_owned() + "7800" + "00" + "0caaaaaa" + "e803000000000000" + "0400");
}

#[test]
fn a_commitment_has_one_field_under_a_timelock() {
    let runtime = runtime(&golden(), "v15_hex");
    let bytes = hex::encode(Call::set_commitment(120, vec![0xbb; 2], 1000).encode(&runtime).unwrap());
    // Pallet 18, call 0; one field of kind 134.
    assert_eq!(bytes, "1200".to_owned() + "7800" + "04" + "86" + "08bbbb" + "e803000000000000");
}

#[test]
fn a_runtime_with_another_call_is_refused_before_anything_is_signed() {
    let runtime = runtime(&golden(), "v15_hex");
    let known = Call::set_weights(&row(1, 0), &runtime);
    for (call, part) in [
        (Call { name: "set_everything", ..known.clone() }, "it has no call SubtensorModule.set_everything"),
        (
            Call { name: "set_weights", ..known.clone() },
            "takes (netuid, dests, weights, version_key) and this program knows (netuid, mecid,",
        ),
        (Call { pallet: "Nowhere", ..known.clone() }, "it has no call Nowhere.set_mechanism_weights"),
    ] {
        let error = call.encode(&runtime).unwrap_err().to_string();
        assert!(error.starts_with("runtime 461 cannot be used: ") && error.contains(part), "{error}");
    }
    let mut wide = known.clone();
    wide.arguments[0].1 = Argument::Number(70_000);
    assert!(wide.encode(&runtime).is_err(), "a number that its type does not hold");
}
