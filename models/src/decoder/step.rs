//! Step: tokens of several sequences that are computed together.

use std::ops::Range;

/// The tokens of one step, sequence by sequence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// Token id of each row.
    pub tokens: Vec<u32>,
    /// Each row's position in its sequence.
    pub positions: Vec<u32>,
    /// Row of the RoPE table by which each row is rotated: its position, or that of a long text.
    pub rotations: Vec<u32>,
    /// Rows of each sequence; they cover all rows in order.
    pub spans: Vec<Span>,
    /// The rows whose logits are wanted, ascending.
    pub wanted: Vec<u32>,
}

/// Neighbouring tokens of one sequence in a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The rows of the step.
    pub rows: Range<usize>,
    /// The position of the first of them.
    pub first: usize,
    /// The pages of the sequence, in order, as far as the last row's position.
    pub pages: Vec<u32>,
    /// Index of the sequence's recurrent state.
    pub state: u32,
}

impl Step {
    /// Appends neighbouring tokens of a sequence; `wanted` picks those rows, counted from the first of them, whose
    /// logits are wanted.
    pub fn push(&mut self, tokens: &[u32], first: usize, pages: Vec<u32>, state: u32, wanted: Range<usize>) {
        let start = self.tokens.len();
        self.tokens.extend_from_slice(tokens);
        self.positions.extend((first..first + tokens.len()).map(|position| position as u32));
        self.spans.push(Span { rows: start..start + tokens.len(), first, pages, state });
        self.rotations.extend_from_slice(&self.positions[start..]);
        self.wanted.extend(wanted.map(|row| (start + row) as u32));
    }

    /// Rotates the rows that were pushed last by the RoPE table's rows from `first` on, those of long texts.
    pub(crate) fn rotate_last_from(&mut self, first: usize) {
        let rows = self.spans.last().map_or(0..0, |span| span.rows.clone());
        for row in rows {
            self.rotations[row] = self.positions[row] + first as u32;
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.tokens.len()
    }

    /// Clears the step and keeps its allocations.
    pub fn clear(&mut self) {
        self.tokens.clear();
        self.positions.clear();
        self.rotations.clear();
        self.spans.clear();
        self.wanted.clear();
    }
}
