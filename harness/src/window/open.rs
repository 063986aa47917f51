//! Opens a window, or resumes the one of the same terms that an earlier process left unfinished.

use environments::EnvironmentId;

use super::WindowError;
use crate::events::{Event, Reporter};
use crate::record::{CardTerms, WindowTerms};
use crate::registry::{Entry, RegistryState};
use crate::settings::Settings;
use crate::store::{Outcome, RunId, Store};

/// An open window, and where its steps keep their records and report their progress.
pub(crate) struct OpenWindow<'a> {
    /// The terms.
    pub(crate) terms: WindowTerms,
    /// The entries in order of commitment.
    pub(crate) entries: Vec<Entry>,
    /// The database.
    pub(crate) store: &'a Store,
    /// The window's run in it.
    pub(crate) run: RunId,
    /// The reporter of progress.
    pub(crate) reporter: &'a dyn Reporter,
}

/// Opens the window of a registry under these settings.
///
/// # Errors
/// If the database cannot be used.
pub(crate) async fn open<'a>(
    registry: RegistryState,
    settings: &Settings,
    (environments, runtime, card): (Vec<EnvironmentId>, String, Option<CardTerms>),
    store: &'a Store,
    reporter: &'a dyn Reporter,
) -> Result<OpenWindow<'a>, WindowError> {
    let outcome = store.outcome_before(registry.netuid, registry.seed_block).await?;
    let registry = continued(registry, outcome);
    let mut terms = WindowTerms::new(&registry, settings, environments, runtime);
    terms.settings.card = card;
    let (run, resumed) = store.open_run(&terms).await?;
    reporter.report(Event::Opened { entries: registry.entries.len(), resumed });
    Ok(OpenWindow { terms, entries: registry.entries, store, run, reporter })
}

/// The registry with the champion of this validator's own earlier window, which takes precedence over the registry's.
fn continued(registry: RegistryState, outcome: Option<Outcome>) -> RegistryState {
    let Some(Outcome { champion, former, tested }) = outcome else { return registry };
    // Databases from before former champions were kept have none of them.
    let former = if former.is_empty() { registry.former } else { former };
    RegistryState { champion: Some(champion), former, tested, ..registry }
}
