//! Hubs: resolve a model reference to verified files on this machine.
//!
//! Hugging Face's own client (the `hf-hub` crate) is used for the information about a repository. It looks for a token on
//! disk, so it is always given one. Its file listing drops the SHA-256 of large files, and its download neither resumes nor
//! verifies a file, and switches to another protocol by a header. Listings and files are therefore fetched by plain
//! requests, and every file is compared with the hash in the commit.

mod error;
mod layout;
mod listing;
mod verify;

mod settings;
mod transfer;

mod client;
mod folder;
mod huggingface;

pub use client::{Hub, Listener, Progress};
pub use error::HubError;
pub use folder::FolderHub;
pub use huggingface::{ENDPOINT, HuggingFaceHub, HuggingFaceSettings};
pub use settings::{HubKind, HubSettings};
