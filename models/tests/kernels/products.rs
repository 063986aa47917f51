//! Products of few rows: right, and the same bits for every number of rows and shape of tiles.

use crate::shim::{Buffer, Launch, schedule};
use crate::values::{close, doubles, half_values, product, silu, wide};

const SHARED: [(usize, usize); 2] = [(64, 6 * 128 * 256), (128, 4 * 192 * 256)];

fn check(n: usize, k: usize) {
    let ((x, x_exact), (weights, weights_exact)) = (half_values(1, 64 * k, 1.0), half_values(2, n * k, 0.5));
    let (x, weights) = (Buffer::of(&x), Buffer::of(&weights));
    let exact = product(&x_exact, &weights_exact, k);
    let stride = n + 8;
    let run = |kind: &str, tile: usize, rows: usize, blocks: usize, out: u64| {
        let shared = SHARED.iter().find(|(size, _)| *size == tile).unwrap().1;
        Launch::of(&format!("few_{kind}{tile}"), [blocks, 1], 256, shared)
            .pointers([weights.address(), x.address(), out])
            .integers([rows, n, k, k, stride, 0])
            .run();
    };
    let half = |tile: usize, rows: usize, blocks: usize| {
        let out = Buffer::<u16>::blank(rows * stride);
        run("", tile, rows, blocks, out.address());
        out.read().chunks(stride).map(|row| row[..n].to_vec()).collect::<Vec<_>>()
    };
    schedule(false, 1);
    let all = half(64, 64, 2);
    close("halves", &wide(&all.concat()), &exact, 4e-3);
    for (tile, rows, blocks) in [(128, 64, 1), (64, 1, 3), (64, 9, 1), (64, 33, 2), (128, 5, 2), (128, 20, 1)] {
        schedule(rows % 2 == 1, rows as u64);
        assert!(half(tile, rows, blocks) == all[..rows], "{n} outputs of {k}: {rows} rows, tiles of {tile}");
    }
    let gated_exact: Vec<f64> =
        exact.chunks(n).flat_map(|row| (0..n / 2).map(|i| silu(row[i]) * row[n / 2 + i])).collect();
    for (tile, rows) in [(64, 64), (128, 3)] {
        let out = Buffer::<f32>::blank(rows * stride);
        run("single_", tile, rows, 2, out.address());
        let found: Vec<f32> = out.read().chunks(stride).flat_map(|row| row[..n].to_vec()).collect();
        close("singles", &doubles(&found), &exact[..rows * n], 2e-6);
        let out = Buffer::<u16>::blank(rows * stride);
        run("gated_", tile, rows, 2, out.address());
        let found = out.read();
        let together: Vec<u16> = found.chunks(stride).flat_map(|row| row[..n / 2].to_vec()).collect();
        close("gated", &wide(&together), &gated_exact[..rows * n / 2], 1.2e-2);
        // The same as a product that is written and then gated.
        let (inner, x) = (Buffer::<u16>::blank(rows * n / 2), Buffer::of(&all[..rows].concat()));
        Launch::of("gate", [(n / 2).div_ceil(2048), rows], 256, 0)
            .pointers([x.address(), 0, inner.address()])
            .integers([n / 2, n, n / 2, 0])
            .run();
        assert!(inner.read() == together, "{n} outputs of {k}: gated in the product and after it");
    }
}

#[test]
fn few_rows_have_the_same_bits_in_every_company() {
    check(64, 64);
    check(176, 264);
    check(144, 520);
}
