//! The seam between a window and whatever makes its rollouts.

use futures::future::BoxFuture;

use super::RolloutError;
use crate::exit_status::ExitStatus;
use crate::loader::LoaderError;
use crate::problem::{CHECK_SOURCE, Problem};
use crate::record::Rollout;
use crate::scope::Scope;
use crate::store::StoreError;
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

    /// Announces rollouts of an entry that may be asked for, in the order in which they would be.
    fn announce(&self, _entry: usize, _units: &mut dyn Iterator<Item = Unit>) {}

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
    /// The database through which workers are given jobs.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The queue of the workers' jobs.
    #[error("cannot use the queue of the workers' jobs: {0}")]
    Queue(String),
    /// The workers do nothing.
    #[error("no worker has stored a rollout for {seconds} s")]
    Idle {
        /// Seconds of waiting.
        seconds: u64,
    },
    /// A worker made another rollout than this machine.
    #[error(
        "the worker {worker} made another rollout of entry {entry} on task {} in environment {} than this machine: it gets no \
         more work, and {removed} rollouts of it are removed from this window",
        unit.task, unit.environment
    )]
    Dismissed {
        /// The worker.
        worker: String,
        /// The entry's place.
        entry: usize,
        /// Task and environment.
        unit: Unit,
        /// Rollouts of the worker that the window had taken.
        removed: u64,
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
            Self::Store(_) | Self::Queue(_) | Self::Idle { .. } | Self::Dismissed { .. } => Scope::Validator,
            Self::NotRecorded { .. } => Scope::Validator,
        }
    }
}

impl From<ExecutorError> for Problem {
    fn from(error: ExecutorError) -> Self {
        match error {
            ExecutorError::Model(error) => error.into(),
            ExecutorError::Store(error) => error.into(),
            ExecutorError::Queue(_) => Self::from_error(ExitStatus::Store, &error).hint("see that the database's server runs"),
            ExecutorError::Idle { .. } => Self::from_error(ExitStatus::Incomplete, &error)
                .hint("start `dethrone work` on a machine of the window's arithmetic, then run the same command again"),
            ExecutorError::Dismissed { .. } => Self::from_error(ExitStatus::Incomplete, &error)
                .hint("both rollouts are in the table `dismissed_workers`: run the same command again, and look at that machine"),
            ExecutorError::Changed { .. } => Self::from_error(ExitStatus::Source, &error).hint(CHECK_SOURCE),
            ExecutorError::NotRecorded { .. } => Self::from_error(ExitStatus::EvidenceBroken, &error),
            ExecutorError::Rollout(_) => Self::from_error(ExitStatus::Incomplete, &error)
                .hint("what is finished is kept: run the same command again"),
        }
    }
}
