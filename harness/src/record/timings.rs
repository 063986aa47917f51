//! Time of a process by phase: forward passes are what a validator pays for, the rest is the harness's own.

use std::time::Duration;

/// Time by phase. Judging, storing, deciding and starting up are in none of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Timings {
    /// Fetching, hashing and checking models, and taking their fingerprints.
    pub checking: Duration,
    /// Loading models into engines.
    pub loading: Duration,
    /// The models' forward passes.
    pub forward: Duration,
}
