//! Errors of fetching, admitting and opening a model.

use models::error::{DeviceError, LoadError};
use models::hub::HubError;

use super::responder::ResponderError;
use crate::exit_status::ExitStatus;
use crate::problem::{CHECK_SOURCE, MEND_SETTINGS, Problem};
use crate::scope::Scope;

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

impl LoaderError {
    /// Scope of the error.
    pub(crate) fn scope(&self) -> Scope {
        match self {
            Self::HubSetup(_) | Self::Card(_) => Scope::Validator,
            Self::Fetch { source, .. } => of_hub(source),
            Self::Refused { .. } => Scope::Entry,
            Self::Open { source, .. } => source.scope(),
        }
    }

    /// True where the hub has answered for one model, and will answer the same again: it works, and this machine reaches it.
    pub(crate) fn is_an_answer_for_good(&self) -> bool {
        match self {
            Self::Fetch { source, .. } => matches!(source, HubError::Status { .. }) && !source.is_transient(),
            Self::HubSetup(_) | Self::Refused { .. } | Self::Card(_) | Self::Open { .. } => false,
        }
    }

    /// True where no answer of the hub came through: nothing tells a hub that cannot be reached from one that breaks off for
    /// one model, but to ask it for something else.
    pub(crate) fn is_of_the_connection(&self) -> bool {
        matches!(self, Self::Fetch { source: HubError::Connection { .. } | HubError::TooSlow { .. }, .. })
    }
}

/// Scope of an error of fetching. A hub may answer anything for one repository.
fn of_hub(error: &HubError) -> Scope {
    match error {
        HubError::Write { .. } | HubError::Setup { .. } => Scope::Validator,
        HubError::Refused(_)
        | HubError::NotFound { .. }
        | HubError::Denied { .. }
        | HubError::OtherCommit { .. }
        | HubError::RateLimited { .. }
        | HubError::Status { .. }
        | HubError::Connection { .. }
        | HubError::TooSlow { .. }
        | HubError::Redirects { .. }
        | HubError::Answer { .. }
        | HubError::Grew { .. }
        | HubError::Hash { .. }
        | HubError::Snapshot(_) => Scope::Entry,
    }
}

impl From<LoaderError> for Problem {
    fn from(error: LoaderError) -> Self {
        let status = match &error {
            LoaderError::HubSetup(_) | LoaderError::Fetch { .. } => ExitStatus::Source,
            LoaderError::Refused { .. } => ExitStatus::ModelRefused,
            LoaderError::Open { source: ResponderError::Load(LoadError::Refused(_)), .. } => ExitStatus::ModelRefused,
            LoaderError::Open { source: ResponderError::Load(_), .. } => ExitStatus::Source,
            LoaderError::Open { source: ResponderError::Process(_), .. } => ExitStatus::Incomplete,
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

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn no_answer_for_one_model_concerns_the_validator() {
        let fetch = |source| LoaderError::Fetch { model: "o/m".to_owned(), source };
        for status in (300..600).filter(|status| *status != 404) {
            assert_eq!(fetch(HubError::Status { what: "o/m".to_owned(), status }).scope(), Scope::Entry, "{status}");
        }
        let answer = |status| fetch(HubError::Status { what: "o/m".to_owned(), status });
        assert!([400, 402, 405, 410, 418, 451].into_iter().all(|status| answer(status).is_an_answer_for_good()));
        assert!([500, 502, 503, 504].into_iter().all(|status| !answer(status).is_an_answer_for_good()));
        let (what, reason) = ("o/m".to_owned(), "it broke".to_owned());
        let broken = fetch(HubError::Connection { what: what.clone(), reason: reason.clone() });
        assert!(broken.scope() == Scope::Entry && broken.is_of_the_connection());
        let odd = fetch(HubError::Answer { what, reason });
        assert!(odd.scope() == Scope::Entry && !odd.is_of_the_connection());
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(fetch(HubError::Write { path: "x".into(), source: full }).scope(), Scope::Validator);
    }
}
