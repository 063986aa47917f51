//! Conclusion of a window from the records of its steps.

use std::collections::BTreeMap;

use pareto::Succession;

use super::WindowError;
use crate::record::{Admission, Conclusion, DuelRecord, EntryConclusion, FindingRecord, Rollout, WindowTerms};
use crate::registry::Entry;
use crate::succession::{Shares, former, shares};

/// Records of one entry: its admission, and its rollouts by task, then environment.
pub(super) type EntryRecords = (Admission, Vec<Rollout>);

/// Concludes a window: shares of emission, champions, and everything that was recorded of each entry.
pub(super) fn conclude(
    terms: WindowTerms,
    entries: Vec<Entry>,
    records: Vec<EntryRecords>,
    mut findings: BTreeMap<usize, FindingRecord>,
    playing: &[usize],
    (duels, succession): (Vec<DuelRecord>, Option<Succession>),
) -> Result<Conclusion, WindowError> {
    let Shares { entries: weights, burned } = match &succession {
        Some(succession) => shares(&terms, playing, succession)?,
        None => Shares { entries: vec![0.0; entries.len()], burned: 0.0 },
    };
    let (champion, former, tested) = match &succession {
        Some(succession) => (Some(succession.champion()), former(&terms, succession), succession.reign().bouts()),
        None => (None, Vec::new(), 0),
    };
    let concluded = entries.into_iter().zip(records).zip(weights).enumerate();
    let entries = concluded.map(|(place, ((entry, (admission, rollouts)), weight))| EntryConclusion {
        entry,
        admission,
        finding: findings.remove(&place),
        rollouts,
        weight,
    });
    let entries = entries.collect();
    Ok(Conclusion { terms, entries, duels, champion, burned, former, tested })
}
