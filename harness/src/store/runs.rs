//! The `runs` table: a window over a registry under deciding settings.

use std::fmt;

use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use super::error::StoreErrorKind;
use super::statement::Statement;
use super::{Store, StoreError};
use crate::clock;
use crate::record::WindowTerms;

/// A run's number within this database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct RunId(pub(super) i64);

impl fmt::Display for RunId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

const LATEST_OF_WINDOW: &str = "SELECT id, opened FROM runs WHERE seed_block = $1 ORDER BY id DESC LIMIT 1";

impl Store {
    /// The run with these terms, created if it does not exist; true if it existed.
    ///
    /// # Errors
    /// If the database cannot be read or written.
    pub(crate) async fn open_run(&self, terms: &WindowTerms) -> Result<(RunId, bool), StoreError> {
        let identity = terms.identity();
        let found = || Statement::new("SELECT id FROM runs WHERE identity = $1").with(&identity);
        if let Some(row) = self.row("open a run in", found()).await? {
            return Ok((RunId(self.integer(&row, "id")?), true));
        }
        let insert = "INSERT INTO runs (identity, netuid, seed_block, opened, created_at) VALUES ($1, $2, $3, $4, $5) \
                      ON CONFLICT DO NOTHING";
        let insert = Statement::new(insert)
            .with(&identity)
            .with(terms.netuid)
            .with(terms.seed_block)
            // Read back where a later window closes one that came to no end.
            .with(terms.to_json())
            .with(clock::unix_seconds());
        self.execute("open a run in", insert).await?;
        match self.row("open a run in", found()).await? {
            Some(row) => Ok((RunId(self.integer(&row, "id")?), false)),
            None => Err(self.error("open a run in", StoreErrorKind::Damaged, "a new row is not there".to_owned())),
        }
    }

    /// The latest run of a window, or of all; none where there is none.
    ///
    /// # Errors
    /// If the database cannot be read or the row is damaged.
    pub(crate) async fn latest_run(&self, seed_block: Option<u64>) -> Result<Option<(RunId, WindowTerms)>, StoreError> {
        let latest = match seed_block {
            Some(block) => Statement::new(LATEST_OF_WINDOW).with(block),
            None => Statement::new("SELECT id, opened FROM runs ORDER BY id DESC LIMIT 1"),
        };
        self.row("read", latest).await?.map(|row| self.run(&row)).transpose()
    }

    /// True if a run has ended.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub(crate) async fn is_finished(&self, run: RunId) -> Result<bool, StoreError> {
        let select = Statement::new("SELECT run_id FROM outcomes WHERE run_id = $1").with(run.0);
        Ok(self.row("read", select).await?.is_some())
    }

    /// Seed blocks of the windows that have runs, in order.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub(crate) async fn windows_with_runs(&self) -> Result<Vec<u64>, StoreError> {
        let select = Statement::new("SELECT DISTINCT seed_block FROM runs ORDER BY seed_block");
        self.rows("read", select).await?.iter().map(|row| self.bits(row, "seed_block")).collect()
    }

    fn run(&self, row: &AnyRow) -> Result<(RunId, WindowTerms), StoreError> {
        Ok((RunId(self.integer(row, "id")?), self.json(row, "opened", "read a run's terms from")?))
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
        let select = "SELECT id, opened FROM runs WHERE netuid = $1 AND seed_block < $2 \
             AND id IN (SELECT run_id FROM bouts) AND id NOT IN (SELECT run_id FROM outcomes) \
             AND seed_block > (SELECT coalesce(max(seed_block), -1) FROM runs JOIN outcomes ON runs.id = outcomes.run_id \
                               WHERE netuid = $1 AND seed_block < $2) \
             ORDER BY seed_block, id";
        let rows = self.rows("read", Statement::new(select).with(netuid).with(seed_block)).await?;
        rows.iter().map(|row| self.run(row)).collect()
    }
}
