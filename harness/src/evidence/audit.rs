//! Checking a log: that nobody changed it, and that its decisions follow from its scores.

use std::io::BufRead;

use ed25519_dalek::VerifyingKey;
use models::source::ModelSource;
use pareto::{Bout, Challenge, Succession};
use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::body::{AdmissionBody, ReplyBody, RolloutBody, WeightsBody};
use super::hash_chain::{ChainError, HashChain, Record};
use crate::record::{DuelRecord, EVIDENCE_VERSION as VERSION, FindingRecord, UnitScore, WindowTerms, playing};
use crate::seeds::WindowSeed;
use crate::succession::{decide_duel, open, shares};

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

/// A log that holds: what its rollouts can be made again from.
#[derive(Debug)]
pub(crate) struct Log {
    /// The window's terms.
    pub terms: WindowTerms,
    /// The entries' admissions, in order.
    pub admissions: Vec<AdmissionBody>,
    /// The rollouts.
    pub rollouts: Vec<RolloutBody>,
}

impl Log {
    /// The seed of the window's tasks.
    ///
    /// # Errors
    /// If the hash that the log names is none.
    pub(crate) fn seed(&self) -> Result<WindowSeed, EvidenceError> {
        seed_of(&self.terms)
    }
}

/// The facts of a log whose chain holds.
#[derive(Debug, Default)]
struct Facts {
    opened: Option<(WindowTerms, String)>,
    admissions: Vec<AdmissionBody>,
    findings: Vec<usize>,
    rollouts: Vec<RolloutBody>,
    decisions: Vec<DuelRecord>,
    weights: Option<WeightsBody>,
}

#[derive(Deserialize)]
struct OpenedBody {
    opened: WindowTerms,
    validator: String,
}

#[derive(Deserialize)]
struct FindingBody {
    entry: usize,
    #[serde(rename = "finding")]
    _finding: FindingRecord,
}

/// Checks a log from its first line to its last.
///
/// # Errors
/// If it cannot be read, its chain does not hold, or a seed, a decision or a weight does not follow from its records.
pub(crate) fn audit(log: impl BufRead) -> Result<(Audited, Log), EvidenceError> {
    let (mut facts, records) = read(log)?;
    let (terms, validator) = facts.opened.take().ok_or(EvidenceError::Incomplete("it has no first record"))?;
    let weights = facts.weights.as_ref().ok_or(EvidenceError::Incomplete("it ends before the weights"))?;
    check_seeds(&terms, &facts.rollouts)?;
    check_origins(&terms, &facts.rollouts)?;
    let playing = facts.playing(&terms)?;
    let succession = check_decisions(&terms, &facts, &playing)?;
    check_weights(&terms, &succession, &playing, weights)?;
    let audited = Audited {
        records,
        rollouts: facts.rollouts.len(),
        replayed: 0,
        not_reproducible: facts.rollouts.iter().filter(|rollout| !rollout.reproducible).count(),
        duels: facts.decisions.len(),
        validator,
        champion: terms.entries[succession.champion()].hotkey.0.clone(),
    };
    let Facts { admissions, rollouts, .. } = facts;
    Ok((audited, Log { terms, admissions, rollouts }))
}

fn read(log: impl BufRead) -> Result<(Facts, u64), EvidenceError> {
    let mut facts = Facts::default();
    let mut chain = HashChain::default();
    let mut validator = None;
    let mut count = 0;
    for line in log.lines() {
        let line = line.map_err(EvidenceError::Unreadable)?;
        count += 1;
        let malformed = |source| EvidenceError::Malformed { line: count, source };
        let record: Record = serde_json::from_str(&line).map_err(malformed)?;
        let signer = match &validator {
            Some(signer) => *signer,
            None => *validator.insert(first_signer(&record)?),
        };
        chain.follow(&record, &signer).map_err(|cause| EvidenceError::Broken { index: record.index, cause })?;
        facts.take(&record).map_err(malformed)?;
    }
    Ok((facts, count))
}

fn first_signer(record: &Record) -> Result<VerifyingKey, EvidenceError> {
    // The version first: another one's records have other fields.
    let any: serde_json::Value =
        serde_json::from_str(record.body.get()).map_err(|source| EvidenceError::Malformed { line: 1, source })?;
    if let Some(found) = any["opened"]["version"].as_u64().filter(|found| *found != u64::from(VERSION)) {
        return Err(EvidenceError::Version { found });
    }
    let body: OpenedBody =
        serde_json::from_str(record.body.get()).map_err(|source| EvidenceError::Malformed { line: 1, source })?;
    let bytes: Option<[u8; 32]> = hex::decode(&body.validator).ok().and_then(|bytes| bytes.try_into().ok());
    bytes
        .and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok())
        .ok_or(EvidenceError::Incomplete("its first record names no validator key"))
}

impl Facts {
    /// The playing entries, in order of commitment.
    fn playing(&self, terms: &WindowTerms) -> Result<Vec<usize>, EvidenceError> {
        if !self.admissions.iter().map(|body| body.entry).eq(0..terms.entries.len()) {
            return Err(EvidenceError::Incomplete("it does not hold one admission of each entry, in order"));
        }
        let outcomes = self.admissions.iter().map(|body| &body.admission.outcome);
        Ok(playing(outcomes, |entry| self.findings.contains(&entry)))
    }

    fn take(&mut self, record: &Record) -> Result<(), serde_json::Error> {
        fn parse<T: DeserializeOwned>(record: &Record) -> Result<T, serde_json::Error> {
            serde_json::from_str(record.body.get())
        }
        match record.kind.as_str() {
            // The first one said who signs; another one would say it of what somebody else has signed.
            "opened" if self.opened.is_some() => {
                return Err(serde::de::Error::custom("a window is opened once"));
            }
            "opened" => {
                let body: OpenedBody = parse(record)?;
                self.opened = Some((body.opened, body.validator));
            }
            "admission" => self.admissions.push(parse(record)?),
            "finding" => self.findings.push(parse::<FindingBody>(record)?.entry),
            "rollout" => self.rollouts.push(parse(record)?),
            "decision" => self.decisions.push(parse(record)?),
            "weights" => self.weights = Some(parse(record)?),
            other => {
                return Err(serde::de::Error::custom(format!("its kind {other:?} is not one that this program knows")));
            }
        }
        Ok(())
    }
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

fn check_decisions(terms: &WindowTerms, facts: &Facts, playing: &[usize]) -> Result<Succession, EvidenceError> {
    let mut succession = open(terms, playing)
        .map_err(|_| EvidenceError::Incomplete("its alpha is not usable"))?
        .ok_or(EvidenceError::Incomplete("nobody was admitted"))?;
    let mut recorded = facts.decisions.iter();
    let unusable = |_| EvidenceError::Incomplete("its alpha is not usable");
    while let Some(Bout { challenge, .. }) = succession.next_bout().map_err(unusable)? {
        let Challenge { champion, challenger, number, alpha } = challenge;
        let differs = || EvidenceError::Differs { what: format!("the decision on entry {challenger}") };
        let decision = recorded.next().ok_or_else(differs)?;
        let scores = |entry| scores_of(&facts.rollouts, entry);
        let settings = &terms.settings.deciding.duel;
        let again = decide_duel(terms.environments.len(), &scores(champion), &scores(challenger), settings, alpha)
            .map_err(|_| differs())?;
        let same = decision.challenger == challenger
            && decision.champion == champion
            && decision.number == number
            && decision.decision == again;
        if !same {
            return Err(differs());
        }
        succession.settle(&challenge, again.verdict);
    }
    match recorded.next() {
        Some(extra) => Err(EvidenceError::Differs { what: format!("a decision on entry {}", extra.challenger) }),
        None => Ok(succession),
    }
}

fn scores_of(rollouts: &[RolloutBody], entry: usize) -> Vec<UnitScore> {
    rollouts.iter().filter(|rollout| rollout.entry == entry).map(UnitScore::from).collect()
}

fn check_weights(
    terms: &WindowTerms,
    succession: &Succession,
    playing: &[usize],
    recorded: &WeightsBody,
) -> Result<(), EvidenceError> {
    let expected = shares(terms, playing, succession)
        .map_err(|_| EvidenceError::Incomplete("its settings for the weights are not usable"))?;
    let same = recorded.burned == expected.burned
        && recorded.entries.len() == terms.entries.len()
        && recorded.entries.iter().zip(&terms.entries).zip(expected.entries).all(|((recorded, entry), share)| {
            recorded.hotkey == entry.hotkey && recorded.uid == entry.uid && recorded.weight == share
        });
    if same { Ok(()) } else { Err(EvidenceError::Differs { what: "the weights".to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{Entry, Hotkey, RegistryState, Uid};
    use crate::settings::Settings;
    use models::remote::ServedModel;

    const SERVER: &str = "openai:m@http://127.0.0.1:8000/v1";

    /// Checks a rollout that calls itself reproducible against `believed`; one that does not is believed the other way round,
    /// unless it is its replies that tell.
    #[track_caller]
    fn check(model: &str, served: &[&str], reply: ReplyBody, believed: bool) {
        let entry = Entry {
            hotkey: Hotkey("alice".to_owned()),
            uid: Uid(1),
            model: model.parse().unwrap(),
            committed: 1,
            position: 0,
        };
        let registry = RegistryState {
            netuid: 1,
            seed_block: 9,
            seed_hash: [0; 32],
            champion: None,
            former: Vec::new(),
            tested: 0,
            entries: vec![entry],
        };
        let mut settings = Settings::default();
        settings.remote.served = served
            .iter()
            .map(|model| ServedModel { model: model.parse().unwrap(), by: SERVER.parse().unwrap() })
            .collect();
        let terms = WindowTerms::new(&registry, &settings, Vec::new(), String::new());
        let mut rollout = RolloutBody {
            entry: 0,
            environment: 0,
            task: 0,
            seed: 0,
            replies: vec![reply],
            score: 1.0,
            reason: String::new(),
            fault: None,
            reproducible: true,
        };
        assert_eq!(check_origins(&terms, std::slice::from_ref(&rollout)).is_ok(), believed);
        rollout.reproducible = false;
        let is_served = !served.is_empty() && served.contains(&model) || model.starts_with("openai:");
        assert_eq!(check_origins(&terms, &[rollout]).is_ok(), is_served);
    }

    #[test]
    fn a_rollout_of_a_server_cannot_call_itself_reproducible() {
        let model = format!("owner/name@{}", "0".repeat(40));
        let other = format!("owner/name@{}", "1".repeat(40));
        let tokens = || ReplyBody::Tokens(vec![1, 2]);
        check(&model, &[], tokens(), true);
        check(&model, &[&other], tokens(), true);
        check(&model, &[&model], tokens(), false);
        check(SERVER, &[], tokens(), false);
        check(&model, &[], ReplyBody::Text("yes".to_owned()), false);
    }
}
