//! Settings that decide a window's result besides the environments, and are therefore part of its terms.

use models::model_ref::ModelRef;
use models::responder::Work;
use pareto::screens::copy::CopySettings;
use pareto::weights::WeightSettings;
use pareto::{DuelSettings, HeatSettings};
use serde::{Deserialize, Serialize};

/// Settings that decide a window's result: they are the same in the settings file and in the evidence.
///
/// It does not refuse unknown keys by itself: whoever flattens it into a table of further keys does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Deciding {
    /// Tasks answered between two looks at a duel.
    pub round: u32,
    /// The chance that any model which is not better ever dethrones a champion, for the whole reign; in (0, 1).
    pub alpha: f64,
    /// The duel: tolerance, margin, budget of tasks per environment.
    pub duel: DuelSettings,
    /// The heat: every challenger's first tasks of a window, which drop the hopeless and spend nothing of alpha.
    pub heat: HeatSettings,
    /// Screens of the entries, before any of them answers a task.
    pub screens: ScreenSettings,
    /// Shares of emission: the part that is burned, and the part that former champions keep.
    pub weights: WeightSettings,
    /// Sampling of a model's tokens.
    pub sampling: SamplingSettings,
    /// Work that an entry's tasks may take on average; one that takes more answers no more in that environment.
    pub work: WorkSettings,
    /// Limits of admission, checked before a model is loaded.
    pub admission: models::admission::Limits,
}

/// Settings of the screens.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ScreenSettings {
    /// The public model that the entries are tunings of, as `owner/name@` and 40 digits: the task vectors are then
    /// compared instead of the whole tensors. Without it only plain copies are recognized.
    pub base: Option<ModelRef>,
    /// The limits up to which an entry is found to be a copy.
    pub copy: CopySettings,
}

/// Work that an entry's tasks in an environment may take on average: counted, and the same on every machine. It is looked at
/// every 64 tasks; an entry that has taken more scores 0 on the tasks that follow, without being asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WorkSettings {
    /// Tokens of prompts and replies for each task, on average.
    pub tokens: u64,
    /// Bytes of prompts' and replies' text for each task, on average.
    pub bytes: u64,
    /// Fuel of the chat template for each task, on average: one an instruction, and one for 64 bytes that it looks at.
    pub fuel: u64,
}

impl Default for WorkSettings {
    fn default() -> Self {
        Self { tokens: 8_192, bytes: 131_072, fuel: 100_000 }
    }
}

impl WorkSettings {
    /// The same as work.
    pub(crate) fn allowed(&self) -> Work {
        let Self { tokens, bytes, fuel } = *self;
        Work { tokens, bytes, fuel }
    }
}

/// Sampling of a model's tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SamplingSettings {
    /// The longest conversation in tokens, replies included, where the model has room for more; a longer one is the
    /// model's failure.
    pub context: usize,
    /// Softmax temperature; 0 takes the likeliest token.
    pub temperature: f32,
    /// Only the `top_k` likeliest tokens are drawn from; all where it is not given.
    pub top_k: Option<u32>,
    /// Only the likeliest tokens that together reach this probability are drawn from; in (0, 1]. All where not given.
    pub top_p: Option<f32>,
}

impl Default for Deciding {
    fn default() -> Self {
        Self {
            round: 16,
            alpha: 0.01,
            duel: DuelSettings::default(),
            heat: HeatSettings::default(),
            screens: ScreenSettings::default(),
            weights: WeightSettings::default(),
            sampling: SamplingSettings { context: 16_384, temperature: 0.0, top_k: None, top_p: None },
            work: WorkSettings::default(),
            admission: models::admission::Limits::default(),
        }
    }
}
