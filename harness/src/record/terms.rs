//! Terms of a window: everything that decides its result.

use std::collections::BTreeMap;
use std::fmt;

use environments::EnvironmentId;
use models::cuda::{Accelerator, CardIdentity};
use models::decoder::Arithmetic;
use models::remote::{Interface, ServedModel};
use models::source::{ModelSource, ModelSourceError};
use serde::{Deserialize, Serialize};

use super::reign::{CrownedModel, ReignRecord};
use crate::registry::{Entry, Hotkey, RegistryState, Role, Uid};
use crate::seeds::WindowSeed;
use crate::settings::{Deciding, Settings};

/// Version of the evidence's schema; it is part of the terms, so that a window is not resumed under another one.
pub(crate) const EVIDENCE_VERSION: u32 = 4;

/// Terms of a window: everything that decides its result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WindowTerms {
    /// The version of the evidence's schema.
    pub(crate) version: u32,
    /// The subnet.
    pub(crate) netuid: u16,
    /// The block whose hash seeds the tasks.
    pub(crate) seed_block: u64,
    /// That block's hash, or on a chain the digest of it and the drand pulse after it, as hexadecimal digits.
    pub(crate) seed_hash: String,
    /// Digest of the subnet snapshot that the entries were read from, as hexadecimal digits; none where they come from a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) snapshot: Option<String>,
    /// Owners of hotkeys, as the snapshot has them: an owner's entries take turns with those of others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) owners: BTreeMap<Hotkey, Hotkey>,
    /// Hash of the log of the window before, which states the same record; none where the record does not come from one.
    pub(crate) previous: Option<String>,
    /// The record that the window begins from.
    pub(crate) record: ReignRecord,
    /// The entries in order of commitment.
    pub(crate) entries: Vec<EntryTerms>,
    /// The environments: name, version, tier, digest of the file.
    pub(crate) environments: Vec<EnvironmentId>,
    /// The digest of the sandbox runtime.
    pub(crate) runtime: String,
    /// The settings that decide.
    pub(crate) settings: DecidingSettings,
}

/// An entry as it was read from the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EntryTerms {
    /// The miner's number; none where it has left the subnet, and its model only stands guard.
    pub(crate) uid: Option<Uid>,
    /// The miner's address.
    pub(crate) hotkey: Hotkey,
    /// The model reference.
    pub(crate) model: String,
    /// The block of commitment.
    pub(crate) committed: u64,
    /// The order within that block.
    pub(crate) position: u32,
    /// The reason for which it takes part.
    pub(crate) role: Role,
}

/// The settings that decide a result; threads, batch sizes, paths and keys do not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecidingSettings {
    /// Those that are tables of their own in the settings file, too.
    #[serde(flatten)]
    pub(crate) deciding: Deciding,
    /// Arithmetic of the linear layers.
    pub(crate) mode: Arithmetic,
    /// Card that a graphics processor's results are of; none on the CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) card: Option<CardTerms>,
    /// The endpoint of a server that replies.
    pub(crate) interface: Interface,
    /// Models that servers run in place of this machine.
    pub(crate) served: Vec<ServedModel>,
}

/// Terms of a graphics processor: cards for which all of them are equal give equal bits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CardTerms {
    /// Compute capability.
    pub(crate) capability: String,
    /// Digest of the kernels.
    pub(crate) kernels: String,
    /// Version of cuBLASLt.
    pub(crate) library: String,
    /// Digest of the products' algorithms that `engine.algorithms` names; without it they are of this card alone.
    pub(crate) algorithms: Option<String>,
    /// The card, where no shared algorithms make others equal to it.
    pub(crate) card: Option<String>,
}

impl CardTerms {
    /// The terms of this machine's card.
    pub(crate) fn of(accelerator: &Accelerator) -> Self {
        Self::new(accelerator.identity(), accelerator.algorithms())
    }

    fn new(identity: &CardIdentity, algorithms: Option<String>) -> Self {
        let CardIdentity { card, capability, kernels, library, .. } = identity.clone();
        let card = algorithms.is_none().then_some(card);
        Self { capability, kernels, library, algorithms, card }
    }
}

impl fmt::Display for CardTerms {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { capability, kernels, library, algorithms, card } = self;
        write!(formatter, "a card of capability {capability}")?;
        if let Some(card) = card {
            write!(formatter, " ({card})")?;
        }
        let algorithms = algorithms.as_deref().map_or("its own", |digest| &digest[..digest.len().min(16)]);
        let kernels = &kernels[..kernels.len().min(16)];
        write!(formatter, ", kernels {kernels}, cuBLASLt {library}, algorithms {algorithms}")
    }
}

impl From<&Entry> for EntryTerms {
    fn from(entry: &Entry) -> Self {
        let Entry { hotkey, uid, model, committed, position, role } = entry.clone();
        Self { uid, hotkey, model: model.to_string(), committed, position, role }
    }
}

impl TryFrom<&EntryTerms> for Entry {
    type Error = ModelSourceError;

    fn try_from(terms: &EntryTerms) -> Result<Self, ModelSourceError> {
        let EntryTerms { uid, hotkey, model, committed, position, role } = terms.clone();
        Ok(Self { hotkey, uid, model: model.parse()?, committed, position, role })
    }
}

impl WindowTerms {
    /// The terms of a window over this registry, begun from this record, under these settings.
    pub(crate) fn new(
        registry: &RegistryState,
        (record, previous): (ReignRecord, Option<String>),
        settings: &Settings,
        environments: Vec<EnvironmentId>,
        runtime: String,
    ) -> Self {
        Self {
            version: EVIDENCE_VERSION,
            netuid: registry.netuid,
            seed_block: registry.seed_block,
            seed_hash: hex::encode(registry.seed_hash),
            snapshot: registry.snapshot.clone(),
            owners: registry.owners.clone(),
            previous,
            record,
            entries: registry.entries.iter().map(EntryTerms::from).collect(),
            environments,
            runtime,
            settings: DecidingSettings {
                deciding: settings.deciding.clone(),
                mode: settings.engine.mode,
                card: None,
                interface: settings.remote.interface,
                served: settings.remote.served.clone(),
            },
        }
    }

    /// The seed of the window's tasks; none if its hash is not one.
    pub(crate) fn seed(&self) -> Option<WindowSeed> {
        let hash: [u8; 32] = hex::decode(&self.seed_hash).ok()?.try_into().ok()?;
        Some(WindowSeed::new(&hash, self.seed_block, self.netuid))
    }

    /// True if a server runs the model of this reference.
    pub(crate) fn is_served(&self, model: &str) -> bool {
        matches!(model.parse(), Ok(ModelSource::Server(_)))
            || self.settings.served.iter().any(|served| served.model.to_string() == model)
    }

    /// The place of a crowned model's entry: the miner's own commitment, or the entry that was added for it.
    pub(crate) fn place_of(&self, crowned: &CrownedModel) -> Option<usize> {
        self.entries.iter().position(|entry| crowned.is(&entry.hotkey, &entry.model))
    }

    /// The digest by which a run is resumed: BLAKE3 in key derivation mode over the terms' JSON.
    pub(crate) fn identity(&self) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("dethrone 2026-11 run identity");
        hasher.update(self.to_json().as_bytes());
        hasher.finalize().to_hex().to_string()
    }

    /// The digest of the rule: BLAKE3 in key derivation mode over the settings, environments and sandbox that decide.
    pub(crate) fn rule(&self) -> String {
        let Self { settings, environments, runtime, .. } = self;
        let rule = serde_json::to_string(&(settings, environments, runtime)).expect("terms are plain data");
        blake3::Hasher::new_derive_key("dethrone 2026-11 rule").update(rule.as_bytes()).finalize().to_hex().to_string()
    }

    /// The terms as JSON: the bytes of the evidence's first record.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("terms are plain data")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(algorithms: Option<&str>) -> CardTerms {
        let text = str::to_owned;
        let (card, capability, driver) = (text("NVIDIA H100 80GB HBM3"), text("9.0"), text("13000"));
        let identity = CardIdentity { card, capability, driver, kernels: text("beef"), library: text("130100") };
        CardTerms::new(&identity, algorithms.map(text))
    }

    #[test]
    fn cards_are_equal_where_kernels_library_and_shared_algorithms_are() {
        let shared = card(Some("a190"));
        assert_eq!((shared.card.as_deref(), card(None).card.as_deref()), (None, Some("NVIDIA H100 80GB HBM3")));
        assert_ne!(shared, card(Some("a191")));
        let text = "a card of capability 9.0, kernels beef, cuBLASLt 130100, algorithms a190";
        assert_eq!(shared.to_string(), text);
        let of_the_cpu = serde_json::to_value(terms()).unwrap();
        assert!(of_the_cpu["settings"].get("card").is_none(), "records of the CPU stay as they were");
    }

    fn terms() -> WindowTerms {
        let registry = RegistryState {
            netuid: 1,
            seed_block: 9,
            seed_hash: [7; 32],
            snapshot: None,
            owners: Default::default(),
            champion: None,
            former: Vec::new(),
            tested: 0,
            entries: Vec::new(),
        };
        WindowTerms::new(&registry, Default::default(), &Settings::default(), Vec::new(), "c0de".to_owned())
    }

    #[test]
    fn the_deciding_settings_are_one_flat_table_in_a_fixed_order() {
        let json = terms().to_json();
        let settings = json.split_once("\"settings\":").unwrap().1;
        let places: Vec<Option<usize>> = [
            "{\"round\":16",
            ",\"alpha\":0.01",
            ",\"duel\":{\"tolerance\":0.04",
            ",\"heat\":{\"tasks\":150",
            ",\"screens\":{\"base\":null",
            ",\"weights\":{",
            ",\"sampling\":{\"context\":16384,\"temperature\":0.0,\"top_k\":null,\"top_p\":null}",
            ",\"work\":{\"tokens\":8192",
            ",\"admission\":{",
            ",\"mode\":\"exact\"",
            ",\"interface\":\"chat\"",
            ",\"served\":[]}}",
        ]
        .map(|part| settings.find(part))
        .to_vec();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} in {settings}");
        assert_eq!((places[0], json.contains("engine")), (Some(0), false));
    }

    #[test]
    fn terms_are_read_back_as_written_and_unknown_keys_are_refused() {
        let json = terms().to_json();
        assert_eq!(serde_json::from_str::<WindowTerms>(&json).unwrap(), terms());
        for (known, unknown) in [
            ("\"round\":16", "\"round\":16,\"rounds\":16"),
            ("\"mode\":\"exact\"", "\"mode\":\"exact\",\"modes\":1"),
            ("\"tolerance\":", "\"tolerances\":1,\"tolerance\":"),
            ("\"netuid\":", "\"netuids\":1,\"netuid\":"),
        ] {
            let odd = json.replacen(known, unknown, 1);
            assert_ne!(odd, json);
            let error = serde_json::from_str::<WindowTerms>(&odd).unwrap_err().to_string();
            assert!(error.contains("unknown field"), "{unknown}: {error}");
        }
    }

    #[test]
    fn a_window_is_another_one_if_anything_that_decides_is_another() {
        let other = |change: fn(&mut WindowTerms)| {
            let mut terms = terms();
            change(&mut terms);
            terms.identity()
        };
        assert_eq!(terms().identity(), other(|_| {}));
        let rule = |change: fn(&mut WindowTerms)| {
            let mut terms = terms();
            change(&mut terms);
            terms.rule()
        };
        let same = rule(|terms| (terms.seed_block, terms.record.bouts) = (77, 3));
        assert_eq!(terms().rule(), same, "windows come and go, and the rule stays");
        assert_ne!(terms().rule(), rule(|terms| terms.settings.deciding.alpha = 0.02));
        assert_ne!(terms().rule(), rule(|terms| terms.runtime.push('0')));
        let changed = [
            other(|terms| terms.settings.deciding.alpha = 0.02),
            other(|terms| terms.settings.deciding.duel.budget += 1),
            other(|terms| terms.settings.mode = Arithmetic::EightBit),
            other(|terms| terms.settings.card = Some(card(None))),
            other(|terms| terms.settings.card = Some(card(Some("a190")))),
            other(|terms| terms.settings.interface = Interface::Completions),
            other(|terms| terms.runtime.push('0')),
            other(|terms| terms.record.bouts = 1),
        ];
        let distinct: std::collections::BTreeSet<&String> = changed.iter().collect();
        assert_eq!((distinct.len(), distinct.contains(&terms().identity())), (changed.len(), false));
    }
}
