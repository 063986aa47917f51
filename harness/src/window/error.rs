//! Why a window could not be finished. Everything finished before is stored.

use environments::EnvironmentError;
use models::error::LoadError;
use models::hub::HubError;
use pareto::DuelError;
use pareto::reign::ReignError;
use pareto::weights::WeightError;

use crate::contestant::ContestantError;
use crate::exit_status::ExitStatus;
use crate::problem::Problem;
use crate::rollout::RolloutError;
use crate::store::StoreError;

/// Why a window could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An environment is unknown or could not be opened.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// The hub's client could not be set up.
    #[error("cannot set up the hub's client")]
    HubSetup(#[source] HubError),
    /// A model could not be fetched for reasons that are not its miner's.
    #[error("cannot fetch {model}")]
    Hub {
        /// The model reference.
        model: String,
        /// Why.
        source: HubError,
    },
    /// An admitted model could not be loaded.
    #[error("cannot load {model}")]
    Load {
        /// The model reference.
        model: String,
        /// Why.
        source: ContestantError,
    },
    /// A model that was admitted is not the same any more.
    #[error("{model} was admitted and is refused now: {reason}")]
    Changed {
        /// The model reference.
        model: String,
        /// The refusal.
        reason: String,
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
    /// A rollout could not be finished on this machine.
    #[error(transparent)]
    Rollout(#[from] RolloutError),
    /// The duel's settings are not usable.
    #[error(transparent)]
    Duel(#[from] DuelError),
    /// The settings for the weights are not usable.
    #[error(transparent)]
    Weights(#[from] WeightError),
    /// The reign's alpha is not usable.
    #[error(transparent)]
    Reign(#[from] ReignError),
}

impl From<WindowError> for Problem {
    fn from(error: WindowError) -> Self {
        let status = match &error {
            WindowError::Store(error) => return Self::from_store(error),
            WindowError::Environment(_)
            | WindowError::Duel(_)
            | WindowError::Reign(_)
            | WindowError::Weights(_)
            | WindowError::Base { .. }
            | WindowError::Load {
                source: ContestantError::Engine(_) | ContestantError::Remote(_) | ContestantError::Built,
                ..
            } => ExitStatus::Usage,
            WindowError::HubSetup(_) | WindowError::Hub { .. } => ExitStatus::Source,
            WindowError::Load { source: ContestantError::Load(LoadError::Refused(_)), .. } => ExitStatus::ModelRefused,
            WindowError::Load { .. } | WindowError::Changed { .. } => ExitStatus::Source,
            WindowError::NoFingerprint { .. } => ExitStatus::Store,
            WindowError::Rollout(_) => ExitStatus::Incomplete,
        };
        let hint = match status {
            ExitStatus::Usage => "mend the settings; `--show-settings` prints each with its source",
            ExitStatus::Source => {
                "check the network, the hub and the folder; what is finished is kept, so run the same command again"
            }
            ExitStatus::ModelRefused => "change the model as the sentence says and publish a new commit",
            ExitStatus::Store => "restore the database from a copy, or choose another output folder",
            _ => "what is finished is kept: run the same command again",
        };
        Self::from_error(status, &error).hint(hint)
    }
}

impl Problem {
    /// The problem that a database error is.
    pub fn from_store(error: &StoreError) -> Self {
        let status =
            if error.kind == crate::store::StoreErrorKind::Busy { ExitStatus::Busy } else { ExitStatus::Store };
        Self::new(status, error.to_string()).hint(error.hint())
    }
}
