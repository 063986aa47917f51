//! Fingerprints of admitted models, taken once for the same files and kept in the store.

use models::snapshot::Snapshot;
use models::source::ModelSource;

use super::WindowError;
use crate::loader::{ModelLoader, files_of};
use crate::record::{Admission, AdmissionOutcome};
use crate::store::Store;

/// Takes an admitted model's fingerprint, unless one of the same files is known; a model of which none can be taken is
/// refused.
pub(super) async fn take(
    snapshot: &Snapshot,
    model: &ModelSource,
    loader: &ModelLoader,
    store: &Store,
) -> Result<Admission, WindowError> {
    let files = files_of(snapshot);
    let admission = Admission { outcome: AdmissionOutcome::Admitted, files };
    let (digest, name) = (admission.snapshot(&model.to_string()), loader.prints());
    if store.fingerprint(&digest, &name).await?.is_some() {
        return Ok(admission);
    }
    match loader.fingerprint(model, snapshot).await? {
        Ok(fingerprint) => {
            store.add_fingerprint((&digest, &name), &fingerprint).await?;
            Ok(admission)
        }
        Err(reason) => Ok(Admission { outcome: AdmissionOutcome::Refused(reason), ..admission }),
    }
}
