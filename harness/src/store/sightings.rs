//! The `sightings` table: the first commitment of every model that was admitted, kept for good.

use sqlx::any::AnyRow;

use super::statement::Statement;
use super::{RunId, Store, StoreError};
use crate::record::Sighting;
use crate::registry::Hotkey;

const INSERT: &str = "INSERT INTO sightings (run_id, snapshot, committed, position, hotkey, origin) \
                      VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";

impl Store {
    /// The models that the subnet's windows with an earlier seed block have seen, finished or not.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub(crate) async fn sightings_before(&self, netuid: u16, seed_block: u64) -> Result<Vec<Sighting>, StoreError> {
        let select = "SELECT snapshot, committed, position, hotkey, origin FROM sightings \
                      JOIN runs ON runs.id = sightings.run_id WHERE netuid = $1 AND seed_block < $2";
        let rows = self.rows("read", Statement::new(select).with(netuid).with(seed_block)).await?;
        rows.iter().map(|row| self.sighting(row)).collect()
    }

    /// The models that a run has seen.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub(crate) async fn sightings(&self, run: RunId) -> Result<Vec<Sighting>, StoreError> {
        let select = "SELECT snapshot, committed, position, hotkey, origin FROM sightings WHERE run_id = $1";
        let rows = self.rows("read", Statement::new(select).with(run.0)).await?;
        rows.iter().map(|row| self.sighting(row)).collect()
    }

    fn sighting(&self, row: &AnyRow) -> Result<Sighting, StoreError> {
        Ok(Sighting {
            snapshot: self.text(row, "snapshot")?,
            committed: self.bits(row, "committed")?,
            position: self.integer(row, "position")?,
            hotkey: Hotkey(self.text(row, "hotkey")?),
            origin: Hotkey(self.text(row, "origin")?),
        })
    }

    /// Records the models that a run has seen; those that it has recorded already stay.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn add_sightings(&self, run: RunId, sightings: &[Sighting]) -> Result<(), StoreError> {
        let insert = |Sighting { snapshot, committed, position, hotkey, origin }: &Sighting| {
            Statement::new(INSERT)
                .with(run.0)
                .with(snapshot)
                .with(*committed)
                .with(*position)
                .with(&hotkey.0)
                .with(&origin.0)
        };
        self.answers("write to", &sightings.iter().map(insert).collect::<Vec<_>>()).await?;
        Ok(())
    }
}
