//! Admission of a window's entries.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt};
use models::source::ModelSource;

use super::{OpenWindow, WindowError, fingerprints};
use crate::events::Event;
use crate::loader::{Arrival, ModelLoader};
use crate::record::{Admission, AdmissionOutcome, FileRecord, FindingRecord, WindowTerms};
use crate::registry::{Entry, Role};
use crate::succession::Field;

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
                // Called upon later, if at all.
                None if entry.role == Role::Former => {
                    Ok(Admission { outcome: AdmissionOutcome::Reserve, files: Vec::new() })
                }
                None => admit_one(window, place, entry, loader).await,
            }
        }
    });
    futures::stream::iter(admissions).buffered(CHECKED_AT_ONCE).try_collect().await
}

/// Admits former champions' models, the latest first, until a crowned model plays, then the one that stands guard over the
/// window's bouts, and records those that were not needed.
pub(super) async fn call_reserves(
    window: &OpenWindow<'_>,
    admissions: &mut [Admission],
    findings: &BTreeMap<usize, FindingRecord>,
    loader: &ModelLoader,
) -> Result<(), WindowError> {
    loop {
        let field = Field { terms: &window.terms, admissions, findings };
        let Some((place, _)) = field.next_reserve() else { break };
        admissions[place] = admit_one(window, place, &window.entries[place], loader).await?;
    }
    if let Some(place) = (Field { terms: &window.terms, admissions, findings }).next_guard() {
        admissions[place] = admit_one(window, place, &window.entries[place], loader).await?;
        if admissions[place].outcome != AdmissionOutcome::Admitted {
            let standing = "no bout has it as guard, the champion of ten reigns ago".to_owned();
            window.reporter.report(Event::Standing { entry: window.entries[place].label(), standing });
        }
    }
    let recorded = window.store.admissions(window.run).await?;
    for (place, admission) in admissions.iter().enumerate().filter(|(place, _)| !recorded.contains_key(place)) {
        window.store.add_admission(window.run, place, admission).await?;
    }
    Ok(())
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
            Arrival::Admitted(admitted) => {
                as_crowned(window, place, fingerprints::take(admitted, &entry.model, window.store, loader).await?)
            }
            Arrival::Refused { reason, files } => Admission { outcome: AdmissionOutcome::Refused(reason), files },
        }
    };
    window.store.add_admission(window.run, place, &admission).await?;
    let standing = match &admission.outcome {
        AdmissionOutcome::Admitted => "admitted".to_owned(),
        AdmissionOutcome::Refused(reason) => format!("refused: {reason}"),
        AdmissionOutcome::Late => "late: committed after the window's seed was known".to_owned(),
        AdmissionOutcome::Reserve => "in reserve".to_owned(),
    };
    window.reporter.report(Event::Standing { entry: entry.label(), standing });
    Ok(admission)
}

/// The admission of a crowned model: refused where its files are not those that were crowned.
fn as_crowned(window: &OpenWindow<'_>, place: usize, admission: Admission) -> Admission {
    match other_than_crowned(&window.terms, place, &admission.files) {
        Some(reason) => Admission { outcome: AdmissionOutcome::Refused(reason), ..admission },
        None => admission,
    }
}

/// The refusal of a crowned model's entry whose files are not those that were crowned.
pub(crate) fn other_than_crowned(terms: &WindowTerms, place: usize, files: &[FileRecord]) -> Option<String> {
    let entry = &terms.entries[place];
    let record = &terms.record;
    let crowned = record.champion.iter().chain(&record.former).find(|crowned| crowned.is(&entry.hotkey, &entry.model));
    let snapshot = crowned?.snapshot.as_ref()?;
    let found = Admission { outcome: AdmissionOutcome::Admitted, files: files.to_vec() }.snapshot(&entry.model);
    (found != *snapshot).then(|| "its files are not those that were crowned under this reference".to_owned())
}

#[cfg(test)]
mod tests;
