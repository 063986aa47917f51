//! Admission of a window's entries.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt};
use models::source::ModelSource;
use models::untrusted::UntrustedText;

use super::{OpenWindow, WindowError, fingerprints};
use crate::events::Event;
use crate::loader::{Arrival, ModelLoader};
use crate::problem::one_line;
use crate::record::{Admission, AdmissionOutcome, FileRecord, FindingRecord, WindowTerms};
use crate::registry::{Entry, Role};
use crate::scope::Scope;
use crate::succession::Field;

/// Entries checked at once: while the files of one are hashed, which takes one core, those of another are measured.
const CHECKED_AT_ONCE: usize = 2;

/// Outcome of one entry's admission: an admission, or the error after the last attempt.
enum Attempt {
    Done(Admission),
    Failed(WindowError),
}

/// Admits the entries of a window, in order; admissions that an earlier process recorded stand. An entry that cannot be
/// fetched or checked is absent, unless nothing could be had of any: then the hub or this machine is at fault.
pub(super) async fn admit(window: &OpenWindow<'_>, loader: &ModelLoader) -> Result<Vec<Admission>, WindowError> {
    let mut known = window.store.admissions(window.run).await?;
    let attempts = window.entries.iter().enumerate().map(|(place, entry)| {
        let known = known.remove(&place);
        async move {
            match known {
                Some(admission) => Ok(Attempt::Done(admission)),
                // Called upon later, if at all.
                None if entry.role == Role::Former => {
                    Ok(Attempt::Done(Admission { outcome: AdmissionOutcome::Reserve, files: Vec::new() }))
                }
                None => attempt(window, place, entry, loader).await,
            }
        }
    });
    let attempts: Vec<Attempt> = futures::stream::iter(attempts).buffered(CHECKED_AT_ONCE).try_collect().await?;
    let has_arrived = |attempt: &Attempt| match attempt {
        Attempt::Done(Admission { outcome, .. }) => {
            outcome.is_admitted() || matches!(outcome, AdmissionOutcome::Refused(_))
        }
        Attempt::Failed(error) => error.is_an_answer_for_good(),
    };
    let any_arrived = attempts.iter().any(has_arrived);
    let mut admissions = Vec::with_capacity(attempts.len());
    for (place, attempt) in attempts.into_iter().enumerate() {
        admissions.push(match attempt {
            Attempt::Done(admission) => admission,
            Attempt::Failed(error) if any_arrived => absent(window, place, error, loader).await?,
            Attempt::Failed(error) => return Err(error),
        });
    }
    Ok(admissions)
}

/// Records that an entry is absent from this window, unless the hub cannot be reached at all.
async fn absent(
    window: &OpenWindow<'_>,
    place: usize,
    error: WindowError,
    loader: &ModelLoader,
) -> Result<Admission, WindowError> {
    if error.is_of_the_connection() && !loader.reaches_hub().await {
        return Err(error);
    }
    let outcome = AdmissionOutcome::Absent(reason_of(&error));
    window.store.add_absence(window.run, place, &outcome).await?;
    tell_absent(window, place, &outcome);
    Ok(Admission { outcome, files: Vec::new() })
}

/// The reason why an entry is absent: an error with its causes, which may hold words of strangers.
pub(super) fn reason_of(error: &dyn std::error::Error) -> String {
    UntrustedText::sentence(&one_line(error)).into()
}

/// Reports that an entry is absent.
pub(super) fn tell_absent(window: &OpenWindow<'_>, place: usize, outcome: &AdmissionOutcome) {
    let reason = outcome.reason().unwrap_or_default();
    let standing = format!("absent from this window: {reason}");
    window.reporter.report(Event::Standing { entry: window.entries[place].label(), standing });
}

/// Admits former champions' models, the latest first, until a crowned model plays, then the one that stands guard over the
/// window's bouts.
pub(super) async fn call_reserves(
    window: &OpenWindow<'_>,
    admissions: &mut [Admission],
    findings: &BTreeMap<usize, FindingRecord>,
    loader: &ModelLoader,
) -> Result<(), WindowError> {
    loop {
        let field = Field { terms: &window.terms, admissions, findings };
        let Some((place, _)) = field.next_reserve() else { break };
        admissions[place] = match attempt(window, place, &window.entries[place], loader).await? {
            Attempt::Done(admission) => admission,
            Attempt::Failed(error) => absent(window, place, error, loader).await?,
        };
    }
    if let Some(place) = (Field { terms: &window.terms, admissions, findings }).next_guard() {
        admissions[place] = match attempt(window, place, &window.entries[place], loader).await? {
            Attempt::Done(admission) => admission,
            Attempt::Failed(error) => absent(window, place, error, loader).await?,
        };
        if !admissions[place].outcome.is_admitted() {
            let standing = "no bout has it as guard, the champion of ten reigns ago".to_owned();
            window.reporter.report(Event::Standing { entry: window.entries[place].label(), standing });
        }
    }
    Ok(())
}

/// Records the reserves that were not called upon; not before the window is played, since an admission that is recorded stays.
pub(super) async fn record_reserves(window: &OpenWindow<'_>, admissions: &[Admission]) -> Result<(), WindowError> {
    let recorded = window.store.admissions(window.run).await?;
    for (place, admission) in admissions.iter().enumerate().filter(|(place, _)| !recorded.contains_key(place)) {
        window.store.add_admission(window.run, place, admission).await?;
    }
    Ok(())
}

/// Tries to admit an entry; only what concerns the validator itself is an error.
async fn attempt(
    window: &OpenWindow<'_>,
    place: usize,
    entry: &Entry,
    loader: &ModelLoader,
) -> Result<Attempt, WindowError> {
    match admit_one(window, place, entry, loader).await {
        Ok(admission) => Ok(Attempt::Done(admission)),
        Err(error) if error.scope() == Scope::Entry => Ok(Attempt::Failed(error)),
        Err(error) => Err(error),
    }
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
            Arrival::Admitted(snapshot) => {
                as_crowned(window, place, fingerprints::take(&snapshot, &entry.model, loader, window.store).await?)
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
        AdmissionOutcome::Absent(reason) | AdmissionOutcome::Left(reason) => format!("absent: {reason}"),
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
