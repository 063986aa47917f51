//! Embedding, norm with residual, heads and gate.

use crate::shim::{Buffer, Launch};
use crate::values::{close, doubles, half_values, halves, norm, sigmoid, silu, values, wide};

#[test]
fn embeddings_are_rows_of_the_table_and_a_token_may_come_from_the_last_step() {
    let hidden = 72;
    let (table, exact) = half_values(1, 10 * hidden, 1.0);
    let (table, tokens) = (Buffer::of(&table), Buffer::of(&[3_i32, -2, 9, -1]));
    let sampled = Buffer::of(&[0_i32, 0, 7, 0, 0, 0, 0, 0, 2, 0, 0, 0]);
    let residual = Buffer::<f32>::blank(4 * hidden);
    let pointers = [table.address(), tokens.address(), sampled.address(), residual.address()];
    Launch::of("embed", [4, 1], 256, 0).pointers(pointers).integers([hidden]).float(1.5).run();
    let expected: Vec<f64> = [3, 2, 9, 7]
        .iter()
        .flat_map(|token| exact[token * hidden..(token + 1) * hidden].iter().map(|x| x * 1.5))
        .collect();
    close("embeddings", &doubles(&residual.read()), &expected, 1e-6);
}

/// The variants of the norm.
#[derive(Clone, Copy, Debug, Default)]
struct Variant {
    added: bool,
    bias: bool,
    sandwich: bool,
    experts: bool,
    picks: bool,
    no_output: bool,
}

fn check_norm(rows: usize, hidden: usize, variant: Variant) {
    let what = format!("{rows} rows of {hidden}, {variant:?}");
    let (start, bias, inner, weight) =
        (values(1, rows * hidden), values(2, hidden), values(3, hidden), values(4, hidden));
    let (added_stride, out_stride, count) = (hidden + 8, hidden.next_multiple_of(64), 3);
    let (added, added_exact) = half_values(5, rows * added_stride, 2.0);
    let slots: Vec<i32> = (0..rows * count).map(|i| ((i * 7 + 2) % (rows * count)) as i32).collect();
    let (outputs, outputs_exact) = half_values(6, rows * count * hidden, 1.0);
    let shares = values(7, rows * count);
    let picked: Vec<i32> = (0..rows as i32).rev().step_by(2).collect();
    let (residual, out) = (Buffer::of(&start), Buffer::<u16>::blank(rows * out_stride));
    let (added, bias_b, inner_b, weight_b) =
        (Buffer::of(&added), Buffer::of(&bias), Buffer::of(&inner), Buffer::of(&weight));
    let (outputs, slots_b, shares_b, picked_b) =
        (Buffer::of(&outputs), Buffer::of(&slots), Buffer::of(&shares), Buffer::of(&picked));
    let given = |there: bool, address: u64| if there { address } else { 0 };
    let blocks = if variant.picks { picked.len() } else { rows };
    Launch::of("residual_norm", [blocks, 1], 256, 128)
        .pointers([
            residual.address(),
            given(variant.added, added.address()),
            given(variant.bias, bias_b.address()),
            given(variant.sandwich, inner_b.address()),
            weight_b.address(),
            given(!variant.no_output, out.address()),
            given(variant.picks, picked_b.address()),
            given(variant.experts, outputs.address()),
            given(variant.experts, slots_b.address()),
            given(variant.experts, shares_b.address()),
        ])
        .integers([hidden, added_stride, out_stride, count])
        .float(1e-5)
        .run();
    let mut sums = doubles(&start);
    for row in 0..rows {
        let mut part: Vec<f64> = vec![0.0; hidden];
        if variant.added {
            part.copy_from_slice(&added_exact[row * added_stride..][..hidden]);
        }
        if variant.bias {
            part.iter_mut().zip(&bias).for_each(|(x, bias)| *x += f64::from(*bias));
        }
        if variant.experts {
            for i in row * count..(row + 1) * count {
                let y = &outputs_exact[slots[i] as usize * hidden..][..hidden];
                part.iter_mut().zip(y).for_each(|(x, y)| *x += f64::from(shares[i]) * y);
            }
        }
        if variant.sandwich {
            part = norm(&part, &doubles(&inner), 1e-5);
        }
        sums[row * hidden..(row + 1) * hidden].iter_mut().zip(part).for_each(|(x, y)| *x += y);
    }
    let kept = if variant.picks { doubles(&start) } else { sums.clone() };
    close(&what, &doubles(&residual.read()), &kept, 2e-6);
    if variant.no_output {
        return;
    }
    let found = out.read();
    for block in 0..blocks {
        let row = if variant.picks { picked[block] as usize } else { block };
        let expected = norm(&sums[row * hidden..(row + 1) * hidden], &doubles(&weight), 1e-5);
        let found = &found[block * out_stride..(block + 1) * out_stride];
        close(&what, &wide(&found[..hidden]), &expected, 4e-3);
        assert!(found[hidden..].iter().all(|value| *value == 0), "{what}: columns beyond are zero");
    }
}

#[test]
fn norms_are_those_of_every_family() {
    let none = Variant::default();
    let added = Variant { added: true, ..none };
    for (rows, hidden) in [(1, 64), (3, 576), (2, 2048), (2, 4104), (1, 16384)] {
        check_norm(rows, hidden, added);
    }
    for variant in [
        none,
        Variant { bias: true, ..added },
        Variant { sandwich: true, ..added },
        Variant { experts: true, ..none },
        Variant { picks: true, ..added },
        Variant { picks: true, experts: true, ..none },
        Variant { no_output: true, ..added },
    ] {
        check_norm(5, 584, variant);
    }
}

/// Sizes of an attention layer's heads.
#[derive(Clone, Copy, Debug)]
struct Heads {
    size: usize,
    padded: usize,
    heads: usize,
    key_heads: usize,
    pairs: usize,
    page_tokens: usize,
    gated: bool,
    normed: bool,
    bias: bool,
}

/// Place of a 16-byte chunk in a row of a page.
pub(crate) fn page_chunk(padded: usize, row: usize, chunk: usize) -> usize {
    if padded == 96 { chunk ^ ((row >> 1) & 3) } else { chunk ^ (row & 7) }
}

fn check_heads(h: Heads) {
    let what = format!("{h:?}");
    let (rows, pages, stride_table) = (7, 12, 4);
    let gates = if h.gated { h.heads } else { 0 };
    let columns = (h.heads + gates + 2 * h.key_heads) * h.size;
    let stride = columns.next_multiple_of(8) + 8;
    let (qkv, exact) = half_values(1, rows * stride, 1.0);
    let (bias, q_norm, k_norm) = (values(2, columns), values(3, h.size), values(4, h.size));
    let positions: Vec<i32> = (0..rows as i32).map(|row| row * 17 % (2 * h.page_tokens as i32)).collect();
    let sequences: Vec<i32> = (0..rows as i32).map(|row| row % 3).collect();
    let table: Vec<i32> = (0..3 * stride_table as i32).map(|i| (i * 5 + 1) % pages).collect();
    let angles = values(5, 2 * h.page_tokens * h.pairs * 2);
    let page_values = h.key_heads * 2 * h.page_tokens * h.padded;
    let (q, cache) =
        (Buffer::<u16>::blank(rows * h.heads * h.padded), Buffer::<u16>::blank(pages as usize * page_values));
    let (qkv, bias_b, qn, kn, angles_b) =
        (Buffer::of(&qkv), Buffer::of(&bias), Buffer::of(&q_norm), Buffer::of(&k_norm), Buffer::of(&angles));
    let (positions_b, sequences_b, table_b) = (Buffer::of(&positions), Buffer::of(&sequences), Buffer::of(&table));
    let given = |there: bool, address: u64| if there { address } else { 0 };
    Launch::of(&format!("heads_{}", h.padded), [rows, (h.heads + 2 * h.key_heads).div_ceil(8)], 256, 8 * h.padded * 4)
        .pointers([
            qkv.address(),
            given(h.bias, bias_b.address()),
            given(h.normed, qn.address()),
            given(h.normed, kn.address()),
            angles_b.address(),
            positions_b.address(),
            sequences_b.address(),
            table_b.address(),
            q.address(),
            cache.address(),
        ])
        .integers([stride, h.heads, h.key_heads, h.size, usize::from(h.gated), h.pairs, stride_table, h.page_tokens])
        .float(1e-6)
        .run();
    let (q, cache) = (wide(&q.read()), wide(&cache.read()));
    let mut written = 0;
    for row in 0..rows {
        for head in 0..h.heads + 2 * h.key_heads {
            let column = (if head < h.heads { head } else { head + gates }) * h.size;
            let mut x: Vec<f64> = exact[row * stride + column..][..h.size].to_vec();
            if h.bias {
                x.iter_mut().zip(&bias[column..]).for_each(|(x, bias)| *x += f64::from(*bias));
            }
            let value = head >= h.heads + h.key_heads;
            if h.normed && !value {
                x = norm(&x, &doubles(if head < h.heads { &q_norm } else { &k_norm }), 1e-6);
            }
            let position = positions[row] as usize;
            if !value {
                for pair in 0..h.pairs {
                    let at = (position * h.pairs + pair) * 2;
                    let (c, s) = (f64::from(angles[at]), f64::from(angles[at + 1]));
                    let (a, b) = (x[pair], x[pair + h.pairs]);
                    (x[pair], x[pair + h.pairs]) = (a * c - b * s, b * c + a * s);
                }
            }
            x.resize(h.padded, 0.0);
            let found: Vec<f64> = if head < h.heads {
                q[(row * h.heads + head) * h.padded..][..h.padded].to_vec()
            } else {
                let page = table[sequences[row] as usize * stride_table + position / h.page_tokens] as usize;
                let (key_head, place) = ((head - h.heads) % h.key_heads, position % h.page_tokens);
                let first =
                    (((page * h.key_heads + key_head) * 2 + usize::from(value)) * h.page_tokens + place) * h.padded;
                written += h.padded;
                (0..h.padded).map(|i| cache[first + page_chunk(h.padded, place, i / 8) * 8 + i % 8]).collect()
            };
            close(&format!("{what}, row {row}, head {head}"), &found, &x, 6e-3);
        }
    }
    assert_eq!(cache.iter().filter(|value| !value.is_nan()).count(), written, "{what}: other rows stay as they are");
}

#[test]
fn heads_are_normed_turned_and_stored() {
    let plain = Heads {
        size: 64,
        padded: 64,
        heads: 4,
        key_heads: 2,
        pairs: 32,
        page_tokens: 32,
        gated: false,
        normed: false,
        bias: false,
    };
    for heads in [
        plain,
        Heads { size: 16, pairs: 8, bias: true, ..plain },
        Heads { size: 32, pairs: 4, normed: true, gated: true, page_tokens: 64, ..plain },
        Heads { size: 80, padded: 96, pairs: 16, heads: 9, key_heads: 3, ..plain },
        Heads { size: 96, padded: 96, pairs: 48, ..plain },
        Heads { size: 128, padded: 128, pairs: 64, normed: true, key_heads: 4, ..plain },
        Heads { size: 256, padded: 256, pairs: 32, normed: true, gated: true, bias: true, ..plain },
    ] {
        check_heads(heads);
    }
}

fn gelu_tanh(x: f64) -> f64 {
    x * sigmoid(2.0 * (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x))
}

#[test]
fn gates_are_activated_and_multiplied() {
    for (rows, inner, activation, with_bias) in
        [(1, 8_usize, 0, false), (3, 2056, 1, true), (2, 48, 0, true), (2, 4096, 1, false)]
    {
        let (stride, out_stride) = (2 * inner + 16, inner.next_multiple_of(64));
        let (x, exact) = half_values(1, rows * stride, 4.0);
        let bias = values(2, 2 * inner);
        let (x, bias_b, out) = (Buffer::of(&x), Buffer::of(&bias), Buffer::<u16>::blank(rows * out_stride));
        Launch::of("gate", [out_stride.div_ceil(2048), rows], 256, 0)
            .pointers([x.address(), if with_bias { bias_b.address() } else { 0 }, out.address()])
            .integers([inner, stride, out_stride, activation])
            .run();
        let found = out.read();
        for row in 0..rows {
            let at =
                |column: usize| exact[row * stride + column] + if with_bias { f64::from(bias[column]) } else { 0.0 };
            let activate = if activation == 0 { silu } else { gelu_tanh };
            let expected: Vec<f64> = (0..inner).map(|i| activate(at(i)) * at(inner + i)).collect();
            let found = &found[row * out_stride..(row + 1) * out_stride];
            close("gate", &wide(&found[..inner]), &expected, 4e-3);
            assert!(found[inner..].iter().all(|value| *value == 0));
        }
    }
}

#[test]
fn single_precision_is_rounded_to_the_nearest_half() {
    let x: Vec<f32> = values(1, 5000).iter().map(|x| x * 1e3).chain([0.0, -0.0, f32::INFINITY, 1e-40]).collect();
    let (from, to) = (Buffer::of(&x), Buffer::<u16>::blank(x.len()));
    let launch = Launch::of("convert_f32_bf16", [x.len().div_ceil(2048), 1], 256, 0);
    launch.pointers([from.address(), to.address(), x.len() as u64]).run();
    assert_eq!(to.read(), halves(&x));
}
