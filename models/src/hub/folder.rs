//! A folder as a hub, for demonstrations, tests, and machines without a network.

use std::path::{Path, PathBuf};

use super::{HubError, Listener, Progress, layout::Layout};
use crate::{admission::tensor_files, model_ref::ModelRef, snapshot::Snapshot};

/// A hub in a folder with the layout `<owner>/<name>/<commit>/files`.
#[derive(Clone, Debug)]
pub struct FolderHub {
    root: PathBuf,
}

impl FolderHub {
    /// A hub in a folder.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// True if the folder is there.
    pub fn is_reachable(&self) -> bool {
        self.root.is_dir()
    }

    /// The folder of a model's files.
    pub fn files(&self, model: &ModelRef) -> PathBuf {
        Layout::new(&self.root, model).files()
    }

    /// Reads and hashes the files of a model.
    ///
    /// # Errors
    /// If the model is not there, cannot be read, or has no tensor file that is supported.
    pub async fn fetch(&self, model: &ModelRef, listener: &Listener<'_>) -> Result<Snapshot, HubError> {
        let files = self.files(model);
        if !files.is_dir() {
            return Err(HubError::NotFound { hub: self.root.display().to_string(), what: model.to_string() });
        }
        let snapshot = read(files).await?;
        let _: Option<String> = tensor_files(snapshot.files.iter().map(|file| file.name.as_str()))?;
        for file in &snapshot.files {
            listener(Progress { file: &file.name, done: file.size, total: file.size });
        }
        Ok(snapshot)
    }
}

/// Reads and hashes a folder on a blocking thread.
async fn read(files: PathBuf) -> Result<Snapshot, HubError> {
    let reading = tokio::task::spawn_blocking(move || Snapshot::of_folder(Path::new(&files)));
    Ok(reading.await.expect("reading a folder does not panic")?)
}
