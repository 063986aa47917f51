//! Paths of a model below a hub's folder: `<owner>/<name>/<commit>/files`.

use std::path::{Path, PathBuf};

use crate::model_ref::ModelRef;

/// Paths of one model.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    home: PathBuf,
}

impl Layout {
    pub(super) fn new(root: &Path, model: &ModelRef) -> Self {
        Self { home: root.join(model.owner()).join(model.name()).join(model.commit()) }
    }

    /// Folder of verified files.
    pub(super) fn files(&self) -> PathBuf {
        self.home.join("files")
    }

    /// Folder of incomplete downloads.
    pub(super) fn partial(&self) -> PathBuf {
        self.home.join("partial")
    }

    /// The hub's listing of the commit.
    pub(super) fn listing(&self) -> PathBuf {
        self.home.join("listing.json")
    }

    /// Locked by the process that is fetching the model.
    pub(super) fn lock(&self) -> PathBuf {
        self.home.join("lock")
    }
}
