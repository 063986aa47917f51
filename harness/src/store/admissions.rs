//! The `admissions` table.

use std::collections::BTreeMap;

use sqlx::Row;

use super::{RunId, Store, StoreError};
use crate::record::{Admission, AdmissionOutcome};

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
}
