//! The registry: submissions of miners in order of commitment, and the randomness of a window.

mod state;

mod file;

pub(crate) use file::{RegistryError, RegistryFile};
pub(crate) use state::{Entry, Hotkey, Registry, RegistryState, Role, Uid};
