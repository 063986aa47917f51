//! The one place of the kernels with `unsafe`: machine instructions that no safe wrapper offers.
#![expect(
    unsafe_code,
    reason = "the instructions below are not offered by a safe wrapper; each use says why it is sound"
)]

/// Asks for the cache line of `values[0]`, `offset` values further on, to be brought into the second cache. A hint:
/// whatever lies there, nothing is read or changed.
#[inline(always)]
pub(super) fn prefetch(values: &[f32], offset: usize) {
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
