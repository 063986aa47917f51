//! The tables `windows` and `skipped_windows`: windows by blocks of a chain.

use super::statement::Statement;
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
        let insert = "INSERT INTO windows (netuid, seed_block, recorded, ledger, captured_at) \
                      VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
        let insert = Statement::new(insert)
            .with(netuid)
            .with(window.recorded.snapshot.block.number)
            .with(serde_json::to_string(&window.recorded).expect("a snapshot is plain data"))
            .with(serde_json::to_string(&window.ledger).expect("a ledger is plain data"))
            .with(clock::unix_seconds());
        self.execute("write to", insert).await?;
        Ok(())
    }

    /// The beginning of a subnet's window, if it is recorded.
    ///
    /// # Errors
    /// If the database cannot be read or the row is damaged.
    pub(crate) async fn window(&self, netuid: u16, seed_block: u64) -> Result<Option<CapturedWindow>, StoreError> {
        let select = "SELECT recorded, ledger FROM windows WHERE netuid = $1 AND seed_block = $2";
        let row = self.row("read", Statement::new(select).with(netuid).with(seed_block)).await?;
        let Some(row) = row else { return Ok(None) };
        let recorded = self.json(&row, "recorded", "read a window in")?;
        Ok(Some(CapturedWindow { recorded, ledger: self.json(&row, "ledger", "read a window in")? }))
    }

    /// Seed blocks of the windows that are recorded.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub(crate) async fn captured_windows(&self, netuid: u16) -> Result<Vec<u64>, StoreError> {
        let select = "SELECT seed_block FROM windows WHERE netuid = $1 ORDER BY seed_block";
        let rows = self.rows("read", Statement::new(select).with(netuid)).await?;
        rows.iter().map(|row| self.bits(row, "seed_block")).collect()
    }

    /// The ledger of commitments after the latest window before this seed block; empty where there is none.
    ///
    /// # Errors
    /// If the database cannot be read or the row is damaged.
    pub(crate) async fn ledger_before(&self, netuid: u16, seed_block: u64) -> Result<Ledger, StoreError> {
        let latest =
            "SELECT ledger FROM windows WHERE netuid = $1 AND seed_block < $2 ORDER BY seed_block DESC LIMIT 1";
        let row = self.row("read", Statement::new(latest).with(netuid).with(seed_block)).await?;
        let Some(row) = row else { return Ok(Ledger::default()) };
        self.json(&row, "ledger", "read a window in")
    }

    /// Records that a subnet's window gives no decision; the first reason stays.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn skip_window(&self, netuid: u16, window: &SkippedWindow) -> Result<(), StoreError> {
        let insert = "INSERT INTO skipped_windows (netuid, seed_block, reason, skipped_at) VALUES ($1, $2, $3, $4) \
                      ON CONFLICT DO NOTHING";
        let insert = Statement::new(insert)
            .with(netuid)
            .with(window.seed_block)
            .with(&window.reason)
            .with(clock::unix_seconds());
        self.execute("write to", insert).await?;
        Ok(())
    }

    /// The subnet's windows that give no decision, in order.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub(crate) async fn skipped_windows(&self, netuid: u16) -> Result<Vec<SkippedWindow>, StoreError> {
        let select = "SELECT seed_block, reason FROM skipped_windows WHERE netuid = $1 ORDER BY seed_block";
        let rows = self.rows("read", Statement::new(select).with(netuid)).await?;
        let window =
            |row| Ok(SkippedWindow { seed_block: self.bits(row, "seed_block")?, reason: self.text(row, "reason")? });
        rows.iter().map(window).collect()
    }
}
