//! Errors of building the guest.

use std::io;
use std::path::PathBuf;

use sandboxes::SandboxError;

use crate::package::PackageError;

/// Error of building, compiling or caching the guest.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The package with the interpreter could not be fetched.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The guest component could not be built.
    #[error("the guest component could not be built: {0}")]
    Build(String),
    /// The guest component could not be compiled.
    #[error(transparent)]
    Compile(#[from] SandboxError),
    /// A file of the cache is not what was written there.
    #[error("{path} was changed since it was made ({what}); remove the folder it is in and try again")]
    Tampered {
        /// The file.
        path: PathBuf,
        /// The part of it that does not match.
        what: &'static str,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// The attempted operation.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl BuildError {
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}
