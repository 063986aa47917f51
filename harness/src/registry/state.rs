//! State of the registry at one block, and the seam to its sources.

use std::collections::BTreeMap;

use models::source::ModelSource;
use serde::{Deserialize, Serialize};

use super::RegistryError;

/// A source of registry states.
pub(crate) trait Registry {
    /// Reads the registry as it stands for the window to decide.
    ///
    /// # Errors
    /// If it cannot be read or contradicts itself.
    fn read(&self) -> impl Future<Output = Result<RegistryState, RegistryError>> + Send;
}

/// A state that is known already, such as that of an evaluation, which no registry holds.
impl Registry for RegistryState {
    async fn read(&self) -> Result<RegistryState, RegistryError> {
        Ok(self.clone())
    }
}

/// A miner's address on the chain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Hotkey(pub String);

impl std::fmt::Display for Hotkey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A miner's number on the subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Uid(pub u16);

/// A miner's submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The miner's address.
    pub hotkey: Hotkey,
    /// The miner's number; none where it has left the subnet, and its model only stands guard.
    pub uid: Option<Uid>,
    /// The model, as committed.
    pub model: ModelSource,
    /// The block of commitment.
    pub committed: u64,
    /// The order of commitment within its block, from 0.
    pub position: u32,
    /// The reason for which it takes part.
    pub role: Role,
}

/// Reason for which an entry takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// Its miner has committed it, as the registry says.
    Committed,
    /// It holds the crown while its miner has committed another model.
    Crowned,
    /// It held the crown, and its miner has committed another model or left: called upon where the champion does not play, or
    /// to stand guard.
    Former,
}

impl Entry {
    /// The entry's name in messages: address and model.
    pub(crate) fn label(&self) -> String {
        match self.role {
            Role::Committed => format!("{} ({})", self.hotkey, self.model),
            Role::Crowned => format!("{} ({}, crowned)", self.hotkey, self.model),
            Role::Former => format!("{} ({}, crowned before)", self.hotkey, self.model),
        }
    }

    /// The miner's number in writing; a dash where it has left the subnet.
    pub(crate) fn number(&self) -> String {
        self.uid.map_or_else(|| "–".to_owned(), |uid| uid.0.to_string())
    }
}

/// The registry as it stands at one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RegistryState {
    /// The subnet.
    pub netuid: u16,
    /// The block whose hash seeds the window's tasks; entries committed at or after it wait for the next window.
    pub seed_block: u64,
    /// The randomness that seeds them: that block's hash, or on a chain the digest of the hash and the drand pulse after it.
    pub seed_hash: [u8; 32],
    /// Digest of the subnet snapshot that the registry was read from; none where it is a list of entries.
    pub snapshot: Option<String>,
    /// Owners of hotkeys, as far as they are known: an owner's entries take turns with those of others.
    pub owners: BTreeMap<Hotkey, Hotkey>,
    /// The reigning champion, if there is one; otherwise the earliest admitted entry starts the first reign.
    pub champion: Option<Hotkey>,
    /// Earlier champions, the latest first.
    pub former: Vec<Hotkey>,
    /// Challengers that this reign has tested before this window.
    pub tested: u64,
    /// The entries, by block of commitment, then position.
    pub entries: Vec<Entry>,
}
