//! The `decisions` table: duels that have ended.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row;

use super::{RunId, Store, StoreError};

impl Store {
    /// Records an ended duel; a duel already recorded stands.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn keep_decision<D: Serialize + Sync>(
        &self,
        run: RunId,
        duel: usize,
        decision: &D,
    ) -> Result<(), StoreError> {
        sqlx::query("INSERT OR IGNORE INTO decisions (run_id, duel, body) VALUES (?, ?, ?)")
            .bind(run.0)
            .bind(duel as i64)
            .bind(serde_json::to_string(decision).expect("a decision is plain data"))
            .execute(&self.pool)
            .await
            .map_err(self.failed("write to"))?;
        Ok(())
    }

    /// The duel at this place, if it has ended.
    ///
    /// # Errors
    /// If the database cannot be read or the row is damaged.
    pub async fn decision<D: DeserializeOwned>(&self, run: RunId, duel: usize) -> Result<Option<D>, StoreError> {
        let failed = self.failed("read");
        let row = sqlx::query("SELECT body FROM decisions WHERE run_id = ? AND duel = ?")
            .bind(run.0)
            .bind(duel as i64)
            .fetch_optional(&self.pool)
            .await
            .map_err(&failed)?;
        row.map(|row| {
            let body: String = row.try_get(0).map_err(&failed)?;
            serde_json::from_str(&body).map_err(self.damaged("read a decision from"))
        })
        .transpose()
    }
}
