// Products of few rows (up to 64), whose time is that of reading the weights: y [rows, n] = x [rows, k] . weights [n, k]^T.
//
// K is summed in order, 16 columns a step, by the tensor cores, whatever the number of rows and the shape of a tile: the
// order of a library's algorithm that does not split K either.
//
// Weights are the 16-row operand, rows of activations the other, so that few rows cost few operations. Weights stay
// row-major; a ring of stages of 128 columns is filled by all threads, 16 bytes at a time.

constexpr int FEW_ROWS = 64, FEW_COLUMNS = 128, FEW_PITCH = FEW_COLUMNS * 2;  // bytes of a stage's row
enum { FEW_HALF, FEW_SINGLE, FEW_GATED };

struct Few {
    const u16* weights;  // [n, k]; gated: gate rows, then as many up rows
    const u16* x;        // [rows, x_stride]
    void* out;           // [rows, out_stride] of bf16, or of f32; gated: activation(gate) * up
    int rows, n, k, x_stride, out_stride, activation;
};
template <int N> struct FewShape {
    static constexpr int STAGE = (N + FEW_ROWS) * FEW_PITCH, STAGES = N == 64 ? 6 : 4, GROUPS = 128 / N;
};

// 16-byte chunk `chunk` of row `row` of a stage
DI int few_chunk(int row, int chunk) { return row * FEW_PITCH + ((chunk ^ (row & 7)) << 4); }
// row of the weights in row `row` of tile `tile`; gated: 8 gate rows and their up rows alternate
template <int N, int KIND> DI int few_weight(const Few& a, int tile, int row) {
    if (KIND != FEW_GATED) return tile * N + row;
    int inner = tile * (N / 2) + row / 16 * 8 + row % 8;
    return inner >= a.n / 2 ? a.n : row % 16 < 8 ? inner : a.n / 2 + inner;
}
template <int N, int KIND> DI void few_load(const Few& a, saddr stage, int tile, int step) {
    constexpr int CHUNKS = FEW_COLUMNS / 8;
    int chunk = threadIdx.x % CHUNKS, column = step * FEW_COLUMNS + chunk * 8;
    bool within = column < a.k;
#pragma unroll
    for (int i = 0; i < N * CHUNKS / 256; i++) {
        int row = i * (256 / CHUNKS) + threadIdx.x / CHUNKS, from = few_weight<N, KIND>(a, tile, row);
        bool there = within && from < a.n;
        copy_piece(stage + few_chunk(row, chunk), there ? a.weights + size_t(from) * a.k + column : a.weights, there);
    }
    for (int row = threadIdx.x / CHUNKS; row < ((a.rows + 7) & ~7); row += 256 / CHUNKS) {
        bool there = within && row < a.rows;
        copy_piece(stage + N * FEW_PITCH + few_chunk(row, chunk), there ? a.x + size_t(row) * a.x_stride + column : a.x, there);
    }
}
// A lane holds outputs g and g + 8 of two rows.
template <int KIND> DI void few_store(const Few& a, int row, int first, int g, float (&d)[4]) {
#pragma unroll
    for (int e = 0; e < 2; e++) {
        if (row + e >= a.rows) break;
        size_t at = size_t(row + e) * a.out_stride;
        if constexpr (KIND == FEW_GATED) {
            float gate = from_half(to_half(d[e])), up = from_half(to_half(d[e + 2]));  // as if both had been written
            if (first / 2 + g < a.n / 2) ((u16*)a.out)[at + first / 2 + g] = to_half(__fmul_rn(activate(gate, a.activation), up));
        } else {
#pragma unroll
            for (int h = 0; h < 2; h++) {
                int column = first + g + 8 * h;
                if (column >= a.n) break;
                float y = d[e + 2 * h];
                if (KIND == FEW_SINGLE) ((float*)a.out)[at + column] = y;
                else ((u16*)a.out)[at + column] = to_half(y);
            }
        }
    }
}
template <int N, int TILES, int KIND> DI void few_tiles(const Few& a, saddr ring) {
    using Shape = FewShape<N>;
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, slab = warp % (N / 16), group = warp / (N / 16);
    int steps = (a.k + FEW_COLUMNS - 1) / FEW_COLUMNS, tiles = (a.n + N - 1) / N;
    int row = lane & 15, high = lane >> 4, x_row = lane & 7, x_part = lane >> 3;
    for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
        float d[TILES][4];
#pragma unroll
        for (int j = 0; j < TILES; j++)
            for (int e = 0; e < 4; e++) d[j][e] = 0;
        __syncthreads();
        for (int i = 0; i < Shape::STAGES - 1; i++) {
            if (i < steps) few_load<N, KIND>(a, ring + i * Shape::STAGE, tile, i);
            pieces_end();
        }
        for (int step = 0; step < steps; step++) {
            pieces_wait<Shape::STAGES - 2>();
            __syncthreads();  // everybody's copies have landed, and everybody has left the stage before
            int ahead = step + Shape::STAGES - 1;
            if (ahead < steps) few_load<N, KIND>(a, ring + ahead % Shape::STAGES * Shape::STAGE, tile, ahead);
            pieces_end();
            saddr w = ring + step % Shape::STAGES * Shape::STAGE, x = w + N * FEW_PITCH;
#pragma unroll
            for (int k = 0; k < FEW_COLUMNS / 32; k++) {
                u32 weights[2][4];
                for (int i = 0; i < 2; i++) load_matrices(weights[i], w + few_chunk(slab * 16 + row, k * 4 + i * 2 + high));
#pragma unroll
                for (int j = 0; j < TILES; j++) {
                    int first = (j * Shape::GROUPS + group) * 8;
                    if (first >= a.rows) break;
                    u32 b[4];
                    load_matrices(b, x + few_chunk(first + x_row, k * 4 + x_part));
                    multiply_add(d[j], weights[0], b[0], b[1]);
                    multiply_add(d[j], weights[1], b[2], b[3]);
                }
            }
        }
        pieces_wait<0>();
#pragma unroll
        for (int j = 0; j < TILES; j++) few_store<KIND>(a, (j * Shape::GROUPS + group) * 8 + (lane & 3) * 2, tile * N + slab * 16, lane >> 2, d[j]);
    }
}
template <int N, int KIND> DI void few(const Few& a, u8* memory) {
    kernel_begin();
    saddr ring = shared_address(memory);
    constexpr int GROUPS = FewShape<N>::GROUPS;
    int tiles = ((a.rows + 7) / 8 + GROUPS - 1) / GROUPS;
    if (tiles <= 1) few_tiles<N, 1, KIND>(a, ring);
    else if (tiles <= 2) few_tiles<N, 2, KIND>(a, ring);
    else if (GROUPS == 2 || tiles <= 4) few_tiles<N, 4, KIND>(a, ring);
    else few_tiles<N, 8 / GROUPS, KIND>(a, ring);
}
#define FEW(name, N, KIND) \
    KERNEL(name, Few, 256, 1) { \
        SHARED(memory); \
        few<N, KIND>(a, memory); \
    }
FEW(few_64, 64, FEW_HALF)
FEW(few_128, 128, FEW_HALF)
FEW(few_gated_64, 64, FEW_GATED)
FEW(few_gated_128, 128, FEW_GATED)
FEW(few_single_64, 64, FEW_SINGLE)
FEW(few_single_128, 128, FEW_SINGLE)
