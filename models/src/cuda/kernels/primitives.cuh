// Device primitives of all kernels. Nothing is included, so that NVRTC compiles the text as it is; `shim.h` stands in for
// the first half of this file where the kernels are compiled as C++ for a processor.
//
// Rules that keep a row's bits independent of its company:
//  * no order of additions follows from the batch: sums are cut by shapes and absolute positions, parts added in order;
//  * one row and many rows go through the same operations (a tensor-core tile gives a row the same sum in any place);
//  * every float operation is spelled out (`__fmaf_rn`, `__fmul_rn`, ...), so that no compiler contracts them;
//  * a row never reads what it must not see: masked scores are -inf, values after a text's end are blanked to zero;
//  * atomics only where the order cannot show: integer counts and maxima.
#ifndef CPU_SHIM
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;
typedef u32 saddr;  // address in shared memory

#define DI __device__ __forceinline__
#define SHARED(name) extern __shared__ __align__(1024) u8 name[]
#define KERNEL(name, Arguments, threads, blocks) \
    extern "C" __global__ void __launch_bounds__(threads, blocks) name(const __grid_constant__ Arguments a)

DI saddr shared_address(const void* p) { return (u32)__cvta_generic_to_shared(p); }
DI float shuffle_xor(float v, int mask) { return __shfl_xor_sync(0xffffffffu, v, mask); }
DI u32 shuffle_xor(u32 v, int mask) { return __shfl_xor_sync(0xffffffffu, v, mask); }
DI u64 shuffle_xor(u64 v, int mask) { return __shfl_xor_sync(0xffffffffu, v, mask); }
DI float shuffle(float v, int from) { return __shfl_sync(0xffffffffu, v, from); }
DI int shuffle(int v, int from) { return __shfl_sync(0xffffffffu, v, from); }
DI u32 ballot(bool v) { return __ballot_sync(0xffffffffu, v); }
// 2^x to about two units in the last place, the same on every card since Ampere; 1 for 0 and 0 for -inf
DI float exp2_fast(float x) { float y; asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x)); return y; }
DI float log2_fast(float x) { float y; asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x)); return y; }
DI u32 pack(float low, float high) { u32 r; asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low)); return r; }
DI void load_matrices(u32 (&r)[4], saddr a) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(a) : "memory");
}
DI void load_transposed(u32 (&r)[4], saddr a) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(a) : "memory");
}
// d [16, 8] += a [16, 16] . b [8, 16]^T
DI void multiply_add(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
DI void barrier_init(saddr b, int arrivals) { asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(b), "r"(arrivals) : "memory"); }
DI void barrier_arrive(saddr b) { asm volatile("{\n.reg .b64 t;\nmbarrier.arrive.shared.b64 t, [%0];\n}" ::"r"(b) : "memory"); }
#if __CUDA_ARCH__ >= 900
#define COPY_ARRIVALS 1
DI void barrier_fence() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }
DI void barrier_wait(saddr b, u32 parity) {
    asm volatile(
        "{\n.reg .pred p;\nWAIT_%=:\nmbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1;\n@p bra DONE_%=;\nbra WAIT_%=;\nDONE_%=:\n}" ::"r"(b), "r"(parity) : "memory");
}
DI void copy_expect(saddr b, u32 bytes, int lane) {
    if (lane == 0) asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(b), "r"(bytes) : "memory");
}
DI void copy_own(saddr to, const void* from, u32 bytes, saddr b) {
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(to), "l"(from), "r"(bytes), "r"(b) : "memory");
}
DI void copy_span(saddr to, const void* from, u32 bytes, saddr b, int lane) {
    if (lane == 0) copy_own(to, from, bytes, b);
}
DI void copy_done(saddr) {}
DI void written_before_copy() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }
DI void kernel_wait() { asm volatile("griddepcontrol.wait;" ::: "memory"); }
DI void kernel_launch_next() { asm volatile("griddepcontrol.launch_dependents;" ::: "memory"); }
#else
#define COPY_ARRIVALS 32
DI void barrier_fence() { __threadfence_block(); }
DI void barrier_wait(saddr b, u32 parity) {
    asm volatile(
        "{\n.reg .pred p;\nWAIT_%=:\nmbarrier.test_wait.parity.shared.b64 p, [%0], %1;\n@p bra DONE_%=;\nbra WAIT_%=;\nDONE_%=:\n}" ::"r"(b), "r"(parity) : "memory");
}
DI void copy_expect(saddr, u32, int) {}
DI void copy_own(saddr to, const void* from, u32 bytes, saddr) {
    for (u32 i = 0; i < bytes; i += 16) asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to + i), "l"((const u8*)from + i) : "memory");
}
DI void copy_span(saddr to, const void* from, u32 bytes, saddr, int lane) {
    for (u32 i = lane * 16; i < bytes; i += 512) asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to + i), "l"((const u8*)from + i) : "memory");
}
DI void copy_done(saddr b) { asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];" ::"r"(b) : "memory"); }
DI void written_before_copy() {}
DI void kernel_wait() {}
DI void kernel_launch_next() {}
#endif
// A thread's own copies of 16 bytes, zeros where there is nothing to copy; they have landed for it after `pieces_wait`.
DI void copy_piece(saddr to, const void* from, bool there) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(there ? 16 : 0) : "memory");
}
DI void pieces_end() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int LEFT> DI void pieces_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(LEFT) : "memory"); }
// Memory that other blocks of the same launch wrote: past the first-level cache.
DI float4 load_shared_by_blocks(const float4* p) { return __ldcg(p); }
DI float2 load_shared_by_blocks(const float2* p) { return __ldcg(p); }
#endif

// A warp's copies to shared memory, `copy_expect` (all bytes), `copy_span` or `copy_own`, `copy_done`, are called by all of
// its lanes; the barrier is made for COPY_ARRIVALS arrivals.

// Start of every kernel: the next one may be brought up, but nothing is touched before the one before has ended.
DI void kernel_begin() {
    kernel_launch_next();
    kernel_wait();
}

#define NEGATIVE_INFINITY __uint_as_float(0xff800000u)

DI float low_half(u32 v) { return __uint_as_float(v << 16); }
DI float high_half(u32 v) { return __uint_as_float(v & 0xffff0000u); }
DI float from_half(u16 v) { return __uint_as_float(u32(v) << 16); }
DI u16 to_half(float v) { return u16(pack(v, 0.0f)); }
DI float warp_sum(float v) {
    for (int m = 16; m; m >>= 1) v = __fadd_rn(v, shuffle_xor(v, m));
    return v;
}
DI u64 larger(u64 a, u64 b) { return a > b ? a : b; }
DI u64 warp_largest(u64 v) {
    for (int m = 16; m; m >>= 1) v = larger(v, shuffle_xor(v, m));
    return v;
}
DI float sigmoid(float x) { return __fdiv_rn(1.0f, __fadd_rn(1.0f, exp2_fast(__fmul_rn(x, -1.4426950408889634f)))); }
DI float silu(float x) { return __fdiv_rn(x, __fadd_rn(1.0f, exp2_fast(__fmul_rn(x, -1.4426950408889634f)))); }
// sqrt(8 / pi) and its product with 0.044715
DI float gelu_tanh(float x) {
    float doubled = __fmul_rn(x, __fmaf_rn(__fmul_rn(x, x), 0.071354814f, 1.5957692f));
    return __fdiv_rn(x, __fadd_rn(1.0f, exp2_fast(__fmul_rn(doubled, -1.4426950408889634f))));
}
enum { SILU, GELU_TANH };
DI float activate(float x, int activation) { return activation == SILU ? silu(x) : gelu_tanh(x); }

// e^x as the processor's engine computes it (`kernel/exponential.rs`), operation for operation
DI float power_of_two(int exponent) { return __uint_as_float((u32(exponent) + 127u) << 23); }
DI float exponential(float x) {
    float shifted = __fmaf_rn(x, 1.44269504f, 12582912.0f), whole = __fsub_rn(shifted, 12582912.0f);
    float rest = __fmaf_rn(whole, 2.1219444e-4f, __fmaf_rn(whole, -0.6933594f, x));
    float sum = 1.9875692e-4f;
    sum = __fmaf_rn(sum, rest, 1.3981999e-3f);
    sum = __fmaf_rn(sum, rest, 8.333452e-3f);
    sum = __fmaf_rn(sum, rest, 4.1665796e-2f);
    sum = __fmaf_rn(sum, rest, 0.16666666f);
    sum = __fmaf_rn(sum, rest, 0.5f);
    float fraction = __fadd_rn(__fmaf_rn(sum, __fmul_rn(rest, rest), rest), 1.0f);
    int exponent = int(__float_as_uint(shifted) - 0x4b400000u), half = exponent >> 1;
    float value = __fmul_rn(__fmul_rn(fraction, power_of_two(half)), power_of_two(exponent - half));
    if (x < -87.33654f) value = 0.0f;
    return x > 88.72283f ? __uint_as_float(0x7f800000u) : value;
}

// A float as an integer of the same order; both zeros are equal, NaN counts as -inf. Never zero.
DI u32 ordered(float x) {
    if (x != x) return 0x007fffffu;
    u32 u = __float_as_uint(__fadd_rn(x, 0.0f));
    return u & 0x80000000u ? ~u : u | 0x80000000u;
}
// Order by value, then the lower index first.
DI u64 ranked(float value, u32 index) { return (u64(ordered(value)) << 32) | (0xffffffffu - index); }
DI u32 ranked_index(u64 rank) { return 0xffffffffu - u32(rank); }
DI float ranked_value(u64 rank) {
    u32 u = u32(rank >> 32);
    return __uint_as_float(u & 0x80000000u ? u & 0x7fffffffu : ~u);
}

// Place of 16-byte chunk `chunk` in row `row` of a page, such that eight rows' equal chunks lie in different banks.
template <int D> DI int page_chunk(int row, int chunk) { return D == 96 ? chunk ^ ((row >> 1) & 3) : chunk ^ (row & 7); }

// ln(x) as the processor's engine computes it (FreeBSD's e_log.c, as in the crate libm), operation for operation
DI double logarithm(double x) {
    u64 bits = __double_as_longlong(x);
    u32 high = u32(bits >> 32);
    int k = 0;
    if (high < 0x00100000u || high >> 31) {
        if (bits << 1 == 0) return __longlong_as_double(0xfff0000000000000ull);
        if (high >> 31) return __longlong_as_double(0x7ff8000000000000ull);
        k = -54;
        bits = __double_as_longlong(__dmul_rn(x, 18014398509481984.0));
        high = u32(bits >> 32);
    } else if (high >= 0x7ff00000u) return x;
    high += 0x3ff00000u - 0x3fe6a09eu;
    k += int(high >> 20) - 0x3ff;
    high = (high & 0x000fffffu) + 0x3fe6a09eu;
    x = __longlong_as_double((u64(high) << 32) | (bits & 0xffffffffu));
    double f = __dsub_rn(x, 1.0), half = __dmul_rn(__dmul_rn(0.5, f), f), s = __ddiv_rn(f, __dadd_rn(2.0, f));
    double z = __dmul_rn(s, s), w = __dmul_rn(z, z);
    double even = __dmul_rn(w, __dadd_rn(3.999999999940941908e-01, __dmul_rn(w, __dadd_rn(2.222219843214978396e-01, __dmul_rn(w, 1.531383769920937332e-01)))));
    double odd = __dadd_rn(1.818357216161805012e-01, __dmul_rn(w, 1.479819860511658591e-01));
    odd = __dadd_rn(2.857142874366239149e-01, __dmul_rn(w, odd));
    odd = __dmul_rn(z, __dadd_rn(6.666666666666735130e-01, __dmul_rn(w, odd)));
    double r = __dmul_rn(s, __dadd_rn(half, __dadd_rn(odd, even))), scale = double(k);
    r = __dsub_rn(__dadd_rn(r, __dmul_rn(scale, 1.90821492927058770002e-10)), half);
    return __dadd_rn(__dadd_rn(r, f), __dmul_rn(scale, 6.93147180369123816490e-01));
}
