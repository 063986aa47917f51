//! Responders: a local engine on an admitted model, or the client of a remote server.

use models::admission::Admitted;
use models::cuda::Accelerator;
use models::decoder::Arithmetic;
use models::engine::{Engine, EngineError, EngineSettings};
use models::error::{DeviceError, LoadError};
use models::local::{LoadedModel, LocalModel};
use models::remote::{RemoteError, RemoteErrorKind, RemoteModel, RemoteRef, RemoteSettings};
use models::secret::Secret;

use crate::settings::Variables;

/// A responder could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResponderError {
    /// The model's files cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Its engine does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The settings ask for a graphics processor that is not there or cannot be used.
    #[error("`engine.mode` is \"cuda\", and {0}")]
    Card(#[from] DeviceError),
    /// The client of the server that runs it cannot be set up.
    #[error(transparent)]
    Remote(#[from] RemoteError),
}

/// Loads an admitted model and starts an engine on it, with a KV cache for sequences of `context` tokens.
///
/// # Errors
/// If its tensors cannot be read or the engine's settings are not usable.
pub(super) async fn start_engine(
    admitted: Box<Admitted>,
    settings: &EngineSettings,
    context: usize,
    accelerator: Option<Accelerator>,
) -> Result<LocalModel, ResponderError> {
    let mode = settings.mode;
    let settings = EngineSettings { context: Some(context), ..settings.clone() };
    let loading = tokio::task::spawn_blocking(move || load(&admitted, mode, accelerator.as_ref()));
    let (model, prompter) = loading.await.expect("loading does not panic")?.into_parts();
    Ok(LocalModel { engine: Engine::start(model, &settings)?, prompter })
}

/// Connects to the server that runs a model.
///
/// # Errors
/// If the settings are not usable or the key's variable is not set.
pub(super) fn connect(reference: &RemoteRef, settings: &RemoteSettings) -> Result<RemoteModel, RemoteError> {
    let key = settings.key_variable.as_ref().map(|name| key(reference, name)).transpose()?;
    RemoteModel::new(reference.clone(), settings.clone(), key, settings.retries())
}

/// The key in the variable of this name; a named variable has to be set.
fn key(reference: &RemoteRef, name: &str) -> Result<Secret, RemoteError> {
    Variables::secret(name).ok_or_else(|| {
        let reason = format!("the variable {name}, which `remote.key_variable` names, is not set");
        RemoteError { server: reference.server(), kind: RemoteErrorKind::Setup { reason } }
    })
}

/// Loads a model for the card where there is one; in mode `auto` for the CPU where the card cannot hold or run it.
fn load(admitted: &Admitted, mode: Arithmetic, accelerator: Option<&Accelerator>) -> Result<LoadedModel, LoadError> {
    let Some(accelerator) = accelerator else { return LoadedModel::load(admitted, mode) };
    match LoadedModel::load_on(admitted, accelerator) {
        Err(LoadError::Device(error)) if mode == Arithmetic::Auto => {
            tracing::warn!("the model runs on the CPU: {error}");
            LoadedModel::load(admitted, Arithmetic::Exact)
        }
        loaded => loaded,
    }
}
