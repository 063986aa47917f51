//! A recorded subnet snapshot as a registry: a window is decided again without a chain.

use serde::{Deserialize, Serialize};

use super::commitments::{Ledger, Reading, read_commitments};
use super::snapshot::{Hash32, SubnetSnapshot};
use super::{BlockRef, RegistryState};

/// A pulse of drand that a chain has stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DrandPulse {
    /// Its round.
    pub round: u64,
    /// Its randomness.
    pub randomness: Hash32,
}

/// A window's beginning on a chain: the snapshot at its seed block, and the drand pulse after that block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordedSnapshot {
    /// The subnet at the window's seed block.
    pub snapshot: SubnetSnapshot,
    /// The first pulse whose round lies after the seed block's time; none if the chain had none yet.
    pub pulse: Option<DrandPulse>,
}

/// Seed of a window on a chain: BLAKE3 over the hash of a finalized block and the randomness of the drand round after it.
/// Neither the block's author nor drand alone can choose it.
pub(crate) fn chain_seed(block: &BlockRef, pulse: &DrandPulse) -> [u8; 32] {
    *blake3::Hasher::new().update(&block.hash.0).update(&pulse.randomness.0).finalize().as_bytes()
}

impl RecordedSnapshot {
    /// The registry of the window, and the commitments that were not taken; nothing is known of earlier windows.
    ///
    /// # Errors
    /// If the snapshot contradicts itself, has no pulse, or no commitment in it names a model.
    pub(crate) fn registry(&self) -> Result<Reading, String> {
        let Self { snapshot, pulse } = self;
        if let Some(problem) = snapshot.contradiction() {
            return Err(problem);
        }
        let Some(pulse) = pulse else {
            return Err(format!(
                "it has no drand pulse after block {}: record it again a minute later with `--at {}`",
                snapshot.block.number, snapshot.block.number
            ));
        };
        let reading = read_commitments(snapshot, pulse, &Ledger::default());
        if reading.registry.entries.is_empty() {
            let reasons: Vec<String> = reading.not_taken.iter().take(3).map(ToString::to_string).collect();
            let reasons = if reasons.is_empty() { "nobody has committed".to_owned() } else { reasons.join("; ") };
            return Err(format!("no commitment in it can be taken: {reasons}"));
        }
        Ok(reading)
    }

    /// The registry state alone.
    pub(super) fn state(&self) -> Result<RegistryState, String> {
        self.registry().map(|reading| reading.registry)
    }
}
