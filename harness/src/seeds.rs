//! Seeds of tasks and sampling keys: everything is derived from the window's seed, which comes from a block hash that
//! did not exist when the models were committed.

use environments::{EnvironmentId, Seed};

/// The window's seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WindowSeed([u8; 32]);

impl WindowSeed {
    /// The seed of a subnet's window: BLAKE3 in key derivation mode over the block's hash, its number and the subnet.
    pub(crate) fn new(block_hash: &[u8; 32], block: u64, netuid: u16) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("dethrone 2026-11 window seed");
        hasher.update(block_hash).update(&block.to_le_bytes()).update(&netuid.to_le_bytes());
        Self(*hasher.finalize().as_bytes())
    }

    /// The seed of one of the window's tasks.
    pub(crate) fn task(&self, environment: &EnvironmentId, task: u32) -> Seed {
        Seed(self.derive("task", environment, task))
    }

    /// The key of the draws with which a model answers that task: the same for every model.
    pub(crate) fn sampling_key(&self, environment: &EnvironmentId, task: u32) -> u64 {
        self.derive("draws", environment, task)
    }

    fn derive(&self, purpose: &str, environment: &EnvironmentId, task: u32) -> u64 {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(purpose.as_bytes()).update(&[0]);
        hasher.update(environment.task_label().as_bytes()).update(&[0]).update(&task.to_le_bytes());
        let bytes = hasher.finalize();
        u64::from_le_bytes(bytes.as_bytes()[..8].try_into().expect("a digest has 32 bytes"))
    }
}
