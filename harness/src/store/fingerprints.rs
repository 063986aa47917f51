//! The `fingerprints` table: fingerprints by the files they were taken of, shared by all runs.

use super::statement::Statement;
use super::{Store, StoreError};
use models::fingerprint::{Fingerprint, VERSION};

impl Store {
    /// The fingerprint of this name that was taken earlier of the snapshot with this digest.
    ///
    /// # Errors
    /// If the database cannot be read or the row is damaged.
    pub(crate) async fn fingerprint(&self, snapshot: &str, name: &str) -> Result<Option<Fingerprint>, StoreError> {
        let select = Statement::new("SELECT body FROM fingerprints WHERE snapshot = $1").with(key(snapshot, name));
        let row = self.row("read", select).await?;
        row.map(|row| self.json(&row, "body", "read a fingerprint from")).transpose()
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
        let insert = Statement::new("INSERT INTO fingerprints (snapshot, body) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .with(key(snapshot, name))
            .with(serde_json::to_string(fingerprint).expect("a fingerprint is plain data"));
        self.execute("write to", insert).await?;
        Ok(())
    }
}

/// Key of a snapshot's fingerprint: fingerprints of another version, secret or arithmetic are not found.
fn key(snapshot: &str, name: &str) -> String {
    format!("{snapshot}.{VERSION}.{name}")
}
