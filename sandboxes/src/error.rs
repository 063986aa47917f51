//! What can go wrong on the host; what goes wrong in a guest is an [`Outcome`](crate::Outcome).

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::package::PackageError;

/// Host trouble: nothing is known about the program, and it may be tried again.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The wall-clock net caught a program that its fuel should have stopped.
    #[error(
        "the program was still running after {0:?}; the machine is overloaded, or the deadline is too short for the fuel"
    )]
    Deadline(Duration),
    /// The sandbox was shut down while the program waited or ran.
    #[error("the sandbox was closed before the program ended")]
    Closed,
    /// The pool has no room for another instance.
    #[error("no instance could be made: {0}")]
    Instance(String),
    /// The runtime failed in a way that no guest can cause.
    #[error("the sandbox runtime failed: {0}")]
    Runtime(String),
    /// A job asks for more than the sandbox was opened for.
    #[error("the job asks for {asked} bytes of memory, but the sandbox was opened for at most {most}")]
    TooMuchMemory {
        /// What the job asks for.
        asked: u64,
        /// What the sandbox was opened for.
        most: u64,
    },
    /// The settings make no sense.
    #[error("invalid sandbox settings: {0}")]
    Settings(String),
    /// The tools that build the guest could not be had.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The guest component could not be built.
    #[error("the guest component could not be built: {0}")]
    Build(String),
    /// The guest component could not be compiled for this machine.
    #[error("the guest component could not be compiled: {0}")]
    Compile(String),
    /// A file of the cache is not what was written there.
    #[error("{path} was changed since it was made ({what}); remove the folder it is in and try again")]
    Tampered {
        /// The file.
        path: PathBuf,
        /// What does not match.
        what: &'static str,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// What was attempted.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl SandboxError {
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}
