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
pub use huggingface::{HubSettings, HuggingFaceHub};

use crate::{model_ref::ModelRef, snapshot::Snapshot};

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
    /// The files of a model, each checked.
    pub async fn fetch(&self, model: &ModelRef, listener: &Listener<'_>) -> Result<Snapshot, HubError> {
        match self {
            Self::HuggingFace(hub) => hub.fetch(model, listener).await,
            Self::Folder(hub) => hub.fetch(model, listener).await,
        }
    }
}
