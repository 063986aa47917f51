//! Responders: a local engine on an admitted model, or the client of a remote server.

use models::admission::Admitted;
use models::decoder::Arithmetic;
use models::engine::{Engine, EngineError, EngineSettings};
use models::error::LoadError;
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
    /// The settings ask for a graphics processor.
    #[error("`engine.mode` is \"cuda\", and this program was built without `--features cuda`")]
    NoCuda,
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
) -> Result<LocalModel, ResponderError> {
    let mode = settings.mode;
    let settings = EngineSettings { context: Some(context), ..settings.clone() };
    if mode == Arithmetic::Bf16 && !cfg!(feature = "cuda") {
        return Err(ResponderError::NoCuda);
    }
    let loading = tokio::task::spawn_blocking(move || load(&admitted, mode));
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

fn load(admitted: &Admitted, mode: Arithmetic) -> Result<LoadedModel, LoadError> {
    match mode {
        #[cfg(feature = "cuda")]
        Arithmetic::Bf16 => LoadedModel::load_on_cuda(admitted, 0),
        mode => LoadedModel::load(admitted, mode),
    }
}
