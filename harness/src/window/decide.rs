//! All steps of a window in order.

use std::collections::BTreeMap;
use std::time::Duration;

use super::admit::{admit, call_reserves, reason_of, record_reserves, tell_absent};
use super::conclude::conclude;
use super::duel::{Played, hold_duels};
use super::error::NeededEntryLeft;
use super::screen::screen;
use super::{OpenWindow, WindowError};
use crate::clock::Stopwatch;
use crate::loader::ModelLoader;
use crate::record::{Admission, AdmissionOutcome, Conclusion, FindingRecord};
use crate::rollout::Executor;
use crate::scope::Scope;
use crate::store::RunId;
use crate::succession::Field;
use crate::units::Unit;

/// A decided window.
#[derive(Debug)]
pub(crate) struct Decided {
    /// The conclusion.
    pub(crate) conclusion: Conclusion,
    /// The window's run in the database, which is not finished yet.
    pub(crate) run: RunId,
    /// Time spent in fetching, hashing and checking models, and taking their fingerprints.
    pub(crate) checking: Duration,
}

/// Takes the steps that are left of an open window and concludes it; without an executor it is closed as interrupted, with
/// the rollouts that are stored.
///
/// # Errors
/// If this machine, the hub or the database failed. What was finished is stored.
pub(crate) async fn decide(
    window: OpenWindow<'_>,
    loader: &ModelLoader,
    executor: Option<&dyn Executor>,
) -> Result<Decided, WindowError> {
    let watch = Stopwatch::start();
    let mut admissions = admit(&window, loader).await?;
    let checking = watch.elapsed();
    let screening = screen(&window, &admissions, loader).await?;
    let duels = play(&window, &mut admissions, &screening.findings, loader, executor).await?;
    let OpenWindow { terms, entries, store, run, .. } = window;
    let mut rollouts = Vec::with_capacity(entries.len());
    for (entry, admission) in admissions.iter().enumerate() {
        // What a model answered in a place that it lost decides nothing.
        let is_absent = matches!(admission.outcome, AdmissionOutcome::Absent(_));
        rollouts.push(if is_absent { Vec::new() } else { store.rollouts(run, entry).await? });
    }
    let conclusion = conclude(terms, entries, (admissions, rollouts), screening, duels, executor.is_none())?;
    Ok(Decided { conclusion, run, checking })
}

/// Holds the heats and bouts. A champion that cannot be run to the end is absent, and the window is played without it: by the
/// latest former champion, or by the earliest entry; so is a guard, without which the bouts are held. A challenger that cannot
/// has answered what it has answered.
///
/// # Errors
/// If this machine or the database failed, or no entry is left that can be run.
async fn play(
    window: &OpenWindow<'_>,
    admissions: &mut [Admission],
    findings: &BTreeMap<usize, FindingRecord>,
    loader: &ModelLoader,
    executor: Option<&dyn Executor>,
) -> Result<Played, WindowError> {
    let mut absent: Vec<usize> = Vec::new();
    let played = loop {
        call_reserves(window, admissions, findings, loader).await?;
        for (entry, admission) in window.entries.iter().zip(admissions.iter()) {
            // A process that goes on with a window plays the files that the one before has admitted.
            if admission.outcome.is_admitted() {
                loader.expect(&entry.model, &admission.files);
            }
        }
        let field = Field { terms: &window.terms, admissions, findings };
        let left = match hold_duels(window, &field, executor).await {
            Err(WindowError::NeededEntry(left)) => left,
            Err(error) => return Err(error),
            Ok(played) if absent.is_empty() => break played,
            Ok(played) => match try_heir(window, &field, &played, executor).await? {
                None => break played,
                Some(left) => left,
            },
        };
        let outcome = AdmissionOutcome::Absent(reason_of(&left.source));
        tell_absent(window, left.entry, &outcome);
        admissions[left.entry].outcome = outcome;
        absent.push(left.entry);
        // What the others have answered beside it, or against it, no bout of the window asks for any more.
        window.store.forget_rollouts(window.run).await?;
        if (Field { terms: &window.terms, admissions, findings }).playing().is_empty() {
            // None could be run: this machine is at fault, and nothing of it is recorded.
            return Err(WindowError::NeededEntry(left));
        }
    };
    record_reserves(window, admissions).await?;
    for (entry, outcome) in &played.left {
        admissions[*entry].outcome = outcome.clone();
    }
    for entry in absent.into_iter().chain(played.left.keys().copied()) {
        window.store.add_absence(window.run, entry, &admissions[entry].outcome).await?;
    }
    Ok(played)
}

/// Asks the champion that is left after others could not be run for one rollout, unless it has made some: it takes their place
/// only where this machine can run it. Where it cannot, the error; the rollout is kept by nobody.
async fn try_heir(
    window: &OpenWindow<'_>,
    field: &Field<'_>,
    played: &Played,
    executor: Option<&dyn Executor>,
) -> Result<Option<Box<NeededEntryLeft>>, WindowError> {
    let (Some(held), Some(executor)) = (&played.held, executor) else { return Ok(None) };
    let entry = held.succession.champion();
    if !window.store.rollouts(window.run, entry).await?.is_empty() {
        return Ok(None);
    }
    let task = u32::try_from(field.plan().bout(0)).unwrap_or(u32::MAX);
    let tried = executor.rollout(entry, Unit { task, environment: 0 }).await;
    executor.release(entry).await;
    match tried {
        Ok(_) => Ok(None),
        Err(source) if source.scope() == Scope::Entry => Ok(Some(Box::new(NeededEntryLeft { entry, source }))),
        Err(error) => Err(error.into()),
    }
}
