//! Turns: the order in which challengers that wait get their heats and bouts, by commitment, owner after owner.

use std::collections::BTreeMap;

/// Puts entries in turn: first every owner's earliest, then every owner's second, and so on, each round by commitment. One
/// owner with many entries therefore delays nobody else by more than one entry a round. An entry without an owner is its own.
///
/// `waiting` holds entries in order of commitment, with their owners.
pub(crate) fn in_turns<O: Ord>(waiting: &[(usize, Option<O>)]) -> Vec<usize> {
    let mut counts: BTreeMap<&O, usize> = BTreeMap::new();
    let mut ranked: Vec<(usize, usize)> = Vec::with_capacity(waiting.len());
    for (entry, owner) in waiting {
        let rank = owner.as_ref().map_or(0, |owner| {
            let count = counts.entry(owner).or_default();
            *count += 1;
            *count - 1
        });
        ranked.push((rank, *entry));
    }
    // Stable: within a round the order of commitment stays.
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, entry)| entry).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(owners: &str, expected: &[usize]) {
        let owner = |letter: char| (letter != '-').then_some(letter);
        let waiting: Vec<_> = owners.chars().map(owner).enumerate().collect();
        assert_eq!(in_turns(&waiting), expected, "{owners}");
    }

    #[test]
    fn owners_take_turns_and_each_keeps_its_order() {
        check("", &[]);
        check("abc", &[0, 1, 2]);
        check("aaab", &[0, 3, 1, 2]);
        check("aabbac", &[0, 2, 5, 1, 3, 4]);
        check("--a-a", &[0, 1, 2, 3, 4]);
        check("aaa-", &[0, 3, 1, 2]);
    }

    proptest! {
        /// Nobody is lost, nobody of one owner overtakes another, and whoever alone owns an entry waits behind at most one
        /// entry of each other owner.
        #[test]
        fn an_owner_with_many_entries_delays_others_by_one(owners in prop::collection::vec(0..6_u8, 0..40)) {
            let waiting: Vec<_> = owners.iter().copied().map(Some).enumerate().collect();
            let turns = in_turns(&waiting);
            let mut sorted = turns.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..owners.len()).collect::<Vec<_>>());
            for owner in 0..6 {
                let own: Vec<usize> = turns.iter().copied().filter(|entry| owners[*entry] == owner).collect();
                prop_assert!(own.is_sorted());
                for (rank, entry) in own.iter().enumerate() {
                    let before = turns.iter().take_while(|other| *other != entry);
                    let of_others = |other: &&usize| owners[**other] != owner;
                    prop_assert!(before.filter(of_others).count() <= (rank + 1) * 5);
                }
            }
            // The earliest of all begins a reign where there is none.
            prop_assert!(turns.first().is_none_or(|first| *first == 0));
        }
    }
}
