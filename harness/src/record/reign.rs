//! Reign record: everything that one window hands to the next.

use std::collections::BTreeMap;

use pareto::SavedDuel;
use serde::{Deserialize, Serialize};

use crate::registry::Hotkey;

/// Champion, former champions, bouts of the reign, and every model seen so far: what a window begins from and leaves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReignRecord {
    /// The crowned model, or the regent; none before the first window.
    pub champion: Option<CrownedModel>,
    /// Windows for which the crown is vacant by now, and the champion a regent: the model that challengers meet, which earns
    /// nothing. Zero where the champion is crowned.
    #[serde(default)]
    pub regency: u32,
    /// Models that were crowned before, the latest first.
    pub former: Vec<CrownedModel>,
    /// Bouts begun in the champion's reign: the next one has the number after it.
    pub bouts: u64,
    /// Models that have had their bout in this reign, by number.
    pub models: Vec<BoutRecord>,
    /// First commitment of every model that was ever admitted, by snapshot digest.
    pub sightings: Vec<Sighting>,
}

impl ReignRecord {
    /// Models by their claim to meet the challengers: the champion, then former champions, the latest first. A regent comes
    /// after all that were crowned.
    pub(crate) fn line(&self) -> impl Iterator<Item = &CrownedModel> {
        let (champion, regent) =
            if self.regency > 0 { (None, self.champion.as_ref()) } else { (self.champion.as_ref(), None) };
        champion.into_iter().chain(&self.former).chain(regent)
    }
}

/// A model that holds or held the crown. The crown belongs to the model: its hotkey may commit another one meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CrownedModel {
    /// The miner's address, which earns the weight.
    pub hotkey: Hotkey,
    /// The model reference.
    pub model: String,
    /// Digest of its snapshot; none where a registry named the champion and nobody has seen its files yet.
    pub snapshot: Option<String>,
    /// Block of the commitment with which it was crowned.
    pub committed: u64,
    /// Order within that block.
    pub position: u32,
}

/// A model that has had its bout in this reign.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BoutRecord {
    /// Digest of its snapshot.
    pub snapshot: String,
    /// Number of the bout in the reign, from 1.
    pub number: u64,
    /// The bout as it was put down undecided, to go on in the next window; none where it has ended.
    pub carried: Option<SavedDuel>,
}

/// First commitment of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sighting {
    /// Digest of its snapshot.
    pub snapshot: String,
    /// Block of the commitment.
    pub committed: u64,
    /// Order within the block.
    pub position: u32,
    /// The miner's address.
    pub hotkey: Hotkey,
    /// The address whose work it is: the miner's own, or that of the original where it was found to be a copy.
    pub origin: Hotkey,
}

impl CrownedModel {
    /// True if this is the same miner's same model.
    pub(crate) fn is(&self, hotkey: &Hotkey, model: &str) -> bool {
        self.hotkey == *hotkey && self.model == model
    }
}

/// The first sighting of each snapshot among all, by snapshot.
pub(crate) fn first_sightings(sightings: impl IntoIterator<Item = Sighting>) -> Vec<Sighting> {
    let mut first: BTreeMap<String, Sighting> = BTreeMap::new();
    let order = |one: &Sighting| (one.committed, one.position, one.hotkey.clone());
    for sighting in sightings {
        match first.get_mut(&sighting.snapshot) {
            Some(known) if order(known) <= order(&sighting) => {}
            Some(known) => *known = sighting,
            None => {
                first.insert(sighting.snapshot.clone(), sighting);
            }
        }
    }
    first.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(snapshot: &str, committed: u64, hotkey: &str) -> Sighting {
        let hotkey = Hotkey(hotkey.to_owned());
        Sighting { snapshot: snapshot.to_owned(), committed, position: 0, origin: hotkey.clone(), hotkey }
    }

    #[test]
    fn the_earliest_commitment_of_a_snapshot_stays_in_whatever_order_they_are_seen() {
        let all = [sighting("b", 7, "bob"), sighting("a", 9, "eve"), sighting("a", 5, "ada"), sighting("a", 5, "zoe")];
        let expected = [sighting("a", 5, "ada"), sighting("b", 7, "bob")];
        assert_eq!(first_sightings(all.clone()), expected);
        assert_eq!(first_sightings(all.into_iter().rev()), expected);
        assert_eq!(first_sightings(expected.clone()), expected);
        assert_eq!(first_sightings([]), []);
    }

    #[test]
    fn a_crowned_model_is_known_by_miner_and_reference() {
        let crowned = CrownedModel {
            hotkey: Hotkey("ada".to_owned()),
            model: "o/m".to_owned(),
            snapshot: None,
            committed: 1,
            position: 0,
        };
        let is = |hotkey: &str, model| crowned.is(&Hotkey(hotkey.to_owned()), model);
        assert_eq!([is("ada", "o/m"), is("ada", "o/n"), is("bob", "o/m")], [true, false, false]);
    }
}
