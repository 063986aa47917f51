//! Weights on their way to the chain. Nothing is sent: the file is what a signing tool would submit.

use serde::Serialize;

use crate::record::Conclusion;
use crate::registry::{Hotkey, Uid};

/// The version of the weights file's schema.
const VERSION: u32 = 2;

/// The weights file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WeightsFile {
    /// The version of this schema.
    pub version: u32,
    /// The subnet.
    pub netuid: u16,
    /// The block whose hash seeded the tasks.
    pub seed_block: u64,
    /// Each entry's share; with what is burned they sum to one.
    pub weights: Vec<WeightLine>,
    /// What goes to uid 0 to be burned, where no entry has that number.
    pub burned: f64,
    /// The same as the chain takes them: uids and integers, the largest 65535.
    pub chain: Vec<ChainWeight>,
    /// Rollouts behind them that a server made, so that no other validator can check them; none if all is well.
    pub not_reproducible: usize,
}

/// One entry's share.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WeightLine {
    /// The miner's address.
    pub hotkey: Hotkey,
    /// The miner's number.
    pub uid: Uid,
    /// The share.
    pub weight: f64,
}

/// One weight as the chain takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ChainWeight {
    /// The miner's number.
    pub uid: Uid,
    /// The weight, relative to the largest, which is 65535.
    pub value: u16,
}

impl WeightsFile {
    /// The weights that a finished window gives.
    pub fn new(conclusion: &Conclusion) -> Self {
        let lines = conclusion.entries.iter().map(|concluded| WeightLine {
            hotkey: concluded.entry.hotkey.clone(),
            uid: concluded.entry.uid,
            weight: concluded.weight,
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
