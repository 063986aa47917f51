//! The window that plays: its state as it would be closed now, from what is stored.

use std::collections::BTreeMap;

use pareto::screens::{Finding, FindingKind, Yardstick};

use crate::record::{Admission, Conclusion, Fault, FindingRecord, Rollout, Sighting, WindowTerms};
use crate::store::{RunId, Store, StoreError};
use crate::window::{RecordedFacts, Unchallenged, decide_recorded};

/// State of the window that plays.
#[derive(Debug)]
pub(super) enum Live {
    /// No window plays.
    Nothing,
    /// Models are being fetched and checked.
    Admitting {
        /// The window's seed block.
        window: u64,
        /// Entries so far.
        admitted: usize,
        /// All entries.
        entries: usize,
    },
    /// Heats and duels are played.
    Playing(Box<Conclusion>),
}

/// The latest window of a database that has not ended.
///
/// # Errors
/// If the database cannot be read.
pub(super) async fn live(store: &Store) -> Result<Live, StoreError> {
    let Some((run, terms)) = store.latest_run(None).await? else { return Ok(Live::Nothing) };
    if store.is_finished(run).await? {
        return Ok(Live::Nothing);
    }
    let (window, entries) = (terms.seed_block, terms.entries.len());
    let admissions: Vec<Admission> = store.admissions(run).await?.into_values().collect();
    if admissions.len() < entries {
        return Ok(Live::Admitting { window, admitted: admissions.len(), entries });
    }
    let findings = findings(&terms, &admissions, &store.sightings(run).await?);
    let facts = RecordedFacts {
        findings,
        prints: Vec::new(),
        rollouts: rollouts(store, run).await?,
        interrupted: Some(store.bouts(run).await?),
        unchallenged: Unchallenged::Rests,
        admissions,
        terms,
    };
    Ok(match decide_recorded(facts).await {
        Ok(conclusion) => Live::Playing(Box::new(conclusion)),
        Err(error) => {
            tracing::debug!(%error, "the state of the window that plays cannot be told");
            Live::Admitting { window, admitted: entries, entries }
        }
    })
}

/// Scores of all rollouts as rollouts without replies, which decide nothing.
async fn rollouts(store: &Store, run: RunId) -> Result<Vec<Rollout>, StoreError> {
    let rollout = |(entry, unit): (usize, crate::record::UnitScore)| Rollout {
        entry,
        environment: unit.environment,
        task: unit.task,
        seed: 0,
        replies: Vec::new(),
        score: unit.score.unwrap_or(0.0),
        reason: String::new(),
        fault: unit.score.is_none().then_some(Fault::Environment),
        reproducible: true,
        attempts: 1,
        seconds: 0.0,
    };
    Ok(store.scores(run).await?.into_iter().map(rollout).collect())
}

/// Entries that do not play since they were found to be copies: their origin is another miner. The measures are in the evidence
/// that the window ends with.
fn findings(terms: &WindowTerms, admissions: &[Admission], sightings: &[Sighting]) -> BTreeMap<usize, FindingRecord> {
    let mut findings = BTreeMap::new();
    for (entry, admission) in admissions.iter().enumerate() {
        let snapshot = admission.snapshot(&terms.entries[entry].model);
        let seen = sightings.iter().find(|seen| seen.snapshot == snapshot);
        let Some(seen) = seen.filter(|seen| seen.origin != terms.entries[entry].hotkey) else { continue };
        let (kind, yardstick) = (FindingKind::NearTensors, Yardstick::Whole);
        let finding = Finding { entry, kind, of: None, measure: 0.0, threshold: 0.0, yardstick };
        let original = Sighting { hotkey: seen.origin.clone(), ..seen.clone() };
        let sentence = format!("copy: its origin is {}", seen.origin);
        findings.insert(entry, FindingRecord { finding, original, sentence });
    }
    findings
}

#[cfg(test)]
mod tests;
