//! Crowned models beside what miners have committed.

use super::*;
use crate::registry::{Hotkey, RegistryState, Uid};
use crate::settings::Settings;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn model(name: &str) -> String {
    format!("o/{name}@{COMMIT}")
}

fn crowned(hotkey: &str, name: &str, committed: u64) -> CrownedModel {
    let hotkey = Hotkey(hotkey.to_owned());
    CrownedModel { hotkey, model: model(name), snapshot: Some(name.to_owned()), committed, position: 0 }
}

/// The miners "ada", "bob" and "cid" with models of their own initials.
fn registered() -> Vec<Entry> {
    let entry = |(place, hotkey): (u16, &str)| Entry {
        hotkey: Hotkey(hotkey.to_owned()),
        uid: Some(Uid(place)),
        model: model(&hotkey[..1]).parse().unwrap(),
        committed: 100 + u64::from(place),
        position: 0,
        role: Role::Committed,
    };
    (0..).zip(["ada", "bob", "cid"]).map(entry).collect()
}

#[test]
fn a_crowned_model_plays_on_beside_what_its_miner_has_committed_since() {
    let registered = registered();
    let with = |champion: Option<CrownedModel>, former: Vec<CrownedModel>| {
        let record = ReignRecord { champion, former, ..ReignRecord::default() };
        let all = entries(registered.clone(), &record);
        let told = |entry: &Entry| (entry.hotkey.0.clone(), entry.model.to_string(), entry.role);
        all.iter().map(told).filter(|(_, _, role)| *role != Role::Committed).collect::<Vec<_>>()
    };
    let added = |hotkey: &str, name: &str, role| (hotkey.to_owned(), model(name), role);
    assert_eq!(with(None, Vec::new()), []);
    assert_eq!(with(Some(crowned("ada", "a", 100)), Vec::new()), [], "it is the one that is committed");
    let swapped = with(Some(crowned("cid", "old", 5)), vec![crowned("ada", "x", 9), crowned("cid", "old", 5)]);
    assert_eq!(swapped, [added("cid", "old", Role::Crowned), added("ada", "x", Role::Former)]);
    // Who has left the subnet cannot be paid.
    assert_eq!(with(Some(crowned("gone", "g", 1)), vec![crowned("left", "l", 2)]), []);
    // The crowned one stands where it was committed, under the miner's number.
    let record = ReignRecord { champion: Some(crowned("cid", "old", 101)), ..ReignRecord::default() };
    let all = entries(registered.clone(), &record);
    assert_eq!((all[2].committed, all[2].uid, all[2].role), (101, Some(Uid(2)), Role::Crowned));
    assert_eq!(all.len(), 4);
}

/// A record whose former champions are "f0" (the latest) to "f11".
fn long() -> ReignRecord {
    let former = (0..12).map(|place| crowned(&format!("f{place}"), &format!("m{place}"), 50 - place)).collect();
    ReignRecord { champion: Some(crowned("ada", "a", 100)), former, ..ReignRecord::default() }
}

#[test]
fn the_model_that_may_stand_guard_is_there_though_its_miner_has_left() {
    let added = |record: &ReignRecord| {
        let all = entries(registered(), record);
        let former = all.into_iter().filter(|entry| entry.role == Role::Former);
        former.map(|entry| (entry.hotkey.0, entry.uid)).collect::<Vec<_>>()
    };
    let guards = [("f9".to_owned(), None), ("f8".to_owned(), None)];
    assert_eq!(added(&long()), guards);
    // A miner that is there keeps its number.
    let mut there = long();
    there.former[9].hotkey = Hotkey("bob".to_owned());
    assert_eq!(added(&there), [("bob".to_owned(), Some(Uid(1))), ("f8".to_owned(), None)]);
    let few = ReignRecord { former: long().former[..8].to_vec(), ..long() };
    assert_eq!(added(&few), []);
    // Its own commitment is the entry that may stand guard.
    let mut own = long();
    own.former[9] = crowned("bob", "b", 7);
    assert_eq!(added(&own), [("f8".to_owned(), None)]);
}

#[test]
fn a_crowned_model_that_is_committed_again_is_as_old_as_its_crown() {
    let again = |record: &ReignRecord| {
        let all = entries(registered(), record);
        let ada = all.iter().find(|entry| entry.hotkey.0 == "ada").unwrap();
        (ada.committed, ada.role, all.len())
    };
    let record = |committed| ReignRecord { champion: Some(crowned("ada", "a", committed)), ..ReignRecord::default() };
    assert_eq!(again(&record(7)), (7, Role::Committed, 3));
    assert_eq!(again(&record(700)), (100, Role::Committed, 3));
    let former = ReignRecord { former: vec![crowned("ada", "a", 9)], ..ReignRecord::default() };
    assert_eq!(again(&former), (9, Role::Committed, 3));
}

#[test]
fn entries_that_the_crown_adds_follow_from_the_record() {
    #[track_caller]
    fn check(change: impl FnOnce(&mut WindowTerms), expected: bool) {
        let mut record = long();
        record.champion = Some(crowned("cid", "old", 5));
        record.former[0] = crowned("bob", "older", 3);
        let registry = RegistryState {
            netuid: 1,
            seed_block: 900,
            seed_hash: [0; 32],
            champion: None,
            former: Vec::new(),
            tested: 0,
            snapshot: None,
            owners: Default::default(),
            entries: entries(registered(), &record),
        };
        let mut terms = WindowTerms::new(&registry, (record, None), &Settings::default(), Vec::new(), String::new());
        change(&mut terms);
        assert_eq!(entries_follow(&terms), expected);
    }
    fn place(terms: &WindowTerms, hotkey: &str, role: Role) -> usize {
        terms.entries.iter().position(|entry| entry.hotkey.0 == hotkey && entry.role == role).unwrap()
    }
    fn edit(hotkey: &'static str, role: Role, change: fn(&mut EntryTerms)) -> impl FnOnce(&mut WindowTerms) {
        move |terms| {
            let place = place(terms, hotkey, role);
            change(&mut terms.entries[place]);
        }
    }
    fn without(hotkey: &'static str, role: Role) -> impl FnOnce(&mut WindowTerms) {
        move |terms| {
            let place = place(terms, hotkey, role);
            terms.entries.remove(place);
        }
    }
    check(|_| {}, true);
    check(edit("cid", Role::Crowned, |entry| entry.committed = 1), false);
    check(edit("cid", Role::Crowned, |entry| entry.uid = Some(Uid(9))), false);
    check(edit("f9", Role::Former, |entry| entry.uid = Some(Uid(9))), false);
    check(edit("bob", Role::Former, |entry| entry.model = model("m9")), false);
    check(edit("bob", Role::Committed, |entry| entry.uid = None), false);
    check(edit("bob", Role::Committed, |entry| entry.model = "no reference".to_owned()), false);
    // Neither the champion's model, nor one in reserve, nor the guard may be left out.
    check(without("cid", Role::Crowned), false);
    check(without("bob", Role::Former), false);
    check(without("f9", Role::Former), false);
    check(|terms| terms.record.champion = None, false);
    check(|terms| terms.record.former.truncate(9), false);
    check(|terms| terms.entries.swap(0, 1), false);
    // What miners have committed is the registry's to say.
    check(without("ada", Role::Committed), true);
}
