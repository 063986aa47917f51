//! Where a model's files lie below a hub's folder: `<owner>/<name>/<commit>/files`.

use std::path::{Path, PathBuf};

use crate::model_ref::ModelRef;

/// The folders of one model.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    home: PathBuf,
}

impl Layout {
    pub(super) fn new(root: &Path, model: &ModelRef) -> Self {
        Self { home: root.join(model.owner()).join(model.name()).join(model.commit()) }
    }

    /// The folder of the model.
    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    /// Verified files.
    pub(super) fn files(&self) -> PathBuf {
        self.home.join("files")
    }

    /// Files that are still arriving.
    pub(super) fn partial(&self) -> PathBuf {
        self.home.join("partial")
    }

    /// What the commit holds, as the hub listed it.
    pub(super) fn listing(&self) -> PathBuf {
        self.home.join("listing.json")
    }

    /// Locked by whoever is fetching.
    pub(super) fn lock(&self) -> PathBuf {
        self.home.join("lock")
    }
}
