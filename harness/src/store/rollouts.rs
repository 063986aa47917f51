//! The `rollouts` table.

use std::sync::atomic::Ordering;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{RunId, Store, StoreError};
use crate::record::{Fault, Rollout, UnitScore, counted_score};

/// Columns of a rollout beside its run, in the order in which they are bound.
macro_rules! columns {
    () => {
        "entry, environment, task, seed, replies, score, reason, fault, attempts, seconds, reproducible"
    };
}

const INSERT: &str =
    concat!("INSERT INTO rollouts (run_id, ", columns!(), ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
const SELECT: &str =
    concat!("SELECT ", columns!(), " FROM rollouts WHERE run_id = ? AND entry = ? ORDER BY task, environment");

impl Store {
    /// Stores a finished rollout.
    ///
    /// # Errors
    /// If the database cannot be written, or the rollout is already there: nothing is counted twice.
    pub(crate) async fn add_rollout(&self, run: RunId, rollout: &Rollout) -> Result<(), StoreError> {
        sqlx::query(INSERT)
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
    pub(crate) async fn rollouts(&self, run: RunId, entry: usize) -> Result<Vec<Rollout>, StoreError> {
        let rows = sqlx::query(SELECT)
            .bind(run.0)
            .bind(entry as i64)
            .fetch_all(&self.pool)
            .await
            .map_err(self.failed("read"))?;
        self.rollouts_read.fetch_add(rows.len() as u64, Ordering::Relaxed);
        rows.iter().map(|row| self.rollout(row)).collect()
    }

    /// The scores of a run's finished rollouts with their entries: what a duel is resumed from, without the replies.
    ///
    /// # Errors
    /// If the database cannot be read or a row is damaged.
    pub(crate) async fn scores(&self, run: RunId) -> Result<Vec<(usize, UnitScore)>, StoreError> {
        let rows = sqlx::query("SELECT entry, environment, task, score, fault FROM rollouts WHERE run_id = ?")
            .bind(run.0)
            .fetch_all(&self.pool)
            .await
            .map_err(self.failed("read"))?;
        self.rollouts_read.fetch_add(rows.len() as u64, Ordering::Relaxed);
        rows.iter().map(|row| self.score(row)).collect()
    }

    fn rollout(&self, row: &SqliteRow) -> Result<Rollout, StoreError> {
        let failed = self.failed("read");
        let (entry, UnitScore { environment, task, .. }) = self.score(row)?;
        let seed: i64 = row.try_get("seed").map_err(&failed)?;
        let replies: String = row.try_get("replies").map_err(&failed)?;
        Ok(Rollout {
            entry,
            environment,
            task,
            seed: seed.cast_unsigned(),
            replies: serde_json::from_str(&replies).map_err(self.damaged("read a rollout from"))?,
            score: row.try_get("score").map_err(&failed)?,
            reason: row.try_get("reason").map_err(&failed)?,
            fault: self.fault(row)?,
            reproducible: row.try_get("reproducible").map_err(&failed)?,
            attempts: row.try_get("attempts").map_err(&failed)?,
            seconds: row.try_get("seconds").map_err(&failed)?,
        })
    }

    fn score(&self, row: &SqliteRow) -> Result<(usize, UnitScore), StoreError> {
        let failed = self.failed("read");
        let (entry, environment): (u32, u32) =
            (row.try_get("entry").map_err(&failed)?, row.try_get("environment").map_err(&failed)?);
        let task = row.try_get("task").map_err(&failed)?;
        let score = counted_score(row.try_get("score").map_err(&failed)?, self.fault(row)?);
        Ok((entry as usize, UnitScore { environment: environment as usize, task, score }))
    }

    fn fault(&self, row: &SqliteRow) -> Result<Option<Fault>, StoreError> {
        let word: Option<String> = row.try_get("fault").map_err(self.failed("read"))?;
        word.map(|word| Fault::from_word(&word).map_err(self.damaged("read a rollout from"))).transpose()
    }
}
