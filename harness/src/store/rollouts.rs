//! The `rollouts` table.

use sqlx::Row;

use super::{RunId, Store, StoreError};
use crate::record::{Fault, Rollout};

impl Store {
    /// Stores a finished rollout.
    ///
    /// # Errors
    /// If the database cannot be written, or the rollout is already there: nothing is counted twice.
    pub async fn add_rollout(&self, run: RunId, rollout: &Rollout) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO rollouts (run_id, entry, environment, task, seed, replies, score, reason, fault, attempts, \
             seconds, reproducible) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(run.0)
        .bind(rollout.entry as i64)
        .bind(rollout.environment as i64)
        .bind(i64::from(rollout.task))
        .bind(rollout.seed.cast_signed())
        .bind(serde_json::to_string(&rollout.replies).expect("replies are plain data"))
        .bind(rollout.score)
        .bind(&rollout.reason)
        .bind(rollout.fault.map(Fault::word))
        .bind(i64::from(rollout.attempts))
        .bind(rollout.seconds)
        .bind(rollout.reproducible)
        .execute(&self.pool)
        .await
        .map_err(self.failed("write a rollout to"))?;
        Ok(())
    }

    /// An entry's finished rollouts, by task, then environment.
    ///
    /// # Errors
    /// If the database cannot be read or a row is damaged.
    pub async fn rollouts(&self, run: RunId, entry: usize) -> Result<Vec<Rollout>, StoreError> {
        let failed = self.failed("read");
        let rows = sqlx::query(
            "SELECT environment, task, seed, replies, score, reason, fault, attempts, seconds, reproducible FROM rollouts \
             WHERE run_id = ? AND entry = ? ORDER BY task, environment",
        )
        .bind(run.0)
        .bind(entry as i64)
        .fetch_all(&self.pool)
        .await
        .map_err(&failed)?;
        rows.into_iter()
            .map(|row| {
                let environment: u32 = row.try_get(0).map_err(&failed)?;
                let seed: i64 = row.try_get(2).map_err(&failed)?;
                let replies: String = row.try_get(3).map_err(&failed)?;
                let fault: Option<String> = row.try_get(6).map_err(&failed)?;
                Ok(Rollout {
                    entry,
                    environment: environment as usize,
                    task: row.try_get(1).map_err(&failed)?,
                    seed: seed.cast_unsigned(),
                    replies: serde_json::from_str(&replies).map_err(self.damaged("read a rollout from"))?,
                    score: row.try_get(4).map_err(&failed)?,
                    reason: row.try_get(5).map_err(&failed)?,
                    fault: fault
                        .map(|word| Fault::from_word(&word).map_err(self.damaged("read a rollout from")))
                        .transpose()?,
                    reproducible: row.try_get(9).map_err(&failed)?,
                    attempts: row.try_get(7).map_err(&failed)?,
                    seconds: row.try_get(8).map_err(&failed)?,
                })
            })
            .collect()
    }
}
