//! The `fingerprints` table: fingerprints by the files they were taken of, shared by all runs.

use models::fingerprint::{Fingerprint, VERSION};
use sqlx::Row;

use super::{Store, StoreError};

impl Store {
    /// The fingerprint of this name that was taken earlier of the snapshot with this digest.
    ///
    /// # Errors
    /// If the database cannot be read or the row is damaged.
    pub(crate) async fn fingerprint(&self, snapshot: &str, name: &str) -> Result<Option<Fingerprint>, StoreError> {
        let failed = self.failed("read");
        let row = sqlx::query("SELECT body FROM fingerprints WHERE snapshot = ?")
            .bind(key(snapshot, name))
            .fetch_optional(&self.pool)
            .await
            .map_err(&failed)?;
        row.map(|row| {
            let body: String = row.try_get("body").map_err(&failed)?;
            serde_json::from_str(&body).map_err(self.damaged("read a fingerprint from"))
        })
        .transpose()
    }

    /// Records a snapshot's fingerprint; the first one of a snapshot stays.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn add_fingerprint(
        &self,
        (snapshot, name): (&str, &str),
        fingerprint: &Fingerprint,
    ) -> Result<(), StoreError> {
        sqlx::query("INSERT OR IGNORE INTO fingerprints (snapshot, body) VALUES (?, ?)")
            .bind(key(snapshot, name))
            .bind(serde_json::to_string(fingerprint).expect("a fingerprint is plain data"))
            .execute(&self.pool)
            .await
            .map_err(self.failed("write to"))?;
        Ok(())
    }
}

/// Key of a snapshot's fingerprint: fingerprints of another version, secret or arithmetic are not found.
fn key(snapshot: &str, name: &str) -> String {
    format!("{snapshot}.{VERSION}.{name}")
}
