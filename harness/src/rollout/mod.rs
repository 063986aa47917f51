//! Rollouts: the rules of a window's tasks, and the executor that makes rollouts by them.

mod agent;
mod environment;
mod executor;
mod local;
mod rules;

pub(crate) use environment::{OtherEnvironment, open_environment, open_environments, open_recorded};
pub(crate) use executor::{Executor, ExecutorError};
pub(crate) use local::LocalExecutor;
pub(crate) use rules::{RolloutError, TaskRules};
