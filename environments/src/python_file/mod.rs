//! Environments defined by a researcher in one Python file, each call of it in a fresh instance of the sandbox.
//!
//! The file is treated as hostile. Its header is parsed without executing it, and the host checks every value that its
//! functions return. A multi-turn conversation is replayed from the first reply at each turn, so that a verdict depends
//! on nothing but task and conversation.
//!
//! Reading order: `open`, `header` (the `ENV` literal and the functions' parameters), `environment` (the calls),
//! `returned` (checks of what the functions return).

mod environment;
mod header;
mod open;
mod returned;

pub use open::{TEMPLATE, from_source, open};
