//! Weights of a window, as shares and as the integers that the chain takes.

use serde::{Deserialize, Serialize};

use crate::record::Conclusion;
use crate::registry::{Hotkey, Uid};

/// Version of the weights file's schema.
const VERSION: u32 = 2;

/// Weights of a window: the content of the weights file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Weights {
    /// The version of this schema.
    pub(crate) version: u32,
    /// The subnet.
    pub(crate) netuid: u16,
    /// The block whose hash seeded the tasks.
    pub(crate) seed_block: u64,
    /// Each entry's share; with what is burned they sum to one.
    pub(crate) weights: Vec<WeightLine>,
    /// The share that goes to uid 0 to be burned, where no entry has that number.
    pub(crate) burned: f64,
    /// The same as the chain takes them: uids and integers, the largest 65535.
    pub(crate) chain: Vec<ChainWeight>,
    /// Number of rollouts answered by a server, which no other validator can reproduce.
    pub(crate) not_reproducible: usize,
}

/// One entry's share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WeightLine {
    /// The miner's address.
    pub(crate) hotkey: Hotkey,
    /// The miner's number.
    pub(crate) uid: Uid,
    /// The share.
    pub(crate) weight: f64,
}

/// One weight as the chain takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChainWeight {
    /// The miner's number.
    pub(crate) uid: Uid,
    /// The weight, relative to the largest, which is 65535.
    pub(crate) value: u16,
}

impl Weights {
    /// The weights that a finished window gives.
    pub(crate) fn new(conclusion: &Conclusion) -> Self {
        // Who has left the subnet has no number there, and no share.
        let lines = conclusion.entries.iter().filter_map(|concluded| {
            let uid = concluded.entry.uid?;
            Some(WeightLine { hotkey: concluded.entry.hotkey.clone(), uid, weight: concluded.weight })
        });
        let weights: Vec<WeightLine> = lines.collect();
        let mut shares: Vec<(u16, f64)> = weights.iter().map(|line| (line.uid.0, line.weight)).collect();
        if conclusion.burned > 0.0 {
            shares.insert(0, (0, conclusion.burned));
        }
        let chain = pareto::weights::to_u16(&shares).expect("shares are finite and not negative");
        Self {
            version: VERSION,
            netuid: conclusion.terms.netuid,
            seed_block: conclusion.terms.seed_block,
            weights,
            burned: conclusion.burned,
            chain: chain.into_iter().map(|(uid, value)| ChainWeight { uid: Uid(uid), value }).collect(),
            not_reproducible: conclusion.not_reproducible(),
        }
    }
}
