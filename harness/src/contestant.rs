//! A model at the table: its engine, and what lays out its conversations.

use models::admission::{Admitted, Limits, admit};
use models::engine::{Engine, EngineError, PrefixCache};
use models::load::{LoadError, LoadedModel, Prompter};
use models::snapshot::Snapshot;

use crate::settings::EngineSettings;

/// A model at the table.
pub struct Contestant {
    /// What computes its tokens.
    pub engine: Engine,
    /// What lays out its conversations.
    pub prompter: Prompter,
}

/// Why a model did not come to the table.
#[derive(Debug, thiserror::Error)]
pub enum ContestantError {
    /// Its files cannot be read or are refused.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Its engine does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Checks a model's files at the door, away from the threads that wait.
///
/// # Errors
/// If they are refused or cannot be read.
pub async fn check(snapshot: Snapshot, limits: &Limits) -> Result<Box<Admitted>, LoadError> {
    let limits = limits.clone();
    tokio::task::spawn_blocking(move || admit(&snapshot, &limits).map(Box::new))
        .await
        .expect("checking a model does not panic")
}

impl Contestant {
    /// Loads an admitted model and starts an engine on it.
    ///
    /// # Errors
    /// If its tensors cannot be read or the engine's settings are not usable.
    pub async fn seat(admitted: Box<Admitted>, settings: &EngineSettings) -> Result<Self, ContestantError> {
        let settings = models::engine::EngineSettings {
            rows: settings.rows,
            chunk: settings.chunk,
            pages: (settings.pages > 0).then_some(settings.pages),
            threads: threads(settings.threads),
            prefix_cache: if settings.prefix_cache { PrefixCache::On } else { PrefixCache::Off },
        };
        let loaded =
            tokio::task::spawn_blocking(move || LoadedModel::load(&admitted)).await.expect("loading does not panic")?;
        let (model, prompter) = loaded.into_parts();
        Ok(Self { engine: Engine::start(model, &settings)?, prompter })
    }
}

/// The number of threads that a setting of 0 stands for: one a core.
fn threads(setting: usize) -> usize {
    if setting > 0 { setting } else { std::thread::available_parallelism().map_or(1, usize::from) }
}
