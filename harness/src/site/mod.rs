//! The site of a validator: windows, the lineage of champions, the live duel, and any rollout, over HTTP and for reading only.
//!
//! Everything is read anew from the output folder and the database, or from logs alone: the site keeps nothing but what it has
//! read. Pages work without scripts; with one, they follow the events of the server.

mod archive;
mod live;
mod overview;
mod rollouts;
mod routes;

pub(crate) use archive::Archive;
pub(crate) use routes::{Site, StatusOf, listen, router};
