//! Encodings of tensors (floating point and GGML blocks), and their decoding to `f32`.
//!
//! The block layouts are those of GGML. Every block is decoded by the same few multiplications in the same order on every
//! machine, so that a model has one value everywhere.

use half::{bf16, f16};
use rayon::prelude::*;
use serde::Serialize;

use super::uneven::{self, half_at};

/// Blocks decoded by one piece of work.
const BLOCKS_A_PIECE: usize = 1 << 12;
/// Elements of a block of the "K" encodings.
const LONG: usize = 256;
/// Elements of a block of the older encodings.
const SHORT: usize = 32;

/// Stored data type that is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[expect(non_camel_case_types, reason = "the names under which the encodings are published")]
pub enum Encoding {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of single precision.
    BF16,
    /// 4 bits, a scale for 32.
    Q4_0,
    /// 4 bits, a scale and a minimum for 32.
    Q4_1,
    /// 5 bits, a scale for 32.
    Q5_0,
    /// 5 bits, a scale and a minimum for 32.
    Q5_1,
    /// 8 bits, a scale for 32.
    Q8_0,
    /// 2 bits, 16 scales and minima for 256.
    Q2_K,
    /// 3 bits, 16 scales for 256.
    Q3_K,
    /// 4 bits, 8 scales and minima for 256.
    Q4_K,
    /// 5 bits, 8 scales and minima for 256.
    Q5_K,
    /// 6 bits, 16 scales for 256.
    Q6_K,
    /// 4 bits into a table of uneven steps, a scale for 32.
    IQ4_NL,
    /// The same, 8 scales for 256.
    IQ4_XS,
    /// 4-bit floating point, a power of two for 32.
    MXFP4,
}

/// Name, GGML's number, elements of a block, bytes of a block.
const TABLE: [(Encoding, &str, u32, usize, usize); 16] = [
    (Encoding::F32, "F32", 0, 1, 4),
    (Encoding::F16, "F16", 1, 1, 2),
    (Encoding::BF16, "BF16", 30, 1, 2),
    (Encoding::Q4_0, "Q4_0", 2, SHORT, 18),
    (Encoding::Q4_1, "Q4_1", 3, SHORT, 20),
    (Encoding::Q5_0, "Q5_0", 6, SHORT, 22),
    (Encoding::Q5_1, "Q5_1", 7, SHORT, 24),
    (Encoding::Q8_0, "Q8_0", 8, SHORT, 34),
    (Encoding::Q2_K, "Q2_K", 10, LONG, 84),
    (Encoding::Q3_K, "Q3_K", 11, LONG, 110),
    (Encoding::Q4_K, "Q4_K", 12, LONG, 144),
    (Encoding::Q5_K, "Q5_K", 13, LONG, 176),
    (Encoding::Q6_K, "Q6_K", 14, LONG, 210),
    (Encoding::IQ4_NL, "IQ4_NL", 20, SHORT, 18),
    (Encoding::IQ4_XS, "IQ4_XS", 23, LONG, 136),
    (Encoding::MXFP4, "MXFP4", 39, SHORT, 17),
];

impl Encoding {
    /// The encoding with GGML's number, if we decode it.
    pub fn from_ggml(number: u32) -> Option<Self> {
        TABLE.iter().find(|row| row.2 == number).map(|row| row.0)
    }

    /// The published name.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Elements of a block.
    pub fn block_elements(self) -> usize {
        self.row().3
    }

    /// Bytes of a block.
    pub fn block_bytes(self) -> usize {
        self.row().4
    }

    /// All names, separated by commas, for refusals.
    pub fn supported() -> String {
        TABLE.map(|row| row.1).join(", ")
    }

    /// Bytes that a number of elements takes; `None` if it is no whole number of blocks or beyond any memory.
    pub fn bytes_for(self, elements: u64) -> Option<u64> {
        let block = self.block_elements() as u64;
        elements.is_multiple_of(block).then(|| (elements / block).checked_mul(self.block_bytes() as u64)).flatten()
    }

    /// Decodes whole blocks; bytes after the last whole block are not looked at.
    pub fn decode(self, bytes: &[u8]) -> Vec<f32> {
        let blocks = bytes.len() / self.block_bytes();
        let mut values = vec![0.0; blocks * self.block_elements()];
        self.decode_into(bytes, &mut values);
        values
    }

    /// Decodes as many whole blocks as both sides have room for.
    pub fn decode_into(self, bytes: &[u8], values: &mut [f32]) {
        values
            .par_chunks_mut(BLOCKS_A_PIECE * self.block_elements())
            .zip(bytes.par_chunks(BLOCKS_A_PIECE * self.block_bytes()))
            .for_each(|(values, bytes)| self.decode_piece(bytes, values));
    }

    fn row(self) -> &'static (Self, &'static str, u32, usize, usize) {
        TABLE.iter().find(|row| row.0 == self).expect("every encoding has its row")
    }

    fn decode_piece(self, bytes: &[u8], values: &mut [f32]) {
        match self {
            Self::F32 => each::<4, 1>(bytes, values, |block, out| out[0] = f32::from_le_bytes(*block)),
            Self::F16 => each::<2, 1>(bytes, values, |block, out| out[0] = f16::from_le_bytes(*block).to_f32()),
            Self::BF16 => each::<2, 1>(bytes, values, |block, out| out[0] = bf16::from_le_bytes(*block).to_f32()),
            Self::Q4_0 => each::<18, SHORT>(bytes, values, q4_0),
            Self::Q4_1 => each::<20, SHORT>(bytes, values, q4_1),
            Self::Q5_0 => each::<22, SHORT>(bytes, values, q5_0),
            Self::Q5_1 => each::<24, SHORT>(bytes, values, q5_1),
            Self::Q8_0 => each::<34, SHORT>(bytes, values, q8_0),
            Self::Q2_K => each::<84, LONG>(bytes, values, q2_k),
            Self::Q3_K => each::<110, LONG>(bytes, values, q3_k),
            Self::Q4_K => each::<144, LONG>(bytes, values, q4_k),
            Self::Q5_K => each::<176, LONG>(bytes, values, q5_k),
            Self::Q6_K => each::<210, LONG>(bytes, values, q6_k),
            Self::IQ4_NL => each::<18, SHORT>(bytes, values, uneven::iq4_nl),
            Self::IQ4_XS => each::<136, LONG>(bytes, values, uneven::iq4_xs),
            Self::MXFP4 => each::<17, SHORT>(bytes, values, uneven::mxfp4),
        }
    }
}

fn each<const BYTES: usize, const ELEMENTS: usize>(
    bytes: &[u8],
    values: &mut [f32],
    decode: impl Fn(&[u8; BYTES], &mut [f32; ELEMENTS]),
) {
    let (blocks, _) = bytes.as_chunks::<BYTES>();
    let (values, _) = values.as_chunks_mut::<ELEMENTS>();
    for (block, out) in blocks.iter().zip(values) {
        decode(block, out);
    }
}

fn q4_0(block: &[u8; 18], out: &mut [f32; SHORT]) {
    let scale = half_at(block, 0);
    for (index, byte) in block[2..].iter().enumerate() {
        out[index] = (f32::from(byte & 15) - 8.0) * scale;
        out[index + 16] = (f32::from(byte >> 4) - 8.0) * scale;
    }
}

fn q4_1(block: &[u8; 20], out: &mut [f32; SHORT]) {
    let (scale, minimum) = (half_at(block, 0), half_at(block, 2));
    for (index, byte) in block[4..].iter().enumerate() {
        out[index] = f32::from(byte & 15) * scale + minimum;
        out[index + 16] = f32::from(byte >> 4) * scale + minimum;
    }
}

/// The two 5-bit numbers whose low halves share a byte; their fifth bits lie in a word of 32.
fn fifth_bits(byte: u8, high: &[u8], index: usize) -> (f32, f32) {
    let high = u32::from_le_bytes([high[0], high[1], high[2], high[3]]);
    let low = u32::from(byte & 15) | ((high >> index) & 1) << 4;
    let up = u32::from(byte >> 4) | ((high >> (index + 16)) & 1) << 4;
    (low as f32, up as f32)
}

fn q5_0(block: &[u8; 22], out: &mut [f32; SHORT]) {
    let scale = half_at(block, 0);
    for (index, byte) in block[6..].iter().enumerate() {
        let (low, up) = fifth_bits(*byte, &block[2..6], index);
        out[index] = (low - 16.0) * scale;
        out[index + 16] = (up - 16.0) * scale;
    }
}

fn q5_1(block: &[u8; 24], out: &mut [f32; SHORT]) {
    let (scale, minimum) = (half_at(block, 0), half_at(block, 2));
    for (index, byte) in block[8..].iter().enumerate() {
        let (low, up) = fifth_bits(*byte, &block[4..8], index);
        out[index] = low * scale + minimum;
        out[index + 16] = up * scale + minimum;
    }
}

fn q8_0(block: &[u8; 34], out: &mut [f32; SHORT]) {
    let scale = half_at(block, 0);
    for (out, byte) in out.iter_mut().zip(&block[2..]) {
        *out = f32::from(byte.cast_signed()) * scale;
    }
}

fn q2_k(block: &[u8; 84], out: &mut [f32; LONG]) {
    let (scales, numbers) = (&block[..16], &block[16..80]);
    let (scale, minimum) = (half_at(block, 80), half_at(block, 82));
    for (part, out) in out.chunks_exact_mut(16).enumerate() {
        let bits = &numbers[part / 8 * 32 + part % 2 * 16..];
        let shift = part % 8 / 2 * 2;
        let factor = scale * f32::from(scales[part] & 15);
        let offset = minimum * f32::from(scales[part] >> 4);
        for (out, byte) in out.iter_mut().zip(bits) {
            *out = factor * f32::from((byte >> shift) & 3) - offset;
        }
    }
}

fn q3_k(block: &[u8; 110], out: &mut [f32; LONG]) {
    let (high, numbers, scales) = (&block[..32], &block[32..96], &block[96..108]);
    let scale = half_at(block, 108);
    for (part, out) in out.chunks_exact_mut(16).enumerate() {
        let low = (scales[part % 8] >> (part / 8 * 4)) & 15;
        let up = (scales[8 + part % 4] >> (part / 4 * 2)) & 3;
        let factor = scale * (f32::from(low | up << 4) - 32.0);
        let from = part % 2 * 16;
        let bits = &numbers[part / 8 * 32 + from..];
        let shift = part % 8 / 2 * 2;
        for (index, out) in out.iter_mut().enumerate() {
            let less = if (high[from + index] >> (part / 2)) & 1 == 1 { 0.0 } else { 4.0 };
            *out = factor * (f32::from((bits[index] >> shift) & 3) - less);
        }
    }
}

/// The scale and the minimum of a 32-element part; 6 bits each, packed into 12 bytes.
fn packed_scale(packed: &[u8], part: usize) -> (f32, f32) {
    let (scale, minimum) = if part < 4 {
        (packed[part] & 63, packed[part + 4] & 63)
    } else {
        ((packed[part + 4] & 15) | (packed[part - 4] >> 6) << 4, (packed[part + 4] >> 4) | (packed[part] >> 6) << 4)
    };
    (f32::from(scale), f32::from(minimum))
}

fn q4_k(block: &[u8; 144], out: &mut [f32; LONG]) {
    let (scale, minimum) = (half_at(block, 0), half_at(block, 2));
    for (part, out) in out.chunks_exact_mut(32).enumerate() {
        let (part_scale, part_minimum) = packed_scale(&block[4..16], part);
        let (factor, offset) = (scale * part_scale, minimum * part_minimum);
        let (bits, shift) = (&block[16 + part / 2 * 32..], part % 2 * 4);
        for (out, byte) in out.iter_mut().zip(bits) {
            *out = factor * f32::from((byte >> shift) & 15) - offset;
        }
    }
}

fn q5_k(block: &[u8; 176], out: &mut [f32; LONG]) {
    let (scale, minimum) = (half_at(block, 0), half_at(block, 2));
    let high = &block[16..48];
    for (part, out) in out.chunks_exact_mut(32).enumerate() {
        let (part_scale, part_minimum) = packed_scale(&block[4..16], part);
        let (factor, offset) = (scale * part_scale, minimum * part_minimum);
        let (bits, shift) = (&block[48 + part / 2 * 32..], part % 2 * 4);
        for ((out, byte), high) in out.iter_mut().zip(bits).zip(high) {
            let number = ((byte >> shift) & 15) | ((high >> part) & 1) << 4;
            *out = factor * f32::from(number) - offset;
        }
    }
}

fn q6_k(block: &[u8; 210], out: &mut [f32; LONG]) {
    let (low, high, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let scale = half_at(block, 208);
    for (part, out) in out.chunks_exact_mut(32).enumerate() {
        let (side, quarter) = (part / 4, part % 4);
        let bits = &low[side * 64 + quarter % 2 * 32..];
        let high = &high[side * 32..];
        for (index, out) in out.iter_mut().enumerate() {
            let number = ((bits[index] >> (quarter / 2 * 4)) & 15) | ((high[index] >> (quarter * 2)) & 3) << 4;
            let factor = scale * f32::from(scales[part * 2 + index / 16].cast_signed());
            *out = factor * (f32::from(number) - 32.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{
        Device,
        quantized::{GgmlDType, QStorage, QTensor},
    };

    /// Pseudo-random blocks with scales that are finite.
    fn blocks(encoding: Encoding, count: usize) -> Vec<u8> {
        let mut state = 0x9E37_79B9_7F4A_7C15u64;
        let mut bytes: Vec<u8> = (0..count * encoding.block_bytes())
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 32) as u8
            })
            .collect();
        let halves: &[usize] = match encoding {
            Encoding::F32 | Encoding::F16 | Encoding::BF16 => &[],
            Encoding::Q4_0 | Encoding::Q5_0 | Encoding::Q8_0 => &[0],
            Encoding::Q4_1 | Encoding::Q5_1 | Encoding::Q4_K | Encoding::Q5_K => &[0, 2],
            Encoding::Q2_K => &[80, 82],
            Encoding::Q3_K => &[108],
            Encoding::Q6_K => &[208],
            Encoding::IQ4_NL | Encoding::IQ4_XS => &[0],
            Encoding::MXFP4 => &[],
        };
        for block in bytes.chunks_exact_mut(encoding.block_bytes()) {
            for at in halves {
                block[at + 1] = block[at + 1] & 0x83 | 0x2C;
            }
            if encoding == Encoding::MXFP4 {
                block[0] &= 0x7F;
            }
        }
        bytes
    }

    #[test]
    fn every_encoding_decodes_to_the_values_of_another_implementation() {
        let rows = [
            (Encoding::F32, GgmlDType::F32),
            (Encoding::F16, GgmlDType::F16),
            (Encoding::BF16, GgmlDType::BF16),
            (Encoding::Q4_0, GgmlDType::Q4_0),
            (Encoding::Q4_1, GgmlDType::Q4_1),
            (Encoding::Q5_0, GgmlDType::Q5_0),
            (Encoding::Q5_1, GgmlDType::Q5_1),
            (Encoding::Q8_0, GgmlDType::Q8_0),
            (Encoding::Q2_K, GgmlDType::Q2K),
            (Encoding::Q3_K, GgmlDType::Q3K),
            (Encoding::Q4_K, GgmlDType::Q4K),
            (Encoding::Q5_K, GgmlDType::Q5K),
            (Encoding::Q6_K, GgmlDType::Q6K),
        ];
        for (encoding, other) in rows {
            assert_eq!(encoding.block_bytes(), other.type_size(), "{encoding:?}");
            assert_eq!(encoding.block_elements(), other.block_size(), "{encoding:?}");
            let bytes = blocks(encoding, 8);
            let ours = encoding.decode(&bytes);
            let storage = QStorage::from_data(bytes.into(), &Device::Cpu, other).unwrap();
            let theirs = QTensor::new(storage, ours.len()).unwrap().dequantize(&Device::Cpu).unwrap();
            let theirs = theirs.to_vec1::<f32>().unwrap();
            for (index, (our, their)) in ours.iter().zip(&theirs).enumerate() {
                let same = our.to_bits() == their.to_bits() || (our - their).abs() <= 1e-6 * their.abs();
                assert!(same || our.is_nan() && their.is_nan(), "{encoding:?} {index}: {our} {their}");
            }
        }
    }

    /// Bits of a number from `at` on, counted from the lowest bit of the first byte.
    fn bits(bytes: &[u8], at: usize, count: usize) -> i32 {
        (0..count).map(|bit| i32::from((bytes[(at + bit) / 8] >> ((at + bit) % 8)) & 1) << bit).sum()
    }

    /// One value of a block by the definition of its encoding, looked up bit by bit.
    fn naive(encoding: Encoding, block: &[u8], index: usize) -> f64 {
        let half = |at: usize| f64::from(f16::from_le_bytes([block[at], block[at + 1]]).to_f32());
        // 32 numbers of 4 bits: the low halves of 16 bytes, then the high ones.
        let nibble = |from: usize| bits(block, 8 * (from + index % 16) + index / 16 * 4, 4);
        let fifth = |from: usize| bits(block, 8 * from + index, 1) << 4;
        // Scales and minima of 6 bits: four of each as they are, four split between two places.
        let packed = |part: usize, minimum: usize| match part {
            0..4 => bits(block, 8 * (4 + part + 4 * minimum), 6),
            _ => bits(block, 8 * (8 + part) + 4 * minimum, 4) | bits(block, 8 * (part + 4 * minimum) + 6, 2) << 4,
        };
        // 256 numbers of 4 bits: of each 64 the low halves of 32 bytes, then the high ones.
        let long = |from: usize| bits(block, 8 * (from + index / 64 * 32 + index % 32) + index % 64 / 32 * 4, 4);
        // 256 numbers of 2 bits: of each 128 the four pairs of 32 bytes.
        let pair = |from: usize| bits(block, 8 * (from + index / 128 * 32 + index % 32) + index % 128 / 32 * 2, 2);
        let (part, short) = (index / 32, index / 16);
        match encoding {
            Encoding::F32 => f64::from(f32::from_le_bytes([block[0], block[1], block[2], block[3]])),
            Encoding::F16 => half(0),
            Encoding::BF16 => f64::from(f32::from_bits((bits(block, 0, 16) as u32) << 16)),
            Encoding::Q4_0 => half(0) * f64::from(nibble(2) - 8),
            Encoding::Q4_1 => half(0) * f64::from(nibble(4)) + half(2),
            Encoding::Q5_0 => half(0) * f64::from((nibble(6) | fifth(2)) - 16),
            Encoding::Q5_1 => half(0) * f64::from(nibble(8) | fifth(4)) + half(2),
            Encoding::Q8_0 => half(0) * f64::from(block[2 + index].cast_signed()),
            Encoding::Q2_K => {
                let (scale, minimum) = (bits(block, 8 * short, 4), bits(block, 8 * short + 4, 4));
                half(80) * f64::from(scale * pair(16)) - half(82) * f64::from(minimum)
            }
            Encoding::Q3_K => {
                let scale = bits(block, 8 * (96 + short % 8) + short / 8 * 4, 4)
                    | bits(block, 8 * (104 + short % 4) + short / 4 * 2, 2) << 4;
                let high = bits(block, 8 * (index % 32) + part, 1) << 2;
                half(108) * f64::from((scale - 32) * ((pair(32) | high) - 4))
            }
            Encoding::Q4_K => half(0) * f64::from(packed(part, 0) * long(16)) - half(2) * f64::from(packed(part, 1)),
            Encoding::Q5_K => {
                let number = long(48) | bits(block, 8 * (16 + index % 32) + part, 1) << 4;
                half(0) * f64::from(packed(part, 0) * number) - half(2) * f64::from(packed(part, 1))
            }
            Encoding::Q6_K => {
                let low = bits(block, 8 * (index / 128 * 64 + index % 64) + index % 128 / 64 * 4, 4);
                let high = bits(block, 8 * (128 + index / 128 * 32 + index % 32) + index % 128 / 32 * 2, 2) << 4;
                half(208) * f64::from(i32::from(block[192 + short].cast_signed()) * ((low | high) - 32))
            }
            Encoding::IQ4_NL => half(0) * f64::from(uneven::UNEVEN[nibble(2) as usize]),
            Encoding::IQ4_XS => {
                let scale = bits(block, 8 * 4 + 4 * part, 4) | bits(block, 8 * 2 + 2 * part, 2) << 4;
                let place = bits(block, 8 * (8 + part * 16 + index % 16) + index % 32 / 16 * 4, 4);
                half(0) * f64::from(scale - 32) * f64::from(uneven::UNEVEN[place as usize])
            }
            Encoding::MXFP4 => f64::exp2(f64::from(block[0]) - 128.0) * f64::from(uneven::E2M1[nibble(1) as usize]),
        }
    }

    #[test]
    fn every_value_of_every_block_is_the_one_of_its_definition() {
        for (encoding, ..) in TABLE {
            let bytes = blocks(encoding, 5);
            let found = encoding.decode(&bytes);
            assert_eq!(found.len(), 5 * encoding.block_elements());
            for (index, found) in found.into_iter().enumerate() {
                let block = &bytes[index / encoding.block_elements() * encoding.block_bytes()..];
                let expected = naive(encoding, &block[..encoding.block_bytes()], index % encoding.block_elements());
                let close = (f64::from(found) - expected).abs() <= 1e-5 * expected.abs().max(1.0);
                assert!(close || found.is_nan() && expected.is_nan(), "{encoding:?} {index}: {found} for {expected}");
            }
        }
    }

    #[test]
    fn pieces_decode_like_the_whole_and_a_broken_block_not_at_all() {
        for (encoding, ..) in TABLE {
            let bytes = blocks(encoding, BLOCKS_A_PIECE + 3);
            let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            let whole = bits(encoding.decode(&bytes));
            for cut in [1, BLOCKS_A_PIECE - 1, BLOCKS_A_PIECE, BLOCKS_A_PIECE + 1] {
                let (first, rest) = bytes.split_at(cut * encoding.block_bytes());
                let parts = [bits(encoding.decode(first)), bits(encoding.decode(rest))].concat();
                assert_eq!(parts, whole, "{encoding:?} cut after {cut} blocks");
            }
            let broken = &bytes[..2 * encoding.block_bytes() - 1];
            assert_eq!(encoding.decode(broken).len(), encoding.block_elements(), "{encoding:?}");
            assert!(encoding.decode(&[]).is_empty());
        }
    }

    #[test]
    fn numbers_and_names_of_encodings_are_found_again() {
        for (encoding, name, number, elements, bytes) in TABLE {
            assert_eq!((Encoding::from_ggml(number), encoding.name()), (Some(encoding), name));
            assert_eq!(encoding.bytes_for(3 * elements as u64), Some(3 * bytes as u64));
            assert!(Encoding::supported().split(", ").any(|found| found == name));
        }
        assert_eq!(Encoding::Q6_K.bytes_for(0), Some(0));
    }

    #[test]
    fn a_count_that_is_no_whole_number_of_blocks_has_no_size() {
        assert_eq!(Encoding::Q4_K.bytes_for(512), Some(288));
        assert_eq!(Encoding::Q4_K.bytes_for(500), None);
        assert_eq!(Encoding::F32.bytes_for(u64::MAX / 2), None);
        assert_eq!(Encoding::from_ggml(1000), None);
    }
}
