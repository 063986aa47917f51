//! How a program ended and what it used.

use serde::{Deserialize, Serialize};

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It ran to its end, or exited with success.
    Finished,
    /// An exception was not caught, it exited with a failure, or it was refused before it ran.
    Raised,
    /// It used up its fuel.
    OutOfFuel,
    /// It asked for more memory than it may have.
    OutOfMemory,
    /// It wrote, or returned, more than it may.
    OutputTooLong,
    /// It nested calls too deeply for the machine that runs it.
    StackOverflow,
    /// The interpreter itself broke.
    Trapped,
}

/// What is known of a program that has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// What it wrote to standard output; what is not UTF-8 is replaced.
    pub stdout: String,
    /// What it wrote to standard error; what is not UTF-8 is replaced.
    pub stderr: String,
    /// What the called function returned (see [plain data](crate#plain-data)); always `None` for a program.
    pub value: Option<serde_json::Value>,
    /// Units of work used.
    pub fuel: u64,
    /// The most linear memory it ever had, in bytes.
    pub memory_bytes: u64,
}
