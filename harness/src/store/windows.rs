//! The tables `windows` and `skipped_windows`: windows by blocks of a chain.

use sqlx::Row;

use super::{Store, StoreError};
use crate::clock;
use crate::registry::{Ledger, RecordedSnapshot};

/// Beginning of a window on a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CapturedWindow {
    /// The subnet at the window's seed block, and the drand pulse after it.
    pub(crate) recorded: RecordedSnapshot,
    /// The ledger of commitments after it.
    pub(crate) ledger: Ledger,
}

/// A window that gives no decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SkippedWindow {
    /// Its first block.
    pub(crate) seed_block: u64,
    /// The reason, as a sentence.
    pub(crate) reason: String,
}

impl Store {
    /// Records the beginning of a subnet's window; one that is recorded already stays.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn add_window(&self, netuid: u16, window: &CapturedWindow) -> Result<(), StoreError> {
        let insert = "INSERT OR IGNORE INTO windows (netuid, seed_block, recorded, ledger, captured_at) \
                      VALUES (?, ?, ?, ?, ?)";
        sqlx::query(insert)
            .bind(i64::from(netuid))
            .bind(window.recorded.snapshot.block.number.cast_signed())
            .bind(serde_json::to_string(&window.recorded).expect("a snapshot is plain data"))
            .bind(serde_json::to_string(&window.ledger).expect("a ledger is plain data"))
            .bind(clock::unix_seconds())
            .execute(&self.pool)
            .await
            .map_err(self.failed("write to"))?;
        Ok(())
    }

    /// The beginning of a subnet's window, if it is recorded.
    ///
    /// # Errors
    /// If the database cannot be read or the row is damaged.
    pub(crate) async fn window(&self, netuid: u16, seed_block: u64) -> Result<Option<CapturedWindow>, StoreError> {
        let failed = self.failed("read");
        let row = sqlx::query("SELECT recorded, ledger FROM windows WHERE netuid = ? AND seed_block = ?")
            .bind(i64::from(netuid))
            .bind(seed_block.cast_signed())
            .fetch_optional(&self.pool)
            .await
            .map_err(&failed)?;
        let Some(row) = row else { return Ok(None) };
        let text = |column| row.try_get::<String, _>(column).map_err(&failed);
        let recorded = serde_json::from_str(&text("recorded")?).map_err(self.damaged("read a window in"))?;
        let ledger = serde_json::from_str(&text("ledger")?).map_err(self.damaged("read a window in"))?;
        Ok(Some(CapturedWindow { recorded, ledger }))
    }

    /// Seed blocks of the windows that are recorded.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub(crate) async fn captured_windows(&self, netuid: u16) -> Result<Vec<u64>, StoreError> {
        let blocks: Vec<i64> =
            sqlx::query_scalar("SELECT seed_block FROM windows WHERE netuid = ? ORDER BY seed_block")
                .bind(i64::from(netuid))
                .fetch_all(&self.pool)
                .await
                .map_err(self.failed("read"))?;
        Ok(blocks.into_iter().map(i64::cast_unsigned).collect())
    }

    /// The ledger of commitments after the latest window before this seed block; empty where there is none.
    ///
    /// # Errors
    /// If the database cannot be read or the row is damaged.
    pub(crate) async fn ledger_before(&self, netuid: u16, seed_block: u64) -> Result<Ledger, StoreError> {
        let latest = "SELECT ledger FROM windows WHERE netuid = ? AND seed_block < ? ORDER BY seed_block DESC LIMIT 1";
        let ledger: Option<String> = sqlx::query_scalar(latest)
            .bind(i64::from(netuid))
            .bind(seed_block.cast_signed())
            .fetch_optional(&self.pool)
            .await
            .map_err(self.failed("read"))?;
        let Some(ledger) = ledger else { return Ok(Ledger::default()) };
        serde_json::from_str(&ledger).map_err(self.damaged("read a window in"))
    }

    /// Records that a subnet's window gives no decision; the first reason stays.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn skip_window(&self, netuid: u16, window: &SkippedWindow) -> Result<(), StoreError> {
        let insert =
            "INSERT OR IGNORE INTO skipped_windows (netuid, seed_block, reason, skipped_at) VALUES (?, ?, ?, ?)";
        sqlx::query(insert)
            .bind(i64::from(netuid))
            .bind(window.seed_block.cast_signed())
            .bind(&window.reason)
            .bind(clock::unix_seconds())
            .execute(&self.pool)
            .await
            .map_err(self.failed("write to"))?;
        Ok(())
    }

    /// The subnet's windows that give no decision, in order.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub(crate) async fn skipped_windows(&self, netuid: u16) -> Result<Vec<SkippedWindow>, StoreError> {
        let failed = self.failed("read");
        let rows = sqlx::query("SELECT seed_block, reason FROM skipped_windows WHERE netuid = ? ORDER BY seed_block")
            .bind(i64::from(netuid))
            .fetch_all(&self.pool)
            .await
            .map_err(&failed)?;
        let window = |row: &sqlx::sqlite::SqliteRow| {
            let seed_block: i64 = row.try_get("seed_block")?;
            Ok(SkippedWindow { seed_block: seed_block.cast_unsigned(), reason: row.try_get("reason")? })
        };
        rows.iter().map(window).collect::<Result<_, sqlx::Error>>().map_err(failed)
    }
}
