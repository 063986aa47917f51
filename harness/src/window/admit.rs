//! Admission of a window's entries.

use futures::{StreamExt, TryStreamExt};
use models::source::ModelSource;

use super::{OpenWindow, WindowError, fingerprints};
use crate::events::Event;
use crate::loader::{Arrival, ModelLoader};
use crate::record::{Admission, AdmissionOutcome};
use crate::registry::Entry;

/// Entries checked at once: while the files of one are hashed, which takes one core, those of another are measured.
const CHECKED_AT_ONCE: usize = 2;

/// Admits the entries of a window, in order; admissions that an earlier process recorded stand.
pub(super) async fn admit(window: &OpenWindow<'_>, loader: &ModelLoader) -> Result<Vec<Admission>, WindowError> {
    let mut known = window.store.admissions(window.run).await?;
    let admissions = window.entries.iter().enumerate().map(|(place, entry)| {
        let known = known.remove(&place);
        async move {
            match known {
                Some(admission) => Ok(admission),
                None => admit_one(window, place, entry, loader).await,
            }
        }
    });
    futures::stream::iter(admissions).buffered(CHECKED_AT_ONCE).try_collect().await
}

async fn admit_one(
    window: &OpenWindow<'_>,
    place: usize,
    entry: &Entry,
    loader: &ModelLoader,
) -> Result<Admission, WindowError> {
    window.reporter.report(Event::Checking { entry: entry.label() });
    let without_files = |outcome| Admission { outcome, files: Vec::new() };
    let admission = if entry.committed >= window.terms.seed_block {
        without_files(AdmissionOutcome::Late)
    } else if let ModelSource::Server(_) = &entry.model {
        // A server's model has no files. Only an evaluation has such entries: a registry names models of the hub.
        without_files(AdmissionOutcome::Admitted)
    } else {
        match loader.admit(&entry.model).await? {
            Arrival::Admitted(admitted) => fingerprints::take(admitted, &entry.model, window.store).await?,
            Arrival::Refused { reason, files } => Admission { outcome: AdmissionOutcome::Refused(reason), files },
        }
    };
    window.store.add_admission(window.run, place, &admission).await?;
    let standing = match &admission.outcome {
        AdmissionOutcome::Admitted => "admitted".to_owned(),
        AdmissionOutcome::Refused(reason) => format!("refused: {reason}"),
        AdmissionOutcome::Late => "late: committed after the window's seed was known".to_owned(),
    };
    window.reporter.report(Event::Standing { entry: entry.label(), standing });
    Ok(admission)
}

#[cfg(test)]
mod tests;
