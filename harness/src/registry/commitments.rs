//! Registry from commitments: entries are the models that live hotkeys have revealed on chain, each at the block of its
//! first reveal.
//!
//! A commitment is a JSON object with exactly `model` (`owner/name`) and `revision` (40 hexadecimal digits). Its bytes are
//! chosen by a miner; nothing in them is believed before it is checked, and what is not taken is listed with its reason.

use std::collections::BTreeMap;
use std::fmt;

use models::model_ref::{ModelRef, ModelRefError};
use models::source::ModelSource;
use serde::{Deserialize, Serialize};

use super::recorded::{DrandPulse, chain_seed};
use super::snapshot::{Commitment, Neuron, SubnetSnapshot};
use super::{Entry, Hotkey, RegistryState, Role, Uid};

/// The largest commitment that is read, in bytes: as much as a chain encrypts.
const LARGEST: usize = 1024;

/// Commitments and slots that earlier windows have seen: the chain itself keeps the last ten reveals of a hotkey only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ledger {
    /// Each hotkey's models in order of first reveal.
    pub used: BTreeMap<Hotkey, Vec<UsedModel>>,
    /// The first hotkey that was seen in each slot, by uid and block of registration.
    pub slots: Vec<Slot>,
}

/// A model that a hotkey has revealed, and the block of its first reveal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UsedModel {
    /// The model.
    pub model: ModelRef,
    /// The block.
    pub revealed: u64,
}

/// A registration, and the hotkey that it was seen with first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Slot {
    /// The uid.
    pub uid: Uid,
    /// Block of registration.
    pub registered: u64,
    /// The hotkey.
    pub hotkey: Hotkey,
}

/// Registry of a window, and what became of every other commitment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The registry, entries in order of (block of reveal, hotkey bytes).
    pub registry: RegistryState,
    /// The commitments that were not taken.
    pub not_taken: Vec<NotTaken>,
    /// The ledger for the next window.
    pub ledger: Ledger,
}

/// A commitment that gives no entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct NotTaken {
    /// The miner's address.
    pub hotkey: Hotkey,
    /// Its number, if it is registered.
    pub uid: Option<Uid>,
    /// Block of reveal.
    pub revealed: u64,
    /// The reason, as a sentence.
    pub reason: String,
}

impl fmt::Display for NotTaken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} in block {}: {}", self.hotkey, self.revealed, self.reason)
    }
}

/// Reads the registry of the window that this snapshot begins.
///
/// A hotkey's entry is the model that it has first revealed last; a model revealed again counts where it was revealed first.
/// Entries are ordered by (block of reveal, hotkey bytes): all addresses of one chain are equally long and base58 keeps their
/// order, so that comparing them as text compares their bytes. uid 0 has no privilege.
pub(crate) fn read_commitments(snapshot: &SubnetSnapshot, pulse: &DrandPulse, before: &Ledger) -> Reading {
    let mut ledger = Ledger { slots: slots(&before.slots, snapshot), ..before.clone() };
    let (mut entries, mut not_taken) = (Vec::new(), Vec::new());
    for (hotkey, commitments) in by_hotkey(&snapshot.commitments) {
        let neuron = snapshot.neuron(hotkey);
        let refused = match holder(neuron, &ledger.slots, hotkey) {
            Err(reason) => commitments.iter().map(|commitment| (commitment.revealed, reason.clone())).collect(),
            Ok(neuron) => {
                let used = ledger.used.entry(hotkey.clone()).or_default();
                let refused = take(&commitments, used);
                entries.extend(used.last().map(|last| entry(neuron, last)));
                refused
            }
        };
        let uid = neuron.map(|neuron| neuron.uid);
        let sentence = |(revealed, reason)| NotTaken { hotkey: hotkey.clone(), uid, revealed, reason };
        not_taken.extend(refused.into_iter().map(sentence));
    }
    entries.sort_by(|one, other| (one.committed, &one.hotkey).cmp(&(other.committed, &other.hotkey)));
    let registry = RegistryState {
        netuid: snapshot.netuid,
        seed_block: snapshot.block.number,
        seed_hash: chain_seed(&snapshot.block, pulse),
        snapshot: Some(snapshot.digest()),
        owners: owners(snapshot, &entries),
        champion: None,
        former: Vec::new(),
        tested: 0,
        entries,
    };
    Reading { registry, not_taken, ledger }
}

/// Owners of the entries' hotkeys.
fn owners(snapshot: &SubnetSnapshot, entries: &[Entry]) -> BTreeMap<Hotkey, Hotkey> {
    let owner = |entry: &Entry| Some((entry.hotkey.clone(), snapshot.neuron(&entry.hotkey)?.coldkey.clone()));
    entries.iter().filter_map(owner).collect()
}

/// The first hotkey of each slot of the snapshot: the one that was seen before, else the one that holds it now.
fn slots(before: &[Slot], snapshot: &SubnetSnapshot) -> Vec<Slot> {
    let slot = |neuron: &Neuron| {
        let seen = before.iter().find(|slot| (slot.uid, slot.registered) == (neuron.uid, neuron.registered));
        let now = || Slot { uid: neuron.uid, registered: neuron.registered, hotkey: neuron.hotkey.clone() };
        seen.cloned().unwrap_or_else(now)
    };
    snapshot.neurons.iter().map(slot).collect()
}

/// Commitments of each hotkey, in the chain's order.
fn by_hotkey(commitments: &[Commitment]) -> BTreeMap<&Hotkey, Vec<&Commitment>> {
    let mut all: BTreeMap<&Hotkey, Vec<&Commitment>> = BTreeMap::new();
    for commitment in commitments {
        all.entry(&commitment.hotkey).or_default().push(commitment);
    }
    all
}

/// The slot of a hotkey that may enter, or the reason for which it may not.
fn holder<'a>(neuron: Option<&'a Neuron>, slots: &[Slot], hotkey: &Hotkey) -> Result<&'a Neuron, String> {
    let neuron = neuron.ok_or_else(|| "its hotkey is not registered".to_owned())?;
    let first = slots.iter().find(|slot| slot.uid == neuron.uid && slot.hotkey != *hotkey);
    first.map_or(Ok(neuron), |slot| {
        let Slot { uid, registered, hotkey: first } = slot;
        Err(format!(
            "uid {} was registered in block {registered} by {first}, and a swapped hotkey does not enter",
            uid.0
        ))
    })
}

/// Adds a hotkey's models to those that it has used, in order of first reveal; blocks and reasons of what is not its entry.
fn take(commitments: &[&Commitment], used: &mut Vec<UsedModel>) -> Vec<(u64, String)> {
    let read: Vec<(u64, Result<ModelRef, String>)> =
        commitments.iter().map(|commitment| (commitment.revealed, parse(&commitment.data))).collect();
    for (revealed, model) in &read {
        let Ok(model) = model else { continue };
        if used.iter().all(|one| one.model != *model) {
            used.push(UsedModel { model: model.clone(), revealed: *revealed });
        }
    }
    // A stable order: models of one block stay as the chain has them.
    used.sort_by_key(|one| one.revealed);
    let reason = |(revealed, model): (u64, Result<ModelRef, String>)| {
        let model = match model {
            Err(reason) => return Some((revealed, reason)),
            Ok(model) => model,
        };
        let first = used.iter().find(|one| one.model == model)?;
        let last = used.last().filter(|last| last.model != model);
        if first.revealed != revealed {
            return Some((
                revealed,
                format!("{model} counts from block {}, where it was revealed first", first.revealed),
            ));
        }
        last.map(|last| (revealed, format!("{model} was replaced in block {}", last.revealed)))
    };
    read.into_iter().filter_map(reason).collect()
}

fn entry(neuron: &Neuron, used: &UsedModel) -> Entry {
    Entry {
        hotkey: neuron.hotkey.clone(),
        uid: Some(neuron.uid),
        model: ModelSource::Hub(used.model.clone()),
        committed: used.revealed,
        position: 0,
        role: Role::Committed,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommitmentText {
    model: String,
    revision: String,
}

/// The model that a commitment names, or the reason for which it names none.
fn parse(data: &[u8]) -> Result<ModelRef, String> {
    if data.len() > LARGEST {
        return Err(format!("it has {} bytes; at most {LARGEST} are read", data.len()));
    }
    let text: CommitmentText = serde_json::from_slice(without_length(data)).map_err(|error| {
        format!("it is not a JSON object with the texts `model` and `revision` alone: {}", shown(&error.to_string()))
    })?;
    let CommitmentText { model, revision } = text;
    if model.contains('@') {
        return Err(format!("`model` is {:?}; it must be owner/name, the commit stands in `revision`", shown(&model)));
    }
    format!("{model}@{revision}").parse().map_err(|error: ModelRefError| error.to_string())
}

/// A miner's text, cut to what fits a line.
fn shown(text: &str) -> String {
    text.chars().take(120).collect()
}

/// The bytes without the SCALE length that clients encrypt with them, where it is well formed and exact.
fn without_length(data: &[u8]) -> &[u8] {
    let (length, rest) = match data {
        [first, rest @ ..] if first & 3 == 0 => (usize::from(first >> 2), rest),
        [first, second, rest @ ..] if first & 3 == 1 => (usize::from(u16::from_le_bytes([*first, *second]) >> 2), rest),
        _ => return data,
    };
    if length == rest.len() && !rest.is_empty() { rest } else { data }
}

#[cfg(test)]
mod tests;
