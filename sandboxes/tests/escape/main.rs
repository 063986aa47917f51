//! Hostile programs. Each is a test that says what it tries; after each of them the same process answers as before, uses
//! the same fuel for it, and holds no instance.

#[path = "../common/mod.rs"]
mod common;

mod attempt;

mod authority;
mod cpu;
mod interpreter;
mod memory;
mod output;
mod parser;
mod recursion;
