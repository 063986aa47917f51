// Operations on rows between the products: embedding, norm with residual, heads (norm, rotation, write to pages), gate.

// ------------------------------------------------------------------------------------------------------- embedding
struct Embed {
    const u16* table;    // [vocabulary, hidden]
    const int* tokens;   // [rows]; below zero: the token that result -1 - token of the step before sampled
    const int* sampled;  // results of `sample`, 6 words each
    float* residual;     // [rows, hidden]
    int hidden;
    float scale;
};
KERNEL(embed, Embed, 256, 1) {
    kernel_begin();
    int token = a.tokens[blockIdx.x];
    if (token < 0) token = a.sampled[(-1 - token) * 6 + 2];
    const uint4* from = (const uint4*)(a.table + size_t(token) * a.hidden);
    float4* to = (float4*)(a.residual + size_t(blockIdx.x) * a.hidden);
    for (int i = threadIdx.x; i < a.hidden / 8; i += 256) {
        uint4 v = from[i];
        float s = a.scale;
        to[2 * i] = make_float4(__fmul_rn(low_half(v.x), s), __fmul_rn(high_half(v.x), s), __fmul_rn(low_half(v.y), s), __fmul_rn(high_half(v.y), s));
        to[2 * i + 1] = make_float4(__fmul_rn(low_half(v.z), s), __fmul_rn(high_half(v.z), s), __fmul_rn(low_half(v.w), s), __fmul_rn(high_half(v.w), s));
    }
}

// ------------------------------------------------------------------------------------------------------------ norm
// residual += what the layer's part gave (normed first if `added_weight`); out = norm(residual) * weight.
struct Norm {
    float* residual;            // [rows, hidden]
    const u16* added;           // [rows, added_stride]
    const float* added_bias;    // [hidden]
    const float* added_weight;  // [hidden]
    const float* weight;        // [hidden]
    u16* out;                   // [blocks, out_stride]
    const int* rows;            // which row each block takes; null: its own
    const u16* expert_rows;     // [slots, hidden]
    const int* expert_slots;    // [rows, expert_count]
    const float* expert_weights;
    int hidden, added_stride, out_stride, expert_count;
    float epsilon;
};
struct Eight {
    float v[8];
};
DI Eight unpack_eight(uint4 u) { return {{low_half(u.x), high_half(u.x), low_half(u.y), high_half(u.y), low_half(u.z), high_half(u.z), low_half(u.w), high_half(u.w)}}; }
DI uint4 pack_eight(const Eight& e) { return make_uint4(pack(e.v[0], e.v[1]), pack(e.v[2], e.v[3]), pack(e.v[4], e.v[5]), pack(e.v[6], e.v[7])); }
DI Eight load_eight(const float* p) {
    float4 x = ((const float4*)p)[0], y = ((const float4*)p)[1];
    return {{x.x, x.y, x.z, x.w, y.x, y.y, y.z, y.w}};
}
DI void store_eight(float* p, const Eight& e) {
    ((float4*)p)[0] = make_float4(e.v[0], e.v[1], e.v[2], e.v[3]);
    ((float4*)p)[1] = make_float4(e.v[4], e.v[5], e.v[6], e.v[7]);
}
DI float squares_of(const Eight& e, float sum) {
    for (int i = 0; i < 8; i++) sum = __fmaf_rn(e.v[i], e.v[i], sum);
    return sum;
}
// 1 / root mean square of a row whose squares 256 threads have summed
DI float norm_factor(float sum, float* shared, int hidden, float epsilon) {
    sum = warp_sum(sum);
    if ((threadIdx.x & 31) == 0) shared[threadIdx.x >> 5] = sum;
    __syncthreads();
    sum = 0;
    for (int i = 0; i < 8; i++) sum = __fadd_rn(sum, shared[i]);
    return __fdiv_rn(1.0f, __fsqrt_rn(__fadd_rn(__fdiv_rn(sum, float(hidden)), epsilon)));
}
DI Eight part_result(const Norm& a, size_t row, int chunk) {
    if (a.expert_rows) {
        Eight sum = {};
        for (int i = 0; i < a.expert_count; i++) {
            float w = a.expert_weights[row * a.expert_count + i];
            Eight y = unpack_eight(((const uint4*)(a.expert_rows + size_t(a.expert_slots[row * a.expert_count + i]) * a.hidden))[chunk]);
            for (int j = 0; j < 8; j++) sum.v[j] = __fmaf_rn(w, y.v[j], sum.v[j]);
        }
        return sum;
    }
    Eight v = unpack_eight(((const uint4*)(a.added + row * a.added_stride))[chunk]);
    if (a.added_bias) {
        Eight bias = load_eight(a.added_bias + chunk * 8);
        for (int j = 0; j < 8; j++) v.v[j] = __fadd_rn(v.v[j], bias.v[j]);
    }
    return v;
}
template <int MOST> DI void norm_row(const Norm& a, float* shared) {
    size_t row = a.rows ? a.rows[blockIdx.x] : blockIdx.x;
    int chunks = a.hidden / 8;
    float* residual = a.residual + row * a.hidden;
    bool adds = a.added || a.expert_rows;
    Eight v[MOST], part[MOST];
    float part_factor = 1.0f, sum = 0;
    if (adds) {
#pragma unroll
        for (int i = 0; i < MOST; i++) {
            int chunk = threadIdx.x + i * 256;
            if (chunk >= chunks) break;
            part[i] = part_result(a, row, chunk);
            sum = squares_of(part[i], sum);
        }
        if (a.added_weight) part_factor = norm_factor(sum, shared, a.hidden, a.epsilon);
    }
    sum = 0;
#pragma unroll
    for (int i = 0; i < MOST; i++) {
        int chunk = threadIdx.x + i * 256;
        if (chunk >= chunks) break;
        v[i] = load_eight(residual + chunk * 8);
        if (adds) {
            if (a.added_weight) {
                Eight weight = load_eight(a.added_weight + chunk * 8);
                for (int j = 0; j < 8; j++) part[i].v[j] = __fmul_rn(__fmul_rn(part[i].v[j], part_factor), weight.v[j]);
            }
            for (int j = 0; j < 8; j++) v[i].v[j] = __fadd_rn(v[i].v[j], part[i].v[j]);
            if (!a.rows) store_eight(residual + chunk * 8, v[i]);
        }
        sum = squares_of(v[i], sum);
    }
    if (!a.out) return;
    float factor = norm_factor(sum, shared + 8, a.hidden, a.epsilon);
    uint4* out = (uint4*)(a.out + size_t(blockIdx.x) * a.out_stride);
#pragma unroll
    for (int i = 0; i < MOST; i++) {
        int chunk = threadIdx.x + i * 256;
        if (chunk >= chunks) break;
        Eight weight = load_eight(a.weight + chunk * 8);
        for (int j = 0; j < 8; j++) v[i].v[j] = __fmul_rn(__fmul_rn(v[i].v[j], factor), weight.v[j]);
        out[chunk] = pack_eight(v[i]);
    }
    for (int chunk = chunks + threadIdx.x; chunk < a.out_stride / 8; chunk += 256) out[chunk] = make_uint4(0, 0, 0, 0);
}
KERNEL(residual_norm, Norm, 256, 1) {
    SHARED(memory);
    kernel_begin();
    if (a.hidden <= 4096) norm_row<2>(a, (float*)memory);
    else norm_row<8>(a, (float*)memory);
}

// ----------------------------------------------------------------------------------------------------------- heads
// Bias, norm and rotation of each head; queries to `q`, keys and values to their pages. A warp takes a head.
struct HeadRows {
    const u16* qkv;       // [rows, qkv_stride]: queries, (gates,) keys, values
    const float* bias;    // [columns]
    const float* q_norm;  // [head_size]
    const float* k_norm;
    const float2* angles;  // [positions, pairs]: cosine, sine
    const int* positions;  // [rows]
    const int* sequences;  // [rows]
    const int* table;      // [sequences, table_stride]
    u16* q;                // [rows, heads * D]
    u8* pages;
    int qkv_stride, heads, key_heads, head_size, gated, pairs, table_stride, page_tokens;
    float epsilon;
};

template <int D> DI void head_row(const HeadRows& a, float* memory) {
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, row = blockIdx.x, head = blockIdx.y * 8 + warp;
    int size = a.head_size;
    if (head >= a.heads + 2 * a.key_heads) return;
    bool query = head < a.heads, value = head >= a.heads + a.key_heads;
    int column = (query || !a.gated ? head : head + a.heads) * size;
    const u16* from = a.qkv + size_t(row) * a.qkv_stride + column;
    float* x = memory + warp * D;
    float sum = 0;
    for (int i = lane; i < D; i += 32) {
        float v = i < size ? from_half(from[i]) : 0.0f;
        if (a.bias && i < size) v = __fadd_rn(v, a.bias[column + i]);
        x[i] = v;
        sum = __fmaf_rn(v, v, sum);
    }
    const float* weight = query ? a.q_norm : a.k_norm;
    if (!value && weight) {
        sum = warp_sum(sum);
        float factor = __fdiv_rn(1.0f, __fsqrt_rn(__fadd_rn(__fdiv_rn(sum, float(size)), a.epsilon)));
        for (int i = lane; i < size; i += 32) x[i] = __fmul_rn(__fmul_rn(x[i], factor), weight[i]);
    }
    __syncwarp();
    int position = a.positions[row];
    if (!value) {
        const float2* angles = a.angles + size_t(position) * a.pairs;
        for (int i = lane; i < a.pairs; i += 32) {
            float2 turn = angles[i];
            float p = x[i], q = x[i + a.pairs];
            x[i] = __fsub_rn(__fmul_rn(p, turn.x), __fmul_rn(q, turn.y));
            x[i + a.pairs] = __fadd_rn(__fmul_rn(q, turn.x), __fmul_rn(p, turn.y));
        }
        __syncwarp();
    }
    u8* to;
    int place = 0;
    if (query) to = (u8*)(a.q + (size_t(row) * a.heads + head) * D);
    else {
        int key_head = head - a.heads - (value ? a.key_heads : 0);
        size_t page = a.table[size_t(a.sequences[row]) * a.table_stride + position / a.page_tokens];
        place = position % a.page_tokens;
        to = a.pages + (((page * a.key_heads + key_head) * 2 + value) * a.page_tokens + place) * (D * 2);
    }
    for (int chunk = lane; chunk < D / 8; chunk += 32) {
        Eight e = load_eight(x + chunk * 8);
        ((uint4*)to)[query ? chunk : page_chunk<D>(place, chunk)] = pack_eight(e);
    }
}
#define HEADS(D) \
    KERNEL(heads_##D, HeadRows, 256, 1) { \
        SHARED(memory); \
        kernel_begin(); \
        head_row<D>(a, (float*)memory); \
    }
HEADS(64)
HEADS(96)
HEADS(128)
HEADS(256)

// ------------------------------------------------------------------------------------------------------------ gate
// out = activation(gate) * up
struct Gate {
    const u16* x;       // [rows, x_stride]: gate columns, then up columns
    const float* bias;  // [2 * inner]
    u16* out;           // [rows, out_stride]
    int inner, x_stride, out_stride, activation;
};
KERNEL(gate, Gate, 256, 1) {
    kernel_begin();
    int chunk = blockIdx.x * 256 + threadIdx.x;
    if (chunk * 8 >= a.out_stride) return;
    uint4* out = (uint4*)(a.out + size_t(blockIdx.y) * a.out_stride) + chunk;
    if (chunk * 8 >= a.inner) {
        *out = make_uint4(0, 0, 0, 0);
        return;
    }
    const u16* x = a.x + size_t(blockIdx.y) * a.x_stride;
    Eight gate = unpack_eight(((const uint4*)x)[chunk]), up = unpack_eight(((const uint4*)(x + a.inner))[chunk]);
    if (a.bias) {
        Eight g = load_eight(a.bias + chunk * 8), u = load_eight(a.bias + a.inner + chunk * 8);
        for (int j = 0; j < 8; j++) gate.v[j] = __fadd_rn(gate.v[j], g.v[j]), up.v[j] = __fadd_rn(up.v[j], u.v[j]);
    }
    for (int j = 0; j < 8; j++) gate.v[j] = __fmul_rn(activate(gate.v[j], a.activation), up.v[j]);
    *out = pack_eight(gate);
}

// ----------------------------------------------------------------------------------------------------------- loading
struct Convert {
    const float* from;
    u16* to;
    i64 count;
};
KERNEL(convert_f32_bf16, Convert, 256, 1) {
    kernel_begin();
    i64 first = (i64(blockIdx.x) * 256 + threadIdx.x) * 8;
    for (i64 i = first; i < first + 8 && i < a.count; i++) a.to[i] = to_half(a.from[i]);
}
