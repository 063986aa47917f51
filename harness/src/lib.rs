//! The program behind the `dethrone` command.
//!
//! A window reads the registry, admits and fingerprints the models, screens them for copies, and holds duels in order of
//! commitment, making rollouts while a duel wants them; the conclusion gives evidence, weights and report. Whatever is
//! finished is stored at once, so that an interrupted window is resumed by the same command.
//!
//! In reading order: what a command is and shows; what a window is made of; how models get in and rollouts come about;
//! the steps of a window; what is written of it.

#![forbid(unsafe_code)]

mod cli;
pub mod exit_status;
mod printer;
mod problem;
mod settings;

mod events;
mod job;
mod reporter;

mod record;
mod registry;
mod seeds;
mod units;

mod board;
mod budget;

mod cache;
mod scope;
mod subprocess;

mod loader;
mod rollout;
mod sandbox;
mod store;

mod agreed;
mod screening;
mod succession;
mod turns;
mod window;
mod workers;

mod chain;
pub mod evidence;
mod replay;
mod report;
mod training;
mod transcript;

mod entry_pages;
mod site;

#[cfg(feature = "chain")]
mod service;

pub mod assets;
mod clock;
mod database_location;
mod demo;
mod files;

pub use cli::run;
