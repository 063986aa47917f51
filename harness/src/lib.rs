//! The program behind the `dethrone` command.
//!
//! A window goes `registry -> hub -> load -> plan -> rollout -> verify -> store -> screens -> duel -> weights`; every
//! arrow is a plain struct, and what is stored is enough to go on after any interruption.

#![forbid(unsafe_code)]

pub mod assets;
pub mod chain;
mod cli;
mod clock;
pub mod contestant;
mod demo;
pub mod events;
pub mod evidence;
pub mod exit_status;
pub mod hub;
mod printer;
pub mod problem;
pub mod record;
pub mod registry;
pub mod report;
mod reporter;
pub mod rollout;
pub mod seeds;
pub mod settings;
pub mod store;
pub mod succession;
pub mod units;
pub mod window;

pub use cli::run;
