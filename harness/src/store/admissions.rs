//! The `admissions`, `findings` and `fingerprints` tables: what became of each entry before it played.

use std::collections::BTreeMap;

use models::fingerprint::{Fingerprint, VERSION};
use serde::{Deserialize, Serialize};
use sqlx::Row;

use super::{RunId, Store, StoreError};

/// What became of an entry at the door.
#[derive(Debug, Clone, PartialEq)]
pub struct Admission {
    /// In or out.
    pub standing: Standing,
    /// The snapshot's files; empty where none was read.
    pub files: Vec<FileRecord>,
}

/// One file of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256, as hexadecimal digits.
    pub sha256: String,
}

/// In or out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The model may play.
    Admitted,
    /// The model cannot be run; the sentence tells its miner what to change.
    Refused(String),
    /// Committed when the window's seed was already known; it waits for the next window.
    Late,
}

impl Standing {
    fn parts(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Admitted => ("admitted", None),
            Self::Refused(reason) => ("refused", Some(reason)),
            Self::Late => ("late", None),
        }
    }
}

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
            let standing = match standing.as_str() {
                "admitted" => Standing::Admitted,
                "late" => Standing::Late,
                _ => Standing::Refused(reason.unwrap_or_default()),
            };
            let files = serde_json::from_str(&files).map_err(self.damaged("read an admission from"))?;
            admissions.insert(entry as usize, Admission { standing, files });
        }
        Ok(admissions)
    }

    /// Records what became of an entry.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn admit(&self, run: RunId, entry: usize, admission: &Admission) -> Result<(), StoreError> {
        let (standing, reason) = admission.standing.parts();
        sqlx::query("INSERT INTO admissions (run_id, entry, standing, reason, files) VALUES (?, ?, ?, ?, ?)")
            .bind(run.0)
            .bind(entry as i64)
            .bind(standing)
            .bind(reason)
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
