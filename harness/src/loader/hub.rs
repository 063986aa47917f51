//! Sources of models' files: a folder, or the Hugging Face hub.

use std::path::{Path, PathBuf};

use models::admission::Limits;
use models::hub::{ENDPOINT, Hub as ModelHub, HubError, HubSettings, HuggingFaceSettings, Progress};
use models::retry::Retries;
use models::snapshot::Snapshot;
use models::source::ModelSource;

use crate::events::{Event, Reporter};
use crate::settings::Variables;

/// The hub of the settings; folders and GGUF files of this machine need none.
#[derive(Debug)]
pub(super) struct Hub(ModelHub);

/// A model's files cannot be fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// The model's own fault: the sentence tells its miner what to change.
    #[error("{0}")]
    Miner(String),
    /// A fault of the hub, the network or this machine.
    #[error(transparent)]
    Host(HubError),
}

impl Hub {
    /// The hub that the settings name; what it fetches is kept below `cache`, if its size is within the limits.
    ///
    /// # Errors
    /// If its client cannot be set up.
    pub(super) fn new(settings: &HubSettings, cache: &Path, limits: &Limits) -> Result<Self, HubError> {
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

    /// The folder with the files of a model once they were fetched; none where a server runs it.
    pub(super) fn folder_of(&self, source: &ModelSource) -> Option<PathBuf> {
        match source {
            ModelSource::Folder(path) => Some(path.clone()),
            ModelSource::Gguf(path) => Some(path.parent().unwrap_or(Path::new("")).to_owned()),
            ModelSource::Hub(reference) => Some(self.0.files(reference)),
            ModelSource::Server(_) => None,
        }
    }

    /// True if the hub can be reached.
    pub(super) async fn is_reachable(&self) -> bool {
        self.0.is_reachable().await
    }

    /// The files of a model.
    ///
    /// # Errors
    /// If they cannot be fetched or read.
    pub(super) async fn fetch(&self, source: &ModelSource, reporter: &dyn Reporter) -> Result<Snapshot, FetchError> {
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
                    // Files on this disk need no progress.
                    ModelHub::Folder(hub) => hub.fetch(reference, &|_| {}).await,
                    hub => hub.fetch(reference, &listener).await,
                }
            }
        };
        snapshot.map_err(FetchError::of)
    }
}

impl FetchError {
    /// Tells faults of the model from those of the network and this machine.
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
