//! Where models come from: a folder, or the Hugging Face hub.

use std::path::Path;

use models::admission::Limits;
use models::hub::{ENDPOINT, Hub as ModelHub, HubError, HubSettings, HuggingFaceSettings, Progress};
use models::retry::Retries;
use models::snapshot::Snapshot;
use models::source::ModelSource;

use crate::events::{Event, Reporter};
use crate::settings::Variables;

/// A model's files, wherever a model may come from.
#[derive(Debug)]
pub struct Hub(ModelHub);

/// Why a model's files are not here.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Its miner's doing: the sentence says what to change.
    #[error("{0}")]
    Miner(String),
    /// The hub's, the network's or this machine's doing.
    #[error(transparent)]
    Host(HubError),
}

impl Hub {
    /// The hub that the settings name; what it fetches is kept below `cache`, if its size is within the limits.
    ///
    /// # Errors
    /// If its client cannot be set up.
    pub fn new(settings: &HubSettings, cache: &Path, limits: &Limits) -> Result<Self, HubError> {
        let variables = Variables::of_process();
        let connection = HuggingFaceSettings {
            endpoint: variables.hub_endpoint.unwrap_or_else(|| ENDPOINT.to_owned()),
            token: variables.hub_token,
            root: cache.join("hub"),
            limits: limits.clone(),
            retries: Retries::default(),
        };
        ModelHub::new(settings, connection).map(Self)
    }

    /// The files of a model.
    ///
    /// # Errors
    /// If they cannot be had.
    pub async fn fetch(&self, source: &ModelSource, reporter: &dyn Reporter) -> Result<Snapshot, FetchError> {
        let snapshot = match source {
            ModelSource::Folder(path) => Snapshot::of_folder(path).map_err(HubError::from),
            ModelSource::Gguf(path) => Snapshot::of_gguf(path).map_err(HubError::from),
            ModelSource::Server(reference) => {
                return Err(FetchError::Miner(format!("{} hands out no files of it", reference.server())));
            }
            ModelSource::Hub(reference) => {
                let listener = |progress: Progress<'_>| {
                    let subject = format!("{reference} {}", progress.file);
                    let (done, total) = (progress.done, Some(progress.total));
                    reporter.report(Event::Asset { subject, doing: "fetching", done, total });
                };
                match &self.0 {
                    // What lies on this disk needs no progress.
                    ModelHub::Folder(hub) => hub.fetch(reference, &|_| {}).await,
                    hub => hub.fetch(reference, &listener).await,
                }
            }
        };
        snapshot.map_err(FetchError::of)
    }
}

impl FetchError {
    /// Tells what a miner has to answer for from what the network or this machine did.
    fn of(error: HubError) -> Self {
        match error {
            HubError::Refused(refusal) => Self::Miner(refusal.to_string()),
            HubError::NotFound { .. }
            | HubError::Denied { .. }
            | HubError::OtherCommit { .. }
            | HubError::Grew { .. } => Self::Miner(error.to_string()),
            error => Self::Host(error),
        }
    }
}
