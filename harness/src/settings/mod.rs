//! What a run is told: one plain structure, every field with a default.

mod sources;

use std::path::PathBuf;

use models::model_ref::ModelRef;
use models::remote::RemoteRef;
use pareto::screens::copy::CopySettings;
use pareto::weights::WeightSettings;
use serde::{Deserialize, Serialize};

pub use sources::{SettingsError, ShownSetting, Sources};

/// Everything a run is told. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The registry file: who submitted what, and when.
    pub registry: PathBuf,
    /// The folder for the database, the evidence, the weights and the report.
    pub output: PathBuf,
    /// The file with the validator's ed25519 secret key (32 bytes as hex); made on first use when it does not exist.
    /// Inside the output folder unless given.
    pub key: Option<PathBuf>,
    /// Where models come from.
    pub hub: HubSettings,
    /// The environments every model answers, in this order.
    pub environments: Vec<EnvironmentChoice>,
    /// How many tasks are answered between two looks at a duel.
    pub round: u32,
    /// The chance that any model which is not better ever dethrones a champion, for the whole reign; in (0, 1).
    pub alpha: f64,
    /// The duel: tolerance, margin, budget of tasks per environment.
    pub duel: pareto::DuelSettings,
    /// What is found out about entries before anybody plays.
    pub screens: ScreenSettings,
    /// How emission is shared: what is burned, and what former champions keep.
    pub weights: WeightSettings,
    /// How a model's next token is drawn.
    pub sampling: SamplingSettings,
    /// The inference engine.
    pub engine: EngineSettings,
    /// Models that a server runs.
    pub remote: RemoteSettings,
    /// The sandbox in which programs run.
    pub sandbox: SandboxSettings,
    /// What a model may be before it is loaded.
    pub admission: models::admission::Limits,
}

/// Where models come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubSettings {
    /// Which kind of hub.
    pub kind: HubKind,
    /// The folder hub's root, laid out as `owner/name/commit/`; needed when `kind` is `folder`.
    pub folder: Option<PathBuf>,
}

/// Kinds of hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HubKind {
    /// The Hugging Face hub, or the server that `HF_ENDPOINT` names.
    HuggingFace,
    /// A folder on this machine.
    Folder,
}

/// One environment and its difficulty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentChoice {
    /// A name of the catalog, or the path of an environment's Python file.
    pub name: String,
    /// Difficulty, from 0.
    #[serde(default)]
    pub tier: u8,
}

/// The screens.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScreenSettings {
    /// The public model that the entries are tunings of, as `owner/name@` and 40 digits: what was added to it is then
    /// compared, not the whole.
    pub base: Option<ModelRef>,
    /// The distances up to which an entry is found to be a copy.
    pub copy: CopySettings,
}

/// How a model's next token is drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplingSettings {
    /// Tokens of a conversation with all its replies at most, where the model has room for more; a longer one is the
    /// model's failure.
    pub context: usize,
    /// Softmax temperature; 0 takes the likeliest token.
    pub temperature: f32,
    /// Only the `top_k` likeliest tokens are drawn from; all where it is not given.
    pub top_k: Option<u32>,
    /// Only the likeliest tokens that together reach this probability are drawn from; in (0, 1]. All where not given.
    pub top_p: Option<f32>,
}

/// The inference engine. Nothing but the mode changes a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineSettings {
    /// What linear layers compute with.
    pub mode: EngineMode,
    /// How many sequences are answered at once.
    pub rows: usize,
    /// How many prompt tokens a step takes at most.
    pub chunk: usize,
    /// Key-value pages; 0 takes what the rows need.
    pub pages: usize,
    /// Tokens of a page, a multiple of 32. Only whole pages are shared.
    pub page_tokens: usize,
    /// CPU threads; 0 takes all cores.
    pub threads: usize,
    /// Whether prompts share what they have in common.
    pub prefix_cache: bool,
}

/// What linear layers compute with. Every validator of a subnet has to choose the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineMode {
    /// Single precision: the tensors' own values.
    Exact,
    /// Blocks of 8-bit integers: faster, meant for checkpoints that are quantised anyway, and a function of its own.
    EightBit,
    /// bfloat16 on the first graphics processor; its results are those of one make of card. Needs a program that was
    /// built with `--features cuda`.
    Cuda,
}

/// Models that a server with OpenAI's interface runs. What they answer cannot be reproduced and is marked so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteSettings {
    /// Which of a server's functions answers.
    pub interface: RemoteInterface,
    /// The variable that holds the key; no key is sent where none is named.
    pub key_variable: Option<String>,
    /// Requests that wait for an answer at the same time.
    pub in_flight: usize,
    /// Requests that begin in a minute; any number where not given.
    pub per_minute: Option<u32>,
    /// Seconds in which an answer has to arrive.
    pub timeout_seconds: u64,
    /// How often a request is tried, longer apart each time.
    pub attempts: u32,
    /// Whether log-probabilities are asked for; some servers refuse the request if they are.
    pub logprobs: bool,
    /// Models of the hub that servers run in place of this machine.
    pub served: Vec<ServedModel>,
}

/// Which of a server's functions answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemoteInterface {
    /// `chat/completions`: the server lays conversations out.
    Chat,
    /// `completions`, for base models: conversations are plain text.
    Completions,
}

/// A model of the hub, and the server that runs it. Its files are fetched, checked and screened all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServedModel {
    /// The model.
    pub model: ModelRef,
    /// Who runs it, as `openai:MODEL@URL`.
    pub by: RemoteRef,
}

/// The sandbox. The slots change no result; the limits do, and are part of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxSettings {
    /// Programs that run at once; 0 takes one a core.
    pub slots: usize,
    /// Seconds after which a program is taken for host trouble and tried again.
    pub deadline_seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            registry: PathBuf::from("registry.json"),
            output: PathBuf::from("dethrone-output"),
            key: None,
            hub: HubSettings { kind: HubKind::HuggingFace, folder: None },
            environments: ["sat", "abduction", "deduction"]
                .map(|name| EnvironmentChoice { name: name.to_owned(), tier: 0 })
                .to_vec(),
            round: 16,
            alpha: 0.01,
            duel: pareto::DuelSettings::default(),
            screens: ScreenSettings::default(),
            weights: WeightSettings::default(),
            sampling: SamplingSettings { context: 16_384, temperature: 0.0, top_k: None, top_p: None },
            engine: EngineSettings {
                mode: EngineMode::Exact,
                rows: 64,
                chunk: 512,
                pages: 512,
                page_tokens: 32,
                threads: 0,
                prefix_cache: true,
            },
            remote: RemoteSettings {
                interface: RemoteInterface::Chat,
                key_variable: None,
                in_flight: 16,
                per_minute: None,
                timeout_seconds: 120,
                attempts: 6,
                logprobs: true,
                served: Vec::new(),
            },
            sandbox: SandboxSettings { slots: 0, deadline_seconds: 30 },
            admission: models::admission::Limits::default(),
        }
    }
}
