//! Where a process's time went: the models' forward passes are what a validator pays for, the rest is ours to keep small.

use std::time::Duration;

/// What time is spent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Fetching, hashing and checking models, and taking their fingerprints.
    Checking,
    /// Bringing a model to the table.
    Loading,
    /// The models' forward passes.
    Forward,
}

/// Time by phase; what is in none of them is judging, storing, deciding and starting up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// See [`Phase::Checking`].
    pub checking: Duration,
    /// See [`Phase::Loading`].
    pub loading: Duration,
    /// See [`Phase::Forward`].
    pub forward: Duration,
}

impl Spent {
    /// Adds time to a phase.
    pub fn add(&mut self, phase: Phase, time: Duration) {
        match phase {
            Phase::Checking => self.checking += time,
            Phase::Loading => self.loading += time,
            Phase::Forward => self.forward += time,
        }
    }
}
