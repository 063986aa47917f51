//! What can go wrong while a model is read.

use std::path::PathBuf;

use crate::refusal::Refusal;

/// Why a model could not be loaded or written.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The files themselves are at fault; trying again cannot help.
    #[error("the model is refused: {0}")]
    Refused(#[from] Refusal),
    /// This machine could not read a file.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// This machine could not write a file.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The device that was to hold the tensors failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// This machine could not try what a file asks for; the same files may well load a little later.
    #[error("{reason}")]
    Machine {
        /// What it lacked.
        reason: String,
    },
    /// A tensor was asked for that the source does not have.
    #[error("there is no tensor named {name}")]
    UnknownTensor {
        /// The name asked for.
        name: String,
    },
}

/// A device operation failed; this is trouble of the host, never of a model.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the device failed at {operation}: {message}")]
pub struct DeviceError {
    /// What was being done.
    pub operation: String,
    /// What the device said.
    pub message: String,
}

impl LoadError {
    /// The refusal, where the files are at fault.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}
