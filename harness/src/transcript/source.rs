//! Sources of recorded rollouts: a run of the database, or a log.

use std::collections::BTreeMap;

use crate::evidence::Stated;
use crate::record::{Admission, Rollout, WindowTerms};
use crate::store::{RunId, Store, StoreError};

/// A window's recorded rollouts, with its terms and admissions.
#[derive(Debug)]
pub(crate) struct RolloutSource {
    /// The window's terms.
    pub(crate) terms: WindowTerms,
    /// Admissions so far, by entry.
    pub(crate) admissions: BTreeMap<usize, Admission>,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    Run(Store, RunId),
    Log(Vec<Rollout>),
}

impl RolloutSource {
    /// The latest run of a window in a database, or of all windows; none where there is none.
    ///
    /// # Errors
    /// If the database cannot be read or a row is damaged.
    pub(crate) async fn of_store(store: Store, window: Option<u64>) -> Result<Option<Self>, StoreError> {
        let Some((run, terms)) = store.latest_run(window).await? else { return Ok(None) };
        let admissions = store.admissions(run).await?;
        Ok(Some(Self { terms, admissions, kept: Kept::Run(store, run) }))
    }

    /// The rollouts that a log states.
    pub(crate) fn of_log(stated: Stated) -> Self {
        let Stated { terms, admissions, rollouts } = stated;
        Self { terms, admissions: admissions.into_iter().enumerate().collect(), kept: Kept::Log(rollouts) }
    }

    /// An entry's rollouts.
    ///
    /// # Errors
    /// If the database cannot be read or a row is damaged.
    pub(crate) async fn rollouts(&self, entry: usize) -> Result<Vec<Rollout>, StoreError> {
        match &self.kept {
            Kept::Run(store, run) => store.rollouts(*run, entry).await,
            Kept::Log(rollouts) => Ok(rollouts.iter().filter(|rollout| rollout.entry == entry).cloned().collect()),
        }
    }
}
