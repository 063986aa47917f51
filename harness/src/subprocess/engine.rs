//! Start of an engine on an admitted model.

use models::admission::Admitted;
use models::cuda::Accelerator;
use models::decoder::Arithmetic;
use models::engine::{Engine, EngineError, EngineSettings};
use models::error::LoadError;
use models::local::{LoadedModel, LocalModel};

/// An engine could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The model's files cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Its engine does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Loads an admitted model and starts an engine on it, with a KV cache for sequences of `context` tokens.
///
/// It takes as long as the files are large, and blocks the thread meanwhile.
///
/// # Errors
/// If its tensors cannot be read or the engine's settings are not usable.
pub(crate) fn start_engine(
    admitted: &Admitted,
    settings: &EngineSettings,
    context: usize,
    accelerator: Option<&Accelerator>,
) -> Result<LocalModel, StartError> {
    let (model, prompter) = load(admitted, settings.mode, accelerator)?.into_parts();
    let settings = EngineSettings { context: Some(context), ..settings.clone() };
    Ok(LocalModel { engine: Engine::start(model, &settings)?, prompter })
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
