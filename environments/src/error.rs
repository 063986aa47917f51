//! What can go wrong on the environment's side of the boundary, and whose fault it was.

use sandboxes::SandboxError;
use thiserror::Error;

use crate::EnvironmentId;

/// Whose fault an error is; decides what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The environment's: it is suspended for the window, for both sides alike.
    Environment,
    /// This machine's: try again.
    Host,
    /// The caller's: a name, a tier or a file that does not exist.
    Caller,
}

/// Why there is no task or no verdict.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// No environment has this name.
    #[error("there is no environment named '{name}'{hint}; the names are: {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// "; did you mean 'sat'?" or nothing.
        hint: String,
        /// All names, separated by commas.
        known: String,
    },
    /// The environment has no such tier.
    #[error("environment '{name}' has no tier {tier}; its tiers are 0 to {highest}")]
    Tier {
        /// Which environment.
        name: String,
        /// What was asked for.
        tier: u8,
        /// The hardest there is.
        highest: u8,
    },
    /// A researcher's file cannot be used.
    #[error("{file}: {problem}; {hint}")]
    File {
        /// The file's name.
        file: String,
        /// What is wrong with it.
        problem: String,
        /// What to change.
        hint: String,
    },
    /// The generator gave no usable task.
    #[error("{environment} could not make the task of seed {seed}: {problem}")]
    Generator {
        /// Which environment.
        environment: EnvironmentId,
        /// Of which seed.
        seed: u64,
        /// What it did instead.
        problem: String,
    },
    /// The verifier gave no usable verdict.
    #[error("{environment} could not judge a reply to the task of seed {seed}: {problem}")]
    Verifier {
        /// Which environment.
        environment: EnvironmentId,
        /// Of which seed.
        seed: u64,
        /// What it did instead.
        problem: String,
    },
    /// The task was not made by this environment, or was changed.
    #[error("{environment} does not recognise the task of seed {seed}: {problem}")]
    Task {
        /// Which environment.
        environment: EnvironmentId,
        /// Of which seed.
        seed: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// The sandbox is in trouble.
    #[error("{environment} could not use the sandbox")]
    Sandbox {
        /// Which environment.
        environment: EnvironmentId,
        /// What the sandbox says.
        #[source]
        source: SandboxError,
    },
}

impl EnvironmentError {
    /// Whose fault it was.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Sandbox { .. } => Fault::Host,
            Self::Generator { .. } | Self::Verifier { .. } => Fault::Environment,
            Self::Unknown { .. } | Self::Tier { .. } | Self::File { .. } | Self::Task { .. } => Fault::Caller,
        }
    }
}
