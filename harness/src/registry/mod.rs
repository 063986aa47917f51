//! Who submitted which model, and when: the registry as read at one block.

mod file;

use models::source::ModelSource;
use serde::{Deserialize, Serialize};

pub use file::{RegistryError, read};

/// A miner's address on the chain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hotkey(pub String);

impl std::fmt::Display for Hotkey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A miner's number on the subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Uid(pub u16);

/// A miner's submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The miner's address.
    pub hotkey: Hotkey,
    /// The miner's number.
    pub uid: Uid,
    /// The model, as committed.
    pub model: ModelSource,
    /// The block of commitment.
    pub committed: u64,
    /// The order of commitment within its block, from 0.
    pub position: u32,
}

/// The registry at one block: the entries in order of commitment, and the randomness of the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    /// The subnet.
    pub netuid: u16,
    /// The block whose hash seeds the window's tasks; entries committed at or after it wait for the next window.
    pub seed_block: u64,
    /// That block's hash.
    pub seed_hash: [u8; 32],
    /// Who holds the weight, if anybody; otherwise the earliest admitted entry starts the first reign.
    pub champion: Option<Hotkey>,
    /// Who held it before, the latest first.
    pub former: Vec<Hotkey>,
    /// How many challengers this reign has tested before this window.
    pub tested: u64,
    /// The entries, by block of commitment, then position.
    pub entries: Vec<Entry>,
}
