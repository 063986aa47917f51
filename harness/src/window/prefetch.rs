//! Prefetch of a model: fetched, checked and measured before its window asks for it.

use models::source::ModelSource;

use super::{WindowError, fingerprints};
use crate::loader::{Arrival, ModelLoader};
use crate::store::Store;

/// Fetches and checks a model and takes its fingerprint. Nothing is decided: a refusal is found again by its window.
///
/// # Errors
/// If the hub cannot be reached, a file not be read or the database not be written.
pub(crate) async fn prefetch(model: &ModelSource, loader: &ModelLoader, store: &Store) -> Result<(), WindowError> {
    if let Arrival::Admitted(snapshot) = loader.admit(model).await? {
        fingerprints::take(&snapshot, model, loader, store).await?;
    }
    Ok(())
}
