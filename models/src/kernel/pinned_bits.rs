//! Pinned digests of kernel outputs on fixed inputs, valid on every architecture and instruction set.

use super::fixtures::{frequencies, processors, softmax, values};
use super::{AttentionShape, PackedLinear, PackedLinearBuilder, PagedKeyValues, Processor, Query, RopeTable, Slot};

/// A digest of the bits of some values (FNV-1a).
fn digest(values: &[f32]) -> u64 {
    let bytes = values.iter().flat_map(|value| value.to_bits().to_le_bytes());
    bytes.fold(0xCBF2_9CE4_8422_2325, |digest, byte| (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

fn check(name: &str, expected: u64, result: impl Fn(&Processor) -> Vec<f32>) {
    for processor in processors() {
        let found = digest(&result(&processor));
        assert_eq!(found, expected, "{name} on {processor:?} is {found:#018x}");
    }
}

/// `x` after an element-wise function of it and other values.
fn changed(kernel: impl Fn(&mut [f32], &[f32])) -> Vec<f32> {
    let mut x: Vec<f32> = values(1, 5000).iter().map(|x| x * 30.0).collect();
    kernel(&mut x, &values(2, 5000));
    x
}

#[test]
fn every_kernel_has_its_bits_on_every_machine() {
    check("silu", 0x0F18_6E97_0D20_2A0C, |p| changed(|x, y| super::silu_multiply(p, x, y)));
    check("gelu", 0x18C8_5901_4237_3E1B, |p| changed(|x, y| super::gelu_tanh_multiply(p, x, y)));
    check("sigmoid", 0xA037_ECD6_CEA0_E4FD, |p| changed(|x, y| super::sigmoid_multiply(p, x, y)));
    check("softmax", 0xECF6_F608_7C82_342D, |p| changed(|x, _| softmax(p, x)));
    check("log-sum-exp", 0xC9A1_CC21_AF9C_ABF6, |p| vec![super::log_sum_exp(p, &changed(|_, _| ()))]);
    check("norm", 0xA5F6_B388_DEAF_F147, |p| {
        changed(|x, y| {
            let before = x.to_vec();
            super::rms_norm(p, &before, &y[..100], 1e-6, x);
        })
    });
    check("rope", 0xBE8D_C969_C65F_E2CD, |p| {
        let table = RopeTable::new(&frequencies(500_000.0, 50), 3000, 1.25);
        changed(|x, _| table.apply(p, &[0, 1, 7, 2999, 1234], 50, x))
    });
    check("logarithm", 0x3BD8_563C_EDE7_293C, |_| {
        values(1, 5000).iter().map(|x| super::logarithm(f64::from(x.abs())) as f32).collect()
    });
    check("product", 0xF963_B748_8E1D_4C0B, |p| product(p, PackedLinearBuilder::new(101, 64)));
    check("product with blocks", 0xCCBD_2532_FC1A_EA1B, |p| product(p, PackedLinearBuilder::quantized(101, 64)));
    check("attention", 0xE525_7443_F17A_CE10, attend);
}

fn product(processor: &Processor, mut builder: PackedLinearBuilder) -> Vec<f32> {
    builder.push_rows(&values(3, 101 * 64));
    let linear: PackedLinear = builder.finish().with_bias(values(4, 101));
    let mut y = vec![0.0; 5 * 101];
    linear.forward(processor, &values(5, 5 * 64), &mut y);
    y
}

fn attend(processor: &Processor) -> Vec<f32> {
    let mut pages = PagedKeyValues::new(3, 32, 2, 24);
    let slots: Vec<Slot> = (0..96).map(|token| Slot { page: token / 32, offset: token % 32 }).collect();
    pages.write(&slots, &values(6, 96 * 48), &values(7, 96 * 48));
    let queries: Vec<Query<'_>> = (60..=90).map(|context| Query { pages: &[2, 0, 1], context }).collect();
    let q: Vec<f32> = values(8, queries.len() * 96).iter().map(|q| q * 5.0).collect();
    let mut y = vec![0.0; q.len()];
    let shape = AttentionShape { heads: 4, scale: 0.3, window: Some(70) };
    super::attention(processor, shape, &pages, &queries, &q, &mut y);
    y
}
