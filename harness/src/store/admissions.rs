//! The `admissions` table.

use std::collections::BTreeMap;

use sqlx::Row;

use super::outcomes::OpenedEntries;
use super::{RunId, Store, StoreError};
use crate::clock;
use crate::record::{Admission, AdmissionOutcome};
use crate::registry::Hotkey;

/// Outcome of the wish that an entry is admitted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Requeued {
    /// Its refusal is set aside.
    Done,
    /// It was not refused in this window.
    NotRefused,
    /// The window has rollouts already: its field is fixed.
    Playing,
}

impl Store {
    /// The admissions recorded so far, by entry.
    ///
    /// # Errors
    /// If the database cannot be read or a row is damaged.
    pub(crate) async fn admissions(&self, run: RunId) -> Result<BTreeMap<usize, Admission>, StoreError> {
        let failed = self.failed("read");
        let rows = sqlx::query("SELECT entry, standing, reason, files FROM admissions WHERE run_id = ?")
            .bind(run.0)
            .fetch_all(&self.pool)
            .await
            .map_err(&failed)?;
        let mut admissions = BTreeMap::new();
        for row in rows {
            let entry: u32 = row.try_get("entry").map_err(&failed)?;
            let standing: String = row.try_get("standing").map_err(&failed)?;
            let reason: Option<String> = row.try_get("reason").map_err(&failed)?;
            let files: String = row.try_get("files").map_err(&failed)?;
            let outcome = AdmissionOutcome::from_parts(&standing, reason);
            let outcome = outcome.map_err(self.damaged("read an admission from"))?;
            let files = serde_json::from_str(&files).map_err(self.damaged("read an admission from"))?;
            admissions.insert(entry as usize, Admission { outcome, files });
        }
        Ok(admissions)
    }

    /// Records an entry's admission.
    ///
    /// # Errors
    /// If the database cannot be written, or the entry has one already.
    pub(crate) async fn add_admission(
        &self,
        run: RunId,
        entry: usize,
        admission: &Admission,
    ) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO admissions (run_id, entry, standing, reason, files) VALUES (?, ?, ?, ?, ?)")
            .bind(run.0)
            .bind(entry as i64)
            .bind(admission.outcome.word())
            .bind(admission.outcome.reason())
            .bind(serde_json::to_string(&admission.files).expect("a file list is plain data"))
            .execute(&self.pool)
            .await
            .map_err(self.failed("write to"))?;
        Ok(())
    }

    /// Sets the refusal of a miner's entries aside in the latest run of a window, so that they are fetched and checked
    /// again; not once the window has rollouts, since others have played against a field without them.
    ///
    /// # Errors
    /// If the database cannot be read or written, or a row is damaged.
    pub(crate) async fn requeue(&self, netuid: u16, seed_block: u64, hotkey: &Hotkey) -> Result<Requeued, StoreError> {
        let failed = self.failed("write to");
        let mut transaction = self.pool.begin().await.map_err(&failed)?;
        let latest = "SELECT id, opened FROM runs WHERE netuid = ? AND seed_block = ? ORDER BY id DESC LIMIT 1";
        let run = sqlx::query(latest)
            .bind(i64::from(netuid))
            .bind(seed_block.cast_signed())
            .fetch_optional(&mut *transaction)
            .await
            .map_err(&failed)?;
        let Some(run) = run else { return Ok(Requeued::NotRefused) };
        let opened: String = run.try_get("opened").map_err(&failed)?;
        let id: i64 = run.try_get("id").map_err(&failed)?;
        let played: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM rollouts WHERE run_id = ?)")
            .bind(id)
            .fetch_one(&mut *transaction)
            .await
            .map_err(&failed)?;
        if played {
            return Ok(Requeued::Playing);
        }
        let OpenedEntries { entries } =
            serde_json::from_str(&opened).map_err(self.damaged("read a run's terms from"))?;
        let mut done = Requeued::NotRefused;
        for (place, _) in entries.iter().enumerate().filter(|(_, entry)| entry.hotkey == *hotkey) {
            let refused = "run_id = ? AND entry = ? AND standing = 'refused'";
            let keep = format!(
                "INSERT INTO requeued_admissions (run_id, entry, reason, requeued_at) \
                 SELECT run_id, entry, coalesce(reason, ''), ? FROM admissions WHERE {refused}"
            );
            let kept = sqlx::query(sqlx::AssertSqlSafe(keep)).bind(clock::unix_seconds()).bind(id).bind(place as i64);
            if kept.execute(&mut *transaction).await.map_err(&failed)?.rows_affected() > 0 {
                done = Requeued::Done;
                let delete = format!("DELETE FROM admissions WHERE {refused}");
                let deleted = sqlx::query(sqlx::AssertSqlSafe(delete)).bind(id).bind(place as i64);
                deleted.execute(&mut *transaction).await.map_err(&failed)?;
            }
        }
        transaction.commit().await.map_err(failed)?;
        Ok(done)
    }
}
