//! Outcome of a program: its ending, its output and the resources it used.

use serde::{Deserialize, Serialize};

/// Ending of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It ran to its end, or exited with success.
    Finished,
    /// An exception was not caught, it exited with a failure, or it was refused before it ran.
    Raised,
    /// It used all its fuel.
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

/// Outcome of a program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Its ending.
    pub ending: Ending,
    /// Standard output; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// Standard error; bytes that are not UTF-8 are replaced.
    pub stderr: String,
    /// Return value of the called function (see [plain data](crate#plain-data)); always `None` for a program.
    pub value: Option<serde_json::Value>,
    /// Units of work used.
    pub fuel: u64,
    /// Largest size of its linear memory, in bytes.
    pub memory_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words stand in evidence, so that other validators have to read them in the same way.
    #[track_caller]
    fn check_word(ending: Ending, word: &str) {
        assert_eq!(serde_json::to_value(ending).unwrap(), word);
        assert_eq!(serde_json::from_value::<Ending>(word.into()).unwrap(), ending);
    }

    #[test]
    fn every_ending_has_its_word() {
        check_word(Ending::Finished, "finished");
        check_word(Ending::Raised, "raised");
        check_word(Ending::OutOfFuel, "out_of_fuel");
        check_word(Ending::OutOfMemory, "out_of_memory");
        check_word(Ending::OutputTooLong, "output_too_long");
        check_word(Ending::StackOverflow, "stack_overflow");
        check_word(Ending::Trapped, "trapped");
        assert!(serde_json::from_str::<Ending>("\"won\"").is_err());
    }
}
