//! Errors of fetching, admitting and opening a model.

use models::error::{DeviceError, LoadError};
use models::hub::HubError;

use super::responder::ResponderError;
use crate::exit_status::ExitStatus;
use crate::problem::{CHECK_SOURCE, MEND_SETTINGS, Problem};

/// A model cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoaderError {
    /// The hub's client could not be set up.
    #[error("cannot set up the hub's client")]
    HubSetup(#[source] HubError),
    /// A model could not be fetched for reasons that are not its miner's.
    #[error("cannot fetch {model}")]
    Fetch {
        /// The model reference.
        model: String,
        /// The cause.
        source: HubError,
    },
    /// The model is refused; the sentence tells its miner what to change.
    #[error("{model} cannot be used: {reason}")]
    Refused {
        /// The model reference.
        model: String,
        /// The refusal.
        reason: String,
    },
    /// The settings ask for a graphics processor that is not there or cannot be used.
    #[error("`engine.mode` asks for a graphics processor")]
    Card(#[source] DeviceError),
    /// An admitted model could not be read, or its engine or client not be started.
    #[error("cannot load {model}")]
    Open {
        /// The model reference.
        model: String,
        /// The cause.
        source: ResponderError,
    },
}

impl From<LoaderError> for Problem {
    fn from(error: LoaderError) -> Self {
        let status = match &error {
            LoaderError::HubSetup(_) | LoaderError::Fetch { .. } => ExitStatus::Source,
            LoaderError::Refused { .. } => ExitStatus::ModelRefused,
            LoaderError::Open { source: ResponderError::Load(LoadError::Refused(_)), .. } => ExitStatus::ModelRefused,
            LoaderError::Open { source: ResponderError::Load(_), .. } => ExitStatus::Source,
            LoaderError::Open { .. } | LoaderError::Card(_) => ExitStatus::Usage,
        };
        let hint = match status {
            ExitStatus::Usage => MEND_SETTINGS,
            ExitStatus::ModelRefused => "change the model as the sentence says and publish a new commit",
            _ => CHECK_SOURCE,
        };
        Self::from_error(status, &error).hint(hint)
    }
}
