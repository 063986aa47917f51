use super::{BLOCK, PackedLinear, PackedLinearBuilder, forward_many};
use crate::kernel::fixtures::{bits, processors, refuses, values};

/// One chain of fused multiply-adds an element: the definition of the product.
fn reference(x: &[f32], matrix: &[f32], bias: Option<&[f32]>, outputs: usize, inputs: usize) -> Vec<f32> {
    let element = |row: &[f32], output: usize| {
        let start = bias.map_or(0.0, |bias| bias[output]);
        row.iter().zip(&matrix[output * inputs..]).fold(start, |sum, (x, value)| x.mul_add(*value, sum))
    };
    x.chunks_exact(inputs).flat_map(|row| (0..outputs).map(move |output| element(row, output))).collect()
}

fn check(rows: usize, outputs: usize, inputs: usize) {
    let (x, matrix) = (values(1, rows * inputs), values(2, outputs * inputs));
    for bias in [None, Some(values(3, outputs))] {
        let expected = reference(&x, &matrix, bias.as_deref(), outputs, inputs);
        let linear = PackedLinear::pack(&matrix, outputs, inputs);
        let linear = match bias {
            Some(bias) => linear.with_bias(bias),
            None => linear,
        };
        for processor in processors() {
            let mut y = vec![f32::NAN; rows * outputs];
            linear.forward(&processor, &x, &mut y);
            assert_eq!(bits(&y), bits(&expected), "{rows} x {outputs} x {inputs} on {processor:?}");
        }
    }
}

#[test]
fn a_product_has_the_bits_of_one_chain_an_element_on_every_processor() {
    for (rows, outputs, inputs) in
        [(1, 1, 1), (1, 48, 64), (2, 47, 193), (3, 49, 7), (5, 96, 192), (7, 100, 385), (9, 640, 48), (137, 97, 200)]
    {
        check(rows, outputs, inputs);
    }
}

#[test]
fn a_row_of_a_batch_has_the_bits_it_has_alone() {
    let (rows, outputs, inputs) = (67, 150, 210);
    let (x, linear) = (values(1, rows * inputs), PackedLinear::pack(&values(2, outputs * inputs), outputs, inputs));
    for processor in processors() {
        let mut all = vec![0.0; rows * outputs];
        linear.forward(&processor, &x, &mut all);
        for (row, expected) in x.chunks_exact(inputs).zip(all.chunks_exact(outputs)) {
            let mut y = vec![0.0; outputs];
            linear.forward(&processor, row, &mut y);
            assert_eq!(bits(&y), bits(expected), "{processor:?}");
        }
    }
}

#[test]
fn layers_applied_together_give_what_each_gives_alone() {
    let (rows, inputs) = (5, 96);
    let x = values(1, rows * inputs);
    let layers = [60, 48, 130].map(|outputs| PackedLinear::pack(&values(2, outputs * inputs), outputs, inputs));
    for processor in processors() {
        let mut together = layers.each_ref().map(|layer| vec![0.0; rows * layer.outputs()]);
        let mut pairs: Vec<_> = layers.iter().zip(together.iter_mut().map(Vec::as_mut_slice)).collect();
        forward_many(&processor, &x, &mut pairs);
        for (layer, expected) in layers.iter().zip(&together) {
            let mut y = vec![0.0; rows * layer.outputs()];
            layer.forward(&processor, &x, &mut y);
            assert_eq!(bits(&y), bits(expected), "{layer:?} on {processor:?}");
        }
    }
}

#[test]
fn rows_pushed_in_chunks_of_any_size_come_back_unchanged() {
    let (outputs, inputs) = (101, 70);
    let matrix = values(1, outputs * inputs);
    for chunk in [1, 7, 48, 50, outputs] {
        let mut builder = PackedLinearBuilder::new(outputs, inputs);
        matrix.chunks(chunk * inputs).for_each(|rows| builder.push_rows(rows));
        let linear = builder.finish();
        for (index, expected) in matrix.chunks_exact(inputs).enumerate() {
            let mut row = vec![0.0; inputs];
            linear.row(index, &mut row);
            assert_eq!(row, expected, "row {index} of chunks of {chunk}");
        }
    }
}

/// The dot product of two rows in double precision, and a bound on what single precision may be off by.
fn exact(a: &[f32], b: &[f32], start: f32) -> (f64, f64) {
    let products = || a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
    let (sum, sizes): (f64, f64) = (products().sum(), products().map(f64::abs).sum());
    (sum + f64::from(start), (sizes + f64::from(start.abs())) * a.len() as f64 * f64::from(f32::EPSILON))
}

#[test]
fn a_product_agrees_with_double_precision_for_every_tail_of_rows_and_columns() {
    for (rows, outputs, inputs) in
        [(1, 95, 191), (2, 48, 192), (3, 1, 193), (4, 97, 385), (6, 50, 1), (8, 144, 33), (13, 49, 576), (129, 3, 5)]
    {
        let (x, matrix, bias) = (values(11, rows * inputs), values(12, outputs * inputs), values(13, outputs));
        let linear = PackedLinear::pack(&matrix, outputs, inputs).with_bias(bias.clone());
        assert_eq!((linear.outputs(), linear.inputs()), (outputs, inputs));
        for processor in processors() {
            let mut y = vec![f32::NAN; rows * outputs];
            linear.forward(&processor, &x, &mut y);
            for (index, y) in y.iter().enumerate() {
                let (row, output) = (index / outputs, index % outputs);
                let (x, weights) = (&x[row * inputs..][..inputs], &matrix[output * inputs..][..inputs]);
                let (exact, bound) = exact(x, weights, bias[output]);
                let error = (f64::from(*y) - exact).abs();
                assert!(error <= bound, "{rows} x {outputs} x {inputs} at {row}, {output}: {y} for {exact}");
            }
        }
    }
}

/// A row's blocks by definition: the scale, and the integers nearest to `x * 127 / most`, ties to even.
fn quantized(row: &[f32]) -> (Vec<f32>, Vec<i32>) {
    let blocks = row.chunks(BLOCK).map(|block| {
        let most = block.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        let inverse = if most == 0.0 { 0.0 } else { 127.0 / most };
        let nearest = |x: &f32| (f64::from(*x) * f64::from(inverse)).round_ties_even() as i32;
        (most / 127.0, block.iter().map(nearest).collect::<Vec<_>>())
    });
    let (scales, integers): (Vec<f32>, Vec<Vec<i32>>) = blocks.unzip();
    (scales, integers.concat())
}

/// The definition of the product with blocks: exact sums over a block, one chain over the blocks.
fn block_reference(x: &[f32], matrix: &[f32], bias: &[f32], inputs: usize) -> Vec<f32> {
    let weights: Vec<_> = matrix.chunks(inputs).map(quantized).collect();
    let row = |x: &[f32]| -> Vec<f32> {
        let (x_scales, x_integers) = quantized(x);
        let element = |((scales, integers), start): (&(Vec<f32>, Vec<i32>), &f32)| {
            (0..inputs / BLOCK).fold(*start, |sum, block| {
                let range = block * BLOCK..(block + 1) * BLOCK;
                let exact: i32 = integers[range.clone()].iter().zip(&x_integers[range]).map(|(a, b)| a * b).sum();
                (exact as f32).mul_add(scales[block] * x_scales[block], sum)
            })
        };
        weights.iter().zip(bias).map(element).collect()
    };
    x.chunks(inputs).flat_map(row).collect()
}

fn in_blocks(matrix: &[f32], outputs: usize, inputs: usize) -> PackedLinear {
    let mut builder = PackedLinearBuilder::quantized(outputs, inputs);
    matrix.chunks(inputs * 7).for_each(|rows| builder.push_rows(rows));
    builder.finish()
}

/// Values of very different sizes from block to block, with zeros and both ends of the range among them.
fn uneven(seed: u64, count: usize) -> Vec<f32> {
    let mut values = values(seed, count);
    for (index, block) in values.chunks_mut(BLOCK).enumerate() {
        let factor = [1.0, 1e-6, 3e4, 0.0][index % 4];
        block.iter_mut().for_each(|value| *value *= factor);
        (block[0], block[1], block[2]) = (factor, -factor, 0.0);
    }
    values
}

#[test]
fn a_product_with_blocks_has_the_bits_of_its_definition_on_every_processor() {
    for (rows, outputs, inputs) in
        [(1, 1, 32), (1, 100, 608), (2, 47, 64), (3, 48, 96), (4, 49, 1216), (5, 96, 640), (134, 145, 32)]
    {
        let (x, matrix, bias) = (uneven(9, rows * inputs), uneven(7, outputs * inputs), values(10, outputs));
        let expected = block_reference(&x, &matrix, &bias, inputs);
        let linear = in_blocks(&matrix, outputs, inputs).with_bias(bias);
        for processor in processors() {
            let mut y = vec![f32::NAN; rows * outputs];
            linear.forward(&processor, &x, &mut y);
            assert_eq!(bits(&y), bits(&expected), "{rows} x {outputs} x {inputs} on {processor:?}");
        }
    }
}

#[test]
fn a_row_of_a_batch_has_the_bits_it_has_alone_with_blocks_too() {
    let (rows, outputs, inputs) = (11, 70, 160);
    let (x, linear) = (values(1, rows * inputs), in_blocks(&values(2, outputs * inputs), outputs, inputs));
    for processor in processors() {
        let mut all = vec![0.0; rows * outputs];
        linear.forward(&processor, &x, &mut all);
        for (row, expected) in x.chunks_exact(inputs).zip(all.chunks_exact(outputs)) {
            let mut y = vec![0.0; outputs];
            linear.forward(&processor, row, &mut y);
            assert_eq!(bits(&y), bits(expected), "{processor:?}");
        }
    }
}

#[test]
fn layers_of_both_kinds_can_be_applied_together() {
    let (rows, inputs) = (3, 64);
    let x = values(1, rows * inputs);
    let (floats, blocks) = (values(2, 50 * inputs), values(3, 90 * inputs));
    let layers = [PackedLinear::pack(&floats, 50, inputs), in_blocks(&blocks, 90, inputs)];
    for processor in processors() {
        let (mut y, mut z) = (vec![0.0; rows * 50], vec![0.0; rows * 90]);
        forward_many(&processor, &x, &mut [(&layers[0], &mut y), (&layers[1], &mut z)]);
        assert_eq!(bits(&y), bits(&reference(&x, &floats, None, 50, inputs)), "{processor:?}");
        assert_eq!(bits(&z), bits(&block_reference(&x, &blocks, &[0.0; 90], inputs)), "{processor:?}");
    }
}

#[test]
fn quantized_rows_come_back_as_scale_times_integer_within_half_a_step() {
    let (outputs, inputs) = (53, 96);
    let matrix = uneven(1, outputs * inputs);
    let linear = in_blocks(&matrix, outputs, inputs);
    let mut row = vec![0.0; inputs];
    for (index, exact) in matrix.chunks(inputs).enumerate() {
        linear.row(index, &mut row);
        let (scales, integers) = quantized(exact);
        for (column, value) in row.iter().enumerate() {
            let scale = scales[column / BLOCK];
            assert_eq!(*value, scale * integers[column] as f32, "row {index}, column {column}");
            assert!((value - exact[column]).abs() <= scale * 0.501, "{value} for {}", exact[column]);
        }
    }
}

#[test]
fn blocks_take_a_little_more_than_a_quarter_of_the_memory() {
    let matrix = values(1, 96 * 64);
    let (floats, blocks) = (PackedLinear::pack(&matrix, 96, 64), in_blocks(&matrix, 96, 64));
    assert_eq!(floats.bytes(), 96 * 64 * 4);
    assert_eq!(blocks.bytes(), 96 * 64 + 96 * 64 / BLOCK * 4);
    // One output more takes a whole panel more; a bias takes its own size.
    let wider = PackedLinear::pack(&values(1, 97 * 64), 97, 64).with_bias(vec![0.0; 97]);
    assert_eq!(wider.bytes(), 144 * 64 * 4 + 97 * 4);
}

#[test]
fn layers_without_rows_or_without_layers_compute_nothing() {
    let linear = PackedLinear::pack(&values(1, 6), 2, 3);
    let processor = &processors()[0];
    linear.forward(processor, &[], &mut []);
    forward_many(processor, &[], &mut []);
}

#[test]
fn lengths_that_do_not_agree_are_refused() {
    let processor = &processors()[0];
    let linear = || PackedLinear::pack(&values(1, 6), 2, 3);
    refuses("one value for each output", || drop(linear().with_bias(vec![0.0; 3])));
    refuses("whole number of rows", || linear().forward(processor, &[0.0; 4], &mut [0.0; 2]));
    refuses("a row for each row of x", || linear().forward(processor, &[0.0; 3], &mut [0.0; 3]));
    refuses("take the same inputs", || {
        let other = PackedLinear::pack(&values(1, 8), 2, 4);
        forward_many(processor, &[0.0; 3], &mut [(&linear(), &mut [0.0; 2]), (&other, &mut [0.0; 2])]);
    });
    refuses("row 2 of a matrix with 2 rows", || linear().row(2, &mut [0.0; 3]));
    refuses("one value for each input", || linear().row(1, &mut [0.0; 4]));
    refuses("whole number of blocks", || drop(PackedLinearBuilder::quantized(2, 33)));
    refuses("rows are pushed whole", || PackedLinearBuilder::new(2, 3).push_rows(&[0.0; 4]));
    refuses("more rows than the matrix has", || PackedLinearBuilder::new(2, 3).push_rows(&[0.0; 9]));
    refuses("every row of the matrix was pushed", || drop(PackedLinearBuilder::new(2, 3).finish()));
}
