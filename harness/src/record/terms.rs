//! Terms of a window: everything that decides its result.

use environments::EnvironmentId;
use pareto::weights::WeightSettings;
use serde::{Deserialize, Serialize};

use crate::registry::{Hotkey, Registry, Uid};
use crate::settings::{EngineMode, RemoteInterface, SamplingSettings, ScreenSettings, ServedModel, Settings};

/// Version of the evidence's schema; it is part of the terms, so that a window is not resumed under another one.
pub const EVIDENCE_VERSION: u32 = 2;

/// Terms of a window: everything that decides its result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowTerms {
    /// The version of the evidence's schema.
    pub version: u32,
    /// The subnet.
    pub netuid: u16,
    /// The block whose hash seeds the tasks.
    pub seed_block: u64,
    /// That block's hash, as hexadecimal digits.
    pub seed_hash: String,
    /// The champion when the window opened.
    pub champion: Option<Hotkey>,
    /// Earlier champions, the latest first.
    pub former: Vec<Hotkey>,
    /// Challengers tested in that champion's reign.
    pub tested: u64,
    /// The entries in order of commitment.
    pub entries: Vec<EntryTerms>,
    /// The environments: name, version, tier, digest of the file.
    pub environments: Vec<EnvironmentId>,
    /// The digest of the sandbox runtime.
    pub runtime: String,
    /// The settings that decide.
    pub settings: DecidingSettings,
}

/// An entry as it was read from the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryTerms {
    /// The miner's number.
    pub uid: Uid,
    /// The miner's address.
    pub hotkey: Hotkey,
    /// The model reference.
    pub model: String,
    /// The block of commitment.
    pub committed: u64,
    /// The order within that block.
    pub position: u32,
}

/// The settings that decide a result; threads, batch sizes, paths and keys do not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecidingSettings {
    /// Tasks between two looks at a duel.
    pub round: u32,
    /// The reign's alpha.
    pub alpha: f64,
    /// The duel.
    pub duel: pareto::DuelSettings,
    /// The screens.
    pub screens: ScreenSettings,
    /// Shares of emission.
    pub weights: WeightSettings,
    /// Sampling of tokens.
    pub sampling: SamplingSettings,
    /// Limits of admission.
    pub admission: models::admission::Limits,
    /// Arithmetic of the linear layers.
    pub mode: EngineMode,
    /// The function of a server that replies.
    pub interface: RemoteInterface,
    /// Models that servers run in place of this machine.
    pub served: Vec<ServedModel>,
}

impl WindowTerms {
    /// The terms of a window over this registry under these settings.
    pub fn new(registry: &Registry, settings: &Settings, environments: Vec<EnvironmentId>, runtime: String) -> Self {
        let entries = registry.entries.iter().map(|entry| EntryTerms {
            uid: entry.uid,
            hotkey: entry.hotkey.clone(),
            model: entry.model.to_string(),
            committed: entry.committed,
            position: entry.position,
        });
        Self {
            version: EVIDENCE_VERSION,
            netuid: registry.netuid,
            seed_block: registry.seed_block,
            seed_hash: hex::encode(registry.seed_hash),
            champion: registry.champion.clone(),
            former: registry.former.clone(),
            tested: registry.tested,
            entries: entries.collect(),
            environments,
            runtime,
            settings: DecidingSettings {
                round: settings.round,
                alpha: settings.alpha,
                duel: settings.duel.clone(),
                screens: settings.screens.clone(),
                weights: settings.weights.clone(),
                sampling: settings.sampling.clone(),
                admission: settings.admission.clone(),
                mode: settings.engine.mode,
                interface: settings.remote.interface,
                served: settings.remote.served.clone(),
            },
        }
    }

    /// The digest by which a run is resumed: BLAKE3 in key derivation mode over the terms' JSON.
    pub fn identity(&self) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("dethrone 2026-11 run identity");
        hasher.update(self.to_json().as_bytes());
        hasher.finalize().to_hex().to_string()
    }

    /// The terms as JSON: the bytes of the evidence's first record.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("terms are plain data")
    }
}
