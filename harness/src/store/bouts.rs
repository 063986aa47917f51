//! The `bouts` table: a row before the first rollout of each bout.

use super::{RunId, Store, StoreError};

/// A bout that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BegunBout {
    /// Number in the champion's reign, from 1.
    pub(crate) number: u64,
    /// Digest of the champion's snapshot.
    pub(crate) champion: String,
    /// Digest of the challenger's snapshot.
    pub(crate) snapshot: String,
}

impl Store {
    /// Records that a bout begins; a resumed run keeps its first row.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn begin_bout(&self, run: RunId, bout: &BegunBout) -> Result<(), StoreError> {
        sqlx::query("INSERT OR IGNORE INTO bouts (run_id, number, champion, snapshot) VALUES (?, ?, ?, ?)")
            .bind(run.0)
            .bind(bout.number.cast_signed())
            .bind(&bout.champion)
            .bind(&bout.snapshot)
            .execute(&self.pool)
            .await
            .map_err(self.failed("write to"))?;
        Ok(())
    }

    /// Number of the bouts that a run has begun.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub(crate) async fn bouts_begun(&self, run: RunId) -> Result<usize, StoreError> {
        let begun: i64 = sqlx::query_scalar("SELECT count(*) FROM bouts WHERE run_id = ?")
            .bind(run.0)
            .fetch_one(&self.pool)
            .await
            .map_err(self.failed("read"))?;
        Ok(usize::try_from(begun).unwrap_or(usize::MAX))
    }
}
