// A processor's stand-in for what the kernels use of CUDA: each thread of a block is a fiber.
//
// The order in which warps and lanes run and the moment at which copies land follow from a seed, so that a missing barrier
// shows as changed bits; shared memory begins as NaN; memory ends at pages that nobody may touch, so that a read or write
// out of bounds ends the launch with an error; a barrier that is never completed does too.
// Not seen: registers, bank conflicts, time, the order in which other blocks see memory. Sums inside a tensor-core step are
// rounded otherwise than a card's, so bits agree between batches here and between batches there, not between the two.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;
typedef u32 saddr;

struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) int2 { int x, y; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(16) uint4 { u32 x, y, z, w; };
struct dim3 { u32 x, y, z; };
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline uint4 make_uint4(u32 x, u32 y, u32 z, u32 w) { return {x, y, z, w}; }

namespace shim {
// A rendezvous: the last of `count` to arrive opens it for all.
struct Meeting {
    int arrived = 0;
    u32 phase = 0;
};
struct Warp : Meeting {
    u64 lanes[32][6];  // what lanes show each other
};
struct Barrier {
    int count = 0, pending = 0;
    i64 bytes = 0;  // that are still to land
    u32 phase = 0;
    std::vector<std::function<void()>> copies;
};
struct Block {
    u8* shared = nullptr;
    size_t bytes = 0;
    dim3 index{}, grid{};
    int threads = 0;
    Meeting all;
    Warp warps[32];
    Barrier barriers[64];
    std::vector<std::vector<std::function<void()>>> pieces[1024];  // of each thread: groups of copies, the open one last
};
extern thread_local Block block;
extern thread_local u32 thread;  // that runs now
extern thread_local bool late;
extern thread_local u64 progress;

void yield();
[[noreturn]] void fail(const char* why);
inline void meet(Meeting& m, int count) {
    u32 phase = m.phase;
    if (++m.arrived == count) {
        m.arrived = 0, m.phase++, progress++;
        return;
    }
    while (m.phase == phase) yield();
}
inline Warp& warp() { return block.warps[thread / 32]; }
inline void meet_warp() { meet(warp(), 32); }
inline u8* at(saddr a, u32 bytes) {
    if (a + size_t(bytes) > block.bytes) fail("shared memory is touched out of bounds");
    return block.shared + a;
}
inline Barrier& barrier(saddr a) {
    if (a % 8 || a / 8 >= 64) fail("a barrier lies outside the first 512 bytes");
    return block.barriers[a / 8];
}
inline void complete(Barrier& b) {
    if (b.pending == 0 && b.bytes == 0) b.pending = b.count, b.phase ^= 1, progress++;
}
template <class T> T exchange(T value, int from) {
    Warp& w = warp();
    memcpy(w.lanes[thread % 32], &value, sizeof value);
    meet_warp();
    memcpy(&value, w.lanes[from & 31], sizeof value);
    meet_warp();
    return value;
}

struct Entry {
    const char* name;
    unsigned threads;
    size_t bytes;
    void (*run)(const void*);
    Entry* next;
    static Entry* first;
    Entry(const char* name, unsigned threads, size_t bytes, void (*run)(const void*)) : name(name), threads(threads), bytes(bytes), run(run), next(first) { first = this; }
};
}  // namespace shim

#define DI inline
#define SHARED(name) u8* name = shim::block.shared
#define KERNEL(name, Arguments, threads, blocks) \
    static void name(const Arguments& a); \
    static shim::Entry entry_##name(#name, threads, sizeof(Arguments), [](const void* p) { name(*(const Arguments*)p); }); \
    static void name(const Arguments& a)

#define threadIdx (dim3{shim::thread, 0, 0})
#define blockIdx (shim::block.index)
#define gridDim (shim::block.grid)

inline void __syncthreads() { shim::meet(shim::block.all, shim::block.threads); }
inline void __syncwarp() { shim::meet_warp(); }
inline void __threadfence() {}
inline int atomicAdd(int* p, int v) { int old = *p; *p += v; return old; }
inline u32 atomicAdd(u32* p, u32 v) { u32 old = *p; *p += v; return old; }
inline int __popc(u32 v) { return std::popcount(v); }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return sqrtf(a); }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dsub_rn(double a, double b) { return a - b; }
inline double __ddiv_rn(double a, double b) { return a / b; }
inline float __uint_as_float(u32 u) { return std::bit_cast<float>(u); }
inline u32 __float_as_uint(float f) { return std::bit_cast<u32>(f); }
inline double __longlong_as_double(u64 u) { return std::bit_cast<double>(u); }
inline u64 __double_as_longlong(double f) { return std::bit_cast<u64>(f); }

inline saddr shared_address(const void* p) { return saddr((const u8*)p - shim::block.shared); }
inline float shuffle_xor(float v, int mask) { return shim::exchange(v, shim::thread % 32 ^ mask); }
inline u32 shuffle_xor(u32 v, int mask) { return shim::exchange(v, shim::thread % 32 ^ mask); }
inline u64 shuffle_xor(u64 v, int mask) { return shim::exchange(v, shim::thread % 32 ^ mask); }
inline float shuffle(float v, int from) { return shim::exchange(v, from); }
inline int shuffle(int v, int from) { return shim::exchange(v, from); }
inline u32 ballot(bool v) {
    shim::Warp& w = shim::warp();
    w.lanes[shim::thread % 32][0] = v;
    shim::meet_warp();
    u32 all = 0;
    for (int i = 0; i < 32; i++) all |= u32(w.lanes[i][0]) << i;
    shim::meet_warp();
    return all;
}
inline float exp2_fast(float x) { return exp2f(x); }
inline float log2_fast(float x) { return log2f(x); }
inline u32 pack(float low, float high) {
    auto rounded = [](float f) -> u32 {
        u32 u = __float_as_uint(f);
        if ((u & 0x7fffffff) > 0x7f800000) return 0x7fff;
        return (u + 0x7fff + ((u >> 16) & 1)) >> 16;
    };
    return rounded(low) | rounded(high) << 16;
}
inline void load_matrices(u32 (&r)[4], saddr a) {
    shim::Warp& w = shim::warp();
    u32 lane = shim::thread % 32;
    w.lanes[lane][0] = a;
    shim::meet_warp();
    for (int i = 0; i < 4; i++) memcpy(&r[i], shim::at(saddr(w.lanes[i * 8 + lane / 4][0]), 16) + lane % 4 * 4, 4);
    shim::meet_warp();
}
inline void load_transposed(u32 (&r)[4], saddr a) {
    shim::Warp& w = shim::warp();
    u32 lane = shim::thread % 32;
    w.lanes[lane][0] = a;
    shim::meet_warp();
    for (int i = 0; i < 4; i++) {
        u16 e[2];
        for (int j = 0; j < 2; j++) memcpy(&e[j], shim::at(saddr(w.lanes[i * 8 + lane % 4 * 2 + j][0]), 16) + lane / 4 * 2, 2);
        r[i] = e[0] | u32(e[1]) << 16;
    }
    shim::meet_warp();
}
inline void multiply_add(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    shim::Warp& w = shim::warp();
    int lane = shim::thread % 32, g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; i++) w.lanes[lane][i] = a[i];
    w.lanes[lane][4] = b0, w.lanes[lane][5] = b1;
    shim::meet_warp();
    auto low = [](u32 v) { return __uint_as_float(v << 16); };
    auto high = [](u32 v) { return __uint_as_float(v & 0xffff0000u); };
    for (int e = 0; e < 4; e++) {
        float sum = 0;
        for (int k = 0; k < 2; k++)
            for (int i = 0; i < 4; i++) {
                u32 x = u32(w.lanes[g * 4 + i][k * 2 + e / 2]), y = u32(w.lanes[(t * 2 + (e & 1)) * 4 + i][4 + k]);
                sum += low(x) * low(y);
                sum += high(x) * high(y);
            }
        d[e] += sum;
    }
    shim::meet_warp();
}

#define COPY_ARRIVALS 1
inline void barrier_fence() {}
inline void barrier_init(saddr a, int arrivals) { shim::barrier(a) = {arrivals, arrivals, 0, 0, {}}; }
inline void barrier_arrive(saddr a) {
    shim::Barrier& b = shim::barrier(a);
    if (b.pending-- <= 0) shim::fail("a barrier gets more arrivals than it was made for");
    shim::complete(b);
}
inline void barrier_wait(saddr a, u32 parity) {
    shim::Barrier& b = shim::barrier(a);
    if (b.count == 0) shim::fail("a barrier is waited for before it is made");
    while ((b.phase & 1) == (parity & 1)) {
        if (b.pending == 0 && !b.copies.empty()) {
            auto copies = std::move(b.copies);
            b.copies.clear();
            for (auto& copy : copies) copy();
            shim::complete(b);
        } else shim::yield();
    }
}
inline void copy_expect(saddr a, u32 bytes, int lane) {
    if (lane != 0) return;
    shim::Barrier& b = shim::barrier(a);
    b.bytes += bytes;
    if (b.pending-- <= 0) shim::fail("a barrier gets more arrivals than it was made for");
    shim::complete(b);
}
inline void copy_own(saddr to, const void* from, u32 bytes, saddr a) {
    if ((uintptr_t)from % 16 || to % 16 || bytes % 16) shim::fail("a copy is not aligned to 16 bytes");
    shim::Barrier& b = shim::barrier(a);
    u8* target = shim::at(to, bytes);
    auto copy = [target, from, bytes, &b] { memcpy(target, from, bytes), b.bytes -= bytes; };
    if (shim::late) b.copies.push_back(copy);
    else copy(), shim::complete(b);
}
inline void copy_span(saddr to, const void* from, u32 bytes, saddr a, int lane) {
    if (lane == 0) copy_own(to, from, bytes, a);
}
inline void copy_done(saddr) {}
inline void copy_piece(saddr to, const void* from, bool there) {
    if ((uintptr_t)from % 16 || to % 16) shim::fail("a copy is not aligned to 16 bytes");
    u8* target = shim::at(to, 16);
    auto copy = [target, from, there] { there ? (void)memcpy(target, from, 16) : (void)memset(target, 0, 16); };
    auto& groups = shim::block.pieces[shim::thread];
    if (groups.empty()) groups.emplace_back();
    if (shim::late) groups.back().push_back(copy);
    else copy();
}
inline void pieces_end() {
    auto& groups = shim::block.pieces[shim::thread];
    if (groups.empty()) groups.emplace_back();
    groups.emplace_back();
}
template <int LEFT> void pieces_wait() {
    auto& groups = shim::block.pieces[shim::thread];
    while (groups.size() > LEFT + 1) {
        for (auto& copy : groups.front()) copy();
        groups.erase(groups.begin());
    }
}
inline void written_before_copy() {}
inline void kernel_wait() {}
inline void kernel_launch_next() {}
inline float4 load_shared_by_blocks(const float4* p) { return *p; }
inline float2 load_shared_by_blocks(const float2* p) { return *p; }
