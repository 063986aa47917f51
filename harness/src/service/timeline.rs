//! Timeline: the state machine of a validator's windows, each captured, then decided or left without a decision.
//!
//! It is pure: blocks, captures and decisions go in, and it says which window is to be captured, which is to be played, and
//! whose decision is in force at a block. A decision comes into force at the seed block of the next window, the same block
//! for every validator; until a validator has one that is due, the latest before it stays in force.

use std::collections::BTreeMap;

use super::window_length::WindowLength;

/// State of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WindowState<D> {
    /// Its entries and its seed are recorded.
    Captured,
    /// It is decided, and the decision is verified.
    Decided(D),
    /// It gives no decision, for this reason: nobody has committed, or the chain could not be read in its time.
    Without(String),
}

/// Windows of a validator from the first one that it has met.
#[derive(Debug, Clone)]
pub(crate) struct Timeline<D> {
    length: WindowLength,
    windows: BTreeMap<u64, WindowState<D>>,
}

impl<D> Timeline<D> {
    /// A timeline with these windows, by seed block.
    pub(crate) fn new(length: WindowLength, windows: BTreeMap<u64, WindowState<D>>) -> Self {
        Self { length, windows }
    }

    /// Seed block of the next window to capture when this is the latest finalized block; the first ever is the one that
    /// the block lies in.
    pub(crate) fn to_capture(&self, head: u64) -> Option<u64> {
        let now = self.length.seed_block(head);
        match self.windows.last_key_value() {
            None => Some(now),
            Some((latest, _)) => {
                Some(self.length.seed_block(self.length.switch_block(*latest))).filter(|next| *next <= now)
            }
        }
    }

    /// True if the time of a window is over, so that its decision would be late already.
    pub(crate) fn is_over(&self, seed_block: u64, head: u64) -> bool {
        head >= self.length.switch_block(seed_block)
    }

    /// Seed block of the window to play: the earliest that is captured and has no end.
    pub(crate) fn to_play(&self) -> Option<u64> {
        let is_open = |state: &WindowState<D>| matches!(state, WindowState::Captured);
        self.windows.iter().find(|(_, state)| is_open(state)).map(|(seed_block, _)| *seed_block)
    }

    /// The decision that is in force at a block, and the seed block of its window.
    pub(crate) fn in_force(&self, block: u64) -> Option<(u64, &D)> {
        self.windows.iter().rev().find_map(|(seed_block, state)| match state {
            WindowState::Decided(decision) if self.length.switch_block(*seed_block) <= block => {
                Some((*seed_block, decision))
            }
            _ => None,
        })
    }

    /// Seed blocks of the windows whose decision is due at a block and not there.
    pub(crate) fn late(&self, head: u64) -> Vec<u64> {
        let is_late = |(seed_block, state): &(&u64, &WindowState<D>)| {
            matches!(state, WindowState::Captured) && self.is_over(**seed_block, head)
        };
        self.windows.iter().filter(is_late).map(|(seed_block, _)| *seed_block).collect()
    }

    /// The latest windows, the latest first.
    pub(crate) fn latest(&self) -> impl Iterator<Item = (u64, &WindowState<D>)> {
        self.windows.iter().rev().map(|(seed_block, state)| (*seed_block, state))
    }

    /// Takes in that a window is recorded; one that is known stays as it is.
    pub(crate) fn capture(&mut self, seed_block: u64) {
        self.windows.entry(seed_block).or_insert(WindowState::Captured);
    }

    /// Takes in the end of a window that was captured or is new. A decision is never replaced.
    pub(crate) fn end(&mut self, seed_block: u64, end: WindowState<D>) {
        let state = self.windows.entry(seed_block).or_insert(WindowState::Captured);
        if matches!(state, WindowState::Captured) {
            *state = end;
        }
    }
}

#[cfg(test)]
mod tests;
