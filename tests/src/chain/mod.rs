//! A double of a subtensor chain in this process: it decodes what is submitted with a real runtime's metadata, applies the
//! chain's checks, makes blocks on command, and misbehaves on command.

mod assets;
mod proxy;
mod runtime;
mod server;
mod state;

pub use assets::{core_package, golden};
pub use proxy::{Proxy, Traffic};
pub use server::ChainDouble;
pub use state::{Faults, Fork, KNOWN_ROUND, KNOWN_SIGNATURE, NETUID, PoolRefusal, State, public_key};
