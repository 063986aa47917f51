//! Errors of environments, with the side that caused them.

use sandboxes::SandboxError;
use thiserror::Error;

use crate::EnvironmentId;

/// Side that caused an error, which decides how the caller proceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorOrigin {
    /// The environment: it is suspended for the window, for both models alike.
    Environment,
    /// This machine: try again.
    Host,
    /// The caller: a name, tier, file or task that does not exist.
    Caller,
}

/// Cause of a missing task or verdict.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// No environment has this name.
    #[error("there is no environment named '{name}'{hint}; the names are: {known}")]
    Unknown {
        /// Requested name.
        name: String,
        /// "; did you mean 'sat'?" or nothing.
        hint: String,
        /// Known names, separated by commas.
        known: String,
    },
    /// The environment has no such tier.
    #[error("environment '{name}' has no tier {tier}; its tiers are 0 to {highest}")]
    Tier {
        /// Name of the environment.
        name: String,
        /// Requested tier.
        tier: u8,
        /// Hardest tier.
        highest: u8,
    },
    /// A researcher's file cannot be used.
    #[error("{file}: {problem}; {hint}")]
    File {
        /// The file's name.
        file: String,
        /// Defect of the file.
        problem: String,
        /// Suggested change.
        hint: String,
    },
    /// The generator gave no usable task.
    #[error("{environment} could not make the task of seed {seed}: {problem}")]
    Generator {
        /// Affected environment.
        environment: EnvironmentId,
        /// Seed of the task.
        seed: u64,
        /// Observed behavior.
        problem: String,
    },
    /// The verifier gave no usable verdict.
    #[error("{environment} could not judge a reply to the task of seed {seed}: {problem}")]
    Verifier {
        /// Affected environment.
        environment: EnvironmentId,
        /// Seed of the task.
        seed: u64,
        /// Observed behavior.
        problem: String,
    },
    /// The task was not made by this environment, or was changed.
    #[error("{environment} does not recognise the task of seed {seed}: {problem}")]
    Task {
        /// Affected environment.
        environment: EnvironmentId,
        /// Seed of the task.
        seed: u64,
        /// Mismatch.
        problem: String,
    },
    /// The sandbox is in trouble.
    #[error("{environment} could not use the sandbox")]
    Sandbox {
        /// Affected environment.
        environment: EnvironmentId,
        /// The sandbox's error.
        #[source]
        source: SandboxError,
    },
}

impl EnvironmentError {
    /// Side that caused the error.
    pub fn origin(&self) -> ErrorOrigin {
        match self {
            Self::Sandbox { .. } => ErrorOrigin::Host,
            Self::Generator { .. } | Self::Verifier { .. } => ErrorOrigin::Environment,
            Self::Unknown { .. } | Self::Tier { .. } | Self::File { .. } | Self::Task { .. } => ErrorOrigin::Caller,
        }
    }
}
