//! Orders that a signing process takes and refuses.

use super::super::calls::Call;
use super::super::runtime::tests::{golden, runtime};
use super::super::{WeightRow, commit_reveal};
use super::*;
use crate::registry::{CommitReveal, Uid};

fn key() -> Keypair {
    Keypair::from_secret_key([0x11; 32]).unwrap()
}

const ONLY_WEIGHTS: Permits = Permits { netuid: 120, roots: false };

fn order(genesis: Hash32, call: Vec<u8>) -> Order {
    let mortality = Mortality { period: 64, block: 66, hash: Hash32([9; 32]) };
    Order { genesis, spec_version: 461, call: hex::encode(call), nonce: 3, mortality }
}

#[test]
fn weight_calls_of_the_subnet_are_signed_and_nothing_else() {
    let runtime = runtime(&golden(), "v15_hex");
    let genesis = Hash32([1; 32]);
    let row = |netuid| WeightRow { netuid, mechanism: 0, version_key: 0, pairs: vec![(Uid(1), 65535)] };
    let scheme = CommitReveal { version: 4, period: 1 };
    let sealed = commit_reveal::encrypt(b"x", 1000).unwrap();
    let set = Call::set_weights(&row(120), &runtime).encode(&runtime).unwrap();
    let commit = Call::commit_weights(&row(120), &runtime, (sealed, 1000), scheme).encode(&runtime).unwrap();
    for call in [&set, &commit] {
        let extrinsic =
            sign_permitted(&runtime, genesis, (&key(), ONLY_WEIGHTS), &order(genesis, call.clone())).unwrap();
        assert!(hex::encode(&extrinsic).ends_with(&hex::encode(call)));
        assert!(hex::encode(&extrinsic).contains(&hex::encode(key().public_key().0)));
    }
    let elsewhere = Call::set_weights(&row(7), &runtime).encode(&runtime).unwrap();
    let transfer = hex::decode("0503008eaf04151687736326c9fea17e25fc5287613693c912909cb226aa4794f26a48e5c0").unwrap();
    let longer = [set.clone(), vec![0]].concat();
    let publish = Call::set_commitment(120, vec![1], 1000).encode(&runtime).unwrap();
    for (call, part) in [
        (elsewhere, "is for subnet Some([7]) and not for 120"),
        (transfer, "Balances.transfer_keep_alive is not a weight call"),
        (publish, "Commitments.set_commitment is not a weight call"),
        (longer, "cannot be used"),
        (Vec::new(), "cannot be used"),
    ] {
        let error = sign_permitted(&runtime, genesis, (&key(), ONLY_WEIGHTS), &order(genesis, call)).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
    let fine = order(genesis, set);
    let long = Mortality { period: 4096, ..fine.mortality.clone() };
    for (order, part) in [
        (Order { genesis: Hash32([2; 32]), ..fine.clone() }, "is for the chain 0202"),
        (Order { spec_version: 462, ..fine.clone() }, "is for runtime 462 and the chain has 461"),
        (Order { mortality: long, ..fine.clone() }, "lives for 4096 blocks"),
        (Order { call: "zz".to_owned(), ..fine.clone() }, "the call is no bytes"),
    ] {
        let error = sign_permitted(&runtime, genesis, (&key(), ONLY_WEIGHTS), &order).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn roots_of_the_subnet_are_signed_where_that_is_permitted_and_nothing_else_that_is_published() {
    let runtime = runtime(&golden(), "v15_hex");
    let genesis = Hash32([1; 32]);
    let root = WindowRoot::new(7_200, Hash32([1; 32]), None, Hash32([3; 32]));
    let call = |netuid| Call::publish_root(netuid, &root).encode(&runtime).unwrap();
    let sign = |call: Vec<u8>, roots| {
        sign_permitted(&runtime, genesis, (&key(), Permits { netuid: 120, roots }), &order(genesis, call))
    };
    assert!(hex::encode(sign(call(120), true).unwrap()).ends_with(&hex::encode(call(120))));
    let sealed = Call::set_commitment(120, vec![1], 1000).encode(&runtime).unwrap();
    // A byte of the magic is another one.
    let mut odd = call(120);
    let place = odd.windows(4).position(|bytes| bytes == b"dthr").unwrap();
    odd[place] = b'D';
    for (call, roots, part) in [
        (call(120), false, "Commitments.set_commitment is not a weight call"),
        (call(7), true, "is for subnet Some([7]) and not for 120"),
        (sealed, true, "is not a weight call or a window's root"),
        (odd, true, "is not a weight call or a window's root"),
    ] {
        let error = sign(call, roots).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn requests_and_replies_are_a_line_of_json_each() {
    let order = order(Hash32([1; 32]), vec![7]);
    let text = serde_json::to_string(&SignerRequest::Sign(order.clone())).unwrap();
    assert!(!text.contains('\n'));
    assert_eq!(serde_json::from_str::<SignerRequest>(&text).unwrap(), SignerRequest::Sign(order));
    assert_eq!(serde_json::to_string(&SignerRequest::Account).unwrap(), "\"account\"");
    assert!(serde_json::from_str::<SignerRequest>("{\"secret\":1}").is_err());
}

#[tokio::test]
async fn a_signing_process_that_is_not_there_is_named() {
    let error = Signer::connect(Path::new("/nowhere/signer.sock")).await.err().unwrap().to_string();
    assert!(error.starts_with("cannot sign: the signing process behind /nowhere/signer.sock"), "{error}");
}
