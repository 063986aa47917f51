//! The `runs` table: a window over a registry under deciding settings.

use sqlx::Row;

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
                // Nothing reads the terms back: they tell an operator what the identity stands for.
                .bind(terms.to_json())
                .bind(clock::unix_seconds())
                .execute(&self.pool)
                .await
                .map_err(&failed)?;
        Ok((RunId(inserted.last_insert_rowid()), false))
    }
}
