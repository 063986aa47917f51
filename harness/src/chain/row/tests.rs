//! Rows for subnets with their several limits, and the refusals.

use super::*;
use crate::chain::weights::WeightLine;
use crate::registry::{BlockRef, EpochState, Hash32, SubnetParameters};

fn hotkey(name: &str) -> Hotkey {
    Hotkey(name.to_owned())
}

/// A subnet of ada, bob, cid, dot (uids 0 to 3) and the validator val (uid 4).
fn subnet() -> SubnetSnapshot {
    let neuron = |(uid, name): (u16, &&str)| Neuron {
        uid: Uid(uid),
        hotkey: hotkey(name),
        coldkey: hotkey("owner"),
        registered: 5,
        permit: *name == "val",
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
        block: BlockRef { number: 1000, hash: Hash32([2; 32]), unix_ms: 0 },
        parameters: SubnetParameters {
            tempo: 360,
            weights_rate_limit: 100,
            min_allowed_weights: 1,
            max_weights_limit: u16::MAX,
            weights_version: 0,
            commit_reveal: None,
            epoch: EpochState::default(),
            stake_threshold: None,
            owner_hotkey: None,
            mechanisms: Some(1),
            drand_round: None,
        },
        neurons: (0..).zip(&["ada", "bob", "cid", "dot", "val"]).map(neuron).collect(),
        commitments: Vec::new(),
    }
}

fn weights(shares: &[(&str, f64)], burned: f64) -> Weights {
    // The uids of the decision are of another block: they must not matter.
    let line = |(name, weight): &(&str, f64)| WeightLine { hotkey: hotkey(name), uid: Uid(77), weight: *weight };
    Weights {
        version: 2,
        netuid: 120,
        seed_block: 900,
        weights: shares.iter().map(line).collect(),
        burned,
        chain: Vec::new(),
        not_reproducible: 0,
    }
}

#[track_caller]
fn check(weights: &Weights, change: impl Fn(&mut SubnetSnapshot), expected: Result<&[(u16, u16)], &str>) {
    let mut snapshot = subnet();
    change(&mut snapshot);
    let row = weight_row(weights, &snapshot, &hotkey("val"), 10);
    let found = row.map(|row| row.pairs.iter().map(|(uid, value)| (uid.0, *value)).collect::<Vec<_>>());
    match expected {
        Ok(expected) => assert_eq!(found.map_err(|error| error.to_string()), Ok(expected.to_vec())),
        Err(part) => {
            let error = found.unwrap_err().to_string();
            assert!(error.contains(part), "{error:?} does not say {part:?}");
        }
    }
}

#[test]
fn hotkeys_are_resolved_at_the_block_of_submission() {
    check(&weights(&[("ada", 0.0), ("cid", 1.0)], 0.0), |_| {}, Ok(&[(2, 65535)]));
    let moved = |snapshot: &mut SubnetSnapshot| {
        snapshot.neurons[2].hotkey = hotkey("new");
        snapshot.neurons[3].hotkey = hotkey("cid");
    };
    check(&weights(&[("cid", 1.0)], 0.0), moved, Ok(&[(3, 65535)]));
    let gone = |snapshot: &mut SubnetSnapshot| snapshot.neurons[2].hotkey = hotkey("new");
    check(&weights(&[("cid", 0.75), ("ada", 0.25)], 0.0), gone, Err("cid, which earns 0.7500 of the weight"));
}

#[test]
fn the_largest_is_65535_and_what_is_burned_goes_to_the_owners_uid() {
    check(&weights(&[("cid", 0.75)], 0.25), |_| {}, Ok(&[(0, 21845), (2, 65535)]));
    let owned = |snapshot: &mut SubnetSnapshot| snapshot.parameters.owner_hotkey = Some(hotkey("dot"));
    check(&weights(&[("cid", 0.75)], 0.25), owned, Ok(&[(2, 65535), (3, 21845)]));
    let elsewhere = |snapshot: &mut SubnetSnapshot| snapshot.parameters.owner_hotkey = Some(hotkey("nobody"));
    check(&weights(&[("cid", 0.5), ("ada", 0.25)], 0.25), elsewhere, Ok(&[(0, 65535), (2, 65535)]));
    check(&weights(&[], 1.0), |_| {}, Ok(&[(0, 65535)]));
}

#[test]
fn zeros_fill_up_to_the_subnets_minimum_and_no_further_than_its_uids() {
    let at_least = |count: u16| move |snapshot: &mut SubnetSnapshot| snapshot.parameters.min_allowed_weights = count;
    check(&weights(&[("cid", 1.0)], 0.0), at_least(3), Ok(&[(0, 0), (1, 0), (2, 65535)]));
    let all = &[(0, 0), (1, 0), (2, 65535), (3, 0), (4, 0)];
    check(&weights(&[("cid", 1.0)], 0.0), at_least(5), Ok(all));
    check(&weights(&[("cid", 1.0)], 0.0), at_least(64), Ok(all));
    check(&weights(&[("cid", 1.0)], 0.0), at_least(0), Ok(&[(2, 65535)]));
}

#[test]
fn a_limit_that_forbids_the_row_refuses_it_and_clips_nothing() {
    let limit = |limit: u16| move |snapshot: &mut SubnetSnapshot| snapshot.parameters.max_weights_limit = limit;
    check(
        &weights(&[("cid", 1.0)], 0.0),
        limit(65534),
        Err("uid 2 gets 1.0000 of the row and the subnet's MaxWeightsLimit"),
    );
    check(&weights(&[("cid", 0.5), ("ada", 0.5)], 0.0), limit(32768), Ok(&[(0, 65535), (2, 65535)]));
    check(&weights(&[("cid", 0.5), ("ada", 0.5)], 0.0), limit(32767), Err("0.5000 of the row"));
}

#[test]
fn a_row_that_says_nothing_is_never_made() {
    check(&weights(&[], 0.0), |_| {}, Err("no share is positive"));
    check(&weights(&[("cid", 0.0)], 0.0), |_| {}, Err("no share is positive"));
    check(&weights(&[("cid", f64::NAN), ("ada", 1.0)], 0.0), |_| {}, Err("the shares cannot be weights"));
    check(&weights(&[("cid", -0.5), ("ada", 1.0)], 0.0), |_| {}, Err("the shares cannot be weights"));
}

#[test]
fn a_validator_that_may_not_set_weights_is_told_why() {
    let row = weights(&[("cid", 1.0)], 0.0);
    check(
        &row,
        |snapshot| snapshot.neurons[4].hotkey = hotkey("other"),
        Err("hotkey val is not registered on subnet 120"),
    );
    check(&row, |snapshot| snapshot.neurons[4].permit = false, Err("hotkey val (uid 4) has no validator permit"));
    let owner = |snapshot: &mut SubnetSnapshot| {
        snapshot.neurons[4].permit = false;
        snapshot.parameters.owner_hotkey = Some(hotkey("val"));
    };
    check(&row, owner, Ok(&[(2, 65535)]));
    check(&row, |snapshot| snapshot.netuid = 7, Err("the weights are of subnet 120"));
    check(&row, |snapshot| snapshot.parameters.weights_version = 10, Ok(&[(2, 65535)]));
    check(
        &row,
        |snapshot| snapshot.parameters.weights_version = 11,
        Err("version key 11 and `chain.version_key` is 10"),
    );
}

#[test]
fn a_submitted_row_is_pending_applied_replaced_or_dropped() {
    let pairs = |pairs: &[(u16, u16)]| pairs.iter().map(|(uid, weight)| (Uid(*uid), *weight)).collect::<Vec<_>>();
    let row = WeightRow { netuid: 1, mechanism: 0, version_key: 0, pairs: pairs(&[(0, 0), (3, 65535), (5, 9)]) };
    let held = |block, last_update, row: &[(u16, u16)]| AppliedRow { block, last_update, row: pairs(row) };
    let reveal = Some(RevealTarget { round: 7, block: 500 });
    let (same, other): (&[_], &[_]) = (&[(5, 9), (3, 65535)], &[(4, 65535)]);
    for (reveal, applied, expected) in [
        (None, held(101, 100, same), RowState::Applied),
        (None, held(101, 100, other), RowState::Different),
        (None, held(101, 100, &[]), RowState::Different),
        (None, held(300, 250, other), RowState::Replaced),
        (reveal, held(499, 100, other), RowState::Pending { until: 500 }),
        (reveal, held(499, 100, same), RowState::Pending { until: 500 }),
        (reveal, held(500, 100, same), RowState::Applied),
        (reveal, held(509, 100, other), RowState::Pending { until: 500 }),
        (reveal, held(510, 100, other), RowState::Different),
        (reveal, held(510, 400, other), RowState::Replaced),
    ] {
        assert_eq!(row_state(&row, 100, reveal, &applied), expected, "{reveal:?} {applied:?}");
    }
}
