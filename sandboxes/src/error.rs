//! Errors of the host; errors of a guest are an [`Outcome`](crate::Outcome).

use std::time::Duration;

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
        /// Bytes that the job asks for.
        asked: u64,
        /// Bytes that the sandbox was opened for.
        most: u64,
    },
    /// The settings make no sense.
    #[error("invalid sandbox settings: {0}")]
    Settings(String),
    /// The guest component could not be compiled for this machine.
    #[error("the guest component could not be compiled: {0}")]
    Compile(String),
}
