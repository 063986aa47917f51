//! Responders: a process with an engine on an admitted model, or the client of a remote server.

use models::engine::EngineError;
use models::error::{DeviceError, LoadError};
use models::remote::{RemoteError, RemoteErrorKind, RemoteModel, RemoteRef, RemoteSettings};
use models::secret::Secret;

use crate::scope::Scope;
use crate::settings::Variables;
use crate::subprocess::{ProcessError, StartError};

/// A responder could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResponderError {
    /// The model's files cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Its engine does not start.
    #[error(transparent)]
    Engine(EngineError),
    /// The process that runs it, or checks it, gave no result.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The settings ask for a graphics processor that is not there or cannot be used.
    #[error("`engine.mode` is \"cuda\", and {0}")]
    Card(#[from] DeviceError),
    /// The client of the server that runs it cannot be set up.
    #[error(transparent)]
    Remote(#[from] RemoteError),
}

impl ResponderError {
    /// Scope of the error.
    pub(super) fn scope(&self) -> Scope {
        match self {
            Self::Card(_) | Self::Load(LoadError::Write { .. }) => Scope::Validator,
            Self::Load(
                LoadError::Refused(_)
                | LoadError::Read { .. }
                | LoadError::Device(_)
                | LoadError::Machine { .. }
                | LoadError::UnknownTensor { .. },
            )
            | Self::Engine(_) => Scope::Entry,
            Self::Process(error) => error.scope(),
            // Nothing was asked of a server yet.
            Self::Remote(_) => Scope::Validator,
        }
    }
}

impl From<StartError> for ResponderError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Load(error) => Self::Load(error),
            StartError::Engine(error) => Self::Engine(error),
        }
    }
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
