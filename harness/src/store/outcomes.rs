//! The `outcomes` table: how a run ended.

use serde::Deserialize;
use sqlx::any::AnyRow;

use super::statement::Statement;
use super::{RunId, Store, StoreError};
use crate::clock;
use crate::record::{CrownedModel, ReignRecord};
use crate::registry::Hotkey;

/// End of a finished run: the start of the subnet's next window.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    /// The record that it hands to the next.
    pub(crate) record: ReignRecord,
    /// Hash of the last record of its evidence; none in rows of earlier versions.
    pub(crate) log: Option<String>,
}

/// The entries of a run's terms, as every version has written them.
#[derive(Deserialize)]
pub(super) struct OpenedEntries {
    pub(super) entries: Vec<OpenedEntry>,
}

#[derive(Deserialize)]
pub(super) struct OpenedEntry {
    pub(super) hotkey: Hotkey,
    model: String,
    committed: u64,
    position: u32,
}

impl Store {
    /// The outcome of the subnet's latest run with an earlier seed block, if there was one.
    ///
    /// # Errors
    /// If the database cannot be read or the row is damaged.
    pub(crate) async fn outcome_before(&self, netuid: u16, seed_block: u64) -> Result<Option<Outcome>, StoreError> {
        let select = "SELECT champion, former, tested, record, log, opened FROM outcomes \
                      JOIN runs ON runs.id = outcomes.run_id WHERE netuid = $1 AND seed_block < $2 \
                      ORDER BY seed_block DESC, runs.id DESC LIMIT 1";
        let row = self.row("read", Statement::new(select).with(netuid).with(seed_block)).await?;
        row.map(|row| self.outcome(&row)).transpose()
    }

    fn outcome(&self, row: &AnyRow) -> Result<Outcome, StoreError> {
        let record = match self.optional_text(row, "record")? {
            Some(record) => serde_json::from_str(&record).map_err(self.damaged("read an outcome in"))?,
            None => self.record_of_before(row)?,
        };
        Ok(Outcome { record, log: self.optional_text(row, "log")? })
    }

    /// The record of a row of before: the miners that it names, with the models that they had entered in the run.
    fn record_of_before(&self, row: &AnyRow) -> Result<ReignRecord, StoreError> {
        let former: Vec<Hotkey> = self.json(row, "former", "read an outcome in")?;
        let OpenedEntries { entries } = self.json(row, "opened", "read an outcome in")?;
        let crowned = |hotkey: &Hotkey| {
            let entry = entries.iter().find(|entry| entry.hotkey == *hotkey)?;
            let OpenedEntry { hotkey, model, committed, position } = entry;
            let (hotkey, model) = (hotkey.clone(), model.clone());
            Some(CrownedModel { hotkey, model, snapshot: None, committed: *committed, position: *position })
        };
        Ok(ReignRecord {
            champion: crowned(&Hotkey(self.text(row, "champion")?)),
            former: former.iter().filter_map(crowned).collect(),
            bouts: self.bits(row, "tested")?,
            ..ReignRecord::default()
        })
    }

    /// True if another run of the same window has ended: under another registry, record or settings.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub(crate) async fn was_decided_otherwise(&self, run: RunId) -> Result<bool, StoreError> {
        let others = "SELECT runs.id FROM outcomes JOIN runs ON runs.id = outcomes.run_id JOIN runs AS own ON own.id = $1 \
                      WHERE runs.netuid = own.netuid AND runs.seed_block = own.seed_block AND runs.id <> own.id LIMIT 1";
        Ok(self.row("read", Statement::new(others).with(run.0)).await?.is_some())
    }

    /// Seed block of the subnet's latest window that has ended, if there is one.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub(crate) async fn latest_decided(&self, netuid: u16) -> Result<Option<u64>, StoreError> {
        let latest = "SELECT seed_block FROM runs JOIN outcomes ON runs.id = outcomes.run_id WHERE netuid = $1 \
                      ORDER BY seed_block DESC LIMIT 1";
        let latest = self.row("read", Statement::new(latest).with(netuid)).await?;
        latest.map(|row| self.bits(&row, "seed_block")).transpose()
    }

    /// Records the end of a run under a champion; a run that has ended already keeps its first outcome.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn finish_run(&self, run: RunId, champion: &Hotkey, outcome: &Outcome) -> Result<(), StoreError> {
        let insert = "INSERT INTO outcomes (run_id, champion, tested, record, log, finished_at) \
                      VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
        let insert = Statement::new(insert)
            .with(run.0)
            .with(&champion.0)
            .with(outcome.record.bouts)
            .with(serde_json::to_string(&outcome.record).expect("a record is plain data"))
            .with(outcome.log.as_deref())
            .with(clock::unix_seconds());
        self.execute("write to", insert).await?;
        Ok(())
    }
}
