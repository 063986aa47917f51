//! Conclusion of a window from the records of its steps.

use super::WindowError;
use super::duel::Played;
use crate::record::{Admission, Conclusion, EntryConclusion, Rollout, WindowTerms};
use crate::registry::Entry;
use crate::screening::Screening;
use crate::succession::{Field, Shares};

/// Concludes a window: shares of emission, the record for the next, and everything that was recorded of each entry. A window
/// in which no entry plays hands on the record that it began from.
pub(super) fn conclude(
    terms: WindowTerms,
    entries: Vec<Entry>,
    (admissions, rollouts): (Vec<Admission>, Vec<Vec<Rollout>>),
    Screening { mut findings, prints }: Screening,
    Played { heats, duels, held, .. }: Played,
    interrupted: bool,
) -> Result<Conclusion, WindowError> {
    let field = Field { terms: &terms, admissions: &admissions, findings: &findings };
    let (champion, record, shares, starts) = match held {
        Some(held) => {
            let record = field.record_after(&held.succession, &held.duels);
            let shares = field.shares(&held.succession)?;
            let starts = held.duels.into_iter().map(|duel| duel.start).collect();
            (Some(held.succession.champion()), record, shares, starts)
        }
        None => (None, terms.record.clone(), Shares { entries: vec![0.0; entries.len()], burned: 0.0 }, Vec::new()),
    };
    let Shares { entries: weights, burned } = shares;
    let concluded = entries.into_iter().zip(admissions).zip(rollouts).zip(weights).enumerate();
    let entries = concluded.map(|(place, (((entry, admission), rollouts), weight))| EntryConclusion {
        entry,
        admission,
        finding: findings.remove(&place),
        rollouts,
        weight,
    });
    let entries = entries.collect();
    Ok(Conclusion { terms, entries, heats, duels, prints, starts, champion, burned, record, interrupted })
}
