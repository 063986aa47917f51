//! Time of a process by phase: forward passes are what a validator pays for, the rest is the harness's own.

use std::time::Duration;

/// A part of a window that is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Fetching, hashing and checking models, and taking their fingerprints.
    Checking,
    /// Loading models into engines.
    Loading,
    /// The models' forward passes.
    Forward,
}

/// Time by phase. Judging, storing, deciding and starting up are in none of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Timings {
    /// See [`Phase::Checking`].
    pub checking: Duration,
    /// See [`Phase::Loading`].
    pub loading: Duration,
    /// See [`Phase::Forward`].
    pub forward: Duration,
}

impl Timings {
    /// Adds time to a phase.
    pub(crate) fn add(&mut self, phase: Phase, time: Duration) {
        match phase {
            Phase::Checking => self.checking += time,
            Phase::Loading => self.loading += time,
            Phase::Forward => self.forward += time,
        }
    }
}
