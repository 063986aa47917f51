//! The one place of the kernels with `unsafe`: machine instructions that no safe wrapper offers.
#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "no safe wrapper offers these instructions; each use says why it is sound")
)]

use super::linear::BlockProduct;
#[cfg(target_arch = "x86_64")]
use super::linear::dot;
use super::processor::InstructionSet;

/// Asks for the cache line of `values[0]`, `offset` values further on, to be brought into the second cache. A hint:
/// whatever lies there, nothing is read or changed.
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

/// A way to add up products of bytes that this machine has.
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
    /// Plain code, for every machine.
    pub(super) fn plain() -> Self {
        Self(Kind::Plain)
    }

    /// By AVX2, where there is that.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn avx2() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(Kind::Avx2))
    }

    /// By the dot product of AVX-VNNI, where there is that.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn avx_vnni() -> Option<Self> {
        (Self::avx2().is_some() && is_x86_feature_detected!("avxvnni")).then_some(Self(Kind::AvxVnni))
    }

    /// By the dot product of AVX-512, where there is that.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn avx512_vnni() -> Option<Self> {
        let there = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni");
        there.then_some(Self(Kind::Avx512Vnni))
    }
}

/// The product with a matrix of blocks by the best instructions of a set.
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
