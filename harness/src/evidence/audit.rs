//! Checking a log: that nobody changed it, and that its decisions follow from its scores.

use std::collections::BTreeMap;
use std::io::BufRead;

use models::source::ModelSource;
use pareto::{Challenge, HeatReason, Reason, Succession};
use serde::Serialize;

use super::body::{ReplyBody, RolloutBody, WeightsBody};
use super::hash_chain::ChainError;
use super::log::{Facts, read};
use crate::board::ScoreBoard;
use crate::record::{
    Admission, EVIDENCE_VERSION as VERSION, FindingRecord, ReignRecord, UnitScore, WindowTerms, first_sightings,
};
use crate::seeds::WindowSeed;
use crate::succession::{Field, Held, crowned_entries_follow};

/// Numbers of what an audit has checked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Audited {
    /// Records whose place, hash and signature hold.
    pub records: u64,
    /// Rollouts whose seeds were derived again.
    pub rollouts: usize,
    /// Rollouts that were made again from the models' files and came out the same.
    pub replayed: usize,
    /// Rollouts among them that a server made: that its model gave these replies is not shown by anything.
    pub not_reproducible: usize,
    /// Duels decided again.
    pub duels: usize,
    /// The validator's public key.
    pub validator: String,
    /// The champion.
    pub champion: String,
    /// The log names the one audited before it and begins from its record; else that record is taken on trust.
    pub follows: bool,
    /// Hash of its last record, which names the whole log: the validator's commitment to it.
    pub hash: String,
}

/// A log does not hold.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EvidenceError {
    /// The log cannot be read.
    #[error("cannot read the evidence")]
    Unreadable(#[source] std::io::Error),
    /// A line is not a record of this version.
    #[error("line {line} of the evidence is not a record")]
    Malformed {
        /// The line, from 1.
        line: u64,
        /// The parser's error.
        source: serde_json::Error,
    },
    /// The log was written by a program with another schema.
    #[error("the evidence has version {found}; this program audits version {VERSION}")]
    Version {
        /// Its version.
        found: u64,
    },
    /// A record is out of place.
    #[error("record {index} of the evidence does not hold: {cause}")]
    Broken {
        /// The record's place.
        index: u64,
        /// Why.
        cause: ChainError,
    },
    /// The log does not begin or end as a window does.
    #[error("the evidence is not that of a whole window: {0}")]
    Incomplete(&'static str),
    /// Something derived again comes out differently.
    #[error("{what} does not follow from the evidence")]
    Differs {
        /// What.
        what: String,
    },
}

/// A log that holds: what its rollouts can be made again from, and what the next one must follow from.
#[derive(Debug)]
pub(crate) struct Log {
    /// The window's terms.
    pub terms: WindowTerms,
    /// The entries' admissions, in order.
    pub admissions: Vec<Admission>,
    /// The findings of the screens, by entry.
    pub findings: BTreeMap<usize, FindingRecord>,
    /// The rollouts.
    pub rollouts: Vec<RolloutBody>,
    /// The record for the next window.
    pub record: ReignRecord,
    /// Hash of the last record.
    pub hash: String,
}

impl Log {
    /// The seed of the window's tasks.
    ///
    /// # Errors
    /// If the hash that the log names is none.
    pub(crate) fn seed(&self) -> Result<WindowSeed, EvidenceError> {
        seed_of(&self.terms)
    }

    /// Checks that this log is that of the window after another: it names that one's hash and begins from its record.
    ///
    /// # Errors
    /// If it does not.
    pub(crate) fn follows(&self, before: &Self) -> Result<(), EvidenceError> {
        let (one, two) = (&self.terms, &before.terms);
        let differs = |what: &str| Err(EvidenceError::Differs { what: format!("{what} of window {}", one.seed_block) });
        if (one.netuid, one.previous.as_ref()) != (two.netuid, Some(&before.hash)) {
            return differs("the log that is named as the one before that");
        }
        if one.seed_block <= two.seed_block {
            return differs("the seed block");
        }
        let (begun, left) = (&one.record, &before.record);
        if begun.champion != left.champion || begun.former != left.former {
            return differs("the champion at the beginning");
        }
        if begun.bouts != left.bouts || begun.models != left.models {
            return differs("the number of bouts at the beginning");
        }
        // Windows that came to no end may have seen more models.
        if first_sightings(begun.sightings.iter().chain(&left.sightings).cloned()) != begun.sightings {
            return differs("a model's first commitment at the beginning");
        }
        Ok(())
    }
}

/// Checks a log from its first line to its last.
///
/// # Errors
/// If it cannot be read, its chain does not hold, or a seed, a decision, a weight or the record for the next window does not
/// follow from its records.
pub(crate) fn audit(log: impl BufRead) -> Result<(Audited, Log), EvidenceError> {
    let facts = read(log)?;
    check_seeds(&facts.terms, &facts.rollouts)?;
    check_origins(&facts.terms, &facts.rollouts)?;
    let field = Field { terms: &facts.terms, admissions: &facts.admissions, findings: &facts.findings };
    check_field(&field)?;
    let held = check_decisions(&field, &facts)?;
    check_weights(&field, &held.succession, &facts.weights)?;
    check_record(&field, &held, &facts)?;
    let audited = Audited {
        records: facts.records,
        rollouts: facts.rollouts.len(),
        replayed: 0,
        not_reproducible: facts.rollouts.iter().filter(|rollout| !rollout.reproducible).count(),
        duels: facts.decisions.len(),
        validator: facts.validator,
        champion: facts.terms.entries[held.succession.champion()].hotkey.0.clone(),
        follows: false,
        hash: facts.hash.clone(),
    };
    let Facts { terms, admissions, findings, rollouts, reign, hash, .. } = facts;
    Ok((audited, Log { terms, admissions, findings, rollouts, record: reign.record, hash }))
}

/// Checks the entries that the crown adds, and that the findings name models that are known.
fn check_field(field: &Field<'_>) -> Result<(), EvidenceError> {
    let Field { terms, admissions, findings } = *field;
    let differs = |what: String| Err(EvidenceError::Differs { what });
    if !crowned_entries_follow(terms) {
        return differs("the list of crowned models' entries".to_owned());
    }
    if field.next_reserve().is_some() {
        return differs("that a former champion's model was not called upon".to_owned());
    }
    let known = field.sightings();
    for (entry, finding) in findings {
        let of = &finding.original;
        let is_known = known.iter().any(|seen| seen.snapshot == of.snapshot && seen.origin == of.origin)
            || (0..admissions.len()).any(|other| field.snapshot(other) == of.snapshot && other != *entry);
        if *entry >= terms.entries.len() || !is_known {
            return differs(format!("the original of entry {entry}, which nobody has seen,"));
        }
    }
    Ok(())
}

fn seed_of(terms: &WindowTerms) -> Result<WindowSeed, EvidenceError> {
    let hash: Option<[u8; 32]> = hex::decode(&terms.seed_hash).ok().and_then(|bytes| bytes.try_into().ok());
    let hash = hash.ok_or(EvidenceError::Incomplete("its seed hash is not one"))?;
    Ok(WindowSeed::new(&hash, terms.seed_block, terms.netuid))
}

fn check_seeds(terms: &WindowTerms, rollouts: &[RolloutBody]) -> Result<(), EvidenceError> {
    let seed = seed_of(terms)?;
    for rollout in rollouts {
        if rollout.entry >= terms.entries.len() {
            let what = format!("a rollout of entry {}, which there is not,", rollout.entry);
            return Err(EvidenceError::Differs { what });
        }
        let derived = terms.environments.get(rollout.environment).map(|id| seed.task(id, rollout.task).0);
        if derived != Some(rollout.seed) {
            let RolloutBody { entry, environment, task, .. } = rollout;
            let what = format!("the seed of entry {entry}'s task {task} in environment {environment}");
            return Err(EvidenceError::Differs { what });
        }
    }
    Ok(())
}

/// A rollout can be reproduced if no server ran its model, and only then; where it can, it has token ids.
fn check_origins(terms: &WindowTerms, rollouts: &[RolloutBody]) -> Result<(), EvidenceError> {
    let served = |entry: usize| {
        let model = terms.entries.get(entry).map_or("", |entry| entry.model.as_str());
        matches!(model.parse(), Ok(ModelSource::Server(_)))
            || terms.settings.served.iter().any(|served| served.model.to_string() == model)
    };
    let text = |reply: &ReplyBody| matches!(reply, ReplyBody::Text(_));
    for rollout in rollouts {
        let texts = rollout.replies.iter().any(text);
        if rollout.reproducible == served(rollout.entry) || (rollout.reproducible && texts) {
            let RolloutBody { entry, environment, task, .. } = rollout;
            let whether = if rollout.reproducible { "can" } else { "cannot" };
            let what = format!("that entry {entry}'s task {task} in environment {environment} {whether} be reproduced");
            return Err(EvidenceError::Differs { what });
        }
    }
    Ok(())
}

fn check_decisions(field: &Field<'_>, facts: &Facts) -> Result<Held, EvidenceError> {
    let scores = facts.rollouts.iter().map(|rollout| (rollout.entry, UnitScore::from(rollout))).collect();
    let board = ScoreBoard::new(field.terms.entries.len(), scores);
    // A window that came to no end has begun no more bouts than it states.
    let most = if facts.reign.interrupted { facts.decisions.len() } else { usize::MAX };
    let held = field.decide(&board, most).map_err(|_| EvidenceError::Incomplete("its settings are not usable"))?;
    let held = held.ok_or(EvidenceError::Incomplete("nobody was admitted"))?;
    let differs = |what: String| Err(EvidenceError::Differs { what });
    let heats = facts.heats.iter().map(|heat| (heat.challenger, &heat.decision));
    if !heats.eq(held.heats.iter().map(|(entry, decision)| (*entry, decision))) {
        return differs("the outcome of a heat".to_owned());
    }
    if let Some((entry, _)) = held.heats.iter().find(|(_, heat)| heat.reason == HeatReason::MoreTasksNeeded) {
        return differs(format!("that the heat of entry {entry} has ended"));
    }
    for (place, duel) in held.duels.iter().enumerate() {
        let Challenge { champion, challenger, number, .. } = duel.challenge;
        let is_last = place + 1 == held.duels.len();
        let has_ended = duel.decision.reason != Reason::MoreTasksNeeded || (facts.reign.interrupted && is_last);
        let same = facts.decisions.get(place).is_some_and(|recorded| {
            (recorded.duel, recorded.champion, recorded.challenger, recorded.number)
                == (place, champion, challenger, number)
                && recorded.decision == duel.decision
        });
        if !same || !has_ended {
            return differs(format!("the decision on entry {challenger}"));
        }
    }
    match facts.decisions.get(held.duels.len()) {
        Some(extra) => differs(format!("a decision on entry {}", extra.challenger)),
        None => Ok(held),
    }
}

fn check_weights(field: &Field<'_>, succession: &Succession, recorded: &WeightsBody) -> Result<(), EvidenceError> {
    let expected = field
        .shares(succession)
        .map_err(|_| EvidenceError::Incomplete("its settings for the weights are not usable"))?;
    let entries = &field.terms.entries;
    let same = recorded.burned == expected.burned
        && recorded.entries.len() == entries.len()
        && recorded.entries.iter().zip(entries).zip(expected.entries).all(|((recorded, entry), share)| {
            recorded.hotkey == entry.hotkey && recorded.uid == entry.uid && recorded.weight == share
        });
    if same { Ok(()) } else { Err(EvidenceError::Differs { what: "the weights".to_owned() }) }
}

fn check_record(field: &Field<'_>, held: &Held, facts: &Facts) -> Result<(), EvidenceError> {
    if field.record_after(&held.succession, &held.duels) == facts.reign.record {
        return Ok(());
    }
    Err(EvidenceError::Differs { what: "the record for the next window".to_owned() })
}

#[cfg(test)]
mod tests;
