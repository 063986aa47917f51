//! Building the guest component: CPython and our own sources linked together, with the heap captured after the imports.
//!
//! The build is a function of its inputs. The interpreter that runs here sees the same files in the same order, the same
//! clock, the same entropy and the same hash seed on every machine, so that every machine makes the same component, byte
//! for byte, and two validators run the same guest.

mod build;
mod build_world;
mod filesystem;
mod immortal;
mod interpreter;
mod link;
mod parser_depth;
mod parts;
mod sources;
mod symbols;
mod tree;

pub(crate) use build::build;
pub(crate) use parts::{COMPONENTIZE_PY, PLATFORM};
pub use sources::COMPONENT_BLAKE3;
pub(crate) use sources::digest as digest_of_sources;
