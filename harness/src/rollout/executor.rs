//! The seam between a window and whatever makes its rollouts.

use futures::future::BoxFuture;

use super::RolloutError;
use crate::exit_status::ExitStatus;
use crate::loader::LoaderError;
use crate::problem::{CHECK_SOURCE, Problem};
use crate::record::Rollout;
use crate::scope::Scope;
use crate::units::Unit;

/// Makes rollouts of a window's entries.
///
/// A window asks for rollouts of one entry at a time, many at once and in any order, and releases the entry when it needs
/// no more of them.
pub(crate) trait Executor: Send + Sync {
    /// Number of rollouts that are worth asking for at once.
    fn in_flight(&self) -> usize;

    /// Makes one rollout.
    ///
    /// # Errors
    /// If it could not be made; the unit stays unfinished and may be asked for again.
    fn rollout(&self, entry: usize, unit: Unit) -> BoxFuture<'_, Result<Rollout, ExecutorError>>;

    /// Frees what an entry's rollouts have taken.
    fn release(&self, entry: usize) -> BoxFuture<'_, ()>;
}

/// A rollout could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExecutorError {
    /// The model could not be opened.
    #[error(transparent)]
    Model(#[from] LoaderError),
    /// A model that was admitted is refused now.
    #[error("{model} was admitted and is refused now: {reason}")]
    Changed {
        /// The model reference.
        model: String,
        /// The refusal.
        reason: String,
    },
    /// The rollout is not among those that were recorded.
    #[error("there is no rollout of entry {entry} on task {} in environment {}", unit.task, unit.environment)]
    NotRecorded {
        /// The entry's place.
        entry: usize,
        /// Task and environment.
        unit: Unit,
    },
    /// The rollout failed in every attempt.
    #[error(transparent)]
    Rollout(#[from] RolloutError),
}

impl ExecutorError {
    /// Scope of the error.
    pub(crate) fn scope(&self) -> Scope {
        match self {
            Self::Model(error) => error.scope(),
            Self::Changed { .. } | Self::Rollout(_) => Scope::Entry,
            Self::NotRecorded { .. } => Scope::Validator,
        }
    }
}

impl From<ExecutorError> for Problem {
    fn from(error: ExecutorError) -> Self {
        match error {
            ExecutorError::Model(error) => error.into(),
            ExecutorError::Changed { .. } => Self::from_error(ExitStatus::Source, &error).hint(CHECK_SOURCE),
            ExecutorError::NotRecorded { .. } => Self::from_error(ExitStatus::EvidenceBroken, &error),
            ExecutorError::Rollout(_) => Self::from_error(ExitStatus::Incomplete, &error)
                .hint("what is finished is kept: run the same command again"),
        }
    }
}
