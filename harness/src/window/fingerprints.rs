//! Fingerprints of admitted models, taken once for the same files and kept in the store.

use models::admission::Admitted;
use models::error::LoadError;
use models::fingerprint::{Fingerprint, fingerprint};
use models::source::ModelSource;

use super::WindowError;
use crate::loader::files_of;
use crate::record::{Admission, AdmissionOutcome, FileRecord};
use crate::store::Store;

/// Takes an admitted model's fingerprint, unless one of the same files is known; a model of which none can be taken is
/// refused.
pub(super) async fn take(
    admitted: Box<Admitted>,
    model: &ModelSource,
    store: &Store,
) -> Result<Admission, WindowError> {
    let files = files_of(&admitted.snapshot);
    let key = snapshot_key(&files);
    let admission = Admission { outcome: AdmissionOutcome::Admitted, files };
    if store.fingerprint(&key).await?.is_some() {
        return Ok(admission);
    }
    let taken =
        tokio::task::spawn_blocking(move || fingerprint(&admitted)).await.expect("taking a fingerprint does not panic");
    match taken {
        Ok(fingerprint) => {
            store.add_fingerprint(&key, &fingerprint).await?;
            Ok(admission)
        }
        Err(LoadError::Refused(refusal)) => {
            Ok(Admission { outcome: AdmissionOutcome::Refused(refusal.to_string()), ..admission })
        }
        Err(source) => Err(WindowError::Fingerprint { model: model.to_string(), source }),
    }
}

/// The fingerprint of an admitted model.
pub(super) async fn find(
    model: &ModelSource,
    admission: &Admission,
    store: &Store,
) -> Result<Fingerprint, WindowError> {
    let fingerprint = store.fingerprint(&snapshot_key(&admission.files)).await?;
    fingerprint.ok_or_else(|| WindowError::NoFingerprint { model: model.to_string() })
}

/// Key of a snapshot's fingerprint: BLAKE3 in key derivation mode over its file list, which holds every file's digest.
fn snapshot_key(files: &[FileRecord]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("dethrone 2026-11 snapshot");
    hasher.update(serde_json::to_string(files).expect("a file list is plain data").as_bytes());
    hasher.finalize().to_hex().to_string()
}
