//! Weights as a file that a signing tool submits; nothing is sent from here.

use std::path::PathBuf;

use super::{Chain, ChainError, Weights};
use crate::files::{window_folder, write_whole};

/// Writes weights to `weights.json` in the window's folder.
#[derive(Debug, Clone)]
pub(crate) struct WeightsFile {
    output: PathBuf,
}

impl WeightsFile {
    /// Weights files of windows with this output folder.
    pub(crate) fn new(output: PathBuf) -> Self {
        Self { output }
    }

    /// The file of the window with this seed block.
    pub(crate) fn path(&self, seed_block: u64) -> PathBuf {
        window_folder(&self.output, seed_block).join("weights.json")
    }
}

impl Chain for WeightsFile {
    async fn submit(&self, weights: &Weights) -> Result<(), ChainError> {
        let path = self.path(weights.seed_block);
        let mut text = serde_json::to_string_pretty(weights).expect("weights are plain data");
        text.push('\n');
        write_whole(&path, text.as_bytes()).map_err(|cause| ChainError::File { path, cause })
    }
}
