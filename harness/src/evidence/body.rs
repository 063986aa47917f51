//! The facts: what each kind of record says.

use pareto::weights::WeightSettings;
use serde::{Deserialize, Serialize};

use crate::registry::{Hotkey, Registry, Uid};
use crate::settings::{EngineMode, RemoteInterface, SamplingSettings, ScreenSettings, ServedModel, Settings};
use crate::store::{Fault, FileRecord, ReplyRecord, RolloutRecord, Standing};
use crate::window::{Conclusion, DuelRecord, FindingRecord};

/// The version of the records' schema.
pub(super) const VERSION: u32 = 2;

/// One fact.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// What the window was opened with, and who signs.
    Opened {
        /// All that decides the result.
        opened: Box<Opened>,
        /// The validator's public key, as hexadecimal digits.
        validator: String,
    },
    /// What became of an entry at the door.
    Admission(AdmissionBody),
    /// What a screen found.
    Finding {
        /// The entry's place.
        entry: usize,
        /// The finding.
        finding: FindingRecord,
    },
    /// A rollout.
    Rollout(RolloutBody),
    /// A duel's end.
    Decision(DuelRecord),
    /// The weights.
    Weights(WeightsBody),
}

/// All that decides a window's result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opened {
    /// The version of the records' schema.
    pub version: u32,
    /// The subnet.
    pub netuid: u16,
    /// The block whose hash seeds the tasks.
    pub seed_block: u64,
    /// That block's hash, as hexadecimal digits.
    pub seed_hash: String,
    /// Who held the weight when the window opened.
    pub champion: Option<Hotkey>,
    /// Who held it before, the latest first.
    pub former: Vec<Hotkey>,
    /// How many challengers that reign had tested.
    pub tested: u64,
    /// The entries in order of commitment.
    pub entries: Vec<OpenedEntry>,
    /// The environments: name, version, tier, digest of the file.
    pub environments: Vec<environments::EnvironmentId>,
    /// The digest of the sandbox runtime.
    pub runtime: String,
    /// The settings that decide.
    pub settings: DecidingSettings,
}

/// An entry as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenedEntry {
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
    /// How emission is shared.
    pub weights: WeightSettings,
    /// The draws.
    pub sampling: SamplingSettings,
    /// The door.
    pub admission: models::admission::Limits,
    /// What linear layers compute with.
    pub mode: EngineMode,
    /// Which function of a server answers.
    pub interface: RemoteInterface,
    /// The models that servers run in place of this machine.
    pub served: Vec<ServedModel>,
}

/// What became of an entry at the door.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdmissionBody {
    /// The entry's place.
    pub entry: usize,
    /// `admitted`, `refused` or `late`.
    pub standing: String,
    /// The sentence for its miner, where it was refused.
    pub reason: Option<String>,
    /// The snapshot's files with their digests.
    pub files: Vec<FileRecord>,
}

/// A rollout: its replies are token ids, its text is derived, unless a server made it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutBody {
    /// The entry's place.
    pub entry: usize,
    /// The environment's place.
    pub environment: usize,
    /// The task's number.
    pub task: u32,
    /// The task's seed.
    pub seed: u64,
    /// What is known of each reply.
    pub replies: Vec<ReplyBody>,
    /// The verdict's score.
    pub score: f64,
    /// The verdict's reason.
    pub reason: String,
    /// Whose fault a failed rollout is.
    pub fault: Option<Fault>,
    /// Whether the model's files give the replies again; where a server made them, its word is all there is.
    pub reproducible: bool,
}

/// A reply: its token ids, or its text where a server told no ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ReplyBody {
    /// The token ids.
    Tokens(Vec<u32>),
    /// The text.
    Text(String),
}

/// Who gets what; all shares sum to one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightsBody {
    /// The entries' in order.
    pub entries: Vec<WeightBody>,
    /// What goes to uid 0 to be burned, where no entry has that number.
    pub burned: f64,
}

/// One entry's share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightBody {
    /// The miner's number.
    pub uid: Uid,
    /// The miner's address.
    pub hotkey: Hotkey,
    /// The share.
    pub weight: f64,
}

impl Opened {
    /// What a window over this registry under these settings is opened with.
    pub fn new(
        registry: &Registry,
        settings: &Settings,
        environments: Vec<environments::EnvironmentId>,
        runtime: String,
    ) -> Self {
        let entries = registry.entries.iter().map(|entry| OpenedEntry {
            uid: entry.uid,
            hotkey: entry.hotkey.clone(),
            model: entry.model.to_string(),
            committed: entry.committed,
            position: entry.position,
        });
        Self {
            version: VERSION,
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

    /// The digest by which a run is found again.
    pub fn identity(&self) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("dethrone 2026-11 run identity");
        hasher.update(self.to_json().as_bytes());
        hasher.finalize().to_hex().to_string()
    }

    /// The record's bytes.
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

impl Body {
    /// The kind's name and the body's bytes.
    pub(super) fn encode(&self) -> (&'static str, String) {
        match self {
            Self::Opened { opened, validator } => {
                ("opened", to_json(&serde_json::json!({ "opened": opened, "validator": validator })))
            }
            Self::Admission(admission) => ("admission", to_json(admission)),
            Self::Finding { entry, finding } => {
                ("finding", to_json(&serde_json::json!({ "entry": entry, "finding": finding })))
            }
            Self::Rollout(rollout) => ("rollout", to_json(rollout)),
            Self::Decision(decision) => ("decision", to_json(decision)),
            Self::Weights(weights) => ("weights", to_json(weights)),
        }
    }
}

/// The facts of a finished window, in the order in which they follow from one another.
pub fn bodies(conclusion: &Conclusion, validator: &str) -> Vec<Body> {
    let mut bodies =
        vec![Body::Opened { opened: Box::new(conclusion.opened.clone()), validator: validator.to_owned() }];
    bodies.extend(conclusion.entries.iter().enumerate().map(|(entry, concluded)| {
        let (standing, reason) = match &concluded.admission.standing {
            Standing::Admitted => ("admitted", None),
            Standing::Refused(reason) => ("refused", Some(reason.clone())),
            Standing::Late => ("late", None),
        };
        let files = concluded.admission.files.clone();
        Body::Admission(AdmissionBody { entry, standing: standing.to_owned(), reason, files })
    }));
    for (entry, concluded) in conclusion.entries.iter().enumerate() {
        bodies.extend(concluded.finding.clone().map(|finding| Body::Finding { entry, finding }));
    }
    for concluded in &conclusion.entries {
        bodies.extend(concluded.rollouts.iter().map(|rollout| Body::Rollout(RolloutBody::of(rollout))));
    }
    bodies.extend(conclusion.duels.iter().cloned().map(Body::Decision));
    bodies.push(Body::Weights(weights(conclusion)));
    bodies
}

impl RolloutBody {
    /// What is recorded of a rollout.
    pub fn of(rollout: &RolloutRecord) -> Self {
        Self {
            entry: rollout.entry,
            environment: rollout.environment,
            task: rollout.task,
            seed: rollout.seed,
            replies: rollout.replies.iter().map(ReplyBody::of).collect(),
            score: rollout.score,
            reason: rollout.reason.clone(),
            fault: rollout.fault,
            reproducible: rollout.reproducible,
        }
    }
}

impl ReplyBody {
    fn of(reply: &ReplyRecord) -> Self {
        match &reply.text {
            Some(text) => Self::Text(text.clone()),
            None => Self::Tokens(reply.tokens.clone()),
        }
    }
}

fn weights(conclusion: &Conclusion) -> WeightsBody {
    let share = |concluded: &crate::window::EntryConclusion| WeightBody {
        uid: concluded.entry.uid,
        hotkey: concluded.entry.hotkey.clone(),
        weight: concluded.weight,
    };
    WeightsBody { entries: conclusion.entries.iter().map(share).collect(), burned: conclusion.burned }
}

fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("a record's body is plain data")
}
