//! Inputs of a step, packed for one copy to the card.

use super::card::Address;
use crate::{
    decoder::Step,
    sampling::{LogitsTask, Sampling},
};

/// Alignment of each array.
const ALIGNMENT: usize = 256;

/// Arrays of a step in the card's memory: single tokens of sequences first, then the rows of longer spans.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    /// Bytes to be copied to where the arrays begin.
    pub(super) bytes: Vec<u8>,
    /// Rows of the step.
    pub(super) rows: usize,
    /// Leading rows that are the only ones of their sequence.
    pub(super) singles: usize,
    /// Sequences.
    pub(super) spans: usize,
    /// Pages of the longest sequence.
    pub(super) table_stride: usize,
    /// Rows with wanted logits.
    pub(super) wanted: usize,
    pub(super) tokens: Address,
    pub(super) positions: Address,
    /// Row of the table of pages, for each row.
    pub(super) sequences: Address,
    pub(super) table: Address,
    /// State, first row, rows, and 1 at the beginning of a text, for each sequence.
    pub(super) states: Address,
    pub(super) wanted_rows: Address,
    pub(super) tasks: Address,
    /// Spans in the card's order: sequence, first row, first position, tokens.
    order: Vec<[usize; 4]>,
    base: Address,
}

/// Tiles of prefill attention.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tiles {
    pub(super) address: Address,
    pub(super) count: usize,
}

/// Bytes that the arrays of any step within these sizes take.
pub(super) fn largest(rows: usize, spans: usize, pages: usize, tilings: usize) -> usize {
    let arrays = rows * (5 * 4 + TASK) + spans * (16 + pages * 4) + 2 * tilings * (rows + spans) * 16;
    arrays + (8 + 2 * tilings) * ALIGNMENT
}

/// Bytes of a task.
pub(super) const TASK: usize = 48;
/// Bytes of a result.
pub(super) const RESULT: usize = 24;

impl Inputs {
    /// Packs a step and the tasks on its wanted rows, for arrays from `base` on.
    pub(super) fn pack(&mut self, base: Address, step: &Step, tasks: &[LogitsTask]) {
        self.base = base;
        self.bytes.clear();
        (self.rows, self.spans, self.wanted) = (step.rows(), step.spans.len(), step.wanted.len());
        self.table_stride = step.spans.iter().map(|span| span.pages.len()).max().unwrap_or(0).max(1);
        let mut spans: Vec<_> = step.spans.iter().collect();
        spans.sort_by_key(|span| span.rows.len() > 1);
        self.singles = spans.iter().filter(|span| span.rows.len() == 1).count();
        let mut places = vec![0_u32; step.rows()];
        let (mut tokens, mut positions, mut sequences) = (Vec::new(), Vec::new(), Vec::new());
        let (mut table, mut states) = (Vec::new(), Vec::new());
        self.order.clear();
        for (sequence, span) in spans.into_iter().enumerate() {
            self.order.push([sequence, tokens.len(), span.first, span.rows.len()]);
            states.extend([span.state, tokens.len() as u32, span.rows.len() as u32, u32::from(span.first == 0)]);
            table.extend_from_slice(&span.pages);
            table.resize((sequence + 1) * self.table_stride, 0);
            for row in span.rows.clone() {
                places[row] = tokens.len() as u32;
                tokens.push(step.tokens[row]);
                positions.push(step.positions[row]);
                sequences.push(sequence as u32);
            }
        }
        let wanted: Vec<u32> = step.wanted.iter().map(|row| places[*row as usize]).collect();
        self.tokens = self.add(bytemuck::cast_slice(&tokens));
        self.positions = self.add(bytemuck::cast_slice(&positions));
        self.sequences = self.add(bytemuck::cast_slice(&sequences));
        self.table = self.add(bytemuck::cast_slice(&table));
        self.states = self.add(bytemuck::cast_slice(&states));
        self.wanted_rows = self.add(bytemuck::cast_slice(&wanted));
        let tasks: Vec<u8> = tasks.iter().flat_map(task_bytes).collect();
        self.tasks = self.add(&tasks);
    }

    /// Adds the tiles of spans, at most so many tokens each, the longest first; single tokens only where asked for.
    pub(super) fn tile(&mut self, tokens: usize, singles: bool) -> Tiles {
        let mut tiles = Vec::new();
        for [sequence, row, position, count] in &self.order {
            if *count == 1 && !singles {
                continue;
            }
            for from in (0..*count).step_by(tokens) {
                tiles
                    .push([*sequence, row + from, position + from, tokens.min(count - from)].map(|value| value as u32));
            }
        }
        tiles.sort_by_key(|[_, row, position, count]| (std::cmp::Reverse(position + count), *row));
        Tiles { address: self.add(bytemuck::cast_slice(&tiles)), count: tiles.len() }
    }

    fn add(&mut self, bytes: &[u8]) -> Address {
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT), 0);
        let address = self.base.plus(self.bytes.len());
        self.bytes.extend_from_slice(bytes);
        address
    }
}

/// A task as the kernel reads it.
fn task_bytes(task: &LogitsTask) -> [u8; TASK] {
    let nothing = Sampling::greedy();
    let (kind, sampling, draw, token, top) = match task {
        LogitsTask::Sample { sampling, draw } => (0_u32, sampling, *draw, 0, 0),
        LogitsTask::Score { token, top } => (1, &nothing, 0, *token, *top as u32),
        LogitsTask::Verify { sampling, draw, token } => (2, sampling, *draw, *token, 0),
    };
    let mut bytes = [0; TASK];
    bytes[..8].copy_from_slice(&sampling.key.to_le_bytes());
    bytes[8..16].copy_from_slice(&(draw as u64).to_le_bytes());
    let (temperature, share) = (sampling.temperature.to_bits(), sampling.top_p.unwrap_or(1.0).to_bits());
    let words = [kind, token, top, sampling.top_k.unwrap_or(0), temperature, share];
    for (place, word) in bytes[16..].chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(inputs: &Inputs, at: Address, count: usize) -> Vec<u32> {
        let from = (at.0 - inputs.base.0) as usize;
        inputs.bytes[from..from + 4 * count]
            .chunks_exact(4)
            .map(|word| u32::from_le_bytes(word.try_into().unwrap()))
            .collect()
    }

    #[test]
    fn single_tokens_come_first_and_results_keep_their_order() {
        let mut step = Step::default();
        step.push(&[5, 6, 7], 30, vec![4, 9], 2, 2..3);
        step.push(&[8], 0, vec![1], 3, 0..1);
        step.push(&[9, 10], 0, vec![2], 0, 0..0);
        step.push(&[11], 64, vec![5, 6, 7], 1, 0..1);
        let mut inputs = Inputs::default();
        inputs.pack(Address(1 << 20), &step, &[LogitsTask::Score { token: 3, top: 4 }; 3]);
        assert_eq!((inputs.rows, inputs.singles, inputs.spans, inputs.table_stride, inputs.wanted), (7, 2, 4, 3, 3));
        assert_eq!(words(&inputs, inputs.tokens, 7), [8, 11, 5, 6, 7, 9, 10]);
        assert_eq!(words(&inputs, inputs.positions, 7), [0, 64, 30, 31, 32, 0, 1]);
        assert_eq!(words(&inputs, inputs.sequences, 7), [0, 1, 2, 2, 2, 3, 3]);
        assert_eq!(words(&inputs, inputs.table, 12), [1, 0, 0, 5, 6, 7, 4, 9, 0, 2, 0, 0]);
        assert_eq!(words(&inputs, inputs.states, 16), [3, 0, 1, 1, 1, 1, 1, 0, 2, 2, 3, 0, 0, 5, 2, 1]);
        assert_eq!(words(&inputs, inputs.wanted_rows, 3), [4, 0, 1]);
        let tiles = inputs.tile(2, false);
        assert_eq!(words(&inputs, tiles.address, 4 * tiles.count), [2, 4, 32, 1, 2, 2, 30, 2, 3, 5, 0, 2]);
        assert_eq!(inputs.tile(1, true).count, 7);
        assert!(inputs.bytes.len() <= largest(7, 4, 3, 1));
    }

    #[test]
    fn a_task_lies_as_the_kernel_reads_it() {
        let sampling = Sampling { temperature: 0.5, top_k: Some(7), top_p: None, key: u64::MAX - 1 };
        let bytes = task_bytes(&LogitsTask::Verify { sampling, draw: 300, token: 9 });
        let words: Vec<u32> = bytes.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect();
        let (half, one) = (0.5_f32.to_bits(), 1.0_f32.to_bits());
        assert_eq!(words, [u32::MAX - 1, u32::MAX, 300, 0, 2, 9, 0, 7, half, one, 0, 0]);
    }
}
