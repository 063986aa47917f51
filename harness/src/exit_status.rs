//! What the program's exit code says.

use std::process::ExitCode;

/// How a command ended, as its exit code. The numbers are documented in the README and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExitStatus {
    /// 0: the command did what it was asked.
    Success,
    /// 1: something broke that no other code describes.
    Unexpected,
    /// 2: the command line or the settings are wrong.
    Usage,
    /// 3: the model was refused; the sentence says what its author has to change.
    ModelRefused,
    /// 4: the registry or the hub could not be read.
    Source,
    /// 5: the database or a result file could not be read or written.
    Store,
    /// 6: Python, pip, a package or the sandbox guest is missing or damaged.
    Assets,
    /// 7: some rollouts could not be finished for reasons of this machine; run the same command again.
    Incomplete,
    /// 8: another process is working on the same database.
    Busy,
    /// 9: the evidence does not hold: broken chain, wrong signature, or a decision that cannot be recomputed.
    EvidenceBroken,
    /// 10: an environment did not pass its check.
    CheckFailed,
}

impl ExitStatus {
    /// The number the process ends with.
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Unexpected => 1,
            Self::Usage => 2,
            Self::ModelRefused => 3,
            Self::Source => 4,
            Self::Store => 5,
            Self::Assets => 6,
            Self::Incomplete => 7,
            Self::Busy => 8,
            Self::EvidenceBroken => 9,
            Self::CheckFailed => 10,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}
