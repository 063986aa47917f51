//! The seam between a window and the destination of its weights.

use std::path::PathBuf;

use super::Weights;

/// The place that a window's weights are submitted to.
pub(crate) trait Chain {
    /// Submits the weights of a finished window.
    ///
    /// # Errors
    /// If they could not be submitted.
    fn submit(&self, weights: &Weights) -> impl Future<Output = Result<(), ChainError>> + Send;
}

/// The weights could not be submitted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChainError {
    /// Their file could not be written.
    #[error("cannot write {}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        cause: std::io::Error,
    },
}
