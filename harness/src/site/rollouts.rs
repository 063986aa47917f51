//! Rollouts of a window for the site: an entry's page, and one task as all who were asked answered it.

use std::collections::BTreeMap;

use sandboxes::Sandbox;
use tokio::sync::OnceCell;

use super::archive::Archive;
use crate::database_location::DatabaseLocation;
use crate::events::{Event, Reporter};
use crate::loader::ModelLoader;
use crate::problem::Problem;
use crate::record::{Admission, Conclusion, Rollout, Transcript};
use crate::sandbox::{cache_folder, open_sandbox};
use crate::settings::Settings;
use crate::store::Store;
use crate::transcript::{RolloutSource, Transcriber};

/// Rollouts of an entry on a page.
pub(super) const ON_A_PAGE: usize = 40;

/// Parts that transcripts are made with, opened when the first one is asked for.
pub(super) struct Scribes {
    settings: Settings,
    database: Option<DatabaseLocation>,
    opened: OnceCell<(Sandbox, String, ModelLoader)>,
}

/// Transcripts, and the number of all that could be shown.
pub(super) struct Shown {
    pub(super) transcripts: Vec<Transcript>,
    pub(super) all: usize,
    /// The entry's conclusion in one sentence, where the window has ended.
    pub(super) verdict: Option<String>,
    pub(super) netuid: u16,
}

struct Silent;

impl Reporter for Silent {
    fn report(&self, _: Event) {}
}

impl Scribes {
    pub(super) fn new(settings: Settings, database: Option<DatabaseLocation>) -> Self {
        Self { settings, database, opened: OnceCell::new() }
    }

    async fn opened(&self) -> Result<&(Sandbox, String, ModelLoader), Problem> {
        self.opened
            .get_or_try_init(|| async {
                let settings = self.settings.clone();
                let opening = tokio::task::spawn_blocking(move || open_sandbox(&settings, &Silent));
                let (sandbox, runtime) = opening.await.expect("opening a sandbox does not panic")?;
                let loader = ModelLoader::new(&self.settings, &cache_folder()?, std::sync::Arc::new(Silent))?;
                Ok((sandbox, runtime, loader))
            })
            .await
    }

    /// An entry's rollouts from the place `from` on.
    pub(super) async fn of_entry(
        &self,
        archive: &Archive,
        (window, entry): (u64, usize),
        from: usize,
    ) -> Result<Option<Shown>, Problem> {
        let on_page = |all: Vec<Rollout>| all.into_iter().skip(from).take(ON_A_PAGE).collect();
        self.shown(archive, window, &[entry], on_page).await
    }

    /// One task as an entry and its opponent answered it, the entry first.
    pub(super) async fn of_task(
        &self,
        archive: &Archive,
        (window, entry): (u64, usize),
        (environment, task): (usize, u32),
    ) -> Result<Option<Shown>, Problem> {
        let conclusion = archive.conclusion(window).await.ok();
        let opponents = conclusion.as_deref().map(|conclusion| opponents(conclusion, entry)).unwrap_or_default();
        let entries: Vec<usize> = std::iter::once(entry).chain(opponents).collect();
        let of_task = |mut all: Vec<Rollout>| {
            all.retain(|rollout| (rollout.environment, rollout.task) == (environment, task));
            all
        };
        self.shown(archive, window, &entries, of_task).await
    }

    async fn shown(
        &self,
        archive: &Archive,
        window: u64,
        entries: &[usize],
        choose: impl Fn(Vec<Rollout>) -> Vec<Rollout>,
    ) -> Result<Option<Shown>, Problem> {
        let conclusion = archive.conclusion(window).await.ok();
        let recorded = match &self.database {
            Some(database) if is_there(database) => match Store::open_to_read(database).await {
                Ok(store) => RolloutSource::of_store(store, Some(window)).await?,
                // The evidence says the same but for times and ends of replies.
                Err(error) if conclusion.is_some() => {
                    tracing::warn!(%error, "the rollouts are shown from the evidence");
                    None
                }
                Err(error) => return Err(error.into()),
            },
            _ => None,
        };
        // The database knows seconds and ends of replies; a log is there where the database is not.
        let (terms, admissions, rollouts) = match (&recorded, &conclusion) {
            (Some(source), _) => {
                let mut rollouts = Vec::new();
                for entry in entries {
                    rollouts.push(source.rollouts(*entry).await?);
                }
                (&source.terms, source.admissions.clone(), rollouts)
            }
            (None, Some(conclusion)) => {
                let of =
                    |entry: &usize| conclusion.entries.get(*entry).map(|one| one.rollouts.clone()).unwrap_or_default();
                (&conclusion.terms, admissions(conclusion), entries.iter().map(of).collect())
            }
            (None, None) => return Ok(None),
        };
        if entries.first().is_none_or(|entry| *entry >= terms.entries.len()) {
            return Ok(None);
        }
        let all = rollouts.first().map_or(0, Vec::len);
        let (sandbox, runtime, loader) = self.opened().await?;
        let transcriber = Transcriber::open((terms, &admissions), &self.settings, (sandbox, runtime), loader).await;
        let mut transcripts = Vec::new();
        for rollout in rollouts.into_iter().flat_map(choose) {
            transcripts.push(transcriber.transcript(&rollout).await);
        }
        let verdict = conclusion.as_deref().map(|conclusion| conclusion.verdict_of(entries[0]));
        Ok(Some(Shown { transcripts, all, verdict, netuid: terms.netuid }))
    }
}

fn admissions(conclusion: &Conclusion) -> BTreeMap<usize, Admission> {
    conclusion.entries.iter().map(|one| one.admission.clone()).enumerate().collect()
}

/// False of a file that is not there yet.
pub(super) fn is_there(location: &DatabaseLocation) -> bool {
    location.file().is_none_or(std::path::Path::is_file)
}

/// Entries that an entry has met: the other side of its duels, or else whoever reigned.
fn opponents(conclusion: &Conclusion, entry: usize) -> Vec<usize> {
    let met = conclusion.duels.iter().filter_map(|duel| match (duel.champion, duel.challenger) {
        (champion, challenger) if challenger == entry => Some(champion),
        (champion, challenger) if champion == entry => Some(challenger),
        _ => None,
    });
    let mut met: Vec<usize> = met.collect();
    if met.is_empty() {
        let heats = conclusion.heats.iter().filter(|heat| heat.challenger == entry);
        met.extend(heats.map(|heat| heat.champion));
    }
    met.sort_unstable();
    met.dedup();
    met
}
