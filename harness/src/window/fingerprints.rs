//! Fingerprints of admitted models, taken once for the same files and kept in the store.

use models::admission::Admitted;
use models::error::LoadError;
use models::source::ModelSource;

use super::WindowError;
use crate::loader::{ModelLoader, files_of};
use crate::record::{Admission, AdmissionOutcome};
use crate::store::Store;

/// Takes an admitted model's fingerprint, unless one of the same files is known; a model of which none can be taken is
/// refused.
pub(super) async fn take(
    admitted: Box<Admitted>,
    model: &ModelSource,
    store: &Store,
    loader: &ModelLoader,
) -> Result<Admission, WindowError> {
    let files = files_of(&admitted.snapshot);
    let admission = Admission { outcome: AdmissionOutcome::Admitted, files };
    let (snapshot, name) = (admission.snapshot(&model.to_string()), loader.prints());
    if store.fingerprint(&snapshot, &name).await?.is_some() {
        return Ok(admission);
    }
    match loader.fingerprint(model, admitted).await {
        Ok(fingerprint) => {
            store.add_fingerprint((&snapshot, &name), &fingerprint).await?;
            Ok(admission)
        }
        Err(LoadError::Refused(refusal)) => {
            Ok(Admission { outcome: AdmissionOutcome::Refused(refusal.to_string()), ..admission })
        }
        Err(source) => Err(WindowError::Fingerprint { model: model.to_string(), source }),
    }
}
