//! A run as a worker sees it: rules of its tasks, entries and files, read from the database.

use std::collections::BTreeMap;

use models::source::ModelSource;
use sandboxes::Sandbox;

use super::block::Compatibility;
use crate::record::Admission;
use crate::registry::Entry;
use crate::rollout::{TaskRules, open_recorded};
use crate::settings::Settings;
use crate::store::{RunId, Store};

/// A run whose blocks a worker does.
pub(super) struct PlayedRun {
    pub(super) rules: TaskRules,
    pub(super) entries: Vec<Entry>,
    pub(super) admissions: BTreeMap<usize, Admission>,
}

impl PlayedRun {
    /// Reads a run.
    ///
    /// # Errors
    /// As a sentence, if there is no such run, it is of another kind than this worker, or an environment is not at hand.
    pub(super) async fn open(
        run: RunId,
        (store, compatibility): (&Store, &Compatibility),
        (settings, sandbox): (&Settings, &Sandbox),
    ) -> Result<Self, String> {
        let terms = store.terms(run).await.map_err(|error| error.to_string())?;
        let terms = terms.ok_or_else(|| format!("there is no run {run}"))?;
        if Compatibility::of_window(&terms.settings, &terms.runtime) != *compatibility {
            return Err(format!("run {run} is of another arithmetic, card, sandbox or server than this worker"));
        }
        let mut environments = Vec::with_capacity(terms.environments.len());
        for id in &terms.environments {
            let found = open_recorded(id, &settings.environments, sandbox).await.map_err(|error| error.to_string())?;
            environments.push(found.map_err(|other| {
                format!("run {run} has the environment {}, and here is {}", other.recorded, other.here)
            })?);
        }
        let entries = terms.entries.iter().map(Entry::try_from).collect::<Result<Vec<Entry>, _>>();
        let entries = entries.map_err(|error| error.to_string())?;
        let sampling = terms.settings.deciding.sampling.clone();
        let seed = terms.seed().ok_or_else(|| format!("the seed of run {run} is no digest"))?;
        let rules = TaskRules { environments, seed, sampling };
        let admissions = store.admissions(run).await.map_err(|error| error.to_string())?;
        Ok(Self { rules, entries, admissions })
    }

    /// The model of an entry.
    pub(super) fn model(&self, entry: usize) -> Option<&ModelSource> {
        Some(&self.entries.get(entry)?.model)
    }
}
