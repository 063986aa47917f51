//! Agreement of validators on a window: one decision on the stake-weighted median of their logs' scores.
//!
//! Each validator decides a window by itself, publishes the hash of its log's last record (the commitment), and reveals
//! the log when the commitments are known, so that nobody can copy another's scores. Whoever holds the same logs and the
//! same stakes computes the same champion, numbers and bouts to the byte: see [`pareto::agreement`].

use std::collections::BTreeMap;

use pareto::agreement::{ScoreTable, agree as median};
use pareto::{DuelError, Verdict};
use serde::Serialize;

use super::audit::Log;
use crate::agreed::AgreedRecord;
use crate::board::ScoreBoard;
use crate::record::{Admission, AdmissionOutcome, FindingRecord, ReignRecord, UnitScore, WindowTerms};
use crate::registry::{Hotkey, Uid};
use crate::succession::{Field, Held, Shares};

/// A validator's log of the window, which holds by itself.
#[derive(Debug)]
pub(crate) struct Revealed {
    /// The validator's public key, as hexadecimal digits.
    pub(crate) validator: String,
    /// Stake behind it.
    pub(crate) stake: u64,
    /// The log.
    pub(crate) log: Log,
}

/// A window that validators have decided together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Agreement {
    /// The champion; none where no entry plays.
    pub(crate) champion: Option<Hotkey>,
    /// True if it has dethroned another in this window.
    pub(crate) dethroned: bool,
    /// Scores on which validators with more than half of the stake speak.
    pub(crate) scores: usize,
    /// Those among them on which not all who speak say the same.
    pub(crate) disputed: usize,
    /// Bouts held on them.
    pub(crate) bouts: usize,
    /// Shares of emission of those that have one.
    pub(crate) weights: Vec<AgreedWeight>,
    /// The share that goes to uid 0 to be burned, where no entry has that number.
    pub(crate) burned: f64,
    /// The record that the next window begins from.
    pub(crate) record: AgreedRecord,
}

/// An entry's share of emission.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct AgreedWeight {
    /// The miner's number.
    pub(crate) uid: Uid,
    /// The miner's address.
    pub(crate) hotkey: Hotkey,
    /// The share.
    pub(crate) weight: f64,
}

/// Logs on which no decision can be taken together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AgreementError {
    /// There is none.
    #[error("there is no log to agree on")]
    Nothing,
    /// Two logs are of one validator.
    #[error("two logs are signed by {0}")]
    Twice(String),
    /// They are of other windows, entries, settings or records.
    #[error("the logs of {one} and {other} differ in their terms: {what}")]
    Terms {
        /// A validator.
        one: String,
        /// Another one.
        other: String,
        /// First part of the terms that differs.
        what: String,
    },
    /// A score or a setting cannot be used.
    #[error("the scores cannot be decided on: {0}")]
    Unusable(String),
}

type Key = (usize, usize, u32);

/// Decides a window on the median of the revealed logs' scores; `absent` is the stake of the validators that reveal none.
///
/// An entry's admission and finding are those with the most stake behind them. A bout is held as far as there are scores:
/// one that needs more is put down undecided and goes on in the next window, and one without any is not begun.
///
/// # Errors
/// If there is no log, two are of one validator, their terms differ, or a score or setting is not usable.
pub(crate) fn agree(revealed: &[Revealed], absent: u64) -> Result<Agreement, AgreementError> {
    // The order of the files is nobody's choice.
    let mut revealed: Vec<&Revealed> = revealed.iter().collect();
    revealed.sort_by(|one, other| one.validator.cmp(&other.validator));
    let first = *revealed.first().ok_or(AgreementError::Nothing)?;
    for pair in revealed.windows(2) {
        if pair[0].validator == pair[1].validator {
            return Err(AgreementError::Twice(pair[0].validator.clone()));
        }
        if let Some(what) = difference(&pair[0].log.terms, &pair[1].log.terms) {
            let (one, other) = (pair[0].validator.clone(), pair[1].validator.clone());
            return Err(AgreementError::Terms { one, other, what });
        }
    }
    let terms = &first.log.terms;
    let (admissions, findings) = statements(&revealed);
    let field = Field { terms, admissions: &admissions, findings: &findings };
    let tables = tables(&revealed);
    let unusable = |error: &dyn std::fmt::Display| AgreementError::Unusable(error.to_string());
    let scores = median(&tables, absent).map_err(|error| unusable(&error))?;
    let disputed = scores.keys().filter(|key| is_disputed(&tables, key)).count();
    let agreed = scores.iter().map(|((entry, environment, task), score)| {
        (*entry, UnitScore { environment: *environment, task: *task, score: *score })
    });
    let board = ScoreBoard::new(terms.entries.len(), agreed.collect());
    let held = decide(&field, &board).map_err(|error| unusable(&error))?;
    let nobody = || Shares { entries: vec![0.0; terms.entries.len()], burned: 0.0 };
    let shares = held.as_ref().map(|held| field.shares(&held.succession)).transpose();
    let shares = shares.map_err(|error| unusable(&error))?.unwrap_or_else(nobody);
    let record = match &held {
        Some(held) => field.record_after(&held.succession, &held.duels),
        None => ReignRecord { sightings: field.sightings(), ..terms.record.clone() },
    };
    let crowned = held.as_ref().filter(|_| record.regency == 0);
    let champion = crowned.map(|held| terms.entries[held.succession.champion()].hotkey.clone());
    let share = |(place, weight): (usize, &f64)| {
        let entry = &terms.entries[place];
        Some(AgreedWeight { uid: entry.uid?, hotkey: entry.hotkey.clone(), weight: *weight })
    };
    Ok(Agreement {
        champion,
        dethroned: held.as_ref().is_some_and(|held| held.succession.dethroned().is_some()),
        scores: scores.len(),
        disputed,
        bouts: held.map_or(0, |held| held.duels.len()),
        weights: shares.entries.iter().enumerate().filter(|(_, weight)| **weight > 0.0).filter_map(share).collect(),
        burned: shares.burned,
        record: AgreedRecord::new(terms.netuid, terms.seed_block, None, record),
    })
}

/// Heats and bouts on the agreed scores, without the bouts on which there are none.
fn decide(field: &Field<'_>, board: &ScoreBoard) -> Result<Option<Held>, DuelError> {
    let Some(held) = field.decide(board, usize::MAX)? else { return Ok(None) };
    let without =
        |duel: &crate::succession::HeldDuel| duel.decision.verdict == Verdict::Undecided && duel.start == duel.end;
    match held.duels.iter().position(without) {
        Some(begun) => field.decide(board, begun),
        None => Ok(Some(held)),
    }
}

/// Each entry's admission and finding with the most stake behind them; of several with as much, the first in the order of
/// their texts.
fn statements(revealed: &[&Revealed]) -> (Vec<Admission>, BTreeMap<usize, FindingRecord>) {
    let (mut admissions, mut findings) = (Vec::new(), BTreeMap::new());
    for entry in 0..revealed[0].log.admissions.len() {
        let mut stakes: BTreeMap<String, (u128, &Revealed)> = BTreeMap::new();
        for one in revealed {
            // Measures are of each validator's own secret, and differ in their last digits.
            let finding = one.log.findings.get(&entry).map(|found| (found.finding.kind, &found.original));
            // So are the words in which a machine says why an entry was absent.
            let Admission { outcome, files } = &one.log.admissions[entry];
            let reason = outcome.reason().filter(|_| matches!(outcome, AdmissionOutcome::Refused(_)));
            let statement = format!("{} {reason:?} {files:?} {finding:?}", outcome.word());
            stakes.entry(statement).or_insert((0, one)).0 += u128::from(one.stake);
        }
        let most = stakes.values().map(|(stake, _)| *stake).max();
        let said = stakes.values().find(|(stake, _)| Some(*stake) == most).map_or(revealed[0], |(_, one)| *one);
        admissions.push(said.log.admissions[entry].clone());
        findings.extend(said.log.findings.get(&entry).map(|finding| (entry, finding.clone())));
    }
    (admissions, findings)
}

fn tables(revealed: &[&Revealed]) -> Vec<ScoreTable<Key>> {
    let table = |one: &&Revealed| {
        let scores = one.log.rollouts.iter().map(|rollout| {
            let UnitScore { environment, task, score } = UnitScore::from(rollout);
            ((rollout.entry, environment, task), score)
        });
        ScoreTable { stake: one.stake, scores: scores.collect() }
    };
    revealed.iter().map(table).collect()
}

fn is_disputed(tables: &[ScoreTable<Key>], key: &Key) -> bool {
    let mut said = tables.iter().filter_map(|table| table.scores.get(key));
    let first = said.next();
    said.any(|other| Some(other) != first)
}

/// The first part in which two windows' terms differ.
fn difference(one: &WindowTerms, other: &WindowTerms) -> Option<String> {
    if one == other {
        return None;
    }
    let parts = |terms: &WindowTerms| serde_json::to_value(terms).expect("terms are plain data");
    let (one, other) = (parts(one), parts(other));
    let fields = one.as_object().into_iter().flatten();
    fields.filter(|(name, value)| other.get(name.as_str()) != Some(value)).map(|(name, _)| name.clone()).next()
}

#[cfg(test)]
mod tests;
