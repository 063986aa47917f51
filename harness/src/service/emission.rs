//! Emission rule: the block at which the row in force is submitted, and the age of what the chain holds.
//!
//! Pure. A row is submitted when another decision has come into force, and again every tempo, so that the chain never takes
//! this validator for inactive. Shortly before a switch it is held back where the rate limit would otherwise delay the
//! new row beyond the block at which all validators switch.

/// Blocks of the subnet that the rule needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EmissionRule {
    /// Blocks between two epochs, at least 1.
    pub(crate) tempo: u64,
    /// Blocks between two rows of one validator.
    pub(crate) rate_limit: u64,
}

/// The latest row that the chain has taken from this validator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Seed block of the window that decided it.
    pub(crate) seed_block: u64,
    /// Block that holds it.
    pub(crate) block: u64,
}

/// State of emission at a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Emission {
    /// Seed block of the decision in force; none where none is.
    pub(crate) in_force: Option<u64>,
    /// Block of the next switch.
    pub(crate) next_switch: u64,
    /// The latest row that the chain has taken.
    pub(crate) sent: Option<Sent>,
    /// Block of this validator's latest update, as the chain says.
    pub(crate) last_update: u64,
}

impl EmissionRule {
    /// First block at which the row in force is to be submitted; none where no decision is in force.
    pub(crate) fn due(&self, state: &Emission) -> Option<u64> {
        let in_force = state.in_force?;
        let last_update = state.sent.map_or(0, |sent| sent.block).max(state.last_update);
        let earliest = if last_update == 0 { 0 } else { last_update.saturating_add(self.rate_limit) };
        if state.sent.map(|sent| sent.seed_block) != Some(in_force) {
            return Some(earliest);
        }
        let refresh = last_update.saturating_add(self.tempo).max(earliest);
        let blocks_switch = refresh.saturating_add(self.rate_limit) > state.next_switch && refresh < state.next_switch;
        let may_wait = state.next_switch.saturating_sub(last_update) <= self.tempo.saturating_add(self.tempo / 4);
        Some(if blocks_switch && may_wait { state.next_switch } else { refresh })
    }

    /// True if weights of this age are too old: more than one and a half tempos.
    pub(crate) fn is_stale(&self, age: u64) -> bool {
        age.saturating_mul(2) > self.tempo.saturating_mul(3)
    }
}

#[cfg(test)]
mod tests;
