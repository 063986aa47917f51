//! The `admissions`, `findings` and `fingerprints` tables: what became of each entry before it played.

use std::collections::BTreeMap;

use models::fingerprint::{Fingerprint, VERSION};
use sqlx::Row;

use super::{RunId, Store, StoreError};
use crate::record::{Admission, AdmissionOutcome};

impl Store {
    /// The admissions recorded so far, by entry.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn admissions(&self, run: RunId) -> Result<BTreeMap<usize, Admission>, StoreError> {
        let failed = self.failed("read");
        let rows = sqlx::query("SELECT entry, standing, reason, files FROM admissions WHERE run_id = ?")
            .bind(run.0)
            .fetch_all(&self.pool)
            .await
            .map_err(&failed)?;
        let mut admissions = BTreeMap::new();
        for row in rows {
            let entry: u32 = row.try_get(0).map_err(&failed)?;
            let standing: String = row.try_get(1).map_err(&failed)?;
            let reason: Option<String> = row.try_get(2).map_err(&failed)?;
            let files: String = row.try_get(3).map_err(&failed)?;
            let outcome = AdmissionOutcome::from_parts(&standing, reason);
            let outcome = outcome.map_err(self.damaged("read an admission from"))?;
            let files = serde_json::from_str(&files).map_err(self.damaged("read an admission from"))?;
            admissions.insert(entry as usize, Admission { outcome, files });
        }
        Ok(admissions)
    }

    /// Records what became of an entry.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn admit(&self, run: RunId, entry: usize, admission: &Admission) -> Result<(), StoreError> {
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

    /// The fingerprint taken earlier of the snapshot with this digest.
    ///
    /// # Errors
    /// If the database cannot be read or the row is damaged.
    pub async fn fingerprint(&self, snapshot: &str) -> Result<Option<Fingerprint>, StoreError> {
        let failed = self.failed("read");
        let row = sqlx::query("SELECT body FROM fingerprints WHERE snapshot = ?")
            .bind(fingerprint_key(snapshot))
            .fetch_optional(&self.pool)
            .await
            .map_err(&failed)?;
        row.map(|row| {
            let body: String = row.try_get(0).map_err(&failed)?;
            serde_json::from_str(&body).map_err(self.damaged("read a fingerprint from"))
        })
        .transpose()
    }

    /// Records a snapshot's fingerprint.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn keep_fingerprint(&self, snapshot: &str, fingerprint: &Fingerprint) -> Result<(), StoreError> {
        sqlx::query("INSERT OR IGNORE INTO fingerprints (snapshot, body) VALUES (?, ?)")
            .bind(fingerprint_key(snapshot))
            .bind(serde_json::to_string(fingerprint).expect("a fingerprint is plain data"))
            .execute(&self.pool)
            .await
            .map_err(self.failed("write to"))?;
        Ok(())
    }

    /// Records what a screen found about an entry; the first finding stands.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn keep_finding(&self, run: RunId, entry: usize, body: &str) -> Result<(), StoreError> {
        sqlx::query("INSERT OR IGNORE INTO findings (run_id, entry, body) VALUES (?, ?, ?)")
            .bind(run.0)
            .bind(entry as i64)
            .bind(body)
            .execute(&self.pool)
            .await
            .map_err(self.failed("write to"))?;
        Ok(())
    }
}

/// What a fingerprint is found by: one taken by other rules is none.
fn fingerprint_key(snapshot: &str) -> String {
    format!("{snapshot}.{VERSION}")
}
