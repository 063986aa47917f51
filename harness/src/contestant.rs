//! Bringing a model to the table: into an engine on this machine, or within reach on a server.

use std::time::Duration;

use models::admission::{Admitted, Limits, admit};
use models::decoder::Arithmetic;
use models::engine::{Engine, EngineError, PrefixCache};
use models::local::LocalModel;
use models::remote::{Interface, LogProbabilities, RemoteError, RemoteErrorKind, RemoteModel, RemoteRef};
use models::retry::Retries;
use models::secret::Secret;
use models::snapshot::Snapshot;
use models::{error::LoadError, local::LoadedModel};

use crate::settings::{EngineMode, EngineSettings, RemoteInterface, RemoteSettings};

/// Why a model did not come to the table.
#[derive(Debug, thiserror::Error)]
pub enum ContestantError {
    /// Its files cannot be read or are refused.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Its engine does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The settings ask for a graphics processor.
    #[error("`engine.mode` is \"cuda\", and this program was built without `--features cuda`")]
    Built,
    /// The server that runs it cannot be asked.
    #[error(transparent)]
    Remote(#[from] RemoteError),
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

/// Loads an admitted model and starts an engine on it, with room for texts of `context` tokens.
///
/// # Errors
/// If its tensors cannot be read or the engine's settings are not usable.
pub async fn seat(
    admitted: Box<Admitted>,
    settings: &EngineSettings,
    context: usize,
) -> Result<LocalModel, ContestantError> {
    let mode = settings.mode;
    let settings = models::engine::EngineSettings {
        rows: settings.rows,
        chunk: settings.chunk,
        pages: (settings.pages > 0).then_some(settings.pages),
        page_tokens: settings.page_tokens,
        context: Some(context),
        threads: threads(settings.threads),
        prefix_cache: if settings.prefix_cache { PrefixCache::On } else { PrefixCache::Off },
    };
    if mode == EngineMode::Cuda && !cfg!(feature = "cuda") {
        return Err(ContestantError::Built);
    }
    let loading = tokio::task::spawn_blocking(move || load(&admitted, mode));
    let (model, prompter) = loading.await.expect("loading does not panic")?.into_parts();
    Ok(LocalModel { engine: Engine::start(model, &settings)?, prompter })
}

/// The model of a server.
///
/// # Errors
/// If the settings are not usable or the key is not where they say.
pub fn call(reference: &RemoteRef, settings: &RemoteSettings) -> Result<RemoteModel, RemoteError> {
    let key = settings.key_variable.as_ref().map(|name| key(reference, name)).transpose()?;
    let settings = models::remote::RemoteSettings {
        interface: match settings.interface {
            RemoteInterface::Chat => Interface::Chat,
            RemoteInterface::Completions => Interface::Completions,
        },
        key,
        in_flight: settings.in_flight,
        per_minute: settings.per_minute,
        retries: Retries {
            attempts: settings.attempts,
            patience: Duration::from_secs(settings.timeout_seconds),
            ..Retries::default()
        },
        log_probabilities: if settings.logprobs { LogProbabilities::Wanted } else { LogProbabilities::Unwanted },
    };
    RemoteModel::new(reference.clone(), settings)
}

/// The key in the variable of this name. A key that is expected and missing is not done without.
fn key(reference: &RemoteRef, name: &str) -> Result<Secret, RemoteError> {
    match std::env::var(name) {
        Ok(key) if !key.trim().is_empty() => Ok(Secret::new(key.trim())),
        _ => {
            let reason = format!("the variable {name}, which `remote.key_variable` names, is not set");
            Err(RemoteError { server: reference.server(), kind: RemoteErrorKind::Setup { reason } })
        }
    }
}

fn load(admitted: &Admitted, mode: EngineMode) -> Result<LoadedModel, LoadError> {
    match mode {
        EngineMode::Exact => LoadedModel::load(admitted, Arithmetic::Exact),
        EngineMode::EightBit => LoadedModel::load(admitted, Arithmetic::EightBit),
        #[cfg(feature = "cuda")]
        EngineMode::Cuda => LoadedModel::load_on_cuda(admitted, 0),
        #[cfg(not(feature = "cuda"))]
        EngineMode::Cuda => unreachable!("it was refused before"),
    }
}

/// The number of threads that a setting of 0 stands for: one a core.
fn threads(setting: usize) -> usize {
    if setting > 0 { setting } else { std::thread::available_parallelism().map_or(1, usize::from) }
}
