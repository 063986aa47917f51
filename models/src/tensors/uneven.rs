//! Decoding of the GGML encodings whose numbers are places in a table of uneven steps.

use half::f16;

/// Steps of the encodings IQ4_NL and IQ4_XS.
pub(super) const UNEVEN: [f32; 16] =
    [-127.0, -104.0, -83.0, -65.0, -49.0, -35.0, -22.0, -10.0, 1.0, 13.0, 25.0, 38.0, 53.0, 69.0, 89.0, 113.0];
/// Twice the values of the 4-bit floating point numbers E2M1 (OCP Microscaling 1.0).
pub(super) const E2M1: [f32; 16] =
    [0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 0.0, -1.0, -2.0, -3.0, -4.0, -6.0, -8.0, -12.0];

/// The half-precision number at this byte of a block.
pub(super) fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// Low halves of the bytes first, then the high ones.
fn places(bytes: &[u8], table: &[f32; 16], scale: f32, out: &mut [f32]) {
    let (low, high) = out.split_at_mut(bytes.len());
    for ((byte, low), high) in bytes.iter().zip(low).zip(high) {
        *low = scale * table[usize::from(byte & 15)];
        *high = scale * table[usize::from(byte >> 4)];
    }
}

pub(super) fn iq4_nl(block: &[u8; 18], out: &mut [f32; 32]) {
    places(&block[2..], &UNEVEN, half_at(block, 0), out);
}

pub(super) fn iq4_xs(block: &[u8; 136], out: &mut [f32; 256]) {
    let (scale, high, low) = (half_at(block, 0), u16::from_le_bytes([block[2], block[3]]), &block[4..8]);
    let parts = block[8..].chunks_exact(16).zip(out.chunks_exact_mut(32));
    for (part, (bytes, out)) in parts.enumerate() {
        let own = ((low[part / 2] >> (part % 2 * 4)) & 15) | (((high >> (2 * part)) & 3) as u8) << 4;
        places(bytes, &UNEVEN, scale * (f32::from(own) - 32.0), out);
    }
}

pub(super) fn mxfp4(block: &[u8; 17], out: &mut [f32; 32]) {
    // Half of the power of two that the byte stands for, since the table has twice the values.
    let exponent = u32::from(block[0]);
    let scale = f32::from_bits(if exponent < 2 { 0x0020_0000 << exponent } else { (exponent - 1) << 23 });
    places(&block[1..], &E2M1, scale, out);
}

#[cfg(test)]
mod tests {
    use crate::tensors::Encoding;

    /// A block of bytes in steps of 37, with its scale; the values, their sum and that of their sizes are those of gguf-py.
    #[track_caller]
    fn check(encoding: Encoding, scale: &[u8], some: [f32; 7], sums: (f32, f32)) {
        let mut block: Vec<u8> = (0..encoding.block_bytes()).map(|index| ((index * 37 + 11) % 256) as u8).collect();
        block[..scale.len()].copy_from_slice(scale);
        let values = encoding.decode(&block);
        let count = values.len();
        assert_eq!(count, encoding.block_elements());
        assert_eq!([0, 1, 15, 16, count / 2, count - 2, count - 1].map(|index| values[index]), some, "{encoding:?}");
        assert_eq!((values.iter().sum::<f32>(), values.iter().map(|value| value.abs()).sum::<f32>()), sums);
    }

    #[test]
    fn places_in_tables_have_the_values_of_another_implementation() {
        check(Encoding::IQ4_NL, &[0x00, 0x38], [-17.5, 12.5, -63.5, -17.5, -17.5, -17.5, 0.5], (-128.5, 852.5));
        let some = [16.25, -0.25, -22.25, 16.25, -146.25, 88.0, -4.0];
        check(Encoding::IQ4_XS, &[0x00, 0x34], some, (-2751.25, 41665.75));
        check(Encoding::MXFP4, &[129], [0.0, 12.0, -6.0, 6.0, 6.0, 6.0, 12.0], (50.0, 302.0));
    }

    #[test]
    fn powers_of_two_reach_below_the_normal_ones() {
        for (exponent, expected) in [(0, 3.526_483e-38), (1, 7.052_966e-38), (2, 1.410_593_2e-37), (127, 6.0)] {
            let block = [&[exponent][..], &[0x57; 16]].concat();
            let values = Encoding::MXFP4.decode(&block);
            assert_eq!((values[0], values[16]), (expected, expected / 2.0), "{exponent}");
        }
        assert!(Encoding::MXFP4.decode(&[255; 17]).iter().all(|value| value.is_infinite()), "beyond single precision");
    }
}
