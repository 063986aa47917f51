//! Sample sizes of a check.

/// Numbers of tasks that a check makes and judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckSettings {
    /// Number of tasks to make.
    pub tasks: u64,
    /// Number of them that must be distinct.
    pub distinct: u64,
    /// Number of them on which replies are judged.
    pub judged: u64,
    /// First seed; the others follow it.
    pub first_seed: u64,
}

impl Default for CheckSettings {
    fn default() -> Self {
        Self { tasks: 1_000, distinct: 600, judged: 200, first_seed: 1 }
    }
}
