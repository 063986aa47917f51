//! The `bouts` table: a row before the first rollout of each bout.

use super::statement::Statement;
use super::{RunId, Store, StoreError};

/// A bout that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BegunBout {
    /// Number in the champion's reign, from 1.
    pub(crate) number: u64,
    /// Digest of the champion's snapshot.
    pub(crate) champion: String,
    /// Digest of the challenger's snapshot.
    pub(crate) snapshot: String,
}

impl Store {
    /// Records that a bout begins; a resumed run keeps its first row.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn begin_bout(&self, run: RunId, bout: &BegunBout) -> Result<(), StoreError> {
        let insert = "INSERT INTO bouts (run_id, number, champion, snapshot) VALUES ($1, $2, $3, $4) \
                      ON CONFLICT DO NOTHING";
        let row = Statement::new(insert).with(run.0).with(bout.number).with(&bout.champion).with(&bout.snapshot);
        self.execute("write to", row).await?;
        Ok(())
    }

    /// The bouts that a run has begun, in order.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub(crate) async fn bouts(&self, run: RunId) -> Result<Vec<BegunBout>, StoreError> {
        let select = "SELECT number, champion, snapshot FROM bouts WHERE run_id = $1 ORDER BY number";
        let bout = |row| {
            let (champion, snapshot) = (self.text(row, "champion")?, self.text(row, "snapshot")?);
            Ok(BegunBout { number: self.bits(row, "number")?, champion, snapshot })
        };
        self.rows("read", Statement::new(select).with(run.0)).await?.iter().map(bout).collect()
    }

    /// Number of the bouts that a run has begun.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub(crate) async fn bouts_begun(&self, run: RunId) -> Result<usize, StoreError> {
        let count = Statement::new("SELECT count(*) AS begun FROM bouts WHERE run_id = $1").with(run.0);
        let begun: Option<usize> = match self.row("read", count).await? {
            Some(row) => usize::try_from(self.integer::<i64>(&row, "begun")?).ok(),
            None => Some(0),
        };
        Ok(begun.unwrap_or(usize::MAX))
    }
}
