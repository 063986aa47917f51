//! Row arithmetic of stored tensors that hold several canonical ones.

use std::ops::Range;

use crate::config::{Attention, DeltaNet};

/// Rows of the query projection as computed, and of the key and value projections.
pub(super) fn widths(attention: &Attention) -> (usize, usize) {
    (attention.heads * attention.head_size, attention.key_heads * attention.head_size)
}

/// Value heads that share a key head.
pub(super) fn shared(net: &DeltaNet) -> usize {
    net.value_heads / net.key_heads
}

/// Some rows of every head's group: of all heads the first run, then of all heads the second, and so on. Runs are
/// `(first row, rows)` within the group.
pub(super) fn by_head(heads: usize, group: usize, runs: &[(usize, usize)]) -> Vec<Range<usize>> {
    let of = |(from, count): &(usize, usize)| {
        let (from, count) = (*from, *count);
        (0..heads).map(move |head| head * group + from..head * group + from + count)
    };
    runs.iter().flat_map(of).collect()
}

/// Rows of the queries and of the gates in a gated query projection, where each head's gate follows its query.
pub(super) fn gated(attention: &Attention) -> [Vec<Range<usize>>; 2] {
    let size = attention.head_size;
    [0, size].map(|from| by_head(attention.heads, 2 * size, &[(from, size)]))
}
