//! The gated delta net: right, and the same bits for every chunking and company.

use crate::shim::{Buffer, Launch, schedule};
use crate::values::{close, doubles, half_values, norm, sigmoid, silu, values, wide};

#[derive(Clone, Copy, Debug)]
struct Net {
    key_heads: usize,
    value_heads: usize,
    key_size: usize,
    value_size: usize,
    taps: usize,
}

impl Net {
    fn channels(&self) -> usize {
        2 * self.key_heads * self.key_size + self.value_width()
    }

    fn value_width(&self) -> usize {
        self.value_heads * self.value_size
    }

    /// Columns of the first product: channels, then the output's gate.
    fn columns(&self) -> usize {
        self.channels() + self.value_width()
    }
}

/// Inputs of some texts, text after text, and the layer's parameters.
struct Inputs {
    net: Net,
    texts: Vec<usize>,
    x: Vec<u16>,
    exact: Vec<f64>,
    narrow: Vec<f32>,
    convolution: Vec<f32>,
    decay: Vec<f32>,
    step_bias: Vec<f32>,
    weight: Vec<f32>,
}

impl Inputs {
    fn of(net: Net, texts: &[usize]) -> Self {
        let rows: usize = texts.iter().sum();
        let (x, exact) = half_values(1, rows * net.columns(), 2.0);
        Self {
            net,
            texts: texts.to_vec(),
            x,
            exact,
            narrow: values(2, rows * 2 * net.value_heads).iter().map(|x| x * 3.0).collect(),
            convolution: values(3, net.channels() * net.taps),
            decay: values(4, net.value_heads).iter().map(|x| -0.3 * (x + 1.1)).collect(),
            step_bias: values(5, net.value_heads),
            weight: values(6, net.value_size),
        }
    }

    fn reference(&self) -> Vec<f64> {
        let (net, mut all, mut first) = (self.net, Vec::new(), 0);
        for length in &self.texts {
            let mut states = vec![vec![0.0; net.key_size * net.value_size]; net.value_heads];
            for row in first..first + length {
                all.extend(self.reference_row(first, row, &mut states));
            }
            first += length;
        }
        all
    }

    fn reference_row(&self, first: usize, row: usize, states: &mut [Vec<f64>]) -> Vec<f64> {
        let (net, columns) = (self.net, self.net.columns());
        let mixed: Vec<f64> = (0..net.channels())
            .map(|channel| {
                let taps = &self.convolution[channel * net.taps..][..net.taps];
                let at =
                    |back: usize| if row >= first + back { self.exact[(row - back) * columns + channel] } else { 0.0 };
                silu(taps.iter().rev().enumerate().map(|(back, tap)| f64::from(*tap) * at(back)).sum())
            })
            .collect();
        let unit = |x: &[f64], scale: f64| {
            let length = (x.iter().map(|x| x * x).sum::<f64>() + 1e-6).sqrt();
            x.iter().map(|x| x / length * scale).collect::<Vec<f64>>()
        };
        let mut out = Vec::new();
        for (head, state) in states.iter_mut().enumerate() {
            let key_head = head / (net.value_heads / net.key_heads);
            let q = unit(&mixed[key_head * net.key_size..][..net.key_size], (net.key_size as f64).powf(-0.5));
            let k = unit(&mixed[(net.key_heads + key_head) * net.key_size..][..net.key_size], 1.0);
            let v = &mixed[2 * net.key_heads * net.key_size + head * net.value_size..][..net.value_size];
            let narrow = doubles(&self.narrow[row * 2 * net.value_heads..][..2 * net.value_heads]);
            let step = (narrow[net.value_heads + head] + f64::from(self.step_bias[head])).exp().ln_1p();
            let (decay, rate) = ((f64::from(self.decay[head]) * step).exp(), sigmoid(narrow[head]));
            state.iter_mut().for_each(|entry| *entry *= decay);
            let mut result = vec![0.0; net.value_size];
            for (column, (value, result)) in v.iter().zip(&mut result).enumerate() {
                let at = |key: usize| key * net.value_size + column;
                let recalled: f64 = k.iter().enumerate().map(|(key, k)| k * state[at(key)]).sum();
                let change = rate * (value - recalled);
                k.iter().enumerate().for_each(|(key, k)| state[at(key)] += k * change);
                *result = q.iter().enumerate().map(|(key, q)| q * state[at(key)]).sum();
            }
            let gate = &self.exact[row * columns + net.channels() + head * net.value_size..][..net.value_size];
            let normed = norm(&result, &doubles(&self.weight), 1e-6);
            out.extend(normed.iter().zip(gate).map(|(x, gate)| x * silu(*gate)));
        }
        out
    }

    /// Runs steps, each a list of (text, tokens), and gives the rows back in the order of the texts.
    fn run(&self, steps: &[Vec<(usize, usize)>]) -> Vec<Vec<u16>> {
        let (net, columns, states) = (self.net, self.net.columns(), self.texts.len() + 1);
        let starts: Vec<usize> =
            self.texts.iter().scan(0, |sum, length| Some(std::mem::replace(sum, *sum + length))).collect();
        let state = Buffer::<f32>::blank(states * net.value_heads * 16384);
        let tail = Buffer::<u16>::blank(states * (net.taps - 1) * net.channels());
        let parameters =
            [&self.convolution, &self.decay, &self.step_bias, &self.weight].map(|values| Buffer::of(values));
        let mut done = vec![0; self.texts.len()];
        let mut all = vec![Vec::new(); self.texts.iter().sum()];
        for parts in steps {
            let (mut spans, mut row_spans, mut rows) = (Vec::new(), Vec::new(), Vec::new());
            for (text, count) in parts {
                let span = [(states - 1 - text) as i32, rows.len() as i32, *count as i32, i32::from(done[*text] == 0)];
                row_spans.extend(std::iter::repeat_n(spans.len() as i32, *count));
                spans.push(span);
                rows.extend((0..*count).map(|token| starts[*text] + done[*text] + token));
                done[*text] += count;
            }
            let found = self.step(&rows, &spans, &row_spans, (&state, &tail), &parameters);
            for (row, found) in rows.iter().zip(found.chunks(columns)) {
                all[*row] = found[..net.value_width()].to_vec();
            }
        }
        all
    }

    fn step(
        &self,
        rows: &[usize],
        spans: &[[i32; 4]],
        row_spans: &[i32],
        (state, tail): (&Buffer<f32>, &Buffer<u16>),
        [convolution, decay, step_bias, weight]: &[Buffer<f32>; 4],
    ) -> Vec<u16> {
        let (net, columns, count) = (self.net, self.net.columns(), rows.len());
        let pick = |row: &usize| self.x[row * columns..(row + 1) * columns].to_vec();
        let x = Buffer::of(&rows.iter().flat_map(pick).collect::<Vec<u16>>());
        let width = 2 * net.value_heads;
        let pick = |row: &usize| self.narrow[row * width..(row + 1) * width].to_vec();
        let narrow = Buffer::of(&rows.iter().flat_map(pick).collect::<Vec<f32>>());
        let (spans_b, row_spans) = (Buffer::of(spans), Buffer::of(row_spans));
        let (q, k) =
            (Buffer::<f32>::blank(count * net.key_heads * 128), Buffer::<f32>::blank(count * net.key_heads * 128));
        let (v, out) =
            (Buffer::<f32>::blank(count * net.value_heads * 128), Buffer::<f32>::blank(count * net.value_heads * 128));
        let (scalars, result) =
            (Buffer::<[f32; 2]>::blank(count * net.value_heads), Buffer::<u16>::blank(count * columns));
        Launch::of("delta_mix", [count, (2 * net.key_heads + net.value_heads).div_ceil(8)], 256, 0)
            .pointers([
                x.address(),
                narrow.address(),
                convolution.address(),
                decay.address(),
                step_bias.address(),
                tail.address(),
            ])
            .pointers([
                spans_b.address(),
                row_spans.address(),
                q.address(),
                k.address(),
                v.address(),
                scalars.address(),
            ])
            .integers([count, columns, width, net.key_heads, net.value_heads, net.key_size, net.value_size, net.taps])
            .run();
        Launch::of("delta_run", [net.value_heads, spans.len()], 256, 128 + 2 * 3 * 16 * 512)
            .pointers([
                q.address(),
                k.address(),
                v.address(),
                scalars.address(),
                x.address(),
                state.address(),
                tail.address(),
            ])
            .pointers([spans_b.address(), out.address()])
            .integers([columns, net.key_heads, net.value_heads, net.key_size, net.value_size, net.taps])
            .run();
        Launch::of("delta_norm", [(count * net.value_heads).div_ceil(8), 1], 256, 0)
            .pointers([out.address(), x.address() + 2 * net.channels() as u64, weight.address(), result.address()])
            .integers([count, net.value_heads, net.value_size, columns, columns])
            .float(1e-6)
            .run();
        result.read()
    }
}

fn check(net: Net) {
    let inputs = Inputs::of(net, &[37, 5, 1, 20]);
    schedule(false, 1);
    let whole = inputs.run(&[vec![(0, 37), (1, 5), (2, 1), (3, 20)]]);
    close(&format!("{net:?}"), &wide(&whole.concat()), &inputs.reference(), 6e-3);
    let singles = (0..37).map(|token| {
        [(3, 20), (1, 5), (0, 37), (2, 1)]
            .into_iter()
            .filter(|(_, length)| token < *length)
            .map(|(text, _)| (text, 1))
            .collect()
    });
    for (late, steps) in [
        (true, vec![vec![(0, 37)], vec![(3, 20), (1, 5)], vec![(2, 1)]]),
        (
            false,
            vec![vec![(0, 1), (3, 2)], vec![(3, 17), (0, 16)], vec![(1, 3), (0, 20)], vec![(2, 1), (3, 1), (1, 2)]],
        ),
        (true, singles.collect()),
    ] {
        schedule(late, 7);
        assert!(inputs.run(&steps) == whole, "{net:?}: {steps:?}");
    }
}

#[test]
fn chunks_leave_no_trace_in_a_net_of_full_size() {
    check(Net { key_heads: 1, value_heads: 2, key_size: 128, value_size: 128, taps: 4 });
}

#[test]
fn small_heads_are_filled_up_with_zeros() {
    check(Net { key_heads: 2, value_heads: 4, key_size: 16, value_size: 16, taps: 4 });
    check(Net { key_heads: 2, value_heads: 2, key_size: 64, value_size: 32, taps: 2 });
}
