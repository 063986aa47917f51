//! Errors of the service's tasks: each ends one attempt, and its task is begun again.

use crate::chain::SubnetError;
use crate::exit_status::ExitStatus;
use crate::problem::Problem;
use crate::store::StoreError;

/// A task of the service could not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServiceError {
    /// The chain could not be read or written.
    #[error(transparent)]
    Subnet(#[from] SubnetError),
    /// The database could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A window could not be played.
    #[error(transparent)]
    Window(#[from] Problem),
    /// A written log does not hold, or says something else than was decided.
    #[error("the evidence of window {seed_block} does not hold: {cause}; its weights are not set")]
    Unverified {
        /// The window's first block.
        seed_block: u64,
        /// The fault.
        cause: String,
    },
    /// A socket or a port could not be opened or served.
    #[error("cannot serve {address}: {cause}")]
    Listen {
        /// The path or the address.
        address: String,
        /// The system's error.
        cause: std::io::Error,
    },
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Store(error) => error.into(),
            ServiceError::Window(problem) => problem,
            ServiceError::Subnet(_) => Self::from_error(ExitStatus::Source, &error)
                .hint("check the endpoints in the settings and that this machine reaches them"),
            ServiceError::Unverified { .. } => Self::from_error(ExitStatus::EvidenceBroken, &error)
                .hint("look at the disk, keep the window's folder, and report it: the same command decides it again"),
            ServiceError::Listen { .. } => Self::from_error(ExitStatus::Usage, &error)
                .hint("another process may use it: choose another one in the section `service` of the settings"),
        }
    }
}
