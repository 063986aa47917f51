//! Subnet snapshot: everything of one subnet at one finalized block, as versioned JSON.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Hotkey, Uid};

/// Version of the snapshot's schema.
const VERSION: u32 = 1;

/// Subnet snapshot: everything of one subnet at one finalized block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubnetSnapshot {
    /// The version of this schema.
    pub version: u32,
    /// Hash of the chain's first block, which names the chain.
    pub genesis: Hash32,
    /// Version of the runtime.
    pub spec_version: u32,
    /// The subnet.
    pub netuid: u16,
    /// The subnet's mechanism, from 0.
    pub mechanism: u8,
    /// The block.
    pub block: BlockRef,
    /// Parameters of the subnet.
    pub parameters: SubnetParameters,
    /// The miners and validators, by uid.
    pub neurons: Vec<Neuron>,
    /// Revealed commitments, by hotkey, then in the order in which the chain keeps them.
    pub commitments: Vec<Commitment>,
}

/// A finalized block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlockRef {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: Hash32,
    /// Its time in milliseconds since 1970 UTC, as its author stated it.
    pub unix_ms: u64,
}

/// 32 bytes, written as hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Hash32(pub [u8; 32]);

/// Parameters of a subnet. What the runtime does not have is `None`, never a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubnetParameters {
    /// Blocks between two epochs; 0 of a subnet that has none.
    pub tempo: u16,
    /// Blocks between two rows of weights of one validator.
    pub weights_rate_limit: u64,
    /// The fewest uids of a row; zeros count.
    pub min_allowed_weights: u16,
    /// The largest share of one uid in a row, of 65535.
    pub max_weights_limit: u16,
    /// The lowest version key that a row may carry.
    pub weights_version: u64,
    /// Commit-reveal of weights; none where rows are set in the open.
    pub commit_reveal: Option<CommitReveal>,
    /// State of the epoch schedule.
    pub epoch: EpochState,
    /// The lowest stake that may set weights, in the chain's unit; none where the runtime has no threshold.
    pub stake_threshold: Option<u64>,
    /// The subnet owner's hotkey, whose uid burns what it is given.
    pub owner_hotkey: Option<Hotkey>,
    /// Number of mechanisms; none where the runtime has no mechanisms.
    pub mechanisms: Option<u8>,
    /// The latest round of drand that the chain has stored.
    pub drand_round: Option<u64>,
}

/// Commit-reveal of weights: rows are committed under a timelock, and the chain opens them some epochs later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommitReveal {
    /// Version of the scheme, which a commit has to state.
    pub version: u16,
    /// Epochs between commit and reveal, at least 1.
    pub period: u64,
}

/// State of a subnet's epoch schedule after a block. Runtimes before version 423 have only the steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EpochState {
    /// Block of the latest epoch.
    pub last_block: Option<u64>,
    /// Block from which an epoch that the owner asked for is due; 0 for none.
    pub pending_at: Option<u64>,
    /// Number of epochs so far.
    pub index: Option<u64>,
    /// Blocks since the latest epoch, as counted.
    pub blocks_since_step: Option<u64>,
}

/// A miner or validator: one slot of the subnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Neuron {
    /// Its number.
    pub uid: Uid,
    /// Its address.
    pub hotkey: Hotkey,
    /// The address of its owner.
    pub coldkey: Hotkey,
    /// Block of registration of the slot.
    pub registered: u64,
    /// It may set weights for others.
    pub permit: bool,
    /// Its stake in the chain's unit (10^-9 of a token), delegations included; none where the runtime does not tell it.
    pub stake: Option<u64>,
    /// Block of its latest weights, or of their commit; 0 if it never had any.
    pub last_update: u64,
    /// Its weights count.
    pub active: bool,
    /// Its share of the miners' emission in the latest epoch, of 65535.
    pub incentive: u16,
}

/// A revealed commitment: bytes that a miner has published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Commitment {
    /// The miner's address.
    pub hotkey: Hotkey,
    /// Block in which the chain revealed it, which is not the block in which it was committed.
    pub revealed: u64,
    /// The bytes, as hexadecimal digits.
    #[serde(serialize_with = "to_hex", deserialize_with = "from_hex")]
    pub data: Vec<u8>,
}

impl SubnetSnapshot {
    /// The version of the schema that this program writes and reads.
    pub(crate) const VERSION: u32 = VERSION;

    /// BLAKE3 of the compact JSON, as hexadecimal digits.
    pub(crate) fn digest(&self) -> String {
        let text = serde_json::to_vec(self).expect("a snapshot is plain data");
        blake3::hash(&text).to_hex().to_string()
    }

    /// The slot of a hotkey.
    pub(crate) fn neuron(&self, hotkey: &Hotkey) -> Option<&Neuron> {
        self.neurons.iter().find(|neuron| neuron.hotkey == *hotkey)
    }

    /// The first thing that cannot be true of a subnet.
    pub(crate) fn contradiction(&self) -> Option<String> {
        let (mut uids, mut hotkeys) = (BTreeSet::new(), BTreeSet::new());
        for neuron in &self.neurons {
            if !uids.insert(neuron.uid) {
                return Some(format!("uid {} occurs twice", neuron.uid.0));
            }
            if !hotkeys.insert(&neuron.hotkey) {
                return Some(format!("hotkey {} occurs twice", neuron.hotkey));
            }
        }
        let late = self.commitments.iter().find(|commitment| commitment.revealed > self.block.number);
        late.map(|commitment| {
            format!(
                "the commitment of {} was revealed in block {}, after the snapshot's block {}",
                commitment.hotkey, commitment.revealed, self.block.number
            )
        })
    }
}

impl fmt::Display for Hash32 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash32 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "0x{self}")
    }
}

impl From<Hash32> for String {
    fn from(hash: Hash32) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for Hash32 {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.strip_prefix("0x").unwrap_or(&text);
        let bytes = hex::decode(digits).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| format!("{text:?} is not 64 hexadecimal digits"))
    }
}

fn to_hex<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(bytes))
}

fn from_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    hex::decode(&text).map_err(|error| de::Error::custom(format!("{error} in the bytes of a commitment")))
}
