//! The tables `worker_rollouts` and `dismissed_workers`: what workers on other machines have made, and who made something else.

use std::collections::BTreeSet;

use serde::Serialize;

use super::statement::Statement;
use super::{RunId, Store, StoreError};
use crate::clock;
use crate::record::{Rollout, WindowTerms};
use crate::units::Unit;

/// A rollout of a worker.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WorkerRollout {
    /// Number of its row, which grows, though rows of the same moment may come into sight in another order.
    pub(crate) id: i64,
    /// The worker.
    pub(crate) worker: String,
    /// The rollout.
    pub(crate) rollout: Rollout,
}

/// Two rollouts of one unit that differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Disagreement {
    /// The worker's rollout.
    pub(crate) theirs: Rollout,
    /// The rollout that the validator's own machine makes.
    pub(crate) ours: Rollout,
}

const INSERT: &str = "INSERT INTO worker_rollouts (run_id, entry, environment, task, worker, body, made_at) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
const DELIVERED: &str = "DELETE FROM rollouts WHERE run_id = $1 AND EXISTS (SELECT 1 FROM worker_rollouts AS theirs \
                         WHERE theirs.run_id = $1 AND theirs.worker = $2 AND theirs.entry = rollouts.entry \
                         AND theirs.environment = rollouts.environment AND theirs.task = rollouts.task)";
const DISMISS: &str = "INSERT INTO dismissed_workers (run_id, worker, evidence, dismissed_at) VALUES ($1, $2, $3, $4) \
                       ON CONFLICT DO NOTHING";

impl Store {
    /// Stores a worker's rollout; the first one of a worker stays.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn add_worker_rollout(
        &self,
        run: RunId,
        worker: &str,
        rollout: &Rollout,
    ) -> Result<(), StoreError> {
        let insert = Statement::new(INSERT)
            .with(run.0)
            .with(rollout.entry)
            .with(rollout.environment)
            .with(rollout.task)
            .with(worker)
            .with(serde_json::to_string(rollout).expect("a rollout is plain data"))
            .with(clock::unix_seconds());
        self.execute("write a rollout to", insert).await?;
        Ok(())
    }

    /// Numbers of the rows of a run's rollouts by workers above `after`.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub(crate) async fn worker_rollout_ids(&self, run: RunId, after: i64) -> Result<BTreeSet<i64>, StoreError> {
        let select = Statement::new("SELECT id FROM worker_rollouts WHERE run_id = $1 AND id > $2").with(run.0);
        self.rows("read", select.with(after)).await?.iter().map(|row| self.integer(row, "id")).collect()
    }

    /// A run's rollouts by workers in this range of row numbers, ends included.
    ///
    /// # Errors
    /// If the database cannot be read or a row is damaged.
    pub(crate) async fn worker_rollouts(
        &self,
        run: RunId,
        (first, last): (i64, i64),
    ) -> Result<Vec<WorkerRollout>, StoreError> {
        let select = "SELECT id, worker, body FROM worker_rollouts WHERE run_id = $1 AND id BETWEEN $2 AND $3 \
                      ORDER BY id";
        let rows = self.rows("read", Statement::new(select).with(run.0).with(first).with(last)).await?;
        let rollout = |row| {
            let rollout = self.json(row, "body", "read a worker's rollout from")?;
            Ok(WorkerRollout { id: self.integer(row, "id")?, worker: self.text(row, "worker")?, rollout })
        };
        rows.iter().map(rollout).collect()
    }

    /// The workers that have made an entry's rollouts, by unit.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub(crate) async fn makers(&self, run: RunId, entry: usize) -> Result<BTreeSet<(Unit, String)>, StoreError> {
        let select = "SELECT environment, task, worker FROM worker_rollouts WHERE run_id = $1 AND entry = $2";
        let rows = self.rows("read", Statement::new(select).with(run.0).with(entry)).await?;
        let maker = |row| {
            let environment = self.integer::<u32>(row, "environment")? as usize;
            Ok((Unit { task: self.integer(row, "task")?, environment }, self.text(row, "worker")?))
        };
        rows.iter().map(maker).collect()
    }

    /// Dismisses a worker and removes all that it has made in a run; the number of its rollouts that the run had taken.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn dismiss_worker(
        &self,
        run: RunId,
        worker: &str,
        evidence: &Disagreement,
    ) -> Result<u64, StoreError> {
        let of_worker = |sql| Statement::new(sql).with(run.0).with(worker);
        let dismiss = of_worker(DISMISS)
            .with(serde_json::to_string(evidence).expect("rollouts are plain data"))
            .with(clock::unix_seconds());
        let forget = of_worker("DELETE FROM worker_rollouts WHERE run_id = $1 AND worker = $2");
        let answers = self.answers("write to", &[dismiss, of_worker(DELIVERED), forget]).await?;
        Ok(answers.get(1).map_or(0, |answer| answer.changed))
    }

    /// Records that a worker could not run an entry; its first error stays.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn add_worker_failure(
        &self,
        (run, entry): (RunId, usize),
        worker: &str,
        reason: &str,
    ) -> Result<(), StoreError> {
        let insert = "INSERT INTO worker_failures (run_id, entry, worker, reason, failed_at) \
                      VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
        let insert = Statement::new(insert).with(run.0).with(entry).with(worker).with(reason);
        self.execute("write to", insert.with(clock::unix_seconds())).await?;
        Ok(())
    }

    /// The entries of a run that a worker could not run.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub(crate) async fn worker_failures(&self, run: RunId) -> Result<BTreeSet<usize>, StoreError> {
        let select = Statement::new("SELECT DISTINCT entry FROM worker_failures WHERE run_id = $1").with(run.0);
        let entry = |row| Ok(self.integer::<u32>(row, "entry")? as usize);
        self.rows("read", select).await?.iter().map(entry).collect()
    }

    /// True of a worker that was dismissed in any run.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub(crate) async fn is_dismissed(&self, worker: &str) -> Result<bool, StoreError> {
        let select = Statement::new("SELECT run_id FROM dismissed_workers WHERE worker = $1 LIMIT 1").with(worker);
        Ok(self.row("read", select).await?.is_some())
    }

    /// The terms of a run; none if there is no such run.
    ///
    /// # Errors
    /// If the database cannot be read or the row is damaged.
    pub(crate) async fn terms(&self, run: RunId) -> Result<Option<WindowTerms>, StoreError> {
        let row = self.row("read", Statement::new("SELECT opened FROM runs WHERE id = $1").with(run.0)).await?;
        row.map(|row| self.json(&row, "opened", "read a run's terms from")).transpose()
    }
}
