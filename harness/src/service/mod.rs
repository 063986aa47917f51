//! The service: a validator that follows a chain, plays window after window, and keeps its weights up to date.
//!
//! Pure parts say what is to be done: [`timeline`] which window is captured, played and in force, [`emission`] when a row is
//! submitted, [`weight_log`] what became of it. Tasks do it, each supervised: the observer follows the head and captures
//! windows, the player plays them in order and verifies its own evidence, the emitter submits rows and reads them back. All
//! of them go on from the database, so that a killed process loses nothing but what was in flight.

mod error;
mod window_length;

mod emission;
mod timeline;
mod weight_log;

mod metrics;
mod status;

mod link;
mod supervisor;
mod validator;

mod emitter;
mod observer;
mod player;
mod publisher;

mod control;
mod http;
mod operator;

mod serve;

pub(crate) use control::{Answer, Request, ask};
pub(crate) use link::{Connect, Link};
pub(crate) use serve::{serve, socket_path};
pub(crate) use validator::{Identity, Parts};

#[cfg(test)]
mod soak;
