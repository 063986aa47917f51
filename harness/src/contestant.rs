//! Bringing a model to the table: into an engine on this machine, or within reach on a server.

use models::admission::{Admitted, Limits, admit};
use models::decoder::Arithmetic;
use models::engine::{Engine, EngineError, EngineSettings};
use models::local::LocalModel;
use models::remote::{RemoteError, RemoteErrorKind, RemoteModel, RemoteRef, RemoteSettings};
use models::secret::Secret;
use models::snapshot::Snapshot;
use models::{error::LoadError, local::LoadedModel};

use crate::settings::Variables;

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
    let settings = EngineSettings { context: Some(context), ..settings.clone() };
    if mode == Arithmetic::Bf16 && !cfg!(feature = "cuda") {
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
    RemoteModel::new(reference.clone(), settings.clone(), key, settings.retries())
}

/// The key in the variable of this name. A key that is expected and missing is not done without.
fn key(reference: &RemoteRef, name: &str) -> Result<Secret, RemoteError> {
    Variables::secret(name).ok_or_else(|| {
        let reason = format!("the variable {name}, which `remote.key_variable` names, is not set");
        RemoteError { server: reference.server(), kind: RemoteErrorKind::Setup { reason } }
    })
}

fn load(admitted: &Admitted, mode: Arithmetic) -> Result<LoadedModel, LoadError> {
    match mode {
        #[cfg(feature = "cuda")]
        Arithmetic::Bf16 => LoadedModel::load_on_cuda(admitted, 0),
        mode => LoadedModel::load(admitted, mode),
    }
}
