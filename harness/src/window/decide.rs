//! All steps of a window in order.

use std::time::Duration;

use super::admit::{admit, call_reserves};
use super::conclude::conclude;
use super::duel::hold_duels;
use super::screen::screen;
use super::{OpenWindow, WindowError};
use crate::clock::Stopwatch;
use crate::loader::ModelLoader;
use crate::record::{AdmissionOutcome, Conclusion};
use crate::rollout::Executor;
use crate::store::RunId;
use crate::succession::Field;

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
    let findings = &screening.findings;
    call_reserves(&window, &mut admissions, findings, loader).await?;
    for (entry, admission) in window.entries.iter().zip(&admissions) {
        // A process that goes on with a window plays the files that the one before has admitted.
        if admission.outcome == AdmissionOutcome::Admitted {
            loader.expect(&entry.model, &admission.files);
        }
    }
    let field = Field { terms: &window.terms, admissions: &admissions, findings };
    let duels = hold_duels(&window, &field, executor).await?;
    let OpenWindow { terms, entries, store, run, .. } = window;
    let mut rollouts = Vec::with_capacity(entries.len());
    for entry in 0..entries.len() {
        rollouts.push(store.rollouts(run, entry).await?);
    }
    let conclusion = conclude(terms, entries, (admissions, rollouts), screening, duels, executor.is_none())?;
    Ok(Decided { conclusion, run, checking })
}
