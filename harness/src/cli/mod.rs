//! The command line: its flags and subcommands, a file for each subcommand, and what several of them share.

mod command_line;

mod agree;
mod audit;
mod consensus;
mod decide;
mod demo;
mod env;
mod eval;
mod lab;
mod plan;
mod runtime;
mod sandbox;
mod score;
mod validate;

mod world;

pub use command_line::run;
