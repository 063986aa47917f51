//! Checking a log: that nobody changed it, and that its decisions follow from its scores.

use std::collections::BTreeMap;
use std::io::BufRead;

use models::responder::Work;
use models::source::ModelSource;
use models::untrusted::UntrustedText;
use serde::Serialize;
use serde_json::value::RawValue;

use super::body::{Body, ReplyBody, RolloutBody, records};
use super::findings::check_findings;
use super::hash_chain::ChainError;
use super::log::{Facts, read};
use super::prints::check_prints;
use super::unchecked::Unchecked;
use crate::budget::{SPENT, WorkBudget};
use crate::record::{
    Admission, AdmissionOutcome, Conclusion, EVIDENCE_VERSION as VERSION, EntryTerms, FindingRecord, PrintRecord,
    ReignRecord, WindowTerms, first_sightings,
};
use crate::registry::Role;
use crate::rollout::ExecutorError;
use crate::seeds::WindowSeed;
use crate::store::BegunBout;
use crate::succession::{Field, entries_follow};
use crate::units::Unit;
use crate::window::{RecordedFacts, Unchallenged, WindowError, decide_recorded};

/// Numbers of what an audit has checked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Audited {
    /// Records whose place, hash and signature hold.
    pub records: u64,
    /// Rollouts whose seeds were derived again.
    pub rollouts: usize,
    /// Rollouts that were made again from the models' files and came out the same.
    pub replayed: usize,
    /// Rollouts whose replies were judged again.
    pub judged: usize,
    /// Refusals that were found again in the models' files.
    pub refusals: usize,
    /// Findings that were found again in the models' files.
    pub findings: usize,
    /// Rollouts among them that a server made: that its model gave these replies is not shown by anything.
    pub not_reproducible: usize,
    /// Duels decided again.
    pub duels: usize,
    /// The validator's public key.
    pub validator: String,
    /// The champion; none where no entry plays.
    pub champion: Option<String>,
    /// The log names the one audited before it and begins from its record; else that record is taken on trust.
    pub follows: bool,
    /// Hash of its last record, which names the whole log: the validator's commitment to it.
    pub hash: String,
    /// The parts that were taken as they are stated.
    pub unchecked: Vec<Unchecked>,
}

/// A log does not hold.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EvidenceError {
    /// The log cannot be read.
    #[error("cannot read the evidence")]
    Unreadable(#[source] std::io::Error),
    /// A line is not a record of this version.
    #[error("line {line} of the evidence is not a record: {cause}")]
    Malformed {
        /// The line, from 1.
        line: u64,
        /// The parser's error, which may quote the line.
        cause: UntrustedText,
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
    /// This machine could not decide the window again.
    #[error("the window cannot be decided again")]
    Undecidable(#[source] Box<WindowError>),
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
    /// The window came to no end.
    pub interrupted: bool,
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
        if (&begun.champion, begun.regency, &begun.former) != (&left.champion, left.regency, &left.former) {
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

/// Checks a log from its first line to its last: what it states is taken, and the whole log is written again from that.
///
/// # Errors
/// If it cannot be read, its chain does not hold, a seed does not follow from its terms, or the log that follows from its
/// admissions, findings and rollouts is another one.
pub(crate) async fn audit(log: impl BufRead) -> Result<(Audited, Log), EvidenceError> {
    let (facts, conclusion) = derive(log).await?;
    let champion = conclusion.holder().map(|entry| facts.terms.entries[entry].hotkey.0.clone());
    let audited = Audited {
        records: facts.records.len() as u64,
        rollouts: facts.rollouts.len(),
        replayed: 0,
        judged: 0,
        refusals: 0,
        findings: 0,
        not_reproducible: facts.rollouts.iter().filter(|rollout| !rollout.reproducible).count(),
        duels: facts.decisions.len(),
        validator: facts.validator,
        champion,
        follows: false,
        hash: facts.hash.clone(),
        unchecked: Vec::new(),
    };
    let Facts { terms, admissions, findings, rollouts, interrupted, hash, .. } = facts;
    let record = conclusion.record;
    Ok((audited, Log { terms, admissions, findings, rollouts, record, interrupted, hash }))
}

/// The conclusion of a log's window, after the same checks as an audit's.
///
/// # Errors
/// As [`audit`].
pub(crate) async fn concluded(log: impl BufRead) -> Result<Conclusion, EvidenceError> {
    Ok(derive(log).await?.1)
}

/// Reads a log, checks it, and writes it again from what it states.
async fn derive(log: impl BufRead) -> Result<(Facts, Conclusion), EvidenceError> {
    let facts = read(log)?;
    facts.terms.settings.deciding.check().map_err(|_| EvidenceError::Incomplete("its settings are not usable"))?;
    check_seeds(&facts.terms, &facts.rollouts)?;
    check_origins(&facts.terms, &facts.rollouts)?;
    check_work(&facts.terms, &facts.rollouts)?;
    let field = Field { terms: &facts.terms, admissions: &facts.admissions, findings: &facts.findings };
    check_field(&field, &facts.prints)?;
    let conclusion = decide_again(&facts).await?;
    compare(&facts.records, &records(&conclusion, &facts.validator))?;
    Ok((facts, conclusion))
}

/// Decides the window again on what the log states.
async fn decide_again(facts: &Facts) -> Result<Conclusion, EvidenceError> {
    let Facts { terms, admissions, findings, rollouts, decisions, .. } = facts;
    let snapshot = |entry: usize| {
        let place = |admission: &Admission| admission.snapshot(&terms.entries[entry].model);
        admissions.get(entry).map(place).unwrap_or_default()
    };
    let begun = decisions.iter().map(|bout| BegunBout {
        number: bout.number,
        champion: snapshot(bout.champion),
        snapshot: snapshot(bout.challenger),
    });
    // Only an evaluation has rollouts without a heat or a bout.
    let is_evaluation = decisions.is_empty() && facts.heats == 0 && !rollouts.is_empty();
    let stated = RecordedFacts {
        terms: terms.clone(),
        admissions: admissions.clone(),
        findings: findings.clone(),
        prints: facts.prints.clone(),
        rollouts: rollouts.iter().map(RolloutBody::to_rollout).collect(),
        interrupted: facts.interrupted.then(|| begun.collect()),
        unchallenged: if is_evaluation { Unchallenged::Answers } else { Unchallenged::Rests },
    };
    decide_recorded(stated).await.map_err(|error| match error {
        WindowError::Executor(ExecutorError::NotRecorded { entry, unit }) => {
            let (task, environment) = (unit.task, unit.environment);
            let what = format!("that entry {entry} was not asked for task {task} in environment {environment}");
            EvidenceError::Differs { what }
        }
        error => EvidenceError::Undecidable(Box::new(error)),
    })
}

/// Compares the records of a log with those that follow from what it states, byte for byte and in order.
fn compare(found: &[(String, Box<RawValue>)], derived: &[Body]) -> Result<(), EvidenceError> {
    for (place, body) in derived.iter().enumerate() {
        let (kind, text) = body.encode();
        if !found.get(place).is_some_and(|(found, body)| found == kind && *body.get() == *text) {
            return Err(EvidenceError::Differs { what: format!("{body} (record {place})") });
        }
    }
    match found.get(derived.len()) {
        Some((kind, _)) => Err(EvidenceError::Differs { what: format!("a further {kind} (record {})", derived.len()) }),
        None => Ok(()),
    }
}

/// Checks the order of the entries, those that the crown adds, who was called upon and who came too late, and that the
/// findings name models that are known.
fn check_field(field: &Field<'_>, prints: &[PrintRecord]) -> Result<(), EvidenceError> {
    let Field { terms, admissions, .. } = *field;
    let differs = |what: String| Err(EvidenceError::Differs { what });
    if !entries_follow(terms) {
        return differs("the list of crowned models' entries".to_owned());
    }
    check_reserves(field)?;
    for (place, (entry, admission)) in terms.entries.iter().zip(admissions).enumerate() {
        check_admission(terms, entry, admission).or_else(|what| differs(format!("that entry {place} {what}")))?;
    }
    check_findings(field).or_else(differs)?;
    check_prints(field, prints)
}

/// Checks that former champions' models were called upon in their order, as far as they were needed and no farther, and then
/// the one that stands guard; and again wherever a champion or a guard has left the window while it played.
fn check_reserves(field: &Field<'_>) -> Result<(), EvidenceError> {
    let mut called = field.admissions.to_vec();
    for (entry, admission) in field.terms.entries.iter().zip(&mut called) {
        if entry.role == Role::Former {
            *admission = Admission { outcome: AdmissionOutcome::Reserve, files: Vec::new() };
        } else if has_left(admission) {
            admission.outcome = AdmissionOutcome::Admitted;
        }
    }
    let is_missing = field.next_reserve().is_some() || field.next_guard().is_some();
    match !is_missing && follows_from_calls(field, called) {
        true => Ok(()),
        false => Err(EvidenceError::Differs { what: "which former champion's model was called upon".to_owned() }),
    }
}

/// True of an entry that was admitted and could not be run in its place.
fn has_left(admission: &Admission) -> bool {
    matches!(admission.outcome, AdmissionOutcome::Absent(_)) && !admission.files.is_empty()
}

/// True if the log's admissions follow from these by calls upon reserves, and by champions and guards that leave in some order.
fn follows_from_calls(field: &Field<'_>, mut called: Vec<Admission>) -> bool {
    let arrived = |place: usize| {
        let admission = &field.admissions[place];
        let outcome = if has_left(admission) { AdmissionOutcome::Admitted } else { admission.outcome.clone() };
        Admission { outcome, files: admission.files.clone() }
    };
    while let Some((place, _)) = (Field { admissions: &called, ..*field }).next_reserve() {
        if called[place] == field.admissions[place] {
            break;
        }
        called[place] = arrived(place);
    }
    if let Some(place) = (Field { admissions: &called, ..*field }).next_guard() {
        called[place] = arrived(place);
    }
    if called == field.admissions {
        return true;
    }
    let now = Field { admissions: &called, ..*field };
    let reigning = now.crowned().or_else(|| now.playing().first().copied());
    let leaving = [reigning, now.guard()].into_iter().flatten();
    let leaving: Vec<usize> = leaving.filter(|place| has_left(&field.admissions[*place])).collect();
    leaving.into_iter().any(|place| {
        let mut left = called.clone();
        left[place] = field.admissions[place].clone();
        follows_from_calls(field, left)
    })
}

/// Checks that an admission is one that an entry of these terms can have.
fn check_admission(terms: &WindowTerms, entry: &EntryTerms, admission: &Admission) -> Result<(), &'static str> {
    let is_late = entry.committed >= terms.seed_block;
    let is_server = matches!(entry.model.parse(), Ok(ModelSource::Server(_)));
    let Admission { outcome, files } = admission;
    match outcome {
        AdmissionOutcome::Reserve if entry.role != Role::Former => Err("is held in reserve"),
        AdmissionOutcome::Reserve if files.is_empty() => Ok(()),
        AdmissionOutcome::Late if is_late && files.is_empty() => Ok(()),
        _ if is_late => Err("is not late"),
        AdmissionOutcome::Admitted | AdmissionOutcome::Left(_) if files.is_empty() == is_server => Ok(()),
        AdmissionOutcome::Refused(_) if !is_server => Ok(()),
        // A server's model has no files, and others may have had them before they could not be run.
        AdmissionOutcome::Absent(_) if !is_server || files.is_empty() => Ok(()),
        _ => Err("has these files and this standing"),
    }
}

fn seed_of(terms: &WindowTerms) -> Result<WindowSeed, EvidenceError> {
    terms.seed().ok_or(EvidenceError::Incomplete("its seed hash is not one"))
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
    let served = |entry: usize| terms.entries.get(entry).is_some_and(|entry| terms.is_served(&entry.model));
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

/// A task is left unanswered where the entry's budget of work was spent before it, and only there; no reply has more tokens
/// than were counted.
fn check_work(terms: &WindowTerms, rollouts: &[RolloutBody]) -> Result<(), EvidenceError> {
    let unit = |rollout: &RolloutBody| Unit { task: rollout.task, environment: rollout.environment };
    let answered = rollouts.iter().filter(|rollout| !rollout.is_unpaid());
    let works = answered.map(|rollout| (rollout.entry, unit(rollout), rollout.work));
    let budget = WorkBudget::new(terms.entries.len(), terms.settings.deciding.work.allowed(), works);
    for rollout in rollouts {
        let tokens = |reply: &ReplyBody| if let ReplyBody::Tokens(tokens) = reply { tokens.len() as u64 } else { 0 };
        let said: u64 = rollout.replies.iter().map(tokens).sum();
        let is_counted =
            if rollout.reproducible { rollout.work.tokens >= said } else { rollout.work == Work::default() };
        let is_unpaid = rollout.is_unpaid();
        let is_empty = rollout.replies.is_empty() && rollout.score == 0.0 && rollout.reason == SPENT;
        let is_as_it_was = !is_unpaid || is_empty && rollout.work == Work::default();
        if budget.is_spent(rollout.entry, unit(rollout)) != is_unpaid || !is_as_it_was || !is_counted {
            let RolloutBody { entry, environment, task, .. } = rollout;
            let what = format!("the work of entry {entry}'s task {task} in environment {environment}");
            return Err(EvidenceError::Differs { what });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
