//! The `outcomes` table: how a run ended.

use sqlx::Row;

use super::{RunId, Store, StoreError};
use crate::clock;
use crate::registry::Hotkey;

/// End of a finished run: the start of the subnet's next window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The champion.
    pub(crate) champion: Hotkey,
    /// Earlier champions, the latest first.
    pub(crate) former: Vec<Hotkey>,
    /// Challengers tested in the champion's reign.
    pub(crate) tested: u64,
}

impl Store {
    /// The outcome of the subnet's latest run with an earlier seed block, if there was one.
    ///
    /// # Errors
    /// If the database cannot be read or the row is damaged.
    pub(crate) async fn outcome_before(&self, netuid: u16, seed_block: u64) -> Result<Option<Outcome>, StoreError> {
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
            let former: String = row.try_get("former").map_err(&failed)?;
            let tested: i64 = row.try_get("tested").map_err(&failed)?;
            Ok(Outcome {
                champion: Hotkey(row.try_get("champion").map_err(&failed)?),
                former: serde_json::from_str(&former).map_err(self.damaged("read an outcome in"))?,
                tested: tested.cast_unsigned(),
            })
        })
        .transpose()
    }

    /// Records the end of a run; a run that has ended already keeps its first outcome.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn finish_run(&self, run: RunId, outcome: &Outcome) -> Result<(), StoreError> {
        let former = serde_json::to_string(&outcome.former).expect("a list of addresses is JSON");
        let insert =
            "INSERT OR IGNORE INTO outcomes (run_id, champion, former, tested, finished_at) VALUES (?, ?, ?, ?, ?)";
        sqlx::query(insert)
            .bind(run.0)
            .bind(&outcome.champion.0)
            .bind(former)
            .bind(outcome.tested.cast_signed())
            .bind(clock::unix_seconds())
            .execute(&self.pool)
            .await
            .map_err(self.failed("write to"))?;
        Ok(())
    }
}
