//! Beginning of a window: the record that it starts from.

use crate::record::{CrownedModel, ReignRecord};
use crate::registry::{Hotkey, RegistryState};
use crate::store::Outcome;

/// Start of a window.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Beginning {
    /// The record.
    pub(crate) record: ReignRecord,
    /// Hash of the log that states it.
    pub(crate) previous: Option<String>,
    /// The sentence for whoever runs this validator, where its own record was set aside.
    pub(crate) overridden: Option<String>,
}

/// The record that a window starts from: the one that was given explicitly; else this validator's own where the registry
/// names the same champion or none; else the champion that the registry names, with the model that it has committed.
pub(crate) fn begin(registry: &RegistryState, given: Option<Beginning>, own: Option<Outcome>) -> Beginning {
    if let Some(given) = given {
        return given;
    }
    let named = registry.champion.as_ref();
    match own {
        Some(Outcome { record, log }) if named.is_none_or(|named| reigns(&record, named)) => {
            Beginning { record, previous: log, overridden: None }
        }
        own => {
            let overridden = own.zip(named).map(|(own, named)| {
                let mine = own.record.champion.map_or_else(|| "nobody".to_owned(), |crowned| crowned.hotkey.0);
                format!(
                    "the registry's champion is {named}, that of this validator's own last window is {mine}: the registry's \
                     counts, and this validator's own record is set aside"
                )
            });
            let record = ReignRecord {
                champion: named.and_then(|hotkey| committed(registry, hotkey)),
                former: registry.former.iter().filter_map(|hotkey| committed(registry, hotkey)).collect(),
                bouts: registry.tested,
                ..ReignRecord::default()
            };
            Beginning { record, previous: None, overridden }
        }
    }
}

fn reigns(record: &ReignRecord, hotkey: &Hotkey) -> bool {
    record.line().next().is_some_and(|crowned| crowned.hotkey == *hotkey)
}

/// The model that a miner has committed, taken for the one that was crowned: a registry names miners only.
fn committed(registry: &RegistryState, hotkey: &Hotkey) -> Option<CrownedModel> {
    let entry = registry.entries.iter().find(|entry| entry.hotkey == *hotkey)?;
    Some(CrownedModel {
        hotkey: hotkey.clone(),
        model: entry.model.to_string(),
        snapshot: None,
        committed: entry.committed,
        position: entry.position,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{Entry, Role, Uid};

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn model(name: &str) -> String {
        format!("o/{name}@{COMMIT}")
    }

    fn crowned(hotkey: &str, name: &str, committed: u64) -> CrownedModel {
        let hotkey = Hotkey(hotkey.to_owned());
        CrownedModel { hotkey, model: model(name), snapshot: Some(name.to_owned()), committed, position: 0 }
    }

    /// The miners "ada", "bob" and "cid" with models of their own initials.
    fn registry(champion: Option<&str>, former: &[&str], tested: u64) -> RegistryState {
        let entry = |place: usize, hotkey: &str| Entry {
            hotkey: Hotkey(hotkey.to_owned()),
            uid: Some(Uid(place as u16)),
            model: model(&hotkey[..1]).parse().unwrap(),
            committed: 100 + place as u64,
            position: 0,
            role: Role::Committed,
        };
        let hotkey = |name: &&str| Hotkey((*name).to_owned());
        RegistryState {
            netuid: 1,
            seed_block: 1_000,
            seed_hash: [0; 32],
            snapshot: None,
            owners: Default::default(),
            champion: champion.as_ref().map(hotkey),
            former: former.iter().map(hotkey).collect(),
            tested,
            entries: ["ada", "bob", "cid"].into_iter().enumerate().map(|(place, name)| entry(place, name)).collect(),
        }
    }

    fn own(champion: &str, bouts: u64) -> Outcome {
        let record = ReignRecord { champion: Some(crowned(champion, "old", 3)), bouts, ..ReignRecord::default() };
        Outcome { record, log: Some("hash".to_owned()) }
    }

    /// Checks champion's model, bouts, the log before, and that the validator's own record was set aside.
    #[track_caller]
    fn check(named: Option<&str>, own: Option<Outcome>, expected: (Option<(&str, &str)>, u64, bool, bool)) {
        let beginning = begin(&registry(named, &["bob", "gone"], 7), None, own);
        let champion = beginning.record.champion.as_ref();
        let champion = champion.map(|crowned| (crowned.hotkey.0.as_str(), crowned.model.clone()));
        let (previous, overridden) = (beginning.previous.is_some(), beginning.overridden.is_some());
        let found = (champion, beginning.record.bouts, previous, overridden);
        let (champion, bouts, previous, overridden) = expected;
        assert_eq!(found, (champion.map(|(hotkey, name)| (hotkey, model(name))), bouts, previous, overridden));
    }

    #[test]
    fn the_registry_names_the_champion_and_the_own_record_says_what_it_played() {
        check(None, None, (None, 7, false, false));
        check(Some("ada"), None, (Some(("ada", "a")), 7, false, false));
        check(None, Some(own("ada", 3)), (Some(("ada", "old")), 3, true, false));
        check(Some("ada"), Some(own("ada", 3)), (Some(("ada", "old")), 3, true, false));
        // A validator that has forked follows the others.
        check(Some("cid"), Some(own("ada", 3)), (Some(("cid", "c")), 7, false, true));
        let forked = begin(&registry(Some("cid"), &["bob", "gone"], 7), None, Some(own("ada", 3)));
        let former: Vec<&str> = forked.record.former.iter().map(|crowned| crowned.hotkey.0.as_str()).collect();
        assert_eq!(former, ["bob"], "of a miner without an entry nobody knows the model");
        assert!(
            forked.overridden.unwrap().contains("champion is cid, that of this validator's own last window is ada")
        );
    }

    #[test]
    fn a_record_that_is_given_counts_before_everything() {
        let given = Beginning { record: own("bob", 9).record, previous: None, overridden: None };
        assert_eq!(begin(&registry(Some("cid"), &[], 7), Some(given.clone()), Some(own("ada", 3))), given);
    }
}
