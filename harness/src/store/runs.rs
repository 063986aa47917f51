//! The `runs` and `outcomes` tables: a window over a registry, and how it ended.

use sqlx::Row;

use super::{Store, StoreError};
use crate::clock;

/// A run's number within this database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunId(pub(super) i64);

/// How a finished run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Who holds the weight.
    pub champion: String,
    /// Who held it before, the latest first.
    pub former: Vec<String>,
    /// How many challengers the champion's reign has tested.
    pub tested: u64,
}

impl Store {
    /// The run of this identity, made if it is not there; true if it was there.
    ///
    /// # Errors
    /// If the database cannot be read or written.
    pub async fn open_run(
        &self,
        identity: &str,
        netuid: u16,
        seed_block: u64,
        opened: &str,
    ) -> Result<(RunId, bool), StoreError> {
        let failed = self.failed("open a run in");
        let found = sqlx::query("SELECT id FROM runs WHERE identity = ?")
            .bind(identity)
            .fetch_optional(&self.pool)
            .await
            .map_err(&failed)?;
        if let Some(row) = found {
            return Ok((RunId(row.try_get(0).map_err(&failed)?), true));
        }
        let inserted =
            sqlx::query("INSERT INTO runs (identity, netuid, seed_block, opened, created_at) VALUES (?, ?, ?, ?, ?)")
                .bind(identity)
                .bind(i64::from(netuid))
                .bind(seed_block.cast_signed())
                .bind(opened)
                .bind(clock::unix_seconds())
                .execute(&self.pool)
                .await
                .map_err(&failed)?;
        Ok((RunId(inserted.last_insert_rowid()), false))
    }

    /// How the subnet's latest run with an earlier seed block ended, if there was one.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn outcome_before(&self, netuid: u16, seed_block: u64) -> Result<Option<Outcome>, StoreError> {
        let failed = self.failed("read");
        let row = sqlx::query(
            "SELECT champion, former, tested FROM outcomes JOIN runs ON runs.id = outcomes.run_id \
             WHERE netuid = ? AND seed_block < ? ORDER BY seed_block DESC, runs.id DESC LIMIT 1",
        )
        .bind(i64::from(netuid))
        .bind(seed_block.cast_signed())
        .fetch_optional(&self.pool)
        .await
        .map_err(&failed)?;
        row.map(|row| {
            let former: String = row.try_get(1).map_err(&failed)?;
            let tested: i64 = row.try_get(2).map_err(&failed)?;
            Ok(Outcome {
                champion: row.try_get(0).map_err(&failed)?,
                former: serde_json::from_str(&former).map_err(self.damaged("read an outcome in"))?,
                tested: tested.cast_unsigned(),
            })
        })
        .transpose()
    }

    /// Records how a run ended; a run already ended keeps its first outcome.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn finish_run(&self, run: RunId, outcome: &Outcome) -> Result<(), StoreError> {
        let former = serde_json::to_string(&outcome.former).expect("a list of texts is JSON");
        let insert =
            "INSERT OR IGNORE INTO outcomes (run_id, champion, former, tested, finished_at) VALUES (?, ?, ?, ?, ?)";
        sqlx::query(insert)
            .bind(run.0)
            .bind(&outcome.champion)
            .bind(former)
            .bind(outcome.tested.cast_signed())
            .bind(clock::unix_seconds())
            .execute(&self.pool)
            .await
            .map_err(self.failed("write to"))?;
        Ok(())
    }
}
