//! Settings of workers: processes on this and other machines that make a validator's rollouts.

use serde::{Deserialize, Serialize};

/// Settings of workers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkerSettings {
    /// Let `dethrone work` make the rollouts, through a Postgres database, in place of this process.
    pub enabled: bool,
    /// Rollouts of a job.
    pub block: usize,
    /// Jobs of a model that are in the queue beyond those whose rollouts are wanted already. More keep more workers busy; what
    /// was made when a duel ends and was not wanted is lost.
    pub ahead: usize,
    /// Jobs out of 100 that two workers do, whose rollouts are compared.
    pub compared: u64,
    /// Seconds for which no worker may store a rollout before the window is given up; what is stored is kept.
    pub idle_seconds: u64,
    /// Seconds that a worker may take for a job before the job is given to others.
    pub job_seconds: u64,
    /// Seconds between two signs of life of a worker; the jobs of one that has given four of them none are given to others.
    pub heartbeat_seconds: u64,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            enabled: false,
            block: 64,
            ahead: 8,
            compared: 1,
            idle_seconds: 3_600,
            job_seconds: 1_800,
            heartbeat_seconds: 10,
        }
    }
}
