//! Reading a log: its hash chain, its signatures, and the facts that it states.

use std::collections::BTreeMap;
use std::io::{BufRead, Read as _};

use ed25519_dalek::VerifyingKey;
use models::untrusted::UntrustedText;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::audit::EvidenceError;
use super::body::{AdmissionBody, ReignBody, RolloutBody, WeightsBody};
use super::hash_chain::{ChainError, HashChain, Record};
use crate::record::{Admission, DuelRecord, EVIDENCE_VERSION, FindingRecord, HeatRecord, PrintRecord, WindowTerms};

/// The facts of a log whose chain holds.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) terms: WindowTerms,
    pub(super) validator: String,
    pub(super) admissions: Vec<Admission>,
    pub(super) prints: Vec<PrintRecord>,
    pub(super) findings: BTreeMap<usize, FindingRecord>,
    pub(super) rollouts: Vec<RolloutBody>,
    pub(super) heats: usize,
    pub(super) decisions: Vec<DuelRecord>,
    /// The window came to no end.
    pub(super) interrupted: bool,
    /// The records as they are written: kind and body.
    pub(super) records: Vec<(String, Box<RawValue>)>,
    /// Hash of the last one.
    pub(super) hash: String,
}

/// Facts as they are read.
#[derive(Debug, Default)]
struct Read {
    opened: Option<OpenedBody>,
    admissions: Vec<AdmissionBody>,
    prints: Vec<PrintRecord>,
    findings: BTreeMap<usize, FindingRecord>,
    rollouts: Vec<RolloutBody>,
    heats: usize,
    decisions: Vec<DuelRecord>,
    has_weights: bool,
    reign: Option<ReignBody>,
    records: Vec<(String, Box<RawValue>)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OpenedBody {
    pub(super) opened: WindowTerms,
    pub(super) validator: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FindingBody {
    entry: usize,
    finding: FindingRecord,
}

/// Longest line that is read: a record holds the terms of hundreds of entries, or one rollout.
const LONGEST_LINE: u64 = 256 << 20;

/// Reads the records of a log one by one, each checked against the hash chain and the signature of the validator that the first
/// one names; what was read is not kept.
pub(super) struct LogReader<R> {
    log: R,
    line: u64,
    chain: HashChain,
    signer: Option<VerifyingKey>,
}

impl<R: BufRead> LogReader<R> {
    pub(super) fn new(log: R) -> Self {
        Self { log, line: 0, chain: HashChain::default(), signer: None }
    }

    /// The error of the record that was read last.
    pub(super) fn malformed(&self, error: &serde_json::Error) -> EvidenceError {
        malformed(self.line, error)
    }

    /// The next record; none at the end.
    ///
    /// # Errors
    /// If it cannot be read, is not a record of this version, or does not follow from the one before.
    pub(super) fn next(&mut self) -> Result<Option<Record>, EvidenceError> {
        let mut line = String::new();
        let count = (&mut self.log).take(LONGEST_LINE).read_line(&mut line).map_err(EvidenceError::Unreadable)?;
        if count == 0 {
            return Ok(None);
        }
        self.line += 1;
        let text = line.strip_suffix('\n').unwrap_or(&line);
        let record: Record = serde_json::from_str(text).map_err(|error| malformed(self.line, &error))?;
        let signer = match &self.signer {
            Some(signer) => *signer,
            None => *self.signer.insert(first_signer(&record)?),
        };
        self.chain.follow(&record, &signer).map_err(|cause| EvidenceError::Broken { index: record.index, cause })?;
        if serde_json::to_string(&record).ok().as_deref() != Some(text) {
            return Err(EvidenceError::Broken { index: record.index, cause: ChainError::Form });
        }
        Ok(Some(record))
    }
}

/// Reads a whole log.
///
/// # Errors
/// If it cannot be read, is of another version, its chain does not hold, or it is not that of a whole window.
pub(super) fn read(log: impl BufRead) -> Result<Facts, EvidenceError> {
    let mut read = Read::default();
    let mut log = LogReader::new(log);
    let mut hash = String::new();
    while let Some(record) = log.next()? {
        read.take(&record).map_err(|error| log.malformed(&error))?;
        hash = record.hash;
        read.records.push((record.kind, record.body));
    }
    read.whole(hash)
}

fn malformed(line: u64, error: &serde_json::Error) -> EvidenceError {
    EvidenceError::Malformed { line, cause: UntrustedText::sentence(&error.to_string()) }
}

fn first_signer(record: &Record) -> Result<VerifyingKey, EvidenceError> {
    // The version first: another one's records have other fields.
    let any: serde_json::Value = serde_json::from_str(record.body.get()).map_err(|error| malformed(1, &error))?;
    if let Some(found) = any["opened"]["version"].as_u64().filter(|found| *found != u64::from(EVIDENCE_VERSION)) {
        return Err(EvidenceError::Version { found });
    }
    let body: OpenedBody = serde_json::from_str(record.body.get()).map_err(|error| malformed(1, &error))?;
    let bytes: Option<[u8; 32]> = hex::decode(&body.validator).ok().and_then(|bytes| bytes.try_into().ok());
    bytes
        .and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok())
        .ok_or(EvidenceError::Incomplete("its first record names no validator key"))
}

impl Read {
    fn take(&mut self, record: &Record) -> Result<(), serde_json::Error> {
        fn parse<T: DeserializeOwned>(record: &Record) -> Result<T, serde_json::Error> {
            serde_json::from_str(record.body.get())
        }
        let custom = |text: String| Err(serde::de::Error::custom(text));
        if self.reign.is_some() {
            return custom("the record of the reign is the last one".to_owned());
        }
        match record.kind.as_str() {
            // The first one said who signs; another one would say it of what somebody else has signed.
            "opened" if self.opened.is_some() => return custom("a window is opened once".to_owned()),
            "opened" => self.opened = Some(parse(record)?),
            "admission" => self.admissions.push(parse(record)?),
            "print" => self.prints.push(parse(record)?),
            "finding" => {
                let FindingBody { entry, finding } = parse(record)?;
                self.findings.insert(entry, finding);
            }
            "rollout" => self.rollouts.push(parse(record)?),
            "heat" => {
                parse::<HeatRecord>(record)?;
                self.heats += 1;
            }
            "decision" => self.decisions.push(parse(record)?),
            "weights" => {
                parse::<WeightsBody>(record)?;
                self.has_weights = true;
            }
            "reign" => self.reign = Some(parse(record)?),
            other => return custom(format!("its kind {other:?} is not one that this program knows")),
        }
        Ok(())
    }

    fn whole(self, hash: String) -> Result<Facts, EvidenceError> {
        let incomplete = EvidenceError::Incomplete;
        let OpenedBody { opened: terms, validator } = self.opened.ok_or(incomplete("it has no first record"))?;
        if !self.has_weights {
            return Err(incomplete("it ends before the weights"));
        }
        let ReignBody { interrupted, .. } =
            self.reign.ok_or(incomplete("it ends before the record for the next window"))?;
        if !self.admissions.iter().map(|body| body.entry).eq(0..terms.entries.len()) {
            return Err(incomplete("it does not hold one admission of each entry, in order"));
        }
        let admissions = self.admissions.into_iter().map(|body| body.admission).collect();
        let Self { prints, findings, rollouts, heats, decisions, records, .. } = self;
        Ok(Facts {
            terms,
            validator,
            admissions,
            prints,
            findings,
            rollouts,
            heats,
            decisions,
            interrupted,
            records,
            hash,
        })
    }
}
