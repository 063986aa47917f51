//! What a sandbox promises to those who use it; what it promises to those who attack it is in the escape suite.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;

mod contract;
mod human_eval;
mod judge;
mod pool;
mod programs;
mod threads;
