//! Epoch schedule of a subnet, and the block and drand round at which a committed row is revealed.
//!
//! The schedule has a state: an owner may change the tempo or ask for an epoch, so that it is played forward block by block
//! from what the chain has stored. Source: the runtime's `should_run_epoch` and `block_step`, versions 423 and later, and the
//! fixed period before.

use crate::registry::{EpochState, SubnetParameters};

/// Unix time of drand quicknet's first round, in seconds.
const DRAND_GENESIS: u64 = 1_692_803_367;

/// Seconds between two rounds of quicknet.
const DRAND_PERIOD: u64 = 3;

/// Blocks after which an epoch runs in any case.
const LONGEST_EPOCH: u64 = 50_400;

/// Blocks that the reveal's round lies after the first block of the reveal's epoch: room for blocks that come late.
const REVEAL_MARGIN: u64 = 3;

/// First block of the epoch in which a row that is committed in the block after `head` is revealed; none of a subnet
/// without epochs.
pub(crate) fn reveal_block(netuid: u16, parameters: &SubnetParameters, head: u64, period: u64) -> Option<u64> {
    if parameters.tempo == 0 || period == 0 {
        return None;
    }
    let tempo = u64::from(parameters.tempo);
    let EpochState { last_block, pending_at, index, blocks_since_step } = parameters.epoch;
    let Some(last_block) = last_block else { return Some(fixed_reveal_block(netuid, tempo, head, period)) };
    let mut schedule = Schedule {
        tempo,
        last_block,
        pending_at: pending_at.unwrap_or(0),
        index: index.unwrap_or(0),
        since: blocks_since_step.unwrap_or(0),
    };
    let committed = schedule.index + u64::from(schedule.is_due(head + 1));
    schedule.step(head + 1);
    let latest = head + (period + 1) * (LONGEST_EPOCH + 2);
    (head + 2..=latest).find(|block| {
        schedule.step(*block);
        schedule.index >= committed + period
    })
}

/// The same where every epoch has `tempo + 1` blocks, shifted by the netuid.
fn fixed_reveal_block(netuid: u16, tempo: u64, head: u64, period: u64) -> u64 {
    let length = tempo + 1;
    let shift = u64::from(netuid) + 1;
    let epoch = |block: u64| (block + shift) / length;
    (epoch(head + 1) + period) * length - shift
}

#[derive(Debug, Clone, Copy)]
struct Schedule {
    tempo: u64,
    last_block: u64,
    pending_at: u64,
    index: u64,
    since: u64,
}

impl Schedule {
    fn is_due(&self, block: u64) -> bool {
        (self.pending_at > 0 && block >= self.pending_at)
            || self.since > LONGEST_EPOCH
            || block.saturating_sub(self.last_block) >= self.tempo
    }

    fn step(&mut self, block: u64) {
        self.since += 1;
        if self.is_due(block) {
            (self.last_block, self.pending_at, self.since) = (block, 0, 0);
            self.index += 1;
        }
    }
}

/// Round of drand for a reveal `blocks` after a block of this time. Too early a round lets others read the row before the
/// epoch, too late a one lets the chain drop it.
pub(crate) fn reveal_round(unix_ms: u64, blocks: u64, block_ms: u64) -> u64 {
    let at = unix_ms + (blocks + REVEAL_MARGIN) * block_ms;
    (at / 1000).saturating_sub(DRAND_GENESIS) / DRAND_PERIOD
}

/// The first round of drand whose time lies after this time.
pub(crate) fn first_round_after(unix_ms: u64) -> u64 {
    let seconds = unix_ms / 1000;
    if seconds < DRAND_GENESIS { 1 } else { (seconds - DRAND_GENESIS) / DRAND_PERIOD + 2 }
}

/// Unix time of a round in seconds.
pub(crate) fn round_time(round: u64) -> u64 {
    DRAND_GENESIS + round.saturating_sub(1) * DRAND_PERIOD
}

#[cfg(test)]
mod tests;
