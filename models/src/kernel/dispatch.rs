//! Prefetch and byte dot products: the only `unsafe` of the kernels, for instructions without a safe wrapper.
#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "no safe wrapper offers these instructions; each use says why it is sound")
)]

use super::linear::BlockProduct;
#[cfg(target_arch = "x86_64")]
use super::linear::dot;
use super::processor::InstructionSet;

/// Prefetches the cache line of `values[offset]` into the L2 cache. A hint only: nothing is read or changed, and `offset`
/// may be out of bounds.
#[inline(always)]
pub(super) fn prefetch<T>(values: &[T], offset: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        let address = values.as_ptr().wrapping_add(offset);
        // SAFETY: a prefetch is allowed at any address and has no effect that a program can observe.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(address.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, offset);
}

/// A byte dot-product instruction that this machine has, or portable code.
#[derive(Clone, Copy)]
pub(super) struct Dot(Kind);

#[derive(Clone, Copy)]
enum Kind {
    Plain,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
}

impl Dot {
    /// Portable code for every machine.
    pub(super) fn plain() -> Self {
        Self(Kind::Plain)
    }

    /// AVX2, if the machine has it.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn avx2() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(Kind::Avx2))
    }

    /// AVX-VNNI, if the machine has it.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn avx_vnni() -> Option<Self> {
        (Self::avx2().is_some() && is_x86_feature_detected!("avxvnni")).then_some(Self(Kind::AvxVnni))
    }

    /// AVX-512 VNNI, if the machine has it.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn avx512_vnni() -> Option<Self> {
        let there = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni");
        there.then_some(Self(Kind::Avx512Vnni))
    }
}

/// Computes a product with 8-bit blocks by the dot-product instruction of a set.
pub(super) fn block_product(instructions: InstructionSet, product: BlockProduct<'_>) {
    match instructions.dot().0 {
        Kind::Plain => instructions.run(product),
        // SAFETY: a `Dot` of each kind is made only where its instructions were found.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2 => unsafe { dot::product_avx2(product) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Kind::AvxVnni => unsafe { dot::product_avx_vnni(product) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512Vnni => unsafe { dot::product_avx512_vnni(product) },
    }
}
