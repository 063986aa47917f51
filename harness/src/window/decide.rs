//! All steps of a window in order.

use std::time::Duration;

use super::admit::admit;
use super::conclude::conclude;
use super::duel::hold_duels;
use super::screen::screen;
use super::{OpenWindow, WindowError};
use crate::clock::Stopwatch;
use crate::loader::ModelLoader;
use crate::record::{Conclusion, playing};
use crate::rollout::Executor;
use crate::store::Outcome;

/// A decided window.
#[derive(Debug)]
pub(crate) struct Decided {
    /// The conclusion.
    pub(crate) conclusion: Conclusion,
    /// Time spent in fetching, hashing and checking models, and taking their fingerprints.
    pub(crate) checking: Duration,
}

/// Takes the steps that are left of an open window and concludes it.
///
/// # Errors
/// If this machine, the hub or the database failed. What was finished is stored.
pub(crate) async fn decide(
    window: OpenWindow<'_>,
    loader: &ModelLoader,
    executor: &dyn Executor,
) -> Result<Decided, WindowError> {
    let watch = Stopwatch::start();
    let admissions = admit(&window, loader).await?;
    let checking = watch.elapsed();
    let findings = screen(&window, &admissions, loader).await?;
    let outcomes = admissions.iter().map(|admission| &admission.outcome);
    let playing = playing(outcomes, |entry| findings.contains_key(&entry));
    let duels = hold_duels(&window, &playing, executor).await?;
    let OpenWindow { terms, entries, store, run, .. } = window;
    let mut records = Vec::with_capacity(entries.len());
    for (entry, admission) in admissions.into_iter().enumerate() {
        records.push((admission, store.rollouts(run, entry).await?));
    }
    let conclusion = conclude(terms, entries, records, findings, &playing, duels)?;
    if let Some(champion) = conclusion.champion {
        let champion = conclusion.entries[champion].entry.hotkey.clone();
        let outcome = Outcome { champion, former: conclusion.former.clone(), tested: conclusion.tested };
        store.finish_run(run, &outcome).await?;
    }
    Ok(Decided { conclusion, checking })
}
