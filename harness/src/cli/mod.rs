//! The command line: its flags and subcommands, a file for each subcommand, and what several of them share.

mod command_line;

mod agree;
mod audit;
mod cache;
mod compare;
mod completions;
mod consensus;
mod decide;
mod demo;
mod env;
mod eval;
mod init;
mod lab;
mod plan;
mod runtime;
mod sandbox;
mod score;
mod screen;
mod serve;
mod settings;
mod show;
mod store;
mod validate;
mod version;
mod work;

#[cfg(feature = "chain")]
mod chain;
#[cfg(feature = "chain")]
mod commit;
#[cfg(feature = "chain")]
mod connection;
#[cfg(feature = "chain")]
mod ctl;
#[cfg(feature = "chain")]
mod doctor;
#[cfg(feature = "chain")]
mod follow;
#[cfg(feature = "chain")]
mod nodes;
#[cfg(feature = "chain")]
mod pull;
#[cfg(feature = "chain")]
mod rank;
#[cfg(feature = "chain")]
mod signer;
#[cfg(feature = "chain")]
mod weights;

mod world;

pub use command_line::run;
