//! Errors of reading a model and of devices.

use std::path::PathBuf;

use crate::refusal::Refusal;
use crate::untrusted::UntrustedText;

/// Error of loading or writing a model.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The files themselves are at fault; a retry cannot help.
    #[error("the model is refused: {0}")]
    Refused(#[from] Refusal),
    /// This machine could not read a file.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// This machine could not write a file.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The device that was to hold the tensors failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// This machine could not try what a file asks for; the same files may well load a little later.
    #[error("{}", UntrustedText::sentence(reason))]
    Machine {
        /// The missing resource.
        reason: String,
    },
    /// A tensor was asked for that the source does not have.
    #[error("there is no tensor named {}", UntrustedText::name(name))]
    UnknownTensor {
        /// The name asked for.
        name: String,
    },
}

/// Failure of a device operation: a fault of the host, never of a model.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the device failed at {operation}: {message}")]
pub struct DeviceError {
    /// The operation.
    pub operation: String,
    /// The device's error.
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
