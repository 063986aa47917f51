//! Errors of a window. Everything finished before is stored.

use models::source::ModelSourceError;
use pareto::DuelError;
use pareto::weights::WeightError;

use crate::exit_status::ExitStatus;
use crate::loader::LoaderError;
use crate::problem::{MEND_SETTINGS, Problem};
use crate::rollout::ExecutorError;
use crate::scope::Scope;
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
    /// The champion, or the entry that stands guard, could not be run to the end.
    #[error(transparent)]
    NeededEntry(Box<NeededEntryLeft>),
    /// The duel's settings are not usable.
    #[error(transparent)]
    Duel(#[from] DuelError),
    /// The settings for the weights are not usable.
    #[error(transparent)]
    Weights(#[from] WeightError),
}

/// An entry that a window's bouts cannot be held without could not be run to the end in any attempt.
#[derive(Debug, thiserror::Error)]
#[error("the champion, or its guard, could not be run to the end")]
pub(crate) struct NeededEntryLeft {
    /// Its place.
    pub(super) entry: usize,
    /// The last attempt's error.
    pub(super) source: ExecutorError,
}

impl WindowError {
    /// Scope of the error.
    pub(super) fn scope(&self) -> Scope {
        match self {
            Self::Loader(error) => error.scope(),
            Self::Executor(error) => error.scope(),
            Self::NeededEntry(_) => Scope::Entry,
            Self::Store(_)
            | Self::Base { .. }
            | Self::NoFingerprint { .. }
            | Self::Model(_)
            | Self::Duel(_)
            | Self::Weights(_) => Scope::Validator,
        }
    }

    /// True where the hub has answered for one model, and will answer the same again.
    pub(super) fn is_an_answer_for_good(&self) -> bool {
        matches!(self, Self::Loader(error) if error.is_an_answer_for_good())
    }

    /// True where no answer of the hub came through.
    pub(super) fn is_of_the_connection(&self) -> bool {
        matches!(self, Self::Loader(error) if error.is_of_the_connection())
    }
}

impl From<WindowError> for Problem {
    fn from(error: WindowError) -> Self {
        let (status, hint) = match error {
            WindowError::Store(error) => return error.into(),
            WindowError::Loader(error) => return error.into(),
            WindowError::Executor(error) => return error.into(),
            WindowError::NeededEntry(left) => return left.source.into(),
            WindowError::Duel(_) | WindowError::Weights(_) | WindowError::Base { .. } => {
                (ExitStatus::Usage, MEND_SETTINGS)
            }
            WindowError::Model(error) => return error.into(),
            WindowError::NoFingerprint { .. } => {
                (ExitStatus::Store, "restore the database from a copy, or choose another output folder")
            }
        };
        Self::from_error(status, &error).hint(hint)
    }
}
