//! Hubs: where a model reference becomes files on this machine.
//!
//! Hugging Face's own client (the `hf-hub` crate) tells what a repository holds and is kept from what it does unasked:
//! it looks for a token on disk, so it is always handed one. Two things are done beside it, because it cannot: its file
//! listing drops the SHA-256 of large files, and its download neither resumes nor checks a file, and chooses another
//! protocol by a header. Files are therefore fetched by plain ranged requests and compared with the hash that the commit
//! names.

mod error;
mod folder;
mod huggingface;
mod layout;
mod listing;
mod transfer;
mod verify;

pub use error::HubError;
pub use folder::FolderHub;
pub use huggingface::{ENDPOINT, HuggingFaceHub, HuggingFaceSettings};

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{model_ref::ModelRef, snapshot::Snapshot};

/// The hub that models come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HubSettings {
    /// The kind of hub.
    pub kind: HubKind,
    /// The folder hub's root, laid out as `owner/name/commit/files/`; needed when `kind` is `folder`.
    pub folder: Option<PathBuf>,
}

/// Kinds of hub.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HubKind {
    /// The Hugging Face hub, or the server that `HF_ENDPOINT` names.
    #[default]
    HuggingFace,
    /// A folder on this machine.
    Folder,
}

/// How far a download has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The file being fetched.
    pub file: &'a str,
    /// Bytes of it that are here.
    pub done: u64,
    /// Bytes it will have.
    pub total: u64,
}

/// Whoever wants to know how far a download has come.
pub type Listener<'a> = dyn Fn(Progress<'_>) + Send + Sync + 'a;

/// Any hub.
#[derive(Clone, Debug)]
pub enum Hub {
    /// A server with the interface of Hugging Face.
    HuggingFace(HuggingFaceHub),
    /// A folder.
    Folder(FolderHub),
}

impl Hub {
    /// The hub of these settings; `connection` is that of a server with the interface of Hugging Face.
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

    /// The files of a model, each checked.
    pub async fn fetch(&self, model: &ModelRef, listener: &Listener<'_>) -> Result<Snapshot, HubError> {
        match self {
            Self::HuggingFace(hub) => hub.fetch(model, listener).await,
            Self::Folder(hub) => hub.fetch(model, listener).await,
        }
    }
}
