//! Weight log: what became of this validator's rows on the chain, from the events of the store.

use std::collections::BTreeMap;

use super::emission::Sent;
use crate::chain::{RevealTarget, WeightRow};
use crate::registry::Uid;
use crate::store::WeightEvent;

/// Blocks after the expected reveal until a row is looked for: the chain reveals in any block of the epoch.
const REVEAL_MARGIN: u64 = 2;

/// A row that a block holds and that was not seen on the chain yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pending {
    /// First block of the window whose decision it is.
    pub(super) seed_block: u64,
    /// The block that holds it.
    pub(super) block: u64,
    /// The row.
    pub(super) row: WeightRow,
    /// Its reveal; none where it holds at once.
    pub(super) reveal: Option<RevealTarget>,
}

impl Pending {
    /// First block at which the chain should hold the row.
    fn due(&self) -> u64 {
        self.reveal.map_or(self.block, |reveal| reveal.block.saturating_add(REVEAL_MARGIN))
    }
}

/// This validator's rows on the chain.
#[derive(Debug, Clone, Default)]
pub(super) struct WeightLog {
    sent: Option<Sent>,
    pending: Vec<Pending>,
    latest: Option<(u64, WeightEvent)>,
    /// The latest row was not found on the chain where it should be.
    differs: bool,
}

impl WeightLog {
    /// The log of these events, in order.
    pub(super) fn new(events: impl IntoIterator<Item = (u64, WeightEvent)>) -> Self {
        let mut log = Self::default();
        for (seed_block, event) in events {
            log.push(seed_block, event);
        }
        log
    }

    /// Takes in an event of a window's decision.
    pub(super) fn push(&mut self, seed_block: u64, event: WeightEvent) {
        match &event {
            WeightEvent::Submitted { block, row, reveal } => {
                self.sent = Some(Sent { seed_block, block: *block });
                self.pending.push(Pending { seed_block, block: *block, row: row.clone(), reveal: *reveal });
                self.differs = false;
            }
            WeightEvent::Revealed { .. } | WeightEvent::Refused { .. } => {}
            // What was read speaks of the rows that were due, which are settled by it.
            WeightEvent::Applied { block } => {
                self.pending.retain(|pending| pending.due() > *block);
                self.differs = false;
            }
            WeightEvent::Differs { block, .. } => {
                self.pending.retain(|pending| pending.due() > *block);
                self.differs = self.pending.is_empty();
            }
        }
        self.latest = Some((seed_block, event));
    }

    /// The latest row that the chain has taken; none where it holds another one now, so that the row in force is due again.
    pub(super) fn sent(&self) -> Option<Sent> {
        self.sent.filter(|_| !self.differs)
    }

    /// The latest of the rows that the chain should hold at this block and that were not looked for yet.
    pub(super) fn to_verify(&self, head: u64) -> Option<&Pending> {
        self.pending.iter().rev().find(|pending| pending.due() <= head)
    }

    /// The latest event and its window.
    pub(super) fn latest(&self) -> Option<&(u64, WeightEvent)> {
        self.latest.as_ref()
    }
}

/// True if two rows give the same uids the same positive weights; zeros only fill a row up.
pub(super) fn same_row(one: &[(Uid, u16)], other: &[(Uid, u16)]) -> bool {
    let positive =
        |row: &[(Uid, u16)]| -> BTreeMap<Uid, u16> { row.iter().copied().filter(|(_, value)| *value > 0).collect() };
    positive(one) == positive(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(uid: u16) -> WeightRow {
        WeightRow { netuid: 1, mechanism: 0, version_key: 0, pairs: vec![(Uid(uid), 65_535)] }
    }

    fn submitted(seed_block: u64, block: u64, reveal: Option<u64>) -> (u64, WeightEvent) {
        let reveal = reveal.map(|block| RevealTarget { round: 1, block });
        (seed_block, WeightEvent::Submitted { block, row: row(1), reveal })
    }

    /// Checks, after these events: the window that was sent and its block, and the block of the row to look for at `head`.
    #[track_caller]
    fn check(events: &[(u64, WeightEvent)], head: u64, sent: Option<(u64, u64)>, to_verify: Option<u64>) {
        let log = WeightLog::new(events.iter().cloned());
        assert_eq!(log.sent().map(|sent| (sent.seed_block, sent.block)), sent);
        assert_eq!(log.to_verify(head).map(|pending| pending.block), to_verify);
        assert_eq!(log.latest(), events.last());
    }

    #[test]
    fn a_row_in_the_open_is_looked_for_at_once_and_a_committed_one_after_its_reveal() {
        check(&[], 100, None, None);
        check(&[submitted(10, 30, None)], 30, Some((10, 30)), Some(30));
        check(&[submitted(10, 30, Some(60))], 61, Some((10, 30)), None);
        check(&[submitted(10, 30, Some(60))], 62, Some((10, 30)), Some(30));
    }

    #[test]
    fn several_commits_wait_for_their_reveals_side_by_side() {
        let two = [submitted(10, 30, Some(60)), submitted(20, 50, Some(80))];
        check(&two, 62, Some((20, 50)), Some(30));
        check(&two, 90, Some((20, 50)), Some(50));
        let applied = [two.as_slice(), &[(10, WeightEvent::Applied { block: 62 })]].concat();
        check(&applied, 81, Some((20, 50)), None);
        check(&applied, 82, Some((20, 50)), Some(50));
    }

    #[test]
    fn a_row_that_the_chain_does_not_hold_is_sent_again() {
        let differs = |block| (10, WeightEvent::Differs { block, row: Vec::new() });
        check(&[submitted(10, 30, None), differs(31)], 99, None, None);
        check(&[submitted(10, 30, None), differs(31), submitted(10, 40, None)], 40, Some((10, 40)), Some(40));
        // One that is still under way may mend it.
        check(&[submitted(10, 30, Some(60)), submitted(20, 50, Some(80)), differs(62)], 70, Some((20, 50)), None);
    }

    #[test]
    fn a_refusal_changes_nothing_of_what_the_chain_holds() {
        let refused = (20, WeightEvent::Refused { block: 45, reason: "no permit".to_owned() });
        check(&[submitted(10, 30, None), refused], 50, Some((10, 30)), Some(30));
    }

    #[test]
    fn rows_are_the_same_up_to_order_and_zeros() {
        let rows = |pairs: &[(u16, u16)]| pairs.iter().map(|(uid, value)| (Uid(*uid), *value)).collect::<Vec<_>>();
        assert!(same_row(&rows(&[(1, 9), (2, 0)]), &rows(&[(0, 0), (1, 9)])));
        assert!(same_row(&rows(&[(1, 9), (2, 3)]), &rows(&[(2, 3), (1, 9)])));
        assert!(!same_row(&rows(&[(1, 9)]), &rows(&[(2, 9)])));
        assert!(!same_row(&rows(&[(1, 9)]), &rows(&[])));
    }
}
