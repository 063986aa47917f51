//! Kernels by name and their arguments: a structure of pointers, then numbers of four bytes.

use super::card::{Address, Card, Kernel, Launch};
use crate::error::DeviceError;

/// Most bytes of a kernel's argument.
const LARGEST: usize = 256;

/// Argument of a kernel, in the order of the fields of its structure in C.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arguments {
    bytes: [u8; LARGEST],
    used: usize,
}

impl Arguments {
    /// An argument that begins with these pointers.
    pub(super) fn of<const N: usize>(pointers: [Address; N]) -> Self {
        let mut arguments = Self { bytes: [0; LARGEST], used: 0 };
        for pointer in pointers {
            arguments.push(&pointer.0.to_le_bytes());
        }
        arguments
    }

    /// Then these integers.
    pub(super) fn integers<const N: usize>(mut self, integers: [usize; N]) -> Self {
        for integer in integers {
            let integer = i32::try_from(integer).expect("sizes of a step fit 32 bits");
            self.push(&integer.to_le_bytes());
        }
        self
    }

    /// Then a number in single precision.
    pub(super) fn float(mut self, number: f32) -> Self {
        self.push(&number.to_le_bytes());
        self
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.used..self.used + bytes.len()].copy_from_slice(bytes);
        self.used += bytes.len();
    }

    /// The structure: its size is a whole number of pointers.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.used.next_multiple_of(8)]
    }
}

macro_rules! kernels {
    ($($name:ident),* $(,)?) => {
        /// Kernels that exist in one form.
        #[derive(Debug, Clone, Copy)]
        pub(super) struct Kernels { $(pub(super) $name: Kernel),* }

        impl Kernels {
            /// Finds every kernel.
            pub(super) fn of(card: &dyn Card) -> Result<Self, DeviceError> {
                Ok(Self { $($name: card.kernel(stringify!($name))?),* })
            }
        }
    };
}

kernels! {
    embed, residual_norm, gate, plan, narrow_product, choose, place, experts_up, experts_down, pack_unit, delta_mix, delta_run,
    delta_norm, reduce_logits, sample,
}

/// Kernels of one padded head size.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadKernels {
    pub(super) heads: Kernel,
    pub(super) decode: Kernel,
    pub(super) prefill: Kernel,
    /// Bytes of shared memory of the three.
    pub(super) shared: [u32; 3],
    /// Threads of a block of decode and prefill attention.
    pub(super) threads: [u32; 2],
    /// Blocks of decode attention that a multiprocessor holds.
    pub(super) resident: usize,
}

/// Bytes of shared memory of `experts_up` and `experts_down`: barriers and four stages.
pub(super) const EXPERTS_SHARED: u32 = 128 + 4 * (128 * 128 + 64 * 144);
/// Bytes of shared memory of `delta_run`: barriers, and two chunks of 16 rows of queries, keys and values.
pub(super) const DELTA_SHARED: u32 = 128 + 2 * 3 * 16 * 128 * 4;
/// Bytes of shared memory of `sample`: the largest logits, sums and bins.
pub(super) const SAMPLE_SHARED: u32 = 4096 * 8 + 1024 * 8 + 1024 * 4 + 64;
/// Values that a thread of prefill attention parks between splits.
const PARKED: u32 = 68;

impl HeadKernels {
    /// The kernels for heads of this size.
    pub(super) fn of(card: &dyn Card, head_size: usize) -> Result<Self, DeviceError> {
        let size = padded_head(head_size);
        let kernel = |name: &str| card.kernel(&format!("{name}_{size}"));
        // Ring slots of decode and of prefill attention, as the kernels are instantiated.
        let (decode, prefill, resident) = match size {
            64 => (6, 6, 4),
            96 => (4, 4, 4),
            128 => (3, 4, 4),
            _ => (3, 4, 2),
        };
        let (tile, warps) = (64 * size as u32 * 2, if size > 128 { 2 } else { 1 });
        let threads = [32 * warps, 128 * warps];
        let shared = [8 * size as u32 * 4, 128 + decode * tile, 128 + prefill * tile + PARKED * 4 * threads[1]];
        Ok(Self {
            shared,
            threads,
            resident,
            heads: kernel("heads")?,
            decode: kernel("attention_decode")?,
            prefill: kernel("attention_prefill")?,
        })
    }
}

/// The smallest size of heads in pages that holds a head.
pub(super) fn padded_head(head_size: usize) -> usize {
    [64, 96, 128, 256].into_iter().find(|size| *size >= head_size).unwrap_or(head_size)
}

/// A launch of plain blocks.
pub(super) fn blocks(x: usize, y: usize, threads: u32, shared: u32) -> Launch {
    let count = |blocks: usize| u32::try_from(blocks).expect("blocks of a step fit 32 bits");
    Launch { grid: [count(x), count(y), 1], threads, shared }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_lie_as_a_structure_of_c_does() {
        let found = Arguments::of([Address(1), Address(2)]).integers([3, 4]).float(1.0);
        let expected: Vec<u8> = [1_u64, 2].iter().flat_map(|pointer| pointer.to_le_bytes()).collect();
        let numbers = [3_u32, 4, 1.0_f32.to_bits(), 0].into_iter().flat_map(u32::to_le_bytes);
        assert_eq!(found.bytes(), expected.into_iter().chain(numbers).collect::<Vec<u8>>());
    }

    #[test]
    fn heads_are_padded_to_the_next_size_that_there_is_a_kernel_for() {
        for (size, padded) in [(16, 64), (64, 64), (80, 96), (96, 96), (128, 128), (160, 256), (256, 256), (320, 320)] {
            assert_eq!(padded_head(size), padded);
        }
    }
}
