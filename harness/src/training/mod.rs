//! Tasks to train on: the environments of a window under seeds of their own, judged by the same verifiers.
//!
//! Training tasks are numbered. A task's seed is derived under a context of its own, so that no block hash gives it:
//! whoever trains on every number there is has learned nothing of a window's tasks but how they are made.

mod http;
mod tasks;

pub(crate) use http::router;
pub(crate) use tasks::{Attempt, Judged, TrainingError, TrainingTasks};
