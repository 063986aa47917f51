//! The registry: submissions of miners in order of commitment, and the randomness of a window.

mod state;

mod file;
mod hotkey;

mod commitments;
mod recorded;
mod snapshot;

pub(crate) use commitments::{Ledger, NotTaken, read_commitments};
pub(crate) use file::{RegistryError, RegistryFile};
pub(crate) use recorded::{DrandPulse, RecordedSnapshot};
pub(crate) use snapshot::{
    BlockRef, CommitReveal, Commitment, EpochState, Hash32, Neuron, SubnetParameters, SubnetSnapshot,
};
pub(crate) use state::{Entry, Hotkey, Registry, RegistryState, Role, Uid};
