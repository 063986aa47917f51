//! Errors of a window. Everything finished before is stored.

use models::error::LoadError;
use models::source::ModelSourceError;
use pareto::DuelError;
use pareto::weights::WeightError;

use crate::exit_status::ExitStatus;
use crate::loader::LoaderError;
use crate::problem::{CHECK_SOURCE, MEND_SETTINGS, Problem};
use crate::rollout::ExecutorError;
use crate::store::StoreError;

/// A window could not be finished.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WindowError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A model could not be fetched or checked.
    #[error(transparent)]
    Loader(#[from] LoaderError),
    /// An admitted model's tensors could not be read.
    #[error("cannot load {model}")]
    Fingerprint {
        /// The model reference.
        model: String,
        /// The cause.
        source: LoadError,
    },
    /// The model that the settings name as base cannot be compared with.
    #[error("{model}, which `screens.base` names, is refused: {reason}")]
    Base {
        /// The model reference.
        model: String,
        /// The refusal.
        reason: String,
    },
    /// An admitted model's fingerprint is not in the database.
    #[error("the database holds no fingerprint of {model}, which it says is admitted")]
    NoFingerprint {
        /// The model reference.
        model: String,
    },
    /// A rollout could not be made.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// An entry of recorded terms names no model.
    #[error(transparent)]
    Model(#[from] ModelSourceError),
    /// The duel's settings are not usable.
    #[error(transparent)]
    Duel(#[from] DuelError),
    /// The settings for the weights are not usable.
    #[error(transparent)]
    Weights(#[from] WeightError),
}

impl From<WindowError> for Problem {
    fn from(error: WindowError) -> Self {
        let (status, hint) = match error {
            WindowError::Store(error) => return error.into(),
            WindowError::Loader(error) => return error.into(),
            WindowError::Executor(error) => return error.into(),
            WindowError::Duel(_) | WindowError::Weights(_) | WindowError::Base { .. } => {
                (ExitStatus::Usage, MEND_SETTINGS)
            }
            WindowError::Model(error) => return error.into(),
            WindowError::Fingerprint { .. } => (ExitStatus::Source, CHECK_SOURCE),
            WindowError::NoFingerprint { .. } => {
                (ExitStatus::Store, "restore the database from a copy, or choose another output folder")
            }
        };
        Self::from_error(status, &error).hint(hint)
    }
}
