//! The `sightings` table: the first commitment of every model that was admitted, kept for good.

use sqlx::Row;

use super::{RunId, Store, StoreError};
use crate::record::Sighting;
use crate::registry::Hotkey;

impl Store {
    /// The models that the subnet's windows with an earlier seed block have seen, finished or not.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub(crate) async fn sightings_before(&self, netuid: u16, seed_block: u64) -> Result<Vec<Sighting>, StoreError> {
        let failed = self.failed("read");
        let rows = sqlx::query(
            "SELECT snapshot, committed, position, hotkey, origin FROM sightings JOIN runs ON runs.id = sightings.run_id \
             WHERE netuid = ? AND seed_block < ?",
        )
        .bind(i64::from(netuid))
        .bind(seed_block.cast_signed())
        .fetch_all(&self.pool)
        .await
        .map_err(&failed)?;
        let sighting = |row: &sqlx::sqlite::SqliteRow| {
            let committed: i64 = row.try_get("committed")?;
            Ok(Sighting {
                snapshot: row.try_get("snapshot")?,
                committed: committed.cast_unsigned(),
                position: row.try_get("position")?,
                hotkey: Hotkey(row.try_get("hotkey")?),
                origin: Hotkey(row.try_get("origin")?),
            })
        };
        rows.iter().map(sighting).collect::<Result<_, sqlx::Error>>().map_err(failed)
    }

    /// Records the models that a run has seen; those that it has recorded already stay.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn add_sightings(&self, run: RunId, sightings: &[Sighting]) -> Result<(), StoreError> {
        let failed = self.failed("write to");
        let insert = "INSERT OR IGNORE INTO sightings (run_id, snapshot, committed, position, hotkey, origin) \
                      VALUES (?, ?, ?, ?, ?, ?)";
        let mut transaction = self.pool.begin().await.map_err(&failed)?;
        for Sighting { snapshot, committed, position, hotkey, origin } in sightings {
            let row = sqlx::query(insert).bind(run.0).bind(snapshot).bind(committed.cast_signed());
            let row = row.bind(i64::from(*position)).bind(&hotkey.0).bind(&origin.0);
            row.execute(&mut *transaction).await.map_err(&failed)?;
        }
        transaction.commit().await.map_err(failed)
    }
}
