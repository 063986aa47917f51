//! Task seeds, and the deterministic random integers drawn from them.

use serde::{Deserialize, Serialize};

/// Number that a task is a pure function of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

/// Deterministic random number generator: BLAKE3 in extendable-output mode over a label and a seed.
///
/// The same label and seed give the same integers on every machine and in every version; there are no floats in it.
pub(crate) struct Draws {
    stream: blake3::OutputReader,
}

impl Draws {
    /// Creates the stream of a seed for one purpose; different labels or attempts give unrelated streams.
    pub(crate) fn new(label: &str, seed: Seed, attempt: u32) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("dethrone environments 1 draws");
        // The length separates the label from the seed, so that no two inputs have the same bytes.
        hasher.update(&(label.len() as u64).to_le_bytes());
        hasher.update(label.as_bytes());
        hasher.update(&seed.0.to_le_bytes());
        hasher.update(&attempt.to_le_bytes());
        Self { stream: hasher.finalize_xof() }
    }

    /// Uniform 64-bit word.
    fn word(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.stream.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// Uniform in `0..bound`; `bound` must not be zero.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "invariant: a range to draw from is not empty");
        // Rejection sampling: words above the largest multiple of the bound would favor small values.
        let limit = u64::MAX - (u64::MAX % bound + 1) % bound;
        loop {
            let word = self.word();
            if word <= limit {
                return word % bound;
            }
        }
    }

    /// Uniform in `low..=high`.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high.checked_sub(low).and_then(|span| u64::try_from(span).ok()).expect("invariant: low <= high");
        low + i64::try_from(self.below(span + 1)).expect("invariant: the span fits")
    }

    /// Uniform in `0..length`, for indexing.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("invariant: an index fits")
    }

    /// Uniformly drawn item.
    pub(crate) fn choose<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.index(items.len())]
    }

    /// True with probability `1 / times`.
    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Fisher-Yates shuffle.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_of_a_seed_never_changes() {
        let mut draws = Draws::new("test", Seed(7), 0);
        let words: Vec<u64> = (0..3).map(|_| draws.below(1_000_000)).collect();
        assert_eq!(words, [78_881, 682_844, 599_836]);
    }

    #[test]
    fn labels_seeds_and_attempts_give_unrelated_streams() {
        let first = |label, seed, attempt| Draws::new(label, Seed(seed), attempt).word();
        let words = [first("a", 0, 0), first("b", 0, 0), first("a", 1, 0), first("a", 0, 1), first("a\0", 0, 0)];
        for (index, word) in words.iter().enumerate() {
            assert!(!words[..index].contains(word));
        }
    }

    #[test]
    fn draws_stay_in_range_and_reach_both_ends() {
        let mut draws = Draws::new("range", Seed(1), 0);
        let mut seen = [false; 7];
        for _ in 0..500 {
            let value = draws.between(-3, 3);
            seen[usize::try_from(value + 3).unwrap()] = true;
        }
        assert_eq!(seen, [true; 7]);
        assert_eq!(draws.below(1), 0);
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut items: Vec<u32> = (0..50).collect();
        Draws::new("shuffle", Seed(2), 0).shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn a_stream_is_keyed_blake3_over_its_written_inputs() {
        // From the definition, byte by byte, with a generator of its own.
        let mut hasher = blake3::Hasher::new_derive_key("dethrone environments 1 draws");
        let inputs: &[&[u8]] = &[&[3, 0, 0, 0, 0, 0, 0, 0], b"sat", &[1, 2, 0, 0, 0, 0, 0, 0], &[9, 0, 0, 0]];
        for bytes in inputs {
            hasher.update(bytes);
        }
        let mut bytes = [0; 24];
        hasher.finalize_xof().fill(&mut bytes);
        let mut draws = Draws::new("sat", Seed(0x0201), 9);
        for word in bytes.chunks_exact(8) {
            assert_eq!(draws.word(), u64::from_le_bytes(word.try_into().unwrap()));
        }
    }

    #[test]
    fn every_value_is_about_as_frequent_as_the_others() {
        // Five standard deviations of a binomial count; the stream is fixed, so this cannot fail by chance.
        for bound in [2, 3, 7, 10, 97] {
            let (mut draws, mut counts) = (Draws::new("frequency", Seed(bound), 0), vec![0_u32; 97]);
            let total = 20_000;
            (0..total).for_each(|_| counts[draws.index(usize::try_from(bound).unwrap())] += 1);
            let expected = f64::from(total) / bound as f64;
            for &count in &counts[..usize::try_from(bound).unwrap()] {
                assert!(
                    (f64::from(count) - expected).abs() < 5.0 * expected.sqrt(),
                    "{count} of {expected} for {bound}"
                );
            }
        }
    }

    #[test]
    fn bounds_at_the_edges_of_a_word_are_drawn_from() {
        let mut draws = Draws::new("edges", Seed(3), 0);
        for bound in [1, 2, u64::MAX / 2 + 2, u64::MAX - 1, u64::MAX] {
            (0..50).for_each(|_| assert!(draws.below(bound) < bound));
        }
        for (low, high) in [(0, 0), (-5, -5), (i64::MIN, -1), (-1, 1), (0, i64::MAX - 1)] {
            (0..50).for_each(|_| assert!((low..=high).contains(&draws.between(low, high))));
        }
    }

    #[test]
    fn every_order_of_three_items_comes_up() {
        let mut draws = Draws::new("orders", Seed(4), 0);
        let orders: std::collections::BTreeSet<[u8; 3]> = (0..100)
            .map(|_| {
                let mut items = [1, 2, 3];
                draws.shuffle(&mut items);
                items
            })
            .collect();
        assert_eq!(orders.len(), 6);
    }
}
