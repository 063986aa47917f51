//! Opens a window, or resumes the one of the same terms that an earlier process left unfinished.

use environments::EnvironmentId;
use models::source::ModelSourceError;

use super::WindowError;
use super::begin::{Beginning, begin};
use crate::events::{Event, Reporter};
use crate::record::{CardTerms, WindowTerms, first_sightings};
use crate::registry::{Entry, RegistryState};
use crate::settings::Settings;
use crate::store::{RunId, Store};
use crate::succession::entries;

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
    /// Part of an entry that nobody challenges.
    pub(crate) unchallenged: Unchallenged,
}

/// Part of an entry that nobody challenges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unchallenged {
    /// It answers nothing, since nothing depends on its scores: a validator's window.
    Rests,
    /// It answers a bout's budget for the sake of its scores: an evaluation.
    Answers,
}

/// Opens the window of a registry under these settings, from the record `given` if there is one.
///
/// # Errors
/// If the database cannot be used.
pub(crate) async fn open<'a>(
    registry: RegistryState,
    given: Option<Beginning>,
    settings: &Settings,
    (environments, runtime, card): (Vec<EnvironmentId>, String, Option<CardTerms>),
    store: &'a Store,
    reporter: &'a dyn Reporter,
) -> Result<OpenWindow<'a>, WindowError> {
    let own = store.outcome_before(registry.netuid, registry.seed_block).await?;
    let Beginning { mut record, previous, overridden } = begin(&registry, given, own);
    if let Some(sentence) = overridden {
        reporter.report(Event::Overridden { sentence });
    }
    let seen = store.sightings_before(registry.netuid, registry.seed_block).await?;
    record.sightings = first_sightings(record.sightings.into_iter().chain(seen));
    let entries = entries(registry.entries.clone(), &record);
    let registry = RegistryState { entries, ..registry };
    let mut terms = WindowTerms::new(&registry, (record, previous), settings, environments, runtime);
    terms.settings.card = card;
    let (run, resumed) = store.open_run(&terms).await?;
    warn_of_order(&terms, run, store, reporter).await?;
    reporter.report(Event::Opened { entries: registry.entries.len(), resumed });
    let (entries, unchallenged) = (registry.entries, Unchallenged::Rests);
    Ok(OpenWindow { terms, entries, store, run, reporter, unchallenged })
}

/// Warns of a window that was decided under other terms already, and of one that is older than another that was decided.
async fn warn_of_order(
    terms: &WindowTerms,
    run: RunId,
    store: &Store,
    reporter: &dyn Reporter,
) -> Result<(), WindowError> {
    let WindowTerms { netuid, seed_block, .. } = terms;
    if store.was_decided_otherwise(run).await? {
        let sentence = format!(
            "window {seed_block} was decided before, with another registry, record or settings: its files are replaced, and the \
             database keeps both"
        );
        reporter.report(Event::Warned { sentence });
    }
    if let Some(later) = store.latest_decided(*netuid).await?.filter(|later| later > seed_block) {
        let sentence = format!(
            "window {later} was decided before this older window {seed_block}, which begins from the record before it and \
             changes nothing after it"
        );
        reporter.report(Event::Warned { sentence });
    }
    Ok(())
}

/// Opens a run again that came to no end.
///
/// # Errors
/// If an entry of its terms names no model.
pub(crate) fn reopen<'a>(
    (run, terms): (RunId, WindowTerms),
    store: &'a Store,
    reporter: &'a dyn Reporter,
) -> Result<OpenWindow<'a>, ModelSourceError> {
    let entries = terms.entries.iter().map(Entry::try_from).collect::<Result<_, ModelSourceError>>()?;
    Ok(OpenWindow { terms, entries, store, run, reporter, unchallenged: Unchallenged::Rests })
}
