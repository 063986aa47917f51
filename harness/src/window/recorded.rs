//! Decides a window again from recorded admissions, findings and rollouts, by the steps that a validator takes: for audits.

use std::collections::BTreeMap;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::conclude::conclude;
use super::duel::hold_duels;
use super::screen::screen;
use super::{Unchallenged, WindowError, fingerprints, reopen};
use crate::events::{Event, Reporter};
use crate::loader::{Arrival, LoaderError, ModelLoader};
use crate::record::{Admission, AdmissionOutcome, Conclusion, FindingRecord, PrintRecord, Rollout, WindowTerms};
use crate::registry::Entry;
use crate::rollout::{Executor, ExecutorError};
use crate::screening::Screening;
use crate::store::{BegunBout, Store};
use crate::succession::Field;
use crate::units::Unit;

/// Recorded facts of a window, from which everything else about it follows.
#[derive(Debug)]
pub(crate) struct RecordedFacts {
    /// The terms.
    pub(crate) terms: WindowTerms,
    /// The entries' admissions, in order.
    pub(crate) admissions: Vec<Admission>,
    /// The findings of the screens, by entry.
    pub(crate) findings: BTreeMap<usize, FindingRecord>,
    /// Prints from which they follow.
    pub(crate) prints: Vec<PrintRecord>,
    /// The rollouts.
    pub(crate) rollouts: Vec<Rollout>,
    /// The bouts that had begun, where the window came to no end; none of a window that did.
    pub(crate) interrupted: Option<Vec<BegunBout>>,
    /// Part of an entry that nobody challenges.
    pub(crate) unchallenged: Unchallenged,
}

/// Decides a window again. Its conclusion holds the rollouts that the window asks for and no others; of a window that came to
/// no end it holds all.
///
/// # Errors
/// If a rollout that the window asks for is not recorded, an entry names no model, or the settings are not usable.
pub(crate) async fn decide_recorded(facts: RecordedFacts) -> Result<Conclusion, WindowError> {
    let RecordedFacts { terms, admissions, findings, prints, rollouts, interrupted, unchallenged } = facts;
    let store = Store::in_memory().await?;
    let (run, _) = store.open_run(&terms).await?;
    if let Some(begun) = &interrupted {
        for rollout in &rollouts {
            store.add_rollout(run, rollout).await?;
        }
        for bout in begun {
            store.begin_bout(run, bout).await?;
        }
    }
    // A model that could not be run to the end is not asked again.
    let has_left =
        |entry: usize| admissions.get(entry).is_some_and(|known| matches!(known.outcome, AdmissionOutcome::Left(_)));
    for rollout in rollouts.iter().filter(|rollout| interrupted.is_none() && has_left(rollout.entry)) {
        store.add_rollout(run, rollout).await?;
    }
    let mut window = reopen((run, terms), &store, &Silent)?;
    window.unchallenged = unchallenged;
    let executor = Recorded::new(rollouts);
    let executor = interrupted.is_none().then_some(&executor as &dyn Executor);
    let field = Field { terms: &window.terms, admissions: &admissions, findings: &findings };
    let played = hold_duels(&window, &field, executor).await?;
    let mut asked = Vec::with_capacity(window.entries.len());
    for entry in 0..window.entries.len() {
        asked.push(store.rollouts(run, entry).await?);
    }
    let entries: Vec<Entry> = window.entries;
    conclude(window.terms, entries, (admissions, asked), Screening { findings, prints }, played, interrupted.is_some())
}

/// Screens the admitted models of recorded terms again, with fingerprints taken of their files. Models of earlier windows are
/// not there: a copy of one of them is not found.
///
/// # Errors
/// If this machine, or the hub, cannot hand out a model that was admitted.
pub(crate) async fn screen_recorded(
    terms: WindowTerms,
    admissions: &[Admission],
    loader: &ModelLoader,
) -> Result<BTreeMap<usize, FindingRecord>, WindowError> {
    let store = Store::in_memory().await?;
    let (run, _) = store.open_run(&terms).await?;
    let window = reopen((run, terms), &store, &Silent)?;
    for (entry, admission) in window.entries.iter().zip(admissions) {
        if admission.outcome.is_admitted() && !admission.files.is_empty() {
            match loader.admit(&entry.model).await? {
                Arrival::Admitted(snapshot) => {
                    drop(fingerprints::take(&snapshot, &entry.model, loader, &store).await?);
                }
                Arrival::Refused { reason, .. } => {
                    return Err(LoaderError::Refused { model: entry.model.to_string(), reason }.into());
                }
            }
        }
    }
    Ok(screen(&window, admissions, loader).await?.findings)
}

/// An executor whose rollouts were made before.
struct Recorded(BTreeMap<(usize, Unit), Rollout>);

impl Recorded {
    fn new(rollouts: Vec<Rollout>) -> Self {
        let key = |rollout: &Rollout| (rollout.entry, Unit { task: rollout.task, environment: rollout.environment });
        Self(rollouts.into_iter().map(|rollout| (key(&rollout), rollout)).collect())
    }
}

impl Executor for Recorded {
    fn in_flight(&self) -> usize {
        1
    }

    fn rollout(&self, entry: usize, unit: Unit) -> BoxFuture<'_, Result<Rollout, ExecutorError>> {
        let recorded = self.0.get(&(entry, unit)).cloned();
        async move { recorded.ok_or(ExecutorError::NotRecorded { entry, unit }) }.boxed()
    }

    fn release(&self, _: usize) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}

/// Shows nothing: whoever audits has not come to watch.
struct Silent;

impl Reporter for Silent {
    fn report(&self, _: Event) {}
}

#[cfg(test)]
mod tests;
