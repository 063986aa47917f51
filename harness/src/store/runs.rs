//! The `runs` table: a window over a registry under deciding settings.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError};
use crate::clock;
use crate::record::WindowTerms;

/// A run's number within this database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunId(pub(super) i64);

impl Store {
    /// The run with these terms, created if it does not exist; true if it existed.
    ///
    /// # Errors
    /// If the database cannot be read or written.
    pub(crate) async fn open_run(&self, terms: &WindowTerms) -> Result<(RunId, bool), StoreError> {
        let failed = self.failed("open a run in");
        let identity = terms.identity();
        let found = sqlx::query("SELECT id FROM runs WHERE identity = ?")
            .bind(&identity)
            .fetch_optional(&self.pool)
            .await
            .map_err(&failed)?;
        if let Some(row) = found {
            return Ok((RunId(row.try_get("id").map_err(&failed)?), true));
        }
        let inserted =
            sqlx::query("INSERT INTO runs (identity, netuid, seed_block, opened, created_at) VALUES (?, ?, ?, ?, ?)")
                .bind(&identity)
                .bind(i64::from(terms.netuid))
                .bind(terms.seed_block.cast_signed())
                // Read back where a later window closes one that came to no end.
                .bind(terms.to_json())
                .bind(clock::unix_seconds())
                .execute(&self.pool)
                .await
                .map_err(&failed)?;
        Ok((RunId(inserted.last_insert_rowid()), false))
    }

    /// The latest run of a window, or of all; none where there is none.
    ///
    /// # Errors
    /// If the database cannot be read or the row is damaged.
    pub(crate) async fn latest_run(&self, seed_block: Option<u64>) -> Result<Option<(RunId, WindowTerms)>, StoreError> {
        let latest = "SELECT id, opened FROM runs WHERE seed_block = coalesce(?, seed_block) ORDER BY id DESC LIMIT 1";
        let row = sqlx::query(latest)
            .bind(seed_block.map(u64::cast_signed))
            .fetch_optional(&self.pool)
            .await
            .map_err(self.failed("read"))?;
        row.map(|row| self.run(&row)).transpose()
    }

    /// Seed blocks of the windows that have runs, in order.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub(crate) async fn windows_with_runs(&self) -> Result<Vec<u64>, StoreError> {
        let blocks: Vec<i64> = sqlx::query_scalar("SELECT DISTINCT seed_block FROM runs ORDER BY seed_block")
            .fetch_all(&self.pool)
            .await
            .map_err(self.failed("read"))?;
        Ok(blocks.into_iter().map(i64::cast_unsigned).collect())
    }

    fn run(&self, row: &SqliteRow) -> Result<(RunId, WindowTerms), StoreError> {
        let failed = self.failed("read");
        let opened: String = row.try_get("opened").map_err(&failed)?;
        let terms = serde_json::from_str(&opened).map_err(self.damaged("read a run's terms from"))?;
        Ok((RunId(row.try_get("id").map_err(&failed)?), terms))
    }

    /// The subnet's runs that have begun a bout and were never finished, whose seed block lies after that of its latest
    /// finished run and before this one, in order. A run of another version's terms is none of them.
    ///
    /// # Errors
    /// If the database cannot be read or a row is damaged.
    pub(crate) async fn unfinished_runs(
        &self,
        netuid: u16,
        seed_block: u64,
    ) -> Result<Vec<(RunId, WindowTerms)>, StoreError> {
        let failed = self.failed("read");
        let rows = sqlx::query(
            "SELECT id, opened FROM runs WHERE netuid = ?1 AND seed_block < ?2 \
             AND id IN (SELECT run_id FROM bouts) AND id NOT IN (SELECT run_id FROM outcomes) \
             AND seed_block > (SELECT coalesce(max(seed_block), -1) FROM runs JOIN outcomes ON runs.id = outcomes.run_id \
                               WHERE netuid = ?1 AND seed_block < ?2) \
             ORDER BY seed_block, id",
        )
        .bind(i64::from(netuid))
        .bind(seed_block.cast_signed())
        .fetch_all(&self.pool)
        .await
        .map_err(&failed)?;
        rows.iter().map(|row| self.run(row)).collect()
    }
}
