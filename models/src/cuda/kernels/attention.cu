// Paged attention whose bits depend on nothing but the row's query, its position, and its keys and values.
//
// Decode and prefill share every operation: keys go in blocks of 64 (online softmax; tensor-core products of 16x8x16),
// `split_keys` keys make a split that starts from nothing, and splits are merged in their order. Where a block and a split
// begin follows from absolute positions alone. A block or split wholly outside a row's window changes no bit of it: its
// probabilities are zero, its factors one, and a sum that has not begun stays nothing.
//
// A page holds for each key head `page_tokens` keys, then as many values, of D bf16 each (`page_chunk` says where in a row).

constexpr int BLOCK_KEYS = 64;

template <int D> struct Head {
    static constexpr int ROW = D * 2;                // bytes
    static constexpr int TILE = BLOCK_KEYS * ROW;    // bytes of 64 keys or values
    static constexpr int WARPS = D > 128 ? 2 : 1;    // warps that share 16 rows: each has all scores and a part of the columns
    static constexpr int COLUMNS = D / WARPS;        // of values, of one warp
    static constexpr int KS = D / 16, NS = COLUMNS / 8;
};

// Running softmax of rows g and g + 8 of a tile of 16 (g = lane / 4): maximum, sum, weighted values.
template <int D> struct Running {
    float m[2], l[2];
    float o[Head<D>::NS][4];
};
template <int D> DI void clear(Running<D>& s) {
    for (int r = 0; r < 2; r++) s.m[r] = NEGATIVE_INFINITY, s.l[r] = 0;
#pragma unroll
    for (int n = 0; n < Head<D>::NS; n++)
        for (int e = 0; e < 4; e++) s.o[n][e] = 0;
}

// scores of 16 rows against 64 keys
template <int D> DI void score(const u32 (&q)[Head<D>::KS][4], saddr keys, int lane, float (&s)[8][4]) {
    int row = lane & 7, part = lane >> 3;
#pragma unroll
    for (int n = 0; n < 8; n++)
        for (int e = 0; e < 4; e++) s[n][e] = 0;
#pragma unroll
    for (int k = 0; k < Head<D>::KS / 2; k++) {
        saddr a = keys + row * Head<D>::ROW + page_chunk<D>(row, k * 4 + part) * 16;
#pragma unroll
        for (int n = 0; n < 8; n++) {
            u32 b[4];
            load_matrices(b, a + n * 8 * Head<D>::ROW);
            multiply_add(s[n], q[2 * k], b[0], b[1]);
            multiply_add(s[n], q[2 * k + 1], b[2], b[3]);
        }
    }
}

// Keys that a row may see: those in (position - window, position].
struct Sight {
    int position[2], window;
    float scale;  // of scores, times log2(e)
};

// Online softmax of a block's scores, for rows g (and g + 8 where R is 2); the probabilities as bf16.
template <int D, int R> DI void soften(float (&s)[8][4], Running<D>& st, const Sight& sight, bool mask, int first_key, int lane, u32 (&p)[4][4]) {
#pragma unroll
    for (int r = 0; r < R; r++) {
        if (mask) {
#pragma unroll
            for (int n = 0; n < 8; n++)
                for (int e = 0; e < 2; e++) {
                    int key = first_key + n * 8 + (lane & 3) * 2 + e;
                    if (key > sight.position[r] || key <= sight.position[r] - sight.window) s[n][2 * r + e] = NEGATIVE_INFINITY;
                }
        }
        float top = s[0][2 * r];
#pragma unroll
        for (int n = 0; n < 8; n++)
            for (int e = 0; e < 2; e++) top = fmaxf(top, s[n][2 * r + e]);
        top = fmaxf(top, shuffle_xor(top, 1));
        top = fmaxf(top, shuffle_xor(top, 2));
        top = fmaxf(top, st.m[r]);
        float used = top == NEGATIVE_INFINITY ? 0.0f : top;
        float old = exp2_fast(__fmul_rn(__fsub_rn(st.m[r], used), sight.scale));
        float shift = __fmul_rn(used, -sight.scale), sum = 0;
        st.m[r] = top;
#pragma unroll
        for (int n = 0; n < 8; n++)
            for (int e = 0; e < 2; e++) {
                float v = exp2_fast(__fmaf_rn(s[n][2 * r + e], sight.scale, shift));
                s[n][2 * r + e] = v;
                sum = __fadd_rn(sum, v);
            }
        st.l[r] = __fmaf_rn(st.l[r], old, sum);
#pragma unroll
        for (int n = 0; n < Head<D>::NS; n++)
            for (int e = 0; e < 2; e++) st.o[n][2 * r + e] = __fmul_rn(st.o[n][2 * r + e], old);
    }
#pragma unroll
    for (int k = 0; k < 4; k++) {
        p[k][0] = pack(s[2 * k][0], s[2 * k][1]);
        p[k][1] = R == 2 ? pack(s[2 * k][2], s[2 * k][3]) : 0;
        p[k][2] = pack(s[2 * k + 1][0], s[2 * k + 1][1]);
        p[k][3] = R == 2 ? pack(s[2 * k + 1][2], s[2 * k + 1][3]) : 0;
    }
}

// adds the probabilities' share of 64 values, columns of `half` only
template <int D> DI void mix(const u32 (&p)[4][4], saddr values, int half, int lane, Running<D>& st) {
    int row = (lane & 7) + ((lane >> 3) & 1) * 8, first = half * (Head<D>::COLUMNS / 8) + (lane >> 4);
    saddr base = values + row * Head<D>::ROW;
#pragma unroll
    for (int n = 0; n < Head<D>::NS / 2; n++) {
        saddr a = base + page_chunk<D>(row, first + n * 2) * 16;
#pragma unroll
        for (int k = 0; k < 4; k++) {
            u32 b[4];
            load_transposed(b, a + k * 16 * Head<D>::ROW);
            multiply_add(st.o[2 * n], p[k], b[0], b[1]);
            multiply_add(st.o[2 * n + 1], p[k], b[2], b[3]);
        }
    }
}

// a split's sums, over the four lanes that share a row
template <int D, int R> DI void sum_lanes(Running<D>& s) {
#pragma unroll
    for (int r = 0; r < R; r++) {
        s.l[r] = __fadd_rn(s.l[r], shuffle_xor(s.l[r], 1));
        s.l[r] = __fadd_rn(s.l[r], shuffle_xor(s.l[r], 2));
    }
}

// Factors of the splits so far and of the next one, with their common maximum and sum.
struct Merge {
    float before, next, m, l;
};
DI Merge merge(float m, float l, float next_m, float next_l, float scale) {
    Merge x;
    x.m = fmaxf(m, next_m);
    float used = x.m == NEGATIVE_INFINITY ? 0.0f : x.m;
    x.before = exp2_fast(__fmul_rn(__fsub_rn(m, used), scale));
    x.next = exp2_fast(__fmul_rn(__fsub_rn(next_m, used), scale));
    x.l = __fmaf_rn(l, x.before, __fmul_rn(next_l, x.next));
    return x;
}
DI float merged(float before, float next, const Merge& x) { return __fmaf_rn(before, x.before, __fmul_rn(next, x.next)); }
// adding zero makes both zeros one
DI float finished(float o, float inverse) { return __fadd_rn(__fmul_rn(o, inverse), 0.0f); }

// What both kernels read of a layer.
struct Cache {
    const u8* pages;
    const int* table;  // of one sequence
    int head, key_heads, page_tokens;
};
DI const u8* page_rows(const Cache& c, int key, bool values, int row_bytes) {
    size_t page = c.table[key / c.page_tokens];
    return c.pages + (((page * c.key_heads + c.head) * 2 + values) * c.page_tokens + key % c.page_tokens) * row_bytes;
}
// a warp's copies of the keys or values of a block, as far as the text goes
template <int D> DI void fetch(const Cache& c, int block, bool values, int keys, saddr to, saddr full, int lane) {
    int first = block * BLOCK_KEYS, rows = keys - first < BLOCK_KEYS ? keys - first : BLOCK_KEYS, head = rows < 32 ? rows : 32;
    copy_expect(full, rows * Head<D>::ROW, lane);
    copy_span(to, page_rows(c, first, values, Head<D>::ROW), head * Head<D>::ROW, full, lane);
    if (rows > 32) copy_span(to + 32 * Head<D>::ROW, page_rows(c, first + 32, values, Head<D>::ROW), (rows - 32) * Head<D>::ROW, full, lane);
    copy_done(full);
}
// values after the end may be anything, and zero times infinity is no number; every warp of a block writes the same zeros
template <int D> DI void blank(u8* tile, int rows, int lane) {
    for (int i = rows * (Head<D>::ROW / 16) + lane; i < BLOCK_KEYS * (Head<D>::ROW / 16); i += 32) ((uint4*)tile)[i] = make_uint4(0, 0, 0, 0);
    written_before_copy();
    __syncwarp();
}
DI int first_block(int position, int window) { return position - window + 1 > 0 ? (position - window + 1) / BLOCK_KEYS : 0; }
DI int window_or_all(int window) { return window ? window : 0x40000000; }

template <int D> DI void load_queries(const u16* row, bool there, int which, int lane, u32 (&q)[Head<D>::KS][4]) {
    const u32* from = (const u32*)row + (lane & 3);
#pragma unroll
    for (int k = 0; k < Head<D>::KS; k++) {
        q[k][which] = there ? from[k * 8] : 0;
        q[k][which + 2] = there ? from[k * 8 + 4] : 0;
    }
}

// Place of an output row, gated where the layer has gates.
struct Output {
    u16* out;         // first column of the head
    const u16* gate;  // likewise, or null
};
DI void write_pair(const Output& to, int column, int head_size, float x, float y) {
    if (column >= head_size) return;
    if (to.gate) {
        u32 g = *(const u32*)(to.gate + column);
        x = __fmul_rn(x, sigmoid(low_half(g))), y = __fmul_rn(y, sigmoid(high_half(g)));
    }
    *(u32*)(to.out + column) = pack(x, y);
}

// --------------------------------------------------------------------------------------------------------- work list
struct Plan {
    const int* positions;  // [rows]
    int2* work;            // (row, split)
    int* works;
    int rows, split_keys, window;
};
KERNEL(plan, Plan, 1024, 1) {
    SHARED(memory);
    int* splits = (int*)memory;
    kernel_begin();
    int row = threadIdx.x, first = 0, count = 0, before = 0;
    if (row < a.rows) {
        first = first_block(a.positions[row], window_or_all(a.window)) * BLOCK_KEYS / a.split_keys;
        count = a.positions[row] / a.split_keys - first + 1;
    }
    splits[row] = count;
    __syncthreads();
    if (row >= a.rows) return;
    for (int i = 0; i < row; i++) before += splits[i];
    for (int i = 0; i < count; i++) {
        int2 item;
        item.x = row, item.y = first + i;
        a.work[before + i] = item;
    }
    if (row == a.rows - 1) *a.works = before + count;
}

// ------------------------------------------------------------------------------------------------------------ decode
// A block of one warp (two for 256 columns) walks over (row, split, key head) items; keys and values stream through a ring
// that runs ahead across items. The group's query heads are the rows of a tile, of which 8 are used. The last split of a
// row and head to arrive merges all of them, in order: who merges does not show.
struct Decode {
    const u16* q;  // [rows, heads * D]
    const u8* pages;
    const int* table;      // [sequences, table_stride]
    const int* sequences;  // [rows]
    const int* positions;  // [rows]
    const int2* work;
    const int* works;
    float* part_o;    // [rows, key_heads, max_splits, group, D]
    float2* part_ml;  // [rows, key_heads, max_splits, group]
    int* counters;    // [rows, key_heads], zero before and after
    const u16* gate;  // [rows, gate_stride]
    u16* out;         // [rows, out_stride]
    int table_stride, heads, key_heads, head_size, page_tokens, max_splits, split_keys, window, gate_stride, out_stride;
    float scale;
};
struct Item {
    int index, row, split, position, first, blocks;  // `first` and `blocks` of 64 keys
    Cache cache;
};
DI void open_item(const Decode& a, Item& c, int items) {
    if (c.index >= items) return;
    int2 w = a.work[c.index / a.key_heads];
    c.row = w.x, c.split = w.y;
    c.position = a.positions[c.row];
    c.cache.pages = a.pages;
    c.cache.table = a.table + size_t(a.sequences[c.row]) * a.table_stride;
    c.cache.head = c.index % a.key_heads;
    c.cache.key_heads = a.key_heads;
    c.cache.page_tokens = a.page_tokens;
    int split_blocks = a.split_keys / BLOCK_KEYS, visible = first_block(c.position, window_or_all(a.window));
    int end = c.position / BLOCK_KEYS + 1, last = (c.split + 1) * split_blocks;
    c.first = c.split * split_blocks < visible ? visible : c.split * split_blocks;
    c.blocks = (last < end ? last : end) - c.first;
}
DI Output output_of(u16* out, size_t out_stride, const u16* gate, size_t gate_stride, int row, int head, int head_size) {
    return {out + row * out_stride + head * head_size, gate ? gate + row * gate_stride + head * head_size : nullptr};
}
template <int D> DI void sync_item() {
    if (Head<D>::WARPS == 1) __syncwarp();
    else __syncthreads();
}
// One split's sums go to memory; returns true in the block that is to merge the row.
template <int D> DI bool leave_part(const Decode& a, const Item& at, const Running<D>& st, int relative, int splits, int lane, int half, int* last) {
    int group = a.heads / a.key_heads, g = lane >> 2;
    size_t pair = size_t(at.row) * a.key_heads + at.cache.head, part = (pair * a.max_splits + relative) * group + g;
    if (g < group) {
        float* to = a.part_o + part * D + half * Head<D>::COLUMNS + (lane & 3) * 2;
#pragma unroll
        for (int n = 0; n < Head<D>::NS; n++) *(float2*)(to + n * 8) = make_float2(st.o[n][0], st.o[n][1]);
        if (half == 0 && (lane & 3) == 0) a.part_ml[part] = make_float2(st.m[0], st.l[0]);
    }
    __threadfence();
    sync_item<D>();
    if (threadIdx.x == 0) *last = atomicAdd(a.counters + pair, 1) == splits - 1;
    sync_item<D>();
    bool merges = *(volatile int*)last;
    sync_item<D>();
    if (!merges) return false;
    __threadfence();
    if (threadIdx.x == 0) a.counters[pair] = 0;
    return true;
}
template <int D> DI void merge_parts(const Decode& a, const Item& at, int splits) {
    int group = a.heads / a.key_heads, t = threadIdx.x;
    size_t base = (size_t(at.row) * a.key_heads + at.cache.head) * a.max_splits * group;
    if (t >= D / 4) return;
    for (int h = 0; h < group; h++) {
        float2 ml = load_shared_by_blocks(a.part_ml + base + h);
        float4 o = load_shared_by_blocks((const float4*)(a.part_o + (base + h) * D) + t);
#pragma unroll 4
        for (int s = 1; s < splits; s++) {
            size_t part = base + size_t(s) * group + h;
            float2 next_ml = load_shared_by_blocks(a.part_ml + part);
            float4 next = load_shared_by_blocks((const float4*)(a.part_o + part * D) + t);
            Merge x = merge(ml.x, ml.y, next_ml.x, next_ml.y, a.scale);
            ml = make_float2(x.m, x.l);
            o = make_float4(merged(o.x, next.x, x), merged(o.y, next.y, x), merged(o.z, next.z, x), merged(o.w, next.w, x));
        }
        float inverse = __fdiv_rn(1.0f, ml.y);
        Output to = output_of(a.out, a.out_stride, a.gate, a.gate_stride, at.row, at.cache.head * group + h, a.head_size);
        write_pair(to, t * 4, a.head_size, finished(o.x, inverse), finished(o.y, inverse));
        write_pair(to, t * 4 + 2, a.head_size, finished(o.z, inverse), finished(o.w, inverse));
    }
}
template <int D, int SLOTS> DI void decode(const Decode& a, u8* memory) {
    int lane = threadIdx.x & 31, half = threadIdx.x >> 5, group = a.heads / a.key_heads, g = lane >> 2;
    int* last = (int*)(memory + 64);
    saddr full = shared_address(memory);
    if (threadIdx.x == 0) {
        for (int i = 0; i < SLOTS; i++) barrier_init(full + i * 8, COPY_ARRIVALS);
        barrier_fence();
    }
    sync_item<D>();
    kernel_begin();
    int items = *a.works * a.key_heads, sent = 0, taken = 0, tile = 0;  // tile: 2 * block + (values)
    Item in, at;
    in.index = at.index = blockIdx.x;
    open_item(a, in, items);
    open_item(a, at, items);
    auto send = [&] {
        if (in.index >= items) return;
        int slot = sent % SLOTS;
        if (half == 0) fetch<D>(in.cache, in.first + (tile >> 1), tile & 1, in.position + 1, full + 128 + slot * Head<D>::TILE, full + slot * 8, lane);
        sent++;
        if (++tile == 2 * in.blocks) {
            tile = 0;
            in.index += gridDim.x;
            open_item(a, in, items);
        }
    };
    auto take = [&] {
        int slot = taken % SLOTS;
        barrier_wait(full + slot * 8, (taken / SLOTS) & 1);
        taken++;
        return slot;
    };
    for (int i = 0; i < SLOTS; i++) send();
    for (; at.index < items; at.index += gridDim.x, open_item(a, at, items)) {
        u32 q[Head<D>::KS][4];
        load_queries<D>(a.q + (size_t(at.row) * a.heads + at.cache.head * group + g) * D, g < group, 0, lane, q);
        load_queries<D>(a.q, false, 1, lane, q);
        Running<D> st;
        clear(st);
        Sight sight = {{at.position, at.position}, window_or_all(a.window), a.scale};
        for (int b = 0; b < at.blocks; b++) {
            int block = at.first + b, first = block * BLOCK_KEYS, rows = at.position + 1 - first;
            float s[8][4];
            u32 p[4][4];
            int slot = take();
            score<D>(q, full + 128 + slot * Head<D>::TILE, lane, s);
            sync_item<D>();
            send();
            soften<D, 1>(s, st, sight, rows < BLOCK_KEYS || first <= at.position - sight.window, first, lane, p);
            slot = take();
            if (rows < BLOCK_KEYS) blank<D>(memory + 128 + slot * Head<D>::TILE, rows, lane);
            mix<D>(p, full + 128 + slot * Head<D>::TILE, half, lane, st);
            sync_item<D>();
            send();
        }
        sum_lanes<D, 1>(st);
        int first_split = first_block(at.position, sight.window) * BLOCK_KEYS / a.split_keys, splits = at.position / a.split_keys - first_split + 1;
        if (splits == 1) {
            float inverse = __fdiv_rn(1.0f, st.l[0]);
            Output to = output_of(a.out, a.out_stride, a.gate, a.gate_stride, at.row, at.cache.head * group + g, a.head_size);
            if (g < group) {
#pragma unroll
                for (int n = 0; n < Head<D>::NS; n++)
                    write_pair(to, half * Head<D>::COLUMNS + n * 8 + (lane & 3) * 2, a.head_size, finished(st.o[n][0], inverse), finished(st.o[n][1], inverse));
            }
        } else if (leave_part<D>(a, at, st, at.split - first_split, splits, lane, half, last)) merge_parts<D>(a, at, splits);
    }
}
#define DECODE(D, SLOTS, BLOCKS) \
    KERNEL(attention_decode_##D, Decode, Head<D>::WARPS * 32, BLOCKS) { \
        SHARED(memory); \
        decode<D, SLOTS>(a, memory); \
    }
DECODE(64, 6, 4)
DECODE(96, 4, 4)
DECODE(128, 3, 4)
DECODE(256, 3, 2)

// ----------------------------------------------------------------------------------------------------------- prefill
// A block has four groups of 16 rows; a row is a token and one of the group's query heads. Keys are shared by the block.
// The running total over splits is parked in shared memory.
struct Prefill {
    const u16* q;
    const u8* pages;
    const int* table;   // [sequences, table_stride]
    const int4* tiles;  // (sequence, first row, first position, tokens)
    const u16* gate;
    u16* out;
    int table_stride, heads, key_heads, head_size, page_tokens, split_keys, window, gate_stride, out_stride;
    float scale;
};
constexpr int TILE_ROWS = 64;

template <int D> DI void park(const Running<D>& st, float* total, int stride) {
#pragma unroll
    for (int n = 0; n < Head<D>::NS; n++)
        for (int e = 0; e < 4; e++) total[(n * 4 + e) * stride] = st.o[n][e];
    for (int r = 0; r < 2; r++) total[(64 + r) * stride] = st.m[r], total[(66 + r) * stride] = st.l[r];
}
template <int D> DI void merge_total(Running<D>& st, const float* total, int stride, float scale) {
#pragma unroll
    for (int r = 0; r < 2; r++) {
        Merge x = merge(total[(64 + r) * stride], total[(66 + r) * stride], st.m[r], st.l[r], scale);
#pragma unroll
        for (int n = 0; n < Head<D>::NS; n++)
            for (int e = 2 * r; e < 2 * r + 2; e++) st.o[n][e] = merged(total[(n * 4 + e) * stride], st.o[n][e], x);
        st.m[r] = x.m, st.l[r] = x.l;
    }
}
template <int D, int SLOTS> DI void prefill(const Prefill& a, u8* memory) {
    constexpr int WARPS = TILE_ROWS / 16 * Head<D>::WARPS, STRIDE = WARPS * 32;
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, half = warp % Head<D>::WARPS, base = warp / Head<D>::WARPS * 16;
    saddr full = shared_address(memory), empty = full + 64, slots = full + 128;
    float* total = (float*)(memory + 128 + SLOTS * Head<D>::TILE) + threadIdx.x;
    if (threadIdx.x == 0) {
        for (int i = 0; i < SLOTS; i++) barrier_init(full + i * 8, COPY_ARRIVALS), barrier_init(empty + i * 8, WARPS);
        barrier_fence();
    }
    __syncthreads();
    kernel_begin();
    int4 tile = a.tiles[blockIdx.x];
    int group = a.heads / a.key_heads, keys = tile.z + tile.w, split_blocks = a.split_keys / BLOCK_KEYS;
    Cache cache = {a.pages, a.table + size_t(tile.x) * a.table_stride, int(blockIdx.y), a.key_heads, a.page_tokens};
    Sight sight = {{-1, -1}, window_or_all(a.window), a.scale};
    int first = first_block(tile.z, sight.window), end = (keys - 1) / BLOCK_KEYS + 1, tiles = 2 * (end - first);
    auto send = [&](int i) { fetch<D>(cache, first + (i >> 1), i & 1, keys, slots + i % SLOTS * Head<D>::TILE, full + i % SLOTS * 8, lane); };
    if (warp == 0)
        for (int i = 0; i < SLOTS && i < tiles; i++) send(i);
    // the first warp refills the slot used before this one: by now the others have mostly left it
    auto leave = [&](int i) {
        __syncwarp();
        if (lane == 0) barrier_arrive(empty + i % SLOTS * 8);
        int next = i - 1 + SLOTS;
        if (warp != 0 || i == 0 || next >= tiles) return;
        barrier_wait(empty + next % SLOTS * 8, (next / SLOTS - 1) & 1);
        send(next);
    };
    u32 q[Head<D>::KS][4];
    int lowest = tile.z + base / group, highest = tile.z + (base + 15) / group;
    if (highest >= keys) highest = keys - 1;
    if (lowest >= keys) highest = -1;  // nothing for this warp
#pragma unroll
    for (int r = 0; r < 2; r++) {
        int row = base + (lane >> 2) + 8 * r, token = row / group;
        bool there = token < tile.w;
        if (there) sight.position[r] = tile.z + token;
        load_queries<D>(a.q + (size_t(tile.y + token) * a.heads + blockIdx.y * group + row % group) * D, there, r, lane, q);
    }
    Running<D> st;
    clear(st);
    bool parked = false;
    for (int b = first; b < end; b++) {
        float s[8][4];
        u32 p[4][4];
        int i = 2 * (b - first), key = b * BLOCK_KEYS, rows = keys - key;
        bool seen = key <= highest && key + BLOCK_KEYS > lowest - sight.window + 1;
        barrier_wait(full + i % SLOTS * 8, (i / SLOTS) & 1);
        if (seen) score<D>(q, slots + i % SLOTS * Head<D>::TILE, lane, s);
        leave(i);
        if (seen) soften<D, 2>(s, st, sight, key + BLOCK_KEYS - 1 > lowest || key <= highest - sight.window, key, lane, p);
        i++;
        barrier_wait(full + i % SLOTS * 8, (i / SLOTS) & 1);
        if (rows < BLOCK_KEYS) {
            blank<D>(memory + 128 + i % SLOTS * Head<D>::TILE, rows, lane);
        }
        if (seen) mix<D>(p, slots + i % SLOTS * Head<D>::TILE, half, lane, st);
        leave(i);
        bool split_ends = (b + 1) % split_blocks == 0 || b + 1 == end;
        if (!split_ends) continue;
        sum_lanes<D, 2>(st);
        if (parked) merge_total<D>(st, total, STRIDE, a.scale);
        if (b + 1 == end) break;
        park<D>(st, total, STRIDE);
        parked = true;
        clear(st);
    }
#pragma unroll
    for (int r = 0; r < 2; r++) {
        if (sight.position[r] < 0) continue;
        int row = base + (lane >> 2) + 8 * r;
        float inverse = __fdiv_rn(1.0f, st.l[r]);
        Output to = output_of(a.out, a.out_stride, a.gate, a.gate_stride, tile.y + row / group, blockIdx.y * group + row % group, a.head_size);
#pragma unroll
        for (int n = 0; n < Head<D>::NS; n++)
            write_pair(to, half * Head<D>::COLUMNS + n * 8 + (lane & 3) * 2, a.head_size, finished(st.o[n][2 * r], inverse), finished(st.o[n][2 * r + 1], inverse));
    }
}
#define PREFILL(D, SLOTS, BLOCKS) \
    KERNEL(attention_prefill_##D, Prefill, TILE_ROWS * 2 * Head<D>::WARPS, BLOCKS) { \
        SHARED(memory); \
        prefill<D, SLOTS>(a, memory); \
    }
PREFILL(64, 6, 2)
PREFILL(96, 4, 2)
PREFILL(128, 4, 2)
PREFILL(256, 4, 1)
