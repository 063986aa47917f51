//! Memory of a card taken in one piece and given out part by part.

use super::card::Address;

/// Alignment of each part in bytes: whole lines of memory, and more than any copy or product asks for.
const ALIGNMENT: usize = 1024;

/// Parts of one piece of memory. A first pass from no address measures, a second one places.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arena {
    base: Address,
    used: usize,
}

impl Arena {
    /// Parts from this address on.
    pub(super) fn at(base: Address) -> Self {
        Self { base, used: 0 }
    }

    /// Parts that are only measured.
    pub(super) fn measuring() -> Self {
        Self::at(Address::NONE)
    }

    /// The next part.
    pub(super) fn take(&mut self, bytes: usize) -> Address {
        let address = self.base.plus(self.used);
        self.used = self.used.saturating_add(bytes).next_multiple_of(ALIGNMENT);
        address
    }

    /// Bytes of all parts so far.
    pub(super) fn used(&self) -> usize {
        self.used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_overlap_and_a_measured_size_is_the_placed_one() {
        let (mut measured, mut placed) = (Arena::measuring(), Arena::at(Address(1 << 40)));
        let mut end = 1 << 40;
        for bytes in [1, 1024, 1025, 0, 7 << 20] {
            measured.take(bytes);
            let part = placed.take(bytes);
            assert!(part.0 >= end && part.0.is_multiple_of(ALIGNMENT as u64), "{bytes}");
            end = part.0 + bytes as u64;
        }
        assert_eq!(measured.used(), placed.used());
        assert!(end <= (1 << 40) + placed.used() as u64);
    }
}
