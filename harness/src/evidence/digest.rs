//! Digest of a log: who held the crown after its window, and what the winner has gained, read without deciding anything again.

use std::io::BufRead;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::audit::EvidenceError;
use super::body::ReignBody;
use super::hash_chain::Record;
use super::log::{LogReader, OpenedBody};
use crate::record::{CrownedModel, DuelRecord};
use crate::registry::Hotkey;

/// A log in a few numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct LogDigest {
    /// The subnet.
    pub(crate) netuid: u16,
    /// The window's seed block.
    pub(crate) window: u64,
    /// Entries.
    pub(crate) entries: usize,
    /// Rollouts.
    pub(crate) rollouts: usize,
    /// Duels.
    pub(crate) duels: usize,
    /// The crowned model after it; none where nobody reigns.
    pub(crate) champion: Option<CrownedModel>,
    /// The duel in which it took the crown, if it did so in this window.
    pub(crate) dethronement: Option<Dethronement>,
    /// Digest of the rule by which it was decided.
    pub(crate) rule: String,
    /// The validator's public key.
    pub(crate) validator: String,
    /// Hash of the last record.
    pub(crate) hash: String,
    /// The window came to no end.
    pub(crate) interrupted: bool,
}

/// A duel that a challenger has won.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Dethronement {
    /// The champion of before.
    pub(crate) before: Hotkey,
    /// Gains by environment: name, mean of challenger minus champion, and its interval.
    pub(crate) gains: Vec<(String, f64, (f64, f64))>,
    /// Tasks of the duel, over all environments.
    pub(crate) tasks: usize,
    /// The decision in one sentence.
    pub(crate) sentence: String,
}

/// Reads a log whose hashes and signatures hold, a record at a time.
///
/// # Errors
/// If it cannot be read, its chain does not hold, or it is not that of a whole window.
pub(crate) fn digest(log: impl BufRead) -> Result<LogDigest, EvidenceError> {
    let mut log = LogReader::new(log);
    let (mut opened, mut reign, mut hash) = (None::<OpenedBody>, None::<ReignBody>, String::new());
    let (mut rollouts, mut duels, mut won) = (0, 0, None::<DuelRecord>);
    while let Some(record) = log.next()? {
        match record.kind.as_str() {
            "opened" => opened = Some(body(&log, &record)?),
            "rollout" => rollouts += 1,
            "decision" => {
                duels += 1;
                let duel: DuelRecord = body(&log, &record)?;
                won = Some(duel).filter(|duel| duel.decision.verdict == pareto::Verdict::Dethroned).or(won);
            }
            "reign" => reign = Some(body(&log, &record)?),
            _ => {}
        }
        hash = record.hash;
    }
    let incomplete = EvidenceError::Incomplete;
    let OpenedBody { opened: terms, validator } = opened.ok_or(incomplete("it has no first record"))?;
    let ReignBody { record, interrupted } = reign.ok_or(incomplete("it ends before the record for the next window"))?;
    let gains = |duel: &DuelRecord| {
        let named = terms.environments.iter().zip(&duel.decision.environments);
        named.map(|(id, evidence)| (id.name.clone(), evidence.difference, evidence.interval)).collect()
    };
    let dethronement = won.and_then(|duel| {
        let before = terms.entries.get(duel.champion)?.hotkey.clone();
        Some(Dethronement { before, gains: gains(&duel), tasks: duel.decision.tasks_used, sentence: duel.sentence })
    });
    Ok(LogDigest {
        netuid: terms.netuid,
        window: terms.seed_block,
        entries: terms.entries.len(),
        rollouts,
        duels,
        champion: record.champion.filter(|_| record.regency == 0),
        rule: terms.rule(),
        dethronement,
        validator,
        hash,
        interrupted,
    })
}

fn body<T: DeserializeOwned>(log: &LogReader<impl BufRead>, record: &Record) -> Result<T, EvidenceError> {
    serde_json::from_str(record.body.get()).map_err(|error| log.malformed(&error))
}
