//! A hub of either kind.

use std::path::PathBuf;

use super::{FolderHub, HubError, HubKind, HubSettings, HuggingFaceHub, HuggingFaceSettings};
use crate::model_ref::ModelRef;
use crate::snapshot::Snapshot;

/// Progress of a download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// Name of the file.
    pub file: &'a str,
    /// Bytes downloaded so far.
    pub done: u64,
    /// Bytes in total.
    pub total: u64,
}

/// Callback for the progress of a download.
pub type Listener<'a> = dyn Fn(Progress<'_>) + Send + Sync + 'a;

/// A hub.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a process has one hub")]
pub enum Hub {
    /// A server with the interface of Hugging Face.
    HuggingFace(HuggingFaceHub),
    /// A folder.
    Folder(FolderHub),
}

impl Hub {
    /// Sets up the hub of these settings; `connection` is that of a server with the interface of Hugging Face.
    pub fn new(settings: &HubSettings, connection: HuggingFaceSettings) -> Result<Self, HubError> {
        match (settings.kind, &settings.folder) {
            (HubKind::Folder, Some(root)) => Ok(Self::Folder(FolderHub::new(root.clone()))),
            (HubKind::Folder, None) => {
                let reason = "a folder hub needs a folder".to_owned();
                Err(HubError::Setup { endpoint: "the hub".to_owned(), reason })
            }
            (HubKind::HuggingFace, _) => HuggingFaceHub::new(connection).map(Self::HuggingFace),
        }
    }

    /// The folder in which the files of a model lie once they were fetched.
    pub fn files(&self, model: &ModelRef) -> PathBuf {
        match self {
            Self::HuggingFace(hub) => hub.files(model),
            Self::Folder(hub) => hub.files(model),
        }
    }

    /// True if the hub can be reached: a server that takes a request, whatever it answers; a folder that is there.
    pub async fn is_reachable(&self) -> bool {
        match self {
            Self::HuggingFace(hub) => hub.is_reachable().await,
            Self::Folder(hub) => hub.is_reachable(),
        }
    }

    /// Fetches the files of a model, each verified.
    ///
    /// # Errors
    /// If the model is refused, or its files cannot be fetched or verified.
    pub async fn fetch(&self, model: &ModelRef, listener: &Listener<'_>) -> Result<Snapshot, HubError> {
        match self {
            Self::HuggingFace(hub) => hub.fetch(model, listener).await,
            Self::Folder(hub) => hub.fetch(model, listener).await,
        }
    }
}
