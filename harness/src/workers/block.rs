//! Blocks: the jobs of workers, and the names of the queues in which they lie.

use models::decoder::Arithmetic;
use models::remote::{Interface, ServedModel};
use serde::{Deserialize, Serialize};

use crate::record::{CardTerms, DecidingSettings};
use crate::store::RunId;
use crate::units::Unit;

/// Units of one entry that one worker answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Block {
    /// The run.
    pub(super) run: RunId,
    /// The entry's place.
    pub(super) entry: usize,
    /// The units, in the order in which they are wanted.
    pub(super) units: Vec<Unit>,
    /// True if another worker answers the same units, and the rollouts are compared.
    pub(super) is_second: bool,
}

impl Block {
    /// Priority among the blocks of a queue: that of the lowest task is the highest.
    pub(super) fn priority(&self) -> usize {
        let lowest = self.units.iter().map(|unit| unit.task).min().unwrap_or(0);
        i32::MAX as usize - (lowest as usize).min(i32::MAX as usize)
    }
}

/// Kind of a worker: all that decides the bits of a rollout beside the model and the task. Workers of equal kinds make equal
/// rollouts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Compatibility {
    /// Arithmetic of the linear layers.
    pub(crate) mode: Arithmetic,
    /// The card, if models run on one.
    pub(crate) card: Option<CardTerms>,
    /// Digest of the sandbox's runtime.
    pub(crate) runtime: String,
    /// The endpoint of servers that answer.
    pub(crate) interface: Interface,
    /// Models that servers run.
    pub(crate) served: Vec<ServedModel>,
}

impl Compatibility {
    /// That of a window.
    pub(crate) fn of_window(settings: &DecidingSettings, runtime: &str) -> Self {
        let DecidingSettings { mode, card, interface, served, .. } = settings.clone();
        Self { mode, card, runtime: runtime.to_owned(), interface, served }
    }

    /// The beginning of the names of all queues whose jobs a worker of this kind may do.
    pub(super) fn queues(&self) -> String {
        let text = serde_json::to_string(self).expect("terms are plain data");
        let digest = blake3::derive_key("dethrone 2026-11 compatibility of workers", text.as_bytes());
        format!("dethrone/{}/", hex::encode(&digest[..16]))
    }

    /// The queue of a model with this digest.
    pub(super) fn queue(&self, snapshot: &str) -> String {
        format!("{}{snapshot}", self.queues())
    }
}
