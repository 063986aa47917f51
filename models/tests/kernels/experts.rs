//! A layer of experts: right, and the same bits in every batch.

use crate::shim::{Buffer, Launch, schedule};
use crate::values::{close, doubles, half_values, product, sigmoid, silu, values, wide};

#[derive(Clone, Copy, Debug)]
struct Layer {
    hidden: usize,
    inner: usize,
    experts: usize,
    chosen: usize,
    /// Parts of the shared expert.
    shared: usize,
    gated: bool,
    normalized: bool,
}

/// Weights as stored, and as packed.
struct Experts {
    layer: Layer,
    outputs: usize,
    router: Buffer<u16>,
    up: Buffer<u16>,
    down: Buffer<u16>,
    router_exact: Vec<f64>,
    /// Of each unit: gate, up, down.
    exact: Vec<[Vec<f64>; 3]>,
}

impl Layer {
    fn units(&self) -> usize {
        self.experts + self.shared
    }

    fn all(&self) -> usize {
        self.chosen + self.shared
    }

    fn padded(&self) -> usize {
        self.inner.next_multiple_of(64)
    }

    /// Tiles of outputs and of inputs: gate and up, then down.
    fn tiles(&self) -> [[usize; 2]; 2] {
        [[(2 * self.padded()).div_ceil(128), self.hidden / 64], [self.hidden.div_ceil(128), self.padded() / 64]]
    }
}

fn pack(from: &[u16], to: u64, rows: usize, k: usize, kind: usize) {
    let from = Buffer::of(from);
    Launch::of("pack_unit", [(rows * k.div_ceil(64) * 8).div_ceil(256), 1], 256, 0)
        .pointers([from.address(), to])
        .integers([rows, k, k, kind])
        .run();
}

impl Experts {
    fn of(layer: Layer) -> Self {
        let outputs = (layer.experts + usize::from(layer.gated)).next_multiple_of(16);
        let (mut router, mut router_exact) = half_values(1, outputs * layer.hidden, 0.5);
        let used = (layer.experts + usize::from(layer.gated)) * layer.hidden;
        router[used..].fill(0);
        router_exact.truncate(used);
        let [up_tiles, down_tiles] = layer.tiles().map(|[n, k]| n * k * 8192);
        let (up, down) = (Buffer::zeros(layer.units() * up_tiles), Buffer::zeros(layer.units() * down_tiles));
        let mut exact = Vec::new();
        for unit in 0..layer.units() {
            let matrices =
                [0, 1, 2].map(|which| half_values(10 + 3 * unit as u64 + which, layer.inner * layer.hidden, 0.3));
            let (up_at, down_at) =
                (up.address() + (unit * up_tiles * 2) as u64, down.address() + (unit * down_tiles * 2) as u64);
            pack(&matrices[0].0, up_at, layer.inner, layer.hidden, 1);
            pack(&matrices[1].0, up_at, layer.inner, layer.hidden, 2);
            pack(&matrices[2].0, down_at, layer.hidden, layer.inner, 0);
            exact.push(matrices.map(|(_, exact)| exact));
        }
        Self { layer, outputs, router: Buffer::of(&router), up, down, router_exact, exact }
    }

    /// The layer's results, added to nothing.
    fn run(&self, x: &[u16], blocks: usize) -> Vec<f32> {
        let (l, rows) = (self.layer, x.len() / self.layer.hidden);
        let (all, slots) = (l.all(), rows * l.all() + 8 * l.units());
        let x = Buffer::of(x);
        let (logits, counts) = (Buffer::<f32>::blank(rows * self.outputs), Buffer::<i32>::blank(l.experts));
        let (ids, shares, places) =
            (Buffer::<i32>::blank(rows * all), Buffer::<f32>::blank(rows * all), Buffer::<i32>::blank(rows * all));
        let (sources, work, works) = (
            Buffer::<i32>::blank(slots),
            Buffer::<[i32; 4]>::blank(l.units() + rows * all / 64 + 1),
            Buffer::<i32>::blank(1),
        );
        let (inner, out) = (Buffer::<u16>::blank(slots * l.padded()), Buffer::<u16>::blank(slots * l.hidden));
        Launch::of("narrow_product", [rows.div_ceil(8), self.outputs / 16], 256, 4096)
            .pointers([x.address(), self.router.address(), logits.address(), counts.address()])
            .integers([rows, l.hidden, self.outputs, l.hidden, l.experts])
            .run();
        Launch::of("choose", [rows.div_ceil(8), 1], 256, 0)
            .pointers([logits.address(), ids.address(), shares.address(), counts.address()])
            .integers([
                rows,
                self.outputs,
                l.experts,
                l.chosen,
                l.shared,
                usize::from(l.gated),
                usize::from(l.normalized),
            ])
            .run();
        Launch::of("place", [l.units(), 1], 256, 128)
            .pointers([
                ids.address(),
                counts.address(),
                places.address(),
                sources.address(),
                work.address(),
                works.address(),
            ])
            .integers([rows, l.experts, l.chosen, l.shared])
            .run();
        let [[up_n, up_k], [down_n, down_k]] = l.tiles();
        let shared = 128 + 4 * (16384 + 64 * 144);
        Launch::of("experts_up", [blocks, 1], 288, shared)
            .pointers([
                self.up.address(),
                x.address(),
                sources.address(),
                inner.address(),
                work.address(),
                works.address(),
            ])
            .integers([up_k, up_n, l.hidden, l.padded(), l.padded(), 0])
            .run();
        Launch::of("experts_down", [blocks, 1], 288, shared)
            .pointers([self.down.address(), inner.address(), 0, out.address(), work.address(), works.address()])
            .integers([down_k, down_n, l.padded(), l.hidden, l.hidden, 0])
            .run();
        let residual = Buffer::<f32>::zeros(rows * l.hidden);
        Launch::of("residual_norm", [rows, 1], 256, 128)
            .pointers([residual.address(), 0, 0, 0, 0, 0, 0, out.address(), places.address(), shares.address()])
            .integers([l.hidden, 0, 0, all])
            .float(0.0)
            .run();
        residual.read()
    }

    fn reference(&self, x: &[f64]) -> Vec<f64> {
        let l = self.layer;
        x.chunks(l.hidden)
            .flat_map(|x| {
                let logits = product(x, &self.router_exact, l.hidden);
                let odds: Vec<f64> = logits[..l.experts].iter().map(|logit| logit.exp()).collect();
                let mut order: Vec<usize> = (0..l.experts).collect();
                order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
                order.truncate(l.chosen);
                let whole: f64 =
                    if l.normalized { order.iter().map(|expert| odds[*expert]).sum() } else { odds.iter().sum() };
                let mut shares: Vec<(usize, f64)> =
                    order.iter().map(|expert| (*expert, odds[*expert] / whole)).collect();
                shares.extend(
                    (l.experts..l.units()).map(|unit| (unit, if l.gated { sigmoid(logits[l.experts]) } else { 1.0 })),
                );
                let mut sum = vec![0.0; l.hidden];
                for (unit, share) in shares {
                    let [gate, up, down] = &self.exact[unit];
                    let (gate, up) = (product(x, gate, l.hidden), product(x, up, l.hidden));
                    let inner: Vec<f64> = gate.iter().zip(&up).map(|(gate, up)| silu(*gate) * up).collect();
                    sum.iter_mut().zip(product(&inner, down, l.inner)).for_each(|(sum, y)| *sum += share * y);
                }
                sum
            })
            .collect()
    }
}

fn check(layer: Layer, rows: usize) {
    let experts = Experts::of(layer);
    let (x, exact) = half_values(99, rows * layer.hidden, 1.0);
    schedule(true, 1);
    let whole = experts.run(&x, 3);
    close(&format!("{layer:?}"), &doubles(&whole), &experts.reference(&exact), 1.5e-2);
    for (first, count, blocks) in [(0, 1, 7), (rows - 1, 1, 1), (rows / 3, 9.min(rows - rows / 3), 2)] {
        schedule(first % 2 == 0, blocks as u64);
        let part = experts.run(&x[first * layer.hidden..(first + count) * layer.hidden], blocks);
        let expected = &whole[first * layer.hidden..(first + count) * layer.hidden];
        assert!(part == expected, "{layer:?}: rows {first}..{} alone", first + count);
    }
}

#[test]
fn a_row_of_experts_has_the_same_bits_in_every_batch() {
    let small = Layer { hidden: 64, inner: 48, experts: 8, chosen: 2, shared: 1, gated: true, normalized: true };
    check(small, 30);
    check(Layer { shared: 0, gated: false, normalized: false, ..small }, 5);
    check(Layer { hidden: 192, inner: 128, experts: 3, chosen: 1, shared: 2, gated: false, ..small }, 80);
    check(Layer { experts: 40, chosen: 10, inner: 64, ..small }, 9);
}

#[test]
fn ties_go_to_the_lower_expert_and_places_are_stable() {
    let (rows, experts, chosen) = (300, 512, 3);
    let logits: Vec<f32> = values(1, rows * experts).iter().map(|x| (x * 4.0).round()).collect();
    let (logits_b, counts) = (Buffer::of(&logits), Buffer::<i32>::zeros(experts));
    let (ids, shares) = (Buffer::<i32>::blank(rows * chosen), Buffer::<f32>::blank(rows * chosen));
    Launch::of("choose", [rows.div_ceil(8), 1], 256, 0)
        .pointers([logits_b.address(), ids.address(), shares.address(), counts.address()])
        .integers([rows, experts, experts, chosen, 0, 0, 1])
        .run();
    let (slots, sources) = (Buffer::<i32>::blank(rows * chosen), Buffer::<i32>::blank(rows * chosen + 8 * experts));
    let (work, works) = (Buffer::<[i32; 4]>::blank(experts + rows * chosen / 64 + 1), Buffer::<i32>::blank(1));
    Launch::of("place", [experts, 1], 256, 128)
        .pointers([
            ids.address(),
            counts.address(),
            slots.address(),
            sources.address(),
            work.address(),
            works.address(),
        ])
        .integers([rows, experts, chosen, 0])
        .run();
    let (ids, slots, sources, counts) = (ids.read(), slots.read(), sources.read(), counts.read());
    for (row, logits) in logits.chunks(experts).enumerate() {
        let mut order: Vec<usize> = (0..experts).collect();
        order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b)));
        assert!(ids[row * chosen..(row + 1) * chosen].iter().zip(&order).all(|(id, expert)| *id as usize == *expert));
    }
    let mut first = 0;
    let mut expected_work = Vec::new();
    for (expert, count) in counts.iter().enumerate() {
        let own: Vec<i32> =
            (0..rows * chosen).filter(|i| ids[*i] as usize == expert).map(|i| (i / chosen) as i32).collect();
        assert_eq!(own.len(), *count as usize);
        assert_eq!(sources[first..first + own.len()], own, "rows of expert {expert} in their order");
        for tile in (0..own.len()).step_by(64) {
            expected_work.push([expert as i32, (first + tile) as i32, 64.min(own.len() - tile) as i32, 0]);
        }
        first += own.len().next_multiple_of(8);
    }
    for (index, slot) in slots.iter().enumerate() {
        assert_eq!(sources[*slot as usize] as usize, index / chosen);
    }
    let count = works.read()[0] as usize;
    assert_eq!(work.read()[..count], expected_work);
}

#[test]
fn narrow_products_are_exact_to_single_precision() {
    for (rows, k, outputs) in [(1, 32, 16), (9, 96, 48), (17, 2048, 32)] {
        let ((x, x_exact), (weights, weights_exact)) =
            (half_values(1, rows * k, 1.0), half_values(2, outputs * k, 1.0));
        let (x, weights, out) = (Buffer::of(&x), Buffer::of(&weights), Buffer::<f32>::blank(rows * outputs));
        Launch::of("narrow_product", [rows.div_ceil(8), outputs / 16], 256, 4096)
            .pointers([x.address(), weights.address(), out.address(), 0])
            .integers([rows, k, outputs, k, 0])
            .run();
        close("narrow", &doubles(&out.read()), &product(&x_exact, &weights_exact, k), 1e-6);
    }
    assert!(wide(&[0x3f80]) == [1.0]);
}
