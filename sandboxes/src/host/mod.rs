//! Host functions of a guest: the WASI interfaces that CPython imports, over state that is a function of the job.
//!
//! There are no files, no sockets, no environment variables and no arguments: [`World`] has no field that could hold
//! them, and the linker answers every such import with "none" or "access denied". The clock runs on fuel, and entropy is
//! a function of the job's seed. The crate that builds the guest wraps a [`World`] in store data of its own
//! ([`HasWorld`]) and defines a file system on top of this linker.

mod ask;
mod clocks;
mod link;
mod process;
mod status;
mod streams;
mod world;

pub(crate) use ask::Candidate;
pub use clocks::Datetime;
pub use link::{interface_name, link};
pub use status::GuestStatus;
pub use streams::{InputStream, IoError, StreamError};
pub use world::{HasWorld, LARGEST_TRANSFER, World};
pub(crate) use world::{MOST_HANDLES, Stop};
