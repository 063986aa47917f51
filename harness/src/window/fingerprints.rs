//! Fingerprints of admitted models, taken once for the same files and kept in the store.

use models::admission::Admitted;
use models::error::LoadError;
use models::fingerprint::{Fingerprint, fingerprint};
use models::source::ModelSource;

use super::WindowError;
use crate::loader::files_of;
use crate::record::{Admission, AdmissionOutcome};
use crate::store::Store;

/// Takes an admitted model's fingerprint, unless one of the same files is known; a model of which none can be taken is
/// refused.
pub(super) async fn take(
    admitted: Box<Admitted>,
    model: &ModelSource,
    store: &Store,
) -> Result<Admission, WindowError> {
    let files = files_of(&admitted.snapshot);
    let admission = Admission { outcome: AdmissionOutcome::Admitted, files };
    let key = admission.snapshot(&model.to_string());
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
    let fingerprint = store.fingerprint(&admission.snapshot(&model.to_string())).await?;
    fingerprint.ok_or_else(|| WindowError::NoFingerprint { model: model.to_string() })
}
