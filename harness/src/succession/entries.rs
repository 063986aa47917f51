//! Entries of a window: those that miners have committed, and those that the crown adds to them.

use models::source::{ModelSource, ModelSourceError};

use super::GUARD;
use crate::record::{CrownedModel, EntryTerms, ReignRecord, WindowTerms};
use crate::registry::{Entry, Role};

/// Former champions whose models are held in reserve.
const RESERVES: usize = 10;

/// All entries in order of commitment: those that miners have committed, and one for each crowned model whose miner has
/// committed another since. A miner that has left has none, since it cannot be paid, but for the model that may stand guard.
///
/// A crowned model that its miner commits again is as old as the commitment with which it was crowned.
pub(crate) fn entries(committed: Vec<Entry>, record: &ReignRecord) -> Vec<Entry> {
    let mut entries = committed.clone();
    let champion = record.champion.iter().map(|crowned| (crowned, Role::Crowned, false));
    // Ten reigns ago is one place nearer where the champion does not play.
    let may_guard = |place: usize| (GUARD - 2..GUARD).contains(&place);
    let former = record.former.iter().take(RESERVES).enumerate();
    let former = former.map(|(place, crowned)| (crowned, Role::Former, may_guard(place)));
    for (crowned, role, may_guard) in champion.chain(former) {
        let CrownedModel { hotkey, committed: block, position, .. } = crowned.clone();
        let is_it = |entry: &&mut Entry| crowned.is(&entry.hotkey, &entry.model.to_string());
        if let Some(entry) = entries.iter_mut().find(is_it) {
            (entry.committed, entry.position) = (entry.committed, entry.position).min((block, position));
            continue;
        }
        let miner = committed.iter().find(|entry| entry.hotkey == hotkey);
        // A reference that is none has no files that could be crowned.
        if let (true, Ok(model)) = (miner.is_some() || may_guard, crowned.model.parse::<ModelSource>()) {
            let uid = miner.and_then(|miner| miner.uid);
            entries.push(Entry { hotkey, uid, model, committed: block, position, role });
        }
    }
    entries.sort_by_key(|entry| (entry.committed, entry.position, entry.hotkey.clone(), entry.role));
    entries
}

/// True if a window's entries are those that its record asks for, beside those that miners have committed.
pub(crate) fn entries_follow(terms: &WindowTerms) -> bool {
    let read: Result<Vec<Entry>, ModelSourceError> = terms.entries.iter().map(Entry::try_from).collect();
    let Ok(read) = read else { return false };
    let committed: Vec<Entry> = read.into_iter().filter(|entry| entry.role == Role::Committed).collect();
    let is_registered = committed.iter().all(|entry| entry.uid.is_some());
    is_registered && entries(committed, &terms.record).iter().map(EntryTerms::from).eq(terms.entries.iter().cloned())
}

#[cfg(test)]
mod tests;
