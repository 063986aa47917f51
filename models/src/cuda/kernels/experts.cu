// A mixture of experts without a word from the host: router, choice, places, grouped products. (`norm` adds the weighted
// sum of a row's experts to the residual, in the order of its choices.)
//
// Rows are sorted by unit (an expert, or a part of the shared expert, which every row chooses), stable by row, a unit's rows
// starting at a multiple of 8. Weights are the 16-row operand of the tensor cores here, a tile's 8 to 64 rows of activations
// the other: few rows cost few operations, and reading weights is what takes the time. K is not cut, and a row's sum does
// not see how many rows go with it.

// ------------------------------------------------------------------------------------------- narrow product, f32 results
// out [rows, outputs] = x . weights^T: 16 outputs and 8 rows a block, each warp an eighth of K, added in order.
struct Narrow {
    const u16* x;        // [rows, x_stride]
    const u16* weights;  // [outputs, k]
    float* out;
    int* counts;  // set to zero
    int rows, x_stride, outputs, k, count;
};
KERNEL(narrow_product, Narrow, 256, 1) {
    SHARED(memory);
    float* part = (float*)memory;  // [8][16][8]
    kernel_begin();
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, g = lane >> 2, t = lane & 3;
    int first = blockIdx.y * 16, row0 = blockIdx.x * 8, row = row0 + g < a.rows ? row0 + g : a.rows - 1, chunks = a.k / 8;
    if (a.counts && blockIdx.x == 0 && blockIdx.y == 0)
        for (int i = threadIdx.x; i < a.count; i += 256) a.counts[i] = 0;
    const uint4 *w0 = (const uint4*)a.weights + size_t(first + g) * chunks, *w1 = w0 + size_t(8) * chunks, *x = (const uint4*)(a.x + size_t(row) * a.x_stride);
    int per = (chunks / 4 + 7) / 8 * 4, end = (warp + 1) * per < chunks ? (warp + 1) * per : chunks;
    float d[4] = {0, 0, 0, 0};
#pragma unroll 4
    for (int c = warp * per; c < end; c += 4) {  // a lane's 8 columns lie together: within 32, any order is as good
        uint4 p = w0[c + t], q = w1[c + t], b = x[c + t];
        u32 low[4] = {p.x, q.x, p.y, q.y}, high[4] = {p.z, q.z, p.w, q.w};
        multiply_add(d, low, b.x, b.y);
        multiply_add(d, high, b.z, b.w);
    }
    for (int e = 0; e < 4; e++) part[warp * 128 + (g + (e >> 1) * 8) * 8 + 2 * t + (e & 1)] = d[e];
    __syncthreads();
    if (threadIdx.x >= 128) return;
    int out = threadIdx.x & 15, r = threadIdx.x >> 4;
    float sum = part[out * 8 + r];
    for (int w = 1; w < 8; w++) sum = __fadd_rn(sum, part[w * 128 + out * 8 + r]);
    if (row0 + r < a.rows) a.out[size_t(row0 + r) * a.outputs + first + out] = sum;
}

// ------------------------------------------------------------------------------------------------------------- choice
// The best experts of each row, ties to the lower number, and their shares; then the shared expert's parts.
struct Choose {
    const float* logits;  // [rows, outputs]; the shared expert's gate is column `experts`
    int* ids;             // [rows, chosen + shared], best first
    float* weights;       // likewise
    int* counts;          // [experts], zero before
    int rows, outputs, experts, chosen, shared, gated, normalized;
};
constexpr int MOST_EXPERTS = 512;
KERNEL(choose, Choose, 256, 1) {
    kernel_begin();
    int lane = threadIdx.x & 31, row = blockIdx.x * 8 + (threadIdx.x >> 5);
    if (row >= a.rows) return;
    const float* logits = a.logits + size_t(row) * a.outputs;
    u64 rank[MOST_EXPERTS / 32], best = 0;
#pragma unroll
    for (int i = 0; i < MOST_EXPERTS / 32; i++) {
        int expert = lane + 32 * i;
        rank[i] = expert < a.experts ? ranked(logits[expert], expert) : 0;
        best = larger(best, rank[i]);
    }
    float top = ranked_value(warp_largest(best)), whole = 0;
    if (!a.normalized) {
#pragma unroll
        for (int i = 0; i < MOST_EXPERTS / 32; i++)
            if (rank[i]) whole = __fadd_rn(whole, exponential(__fsub_rn(ranked_value(rank[i]), top)));
        whole = warp_sum(whole);
    }
    int id = 0;
    float share = 0;
    for (int c = 0; c < a.chosen; c++) {
        best = 0;
#pragma unroll
        for (int i = 0; i < MOST_EXPERTS / 32; i++) best = larger(best, rank[i]);
        best = warp_largest(best);
#pragma unroll
        for (int i = 0; i < MOST_EXPERTS / 32; i++)
            if (rank[i] == best) rank[i] = 0;
        float odds = exponential(__fsub_rn(ranked_value(best), top));
        if (a.normalized) whole = __fadd_rn(whole, odds);
        if (lane == c) id = int(ranked_index(best)), share = odds;
    }
    int all = a.chosen + a.shared;
    size_t to = size_t(row) * all;
    if (lane < a.chosen) {
        a.ids[to + lane] = id;
        a.weights[to + lane] = __fdiv_rn(share, whole);
        atomicAdd(a.counts + id, 1);
    }
    for (int i = lane; i < a.shared; i += 32) {
        a.ids[to + a.chosen + i] = a.experts + i;
        a.weights[to + a.chosen + i] = a.gated ? sigmoid(logits[a.experts]) : 1.0f;
    }
}

// ------------------------------------------------------------------------------------------------------------- places
// Slots of the rows of each unit, and the list of (unit, first slot, rows) of at most 64 rows. A block takes a unit, the
// shared ones first, since they have the most rows.
struct Place {
    const int* ids;
    const int* counts;
    int* slots;    // [rows, all]
    int* sources;  // [slots]: the row in each
    int4* work;
    int* works;
    int rows, experts, chosen, shared;
};
constexpr int EXPERT_ROWS = 64;
KERNEL(place, Place, 256, 1) {
    SHARED(memory);
    int* counted = (int*)memory;  // 8 warps: slots, tiles
    kernel_begin();
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, block = blockIdx.x, all = a.chosen + a.shared;
    int unit = block < a.shared ? a.experts + block : block - a.shared;
    auto count_of = [&](int i) { return i < a.shared ? a.rows : a.counts[i - a.shared]; };
    int slots = 0, tiles = 0;  // of the blocks before this one
    for (int i = threadIdx.x; i < block; i += 256) {
        int n = count_of(i);
        slots += (n + 7) & ~7;
        tiles += (n + EXPERT_ROWS - 1) / EXPERT_ROWS;
    }
    for (int m = 16; m; m >>= 1) slots += int(shuffle_xor(u32(slots), m)), tiles += int(shuffle_xor(u32(tiles), m));
    if (lane == 0) counted[warp] = slots, counted[8 + warp] = tiles;
    __syncthreads();
    slots = tiles = 0;
    for (int i = 0; i < 8; i++) slots += counted[i], tiles += counted[8 + i];
    int count = count_of(block), own = (count + EXPERT_ROWS - 1) / EXPERT_ROWS;
    for (int i = threadIdx.x; i < own; i += 256) {
        int4 item;
        item.x = unit, item.y = slots + i * EXPERT_ROWS, item.w = 0;
        item.z = count - i * EXPERT_ROWS < EXPERT_ROWS ? count - i * EXPERT_ROWS : EXPERT_ROWS;
        a.work[tiles + i] = item;
    }
    if (block == int(gridDim.x) - 1 && threadIdx.x == 0) *a.works = tiles + own;
    if (unit >= a.experts) {
        for (int row = threadIdx.x; row < a.rows; row += 256) a.slots[row * all + a.chosen + unit - a.experts] = slots + row, a.sources[slots + row] = row;
        return;
    }
    if (count == 0) return;
    int before = 0;  // rows that have been placed
    for (int first = 0; first < a.rows; first += 256) {
        int row = first + threadIdx.x, at = -1;
        if (row < a.rows)
            for (int i = 0; i < a.chosen; i++)
                if (a.ids[row * all + i] == unit) at = i;
        u32 found = ballot(at >= 0);
        __syncthreads();
        if (lane == 0) counted[16 + warp] = __popc(found);
        __syncthreads();
        int rank = before + __popc(found & ((1u << lane) - 1));
        for (int w = 0; w < 8; w++) {
            if (w < warp) rank += counted[16 + w];
            before += counted[16 + w];
        }
        if (at >= 0) a.slots[row * all + at] = slots + rank, a.sources[slots + rank] = row;
    }
}

// ----------------------------------------------------------------------------------------------------------- products
// Weights lie in tiles of 128 rows and 64 columns as shared memory wants them (`pack`), so that a tile is one copy. Rows of
// activations come one by one, 144 bytes apart, which no bank conflict knows. Eight warps compute, the ninth copies.
struct Grouped {
    const u16* weights;  // [units][n_tiles][k_tiles][128][64]
    const u16* x;        // [rows or slots, x_stride]
    const int* sources;  // row of each slot; null: the slot itself
    u16* out;            // [slots, out_stride]
    const int4* work;
    const int* works;
    int k_tiles, n_tiles, x_stride, out_stride, columns, activation;
};
constexpr int WEIGHT_TILE = 128 * 128, ROW_PITCH = 144, EXPERT_STAGE = WEIGHT_TILE + EXPERT_ROWS * ROW_PITCH, EXPERT_STAGES = 4;

template <int TILES, bool UP> DI void multiply_tile(const Grouped& a, saddr ring, int& at, int4 work, int n, int lane, int warp) {
    saddr full = ring, empty = ring + 64, stages = ring + 128;
    float d[TILES][4];
#pragma unroll
    for (int j = 0; j < TILES; j++)
        for (int e = 0; e < 4; e++) d[j][e] = 0;
    int row = lane & 15;
    for (int k = 0; k < a.k_tiles; k++, at++) {
        int stage = at % EXPERT_STAGES;
        barrier_wait(full + stage * 8, (at / EXPERT_STAGES) & 1);
        saddr w = stages + stage * EXPERT_STAGE + (warp * 16 + row) * 128, x = stages + stage * EXPERT_STAGE + WEIGHT_TILE + (lane & 7) * ROW_PITCH + (lane >> 3) * 16;
#pragma unroll
        for (int i = 0; i < 2; i++) {
            u32 weights[2][4];
            for (int j = 0; j < 2; j++) load_matrices(weights[j], w + ((i * 4 + j * 2 + (lane >> 4)) ^ (row & 7)) * 16);
#pragma unroll
            for (int j = 0; j < TILES; j++) {
                u32 b[4];
                load_matrices(b, x + j * 8 * ROW_PITCH + i * 64);
                multiply_add(d[j], weights[0], b[0], b[1]);
                multiply_add(d[j], weights[1], b[2], b[3]);
            }
        }
        __syncwarp();
        if (lane == 0) barrier_arrive(empty + stage * 8);
    }
    // A lane holds outputs g and g + 8 of two rows; neighbours exchange, so that each has two outputs of one row.
    int g = lane >> 2, slab = n * 8 + warp, odd = g & 1;
#pragma unroll
    for (int j = 0; j < TILES; j++) {
        int r = j * 8 + (lane & 3) * 2 + odd;
        u16* to = a.out + size_t(work.y + r) * a.out_stride;
        if (UP) {
            float x = __fmul_rn(activate(d[j][0], a.activation), d[j][2]), y = __fmul_rn(activate(d[j][1], a.activation), d[j][3]);
            float other = shuffle_xor(odd ? x : y, 4);
            int column = slab * 8 + (g & ~1);
            if (r < work.z && column < a.columns) *(u32*)(to + column) = odd ? pack(other, y) : pack(x, other);
        } else {
#pragma unroll
            for (int e = 0; e < 4; e += 2) {
                float other = shuffle_xor(odd ? d[j][e] : d[j][e + 1], 4);
                int column = slab * 16 + e * 4 + (g & ~1);
                if (r < work.z && column < a.columns) *(u32*)(to + column) = odd ? pack(other, d[j][e + 1]) : pack(d[j][e], other);
            }
        }
    }
}
DI void copy_tiles(const Grouped& a, saddr ring, int items, int lane) {
    saddr full = ring, empty = ring + 64, stages = ring + 128;
    int at = 0;
    for (int item = blockIdx.x; item < items; item += gridDim.x) {
        int4 work = a.work[item / a.n_tiles];
        const u16* w = a.weights + (size_t(work.x) * a.n_tiles + item % a.n_tiles) * a.k_tiles * (WEIGHT_TILE / 2);
        const u16* x[2];
        for (int i = 0; i < 2; i++) {
            int slot = work.y + lane + 32 * i;
            x[i] = lane + 32 * i < work.z ? a.x + size_t(a.sources ? a.sources[slot] : slot) * a.x_stride : nullptr;
        }
        for (int k = 0; k < a.k_tiles; k++, at++) {
            int stage = at % EXPERT_STAGES;
            saddr to = stages + stage * EXPERT_STAGE;
            if (at >= EXPERT_STAGES) barrier_wait(empty + stage * 8, (at / EXPERT_STAGES - 1) & 1);
            copy_expect(full + stage * 8, WEIGHT_TILE + work.z * 128, lane);
            __syncwarp();
            copy_span(to, w + size_t(k) * (WEIGHT_TILE / 2), WEIGHT_TILE, full + stage * 8, lane);
            for (int i = 0; i < 2; i++)
                if (x[i]) copy_own(to + WEIGHT_TILE + (lane + 32 * i) * ROW_PITCH, x[i] + k * 64, 128, full + stage * 8);
            copy_done(full + stage * 8);
        }
    }
}
template <bool UP> DI void grouped(const Grouped& a, u8* memory) {
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, at = 0;
    saddr ring = shared_address(memory);
    if (threadIdx.x == 0) {
        for (int i = 0; i < EXPERT_STAGES; i++) barrier_init(ring + i * 8, COPY_ARRIVALS), barrier_init(ring + 64 + i * 8, 8);
        barrier_fence();
    }
    __syncthreads();
    kernel_begin();
    int items = *a.works * a.n_tiles;
    if (warp == 8) {
        copy_tiles(a, ring, items, lane);
        return;
    }
    for (int item = blockIdx.x; item < items; item += gridDim.x) {
        int4 work = a.work[item / a.n_tiles];
        int n = item % a.n_tiles;
        if (work.z <= 8) multiply_tile<1, UP>(a, ring, at, work, n, lane, warp);
        else if (work.z <= 16) multiply_tile<2, UP>(a, ring, at, work, n, lane, warp);
        else if (work.z <= 32) multiply_tile<4, UP>(a, ring, at, work, n, lane, warp);
        else multiply_tile<8, UP>(a, ring, at, work, n, lane, warp);
    }
}
KERNEL(experts_up, Grouped, 288, 2) {
    SHARED(memory);
    grouped<true>(a, memory);
}
KERNEL(experts_down, Grouped, 288, 2) {
    SHARED(memory);
    grouped<false>(a, memory);
}

// ------------------------------------------------------------------------------------------------------------ loading
// A matrix [rows, k] into a unit's tiles, zero before; gate and up rows go alternately, 8 of each.
struct Pack {
    const u16* from;
    u16* to;
    int rows, k, from_stride, kind;
};
enum { PACK_PLAIN, PACK_GATE, PACK_UP };
KERNEL(pack_unit, Pack, 256, 1) {
    kernel_begin();
    int k_tiles = (a.k + 63) / 64, chunks = k_tiles * 8;
    size_t i = size_t(blockIdx.x) * 256 + threadIdx.x;
    int row = int(i / chunks), chunk = int(i % chunks);
    if (row >= a.rows || chunk * 8 >= a.k) return;
    int to = a.kind == PACK_PLAIN ? row : row / 8 * 16 + row % 8 + (a.kind == PACK_UP ? 8 : 0);
    ((uint4*)a.to)[(size_t(to / 128) * k_tiles + chunk / 8) * 1024 + to % 128 * 8 + ((chunk & 7) ^ (to & 7))] = ((const uint4*)(a.from + size_t(row) * a.from_stride))[chunk];
}
