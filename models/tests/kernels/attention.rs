//! Paged attention: right, and the same bits for decode, prefill, chunks, batches and schedules.

use crate::rows::page_chunk;
use crate::shim::{Buffer, Launch, schedule};
use crate::values::{close, half_values, sigmoid, wide};

/// An attention layer, and texts of these lengths in its pages.
#[derive(Clone, Debug)]
struct Layer {
    size: usize,
    heads: usize,
    key_heads: usize,
    page_tokens: usize,
    split_keys: usize,
    window: usize,
    gated: bool,
    texts: Vec<usize>,
}

/// Everything in the memory of the stand-in.
struct Memory {
    layer: Layer,
    padded: usize,
    stride: usize,
    q: Buffer<u16>,
    gate: Buffer<u16>,
    pages: Buffer<u16>,
    table: Buffer<i32>,
    q_exact: Vec<f64>,
    gate_exact: Vec<f64>,
    /// Of each text: keys, then values, `[token][key head][size]`.
    exact: Vec<[Vec<f64>; 2]>,
}

const TABLE: usize = 40;

impl Memory {
    fn of(layer: &Layer) -> Self {
        let layer = layer.clone();
        let padded = [64, 96, 128, 256].into_iter().find(|padded| *padded >= layer.size).unwrap();
        let rows: usize = layer.texts.iter().sum();
        let width = layer.heads * layer.size;
        let stride = width + 24;
        let (packed, q_exact) = half_values(1, rows * width, 2.0);
        let mut q = vec![0; rows * layer.heads * padded];
        for (to, from) in q.chunks_mut(padded).zip(packed.chunks(layer.size)) {
            to[..layer.size].copy_from_slice(from);
        }
        let (gate, gate_exact) = half_values(2, rows * stride, 3.0);
        let mut pages = Buffer::blank(layer.texts.len() * TABLE * layer.key_heads * 2 * layer.page_tokens * padded);
        let table: Vec<i32> =
            (0..layer.texts.len() * TABLE).map(|i| (i * 7 % (layer.texts.len() * TABLE)) as i32).collect();
        let mut exact = Vec::new();
        for (text, length) in layer.texts.iter().enumerate() {
            let both = [0, 1].map(|values| {
                let (rows, exact) =
                    half_values(10 + 2 * text as u64 + values, length * layer.key_heads * layer.size, 1.5);
                for (index, row) in rows.chunks(layer.size).enumerate() {
                    let (token, head) = (index / layer.key_heads, index % layer.key_heads);
                    let page = table[text * TABLE + token / layer.page_tokens] as usize;
                    let place = token % layer.page_tokens;
                    let half = (page * layer.key_heads + head) * 2 + values as usize;
                    let mut row = row.to_vec();
                    row.resize(padded, 0);
                    for (chunk, eight) in row.chunks(8).enumerate() {
                        let first = (half * layer.page_tokens + place) * padded + page_chunk(padded, place, chunk) * 8;
                        pages.write(first, eight);
                    }
                }
                exact
            });
            exact.push(both);
        }
        let (q, gate, table) = (Buffer::of(&q), Buffer::of(&gate), Buffer::of(&table));
        Self { layer, padded, stride, q, gate, pages, table, q_exact, gate_exact, exact }
    }

    fn gate(&self) -> u64 {
        if self.layer.gated { self.gate.address() } else { 0 }
    }

    fn sizes(&self) -> [usize; 5] {
        let l = &self.layer;
        [TABLE, l.heads, l.key_heads, l.size, l.page_tokens]
    }

    fn scale(&self) -> f32 {
        (self.layer.size as f32).powf(-0.5) * std::f32::consts::LOG2_E
    }

    /// Rows in the order of their texts: (text, position).
    fn rows(&self) -> Vec<(usize, usize)> {
        let texts = self.layer.texts.iter().enumerate();
        texts.flat_map(|(text, length)| (0..*length).map(move |position| (text, position))).collect()
    }

    fn blank(&self) -> Buffer<u16> {
        Buffer::blank(self.rows().len() * self.stride)
    }

    /// The results of some rows, decoded together.
    fn decode(&self, rows: &[usize], blocks: usize) -> Vec<Vec<u16>> {
        let l = &self.layer;
        let all = self.rows();
        let picked: Vec<(usize, usize)> = rows.iter().map(|row| all[*row]).collect();
        let positions: Vec<i32> = picked.iter().map(|(_, position)| *position as i32).collect();
        let sequences: Vec<i32> = picked.iter().map(|(text, _)| *text as i32).collect();
        let (splits, group, width) =
            (l.texts.iter().max().unwrap().div_ceil(l.split_keys), l.heads / l.key_heads, l.heads * self.padded);
        let q = self.q.read();
        let q: Vec<u16> = rows.iter().flat_map(|row| q[row * width..(row + 1) * width].to_vec()).collect();
        let gate = self.gate.read();
        let gate: Vec<u16> =
            rows.iter().flat_map(|row| gate[row * self.stride..(row + 1) * self.stride].to_vec()).collect();
        let (q, gate, positions, sequences) =
            (Buffer::of(&q), Buffer::of(&gate), Buffer::of(&positions), Buffer::of(&sequences));
        let (work, works) = (Buffer::<[i32; 2]>::blank(rows.len() * splits), Buffer::<i32>::blank(1));
        let parts = rows.len() * l.key_heads * splits * group;
        let (part_o, part_ml, counters) = (
            Buffer::<f32>::blank(parts * self.padded),
            Buffer::<[f32; 2]>::blank(parts),
            Buffer::<i32>::zeros(rows.len() * l.key_heads),
        );
        let out = Buffer::<u16>::blank(rows.len() * self.stride);
        Launch::of("plan", [1, 1], 1024, 4096)
            .pointers([positions.address(), work.address(), works.address()])
            .integers([rows.len(), l.split_keys, l.window])
            .run();
        let (threads, shared) = match self.padded {
            64 => (32, 128 + 6 * 64 * 128),
            96 => (32, 128 + 4 * 64 * 192),
            128 => (32, 128 + 3 * 64 * 256),
            _ => (64, 128 + 3 * 64 * 512),
        };
        Launch::of(&format!("attention_decode_{}", self.padded), [blocks, 1], threads, shared)
            .pointers([
                q.address(),
                self.pages.address(),
                self.table.address(),
                sequences.address(),
                positions.address(),
            ])
            .pointers([work.address(), works.address(), part_o.address(), part_ml.address(), counters.address()])
            .pointers([if l.gated { gate.address() } else { 0 }, out.address()])
            .integers(self.sizes())
            .integers([splits, l.split_keys, l.window, self.stride, self.stride])
            .float(self.scale())
            .run();
        assert!(counters.read().iter().all(|count| *count == 0), "counters are left at zero");
        out.read().chunks(self.stride).map(|row| row[..l.heads * l.size].to_vec()).collect()
    }

    /// The results of all rows, prefilled in tiles of `tokens`, as many as fit if 0.
    fn prefill(&self, tokens: usize) -> Vec<Vec<u16>> {
        let l = &self.layer;
        let most = 64 / (l.heads / l.key_heads);
        let tokens = if tokens == 0 { most } else { tokens.min(most) };
        let (mut tiles, mut first) = (Vec::new(), 0);
        for (text, length) in l.texts.iter().enumerate() {
            for start in (0..*length).step_by(tokens) {
                tiles.push([text as i32, (first + start) as i32, start as i32, tokens.min(length - start) as i32]);
            }
            first += length;
        }
        let (count, tiles, out) = (tiles.len(), Buffer::of(&tiles), self.blank());
        let (threads, shared) = match self.padded {
            64 => (128, 128 + 6 * 64 * 128),
            96 => (128, 128 + 4 * 64 * 192),
            128 => (128, 128 + 4 * 64 * 256),
            _ => (256, 128 + 4 * 64 * 512),
        };
        let shared = shared + threads as usize * 68 * 4;
        Launch::of(&format!("attention_prefill_{}", self.padded), [count, l.key_heads], threads, shared)
            .pointers([
                self.q.address(),
                self.pages.address(),
                self.table.address(),
                tiles.address(),
                self.gate(),
                out.address(),
            ])
            .integers(self.sizes())
            .integers([l.split_keys, l.window, self.stride, self.stride])
            .float(self.scale())
            .run();
        out.read().chunks(self.stride).map(|row| row[..l.heads * l.size].to_vec()).collect()
    }

    /// The definition.
    fn reference(&self, row: usize) -> Vec<f64> {
        let l = &self.layer;
        let (text, position) = self.rows()[row];
        let [keys, values] = &self.exact[text];
        let first = if l.window > 0 { (position + 1).saturating_sub(l.window) } else { 0 };
        let mut out = Vec::new();
        for head in 0..l.heads {
            let q = &self.q_exact[(row * l.heads + head) * l.size..][..l.size];
            let of = |rows: &'_ [f64], token: usize| {
                let start = (token * l.key_heads + head / (l.heads / l.key_heads)) * l.size;
                rows[start..start + l.size].to_vec()
            };
            let dot = |token: usize| of(keys, token).iter().zip(q).map(|(k, q)| k * q).sum::<f64>();
            let scores: Vec<f64> = (first..=position).map(|token| dot(token) / (l.size as f64).sqrt()).collect();
            let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let whole: f64 = scores.iter().map(|score| (score - most).exp()).sum();
            let mut mixed = vec![0.0; l.size];
            for (token, score) in (first..=position).zip(&scores) {
                let share = (score - most).exp() / whole;
                mixed.iter_mut().zip(of(values, token)).for_each(|(x, value)| *x += share * value);
            }
            if l.gated {
                let gate = &self.gate_exact[row * self.stride + head * l.size..][..l.size];
                mixed.iter_mut().zip(gate).for_each(|(x, gate)| *x *= sigmoid(*gate));
            }
            out.extend(mixed);
        }
        out
    }
}

fn check(layer: &Layer, tilings: &[usize]) {
    let memory = Memory::of(layer);
    let rows = memory.rows();
    schedule(false, 1);
    let whole = memory.prefill(0);
    for row in (0..rows.len()).filter(|row| row % 13 == 0 || rows[*row].1 + 1 == layer.texts[rows[*row].0]) {
        close(&format!("{layer:?}, row {row}"), &wide(&whole[row]), &memory.reference(row), 1.2e-2);
    }
    for (index, tokens) in tilings.iter().enumerate() {
        schedule(index % 2 == 0, 2 + index as u64);
        assert!(memory.prefill(*tokens) == whole, "{layer:?}: prefilled in tiles of {tokens}");
    }
    if layer.heads / layer.key_heads > 8 {
        return;
    }
    let last: Vec<usize> = (0..rows.len()).filter(|row| rows[*row].1 + 1 == layer.texts[rows[*row].0]).collect();
    let some: Vec<usize> = (0..rows.len()).rev().filter(|row| row % 11 == 3).chain(last.clone()).collect();
    for (batch, blocks, late) in [(&last, 3, true), (&some, 5, false), (&last[..1].to_vec(), 1, true)] {
        schedule(late, blocks as u64);
        let found = memory.decode(batch, blocks);
        for (row, found) in batch.iter().zip(found) {
            assert!(found == whole[*row], "{layer:?}: row {row} decoded with {} others", batch.len() - 1);
        }
    }
}

fn layer(size: usize, heads: usize, key_heads: usize, texts: &[usize]) -> Layer {
    Layer { size, heads, key_heads, page_tokens: 32, split_keys: 128, window: 0, gated: false, texts: texts.to_vec() }
}

#[test]
fn decode_and_prefill_agree_to_the_bit_for_heads_of_64() {
    check(&layer(64, 4, 2, &[300, 1, 70]), &[1, 7]);
    check(&Layer { page_tokens: 64, split_keys: 64, ..layer(16, 3, 3, &[130, 65]) }, &[3]);
}

#[test]
fn decode_and_prefill_agree_to_the_bit_for_heads_of_96() {
    check(&layer(96, 2, 2, &[200, 33]), &[1]);
    check(&layer(80, 6, 1, &[129]), &[4]);
}

#[test]
fn decode_and_prefill_agree_to_the_bit_for_heads_of_128() {
    check(&layer(128, 8, 1, &[140, 64, 63]), &[1]);
    check(&Layer { split_keys: 512, ..layer(128, 2, 1, &[600]) }, &[5]);
}

#[test]
fn decode_and_prefill_agree_to_the_bit_for_heads_of_256() {
    check(&Layer { gated: true, ..layer(256, 4, 2, &[150, 5]) }, &[1]);
}

#[test]
fn windows_hide_what_is_before_them() {
    for (window, split_keys) in [(16, 128), (1, 64), (70, 64), (100, 128)] {
        check(&Layer { window, split_keys, ..layer(32, 4, 2, &[260, 17]) }, &[1, 9]);
    }
}

#[test]
fn sixteen_heads_to_a_key_go_through_prefill() {
    check(&layer(64, 16, 1, &[70]), &[1]);
}
