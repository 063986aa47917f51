//! Windows by blocks: each begins at a multiple of their length, the same for every validator.

use std::num::NonZeroU64;

/// Number of blocks of a window. Window after window covers the chain from block 0 on; a window is named by its seed block,
/// its first, whose hash and drand pulse seed its tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WindowLength(NonZeroU64);

impl WindowLength {
    /// Windows of so many blocks; none for 0.
    pub(crate) fn new(blocks: u64) -> Option<Self> {
        NonZeroU64::new(blocks).map(Self)
    }

    /// Number of blocks.
    pub(crate) fn blocks(self) -> u64 {
        self.0.get()
    }

    /// Seed block of the window that a block lies in.
    pub(crate) fn seed_block(self, block: u64) -> u64 {
        block - block % self.0
    }

    /// Block at which the decision of a window comes into force: the seed block of the next one.
    pub(crate) fn switch_block(self, seed_block: u64) -> u64 {
        seed_block.saturating_add(self.blocks())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_begin_at_multiples_of_their_length_and_follow_one_another() {
        assert_eq!(WindowLength::new(0), None);
        let check = |length, block, seed_block, switch_block| {
            let length = WindowLength::new(length).unwrap();
            let found = (length.seed_block(block), length.switch_block(length.seed_block(block)));
            assert_eq!(found, (seed_block, switch_block));
        };
        check(7_200, 0, 0, 7_200);
        check(7_200, 7_199, 0, 7_200);
        check(7_200, 7_200, 7_200, 14_400);
        check(1, 9, 9, 10);
        check(u64::MAX, u64::MAX - 1, 0, u64::MAX);
        check(10, u64::MAX, u64::MAX - 5, u64::MAX);
    }
}
