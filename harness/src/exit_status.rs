//! Exit codes of the program.

use std::process::ExitCode;

/// Outcome of a command, as its exit code. The numbers are documented in `docs/exit-codes.md` and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum ExitStatus {
    /// The command did what it was asked.
    Success = 0,
    /// Something broke that no other code describes.
    Unexpected = 1,
    /// The command line or the settings are wrong.
    Usage = 2,
    /// The model was refused; the sentence says what its author has to change.
    ModelRefused = 3,
    /// The registry or the hub could not be read.
    Source = 4,
    /// The database or a result file could not be read or written.
    Store = 5,
    /// Python, pip, a package or the sandbox guest is missing or damaged.
    Assets = 6,
    /// Some rollouts could not be finished for reasons of this machine; run the same command again.
    Incomplete = 7,
    /// Another process is working on the same database.
    Busy = 8,
    /// The evidence does not hold: broken chain, wrong signature, or a decision that cannot be recomputed.
    EvidenceBroken = 9,
    /// An environment did not pass its check, a candidate its tests, or a simulated figure its target.
    CheckFailed = 10,
    /// Not one task could be scored; the message says why. Nothing was decided.
    NothingScored = 11,
    /// The chain could not be read or written, or its runtime cannot be used; nothing was sent unless the message says so.
    Chain = 12,
    /// The chain does not hold the weights that were decided: refused, failed, dropped, or replaced.
    NotApplied = 13,
    /// Two validators' evidence differs, or another validator's decision is not ours; the message names the first difference.
    Different = 14,
}

impl ExitStatus {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_ends_well_has_the_code_of_success() {
        assert_eq!(ExitCode::from(ExitStatus::Success), ExitCode::SUCCESS);
        assert_eq!(ExitCode::from(ExitStatus::Unexpected), ExitCode::FAILURE);
        // The code that a panic of Rust's ends with must not mean anything else.
        assert!(ExitStatus::Different.code() < 101);
    }
}
