//! Row of weights: shares of hotkeys as the uids and integers that the chain takes at the block of submission.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AppliedRow, RevealTarget, Weights};
use crate::registry::{Hotkey, Neuron, SubnetSnapshot, Uid};

/// A row of weights as it is submitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WeightRow {
    /// The subnet.
    pub netuid: u16,
    /// The subnet's mechanism, from 0.
    pub mechanism: u8,
    /// The version key that it carries.
    pub version_key: u64,
    /// Uids and weights by uid, the largest weight 65535; zeros only fill up to the subnet's minimum.
    pub pairs: Vec<(Uid, u16)>,
}

/// The reason for which shares give no row. Nothing is submitted in its place: a row that is empty, partial or clipped
/// would say something that nobody has decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RowRefusal {
    /// The weights were decided for another subnet.
    #[error("the weights are of subnet {weights} and the chain's snapshot is of subnet {chain}")]
    Subnet {
        /// That of the weights.
        weights: u16,
        /// That of the snapshot.
        chain: u16,
    },
    /// The validator's hotkey has no slot.
    #[error("hotkey {hotkey} is not registered on subnet {netuid} at block {block}: register it, then submit again")]
    NotRegistered {
        /// The validator's address.
        hotkey: Hotkey,
        /// The subnet.
        netuid: u16,
        /// The block.
        block: u64,
    },
    /// The validator may not set weights for others.
    #[error(
        "hotkey {hotkey} (uid {uid}) has no validator permit at block {block}: it comes with enough stake, one tempo after it"
    )]
    NoPermit {
        /// The validator's address.
        hotkey: Hotkey,
        /// Its uid.
        uid: u16,
        /// The block.
        block: u64,
    },
    /// The subnet asks for a newer validator.
    #[error(
        "the subnet asks for version key {asked} and `chain.version_key` is {configured}: upgrade, then set the new key"
    )]
    Version {
        /// The lowest key that the subnet takes.
        asked: u64,
        /// The key of the settings.
        configured: u64,
    },
    /// A hotkey with a share has no slot any more.
    #[error(
        "{hotkey}, which earns {share:.4} of the weight, is not registered at block {block}: decide another window"
    )]
    HotkeyGone {
        /// The miner's address.
        hotkey: Hotkey,
        /// Its share, as a fraction in ten-thousandths.
        share: Share,
        /// The block.
        block: u64,
    },
    /// No share is positive.
    #[error("no share is positive: a row of zeros would set this validator's trust to 0")]
    Empty,
    /// A share is negative or not a number.
    #[error("the shares cannot be weights: {0}")]
    Shares(String),
    /// The subnet forbids one uid as large a part of a row.
    #[error(
        "uid {uid} gets {part:.4} of the row and the subnet's MaxWeightsLimit is {limit} of 65535: a smaller part was not decided"
    )]
    TooLarge {
        /// The uid.
        uid: u16,
        /// Its part of the row.
        part: Share,
        /// The limit.
        limit: u16,
    },
    /// The subnet has fewer uids than its own minimum.
    #[error("the subnet asks for {asked} uids in a row and has {found}")]
    TooFew {
        /// The fewest uids of a row.
        asked: usize,
        /// The uids that there are.
        found: usize,
    },
}

/// A share in millionths, so that refusals can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share(u32);

impl Share {
    fn new(share: f64) -> Self {
        Self((share.clamp(0.0, 1.0) * 1e6).round() as u32)
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&(f64::from(self.0) / 1e6), formatter)
    }
}

/// Makes the row of these weights for the validator with this hotkey.
///
/// Hotkeys are resolved at the snapshot's block, which is the block of submission. What is burned goes to the uid of the
/// subnet owner's hotkey, or to uid 0 where the chain names no owner with a slot.
///
/// # Errors
/// If the chain would refuse the row, or apply another one than was decided.
pub(crate) fn weight_row(
    weights: &Weights,
    snapshot: &SubnetSnapshot,
    validator: &Hotkey,
    version_key: u64,
) -> Result<WeightRow, RowRefusal> {
    check_validator(weights.netuid, snapshot, validator, version_key)?;
    let shares = shares_by_uid(weights, snapshot)?;
    let scaled = pareto::weights::to_u16(&shares).map_err(|error| RowRefusal::Shares(error.to_string()))?;
    let mut row: BTreeMap<u16, u16> = scaled.into_iter().collect();
    check_limit(&row, snapshot.parameters.max_weights_limit)?;
    let uids = snapshot.neurons.len();
    let fewest = usize::from(snapshot.parameters.min_allowed_weights).min(uids);
    let mut others: Vec<u16> = snapshot.neurons.iter().map(|neuron| neuron.uid.0).collect();
    others.sort_unstable();
    others.retain(|uid| !row.contains_key(uid));
    let missing = fewest.saturating_sub(row.len());
    row.extend(others.into_iter().take(missing).map(|uid| (uid, 0)));
    if row.len() < fewest {
        return Err(RowRefusal::TooFew { asked: fewest, found: uids });
    }
    let pairs = row.into_iter().map(|(uid, value)| (Uid(uid), value)).collect();
    Ok(WeightRow { netuid: snapshot.netuid, mechanism: snapshot.mechanism, version_key, pairs })
}

fn check_validator(
    netuid: u16,
    snapshot: &SubnetSnapshot,
    validator: &Hotkey,
    version_key: u64,
) -> Result<(), RowRefusal> {
    let block = snapshot.block.number;
    if netuid != snapshot.netuid {
        return Err(RowRefusal::Subnet { weights: netuid, chain: snapshot.netuid });
    }
    let hotkey = validator.clone();
    let neuron = snapshot.neuron(validator);
    let Neuron { uid, permit, .. } = neuron.ok_or(RowRefusal::NotRegistered { hotkey, netuid, block })?;
    let is_owner = snapshot.parameters.owner_hotkey.as_ref() == Some(validator);
    if !permit && !is_owner {
        return Err(RowRefusal::NoPermit { hotkey: validator.clone(), uid: uid.0, block });
    }
    let asked = snapshot.parameters.weights_version;
    // The key's purpose is to stop validators that are too old: the chain's own value is never echoed.
    if asked > version_key { Err(RowRefusal::Version { asked, configured: version_key }) } else { Ok(()) }
}

/// The positive shares, by uid at the snapshot's block.
fn shares_by_uid(weights: &Weights, snapshot: &SubnetSnapshot) -> Result<Vec<(u16, f64)>, RowRefusal> {
    let mut shares: BTreeMap<u16, f64> = BTreeMap::new();
    for line in weights.weights.iter().filter(|line| line.weight != 0.0) {
        let gone = || RowRefusal::HotkeyGone {
            hotkey: line.hotkey.clone(),
            share: Share::new(line.weight),
            block: snapshot.block.number,
        };
        let neuron = snapshot.neuron(&line.hotkey).ok_or_else(gone)?;
        *shares.entry(neuron.uid.0).or_default() += line.weight;
    }
    if weights.burned != 0.0 {
        let owner = snapshot.parameters.owner_hotkey.as_ref().and_then(|hotkey| snapshot.neuron(hotkey));
        *shares.entry(owner.map_or(0, |neuron| neuron.uid.0)).or_default() += weights.burned;
    }
    if shares.values().any(|share| *share > 0.0) { Ok(shares.into_iter().collect()) } else { Err(RowRefusal::Empty) }
}

/// Refuses a row whose largest part exceeds the subnet's limit, as the chain would.
fn check_limit(row: &BTreeMap<u16, u16>, limit: u16) -> Result<(), RowRefusal> {
    let sum: u64 = row.values().map(|value| u64::from(*value)).sum();
    let Some((uid, value)) = row.iter().max_by_key(|(_, value)| **value) else { return Ok(()) };
    if limit == u16::MAX || u64::from(*value) * u64::from(u16::MAX) <= u64::from(limit) * sum {
        return Ok(());
    }
    Err(RowRefusal::TooLarge { uid: *uid, part: Share::new(f64::from(*value) / sum as f64), limit })
}

/// Blocks after a reveal's block within which the chain may still apply the row.
const REVEAL_SLACK: u64 = 10;

/// State of a submitted row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum RowState {
    /// Committed, and not revealed yet.
    Pending {
        /// Block from which it is expected.
        until: u64,
    },
    /// The chain holds it.
    Applied,
    /// Another row was submitted since.
    Replaced,
    /// The chain holds another row although this one was the latest and its reveal is over: it was dropped.
    Different,
}

impl std::fmt::Display for RowState {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pending { until } => write!(formatter, "committed, to be revealed about block {until}"),
            Self::Applied => formatter.write_str("applied"),
            Self::Replaced => formatter.write_str("another row was submitted since"),
            Self::Different => formatter.write_str("dropped: the chain holds another row"),
        }
    }
}

/// The state of a row that was submitted in a block, by what the chain holds. Zeros say nothing and are not compared.
pub(crate) fn row_state(
    row: &WeightRow,
    submitted: u64,
    reveal: Option<RevealTarget>,
    applied: &AppliedRow,
) -> RowState {
    let positive = |pairs: &[(Uid, u16)]| pairs.iter().copied().filter(|(_, weight)| *weight > 0).collect::<Vec<_>>();
    let (mut wanted, mut found) = (positive(&row.pairs), positive(&applied.row));
    wanted.sort_unstable();
    found.sort_unstable();
    match reveal {
        // The same row as before may have been held all the time: a commit counts once it is revealed.
        Some(RevealTarget { block, .. }) if applied.block < block => RowState::Pending { until: block },
        _ if wanted == found => RowState::Applied,
        Some(RevealTarget { block, .. }) if applied.block < block + REVEAL_SLACK => RowState::Pending { until: block },
        _ if applied.last_update > submitted => RowState::Replaced,
        _ => RowState::Different,
    }
}

#[cfg(test)]
mod tests;
