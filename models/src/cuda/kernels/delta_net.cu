// The gated delta net: causal convolution, then the delta rule on a matrix state, one position after another.
//
// One kernel for one token and for many: states cross chunks in f32 and unrounded, so chunks leave no trace. Heads smaller
// than 128 are filled up with zeros, which change no sum.

constexpr int DELTA = 128;  // keys and values of a head, filled up
constexpr int DELTA_CHUNK = 16;

struct DeltaMix {
    const u16* x;              // [rows, x_stride]: queries, keys and values of all heads side by side
    const float* narrow;       // [rows, narrow_stride]: logits of the rates, then inputs of the decays
    const float* convolution;  // [channels, taps]
    const float* decay;        // [value_heads]
    const float* step_bias;    // [value_heads]
    const u16* tail;           // [states, taps - 1, channels]: the last inputs, oldest first
    const int4* spans;         // (state, first row, rows, 1 if it begins at position 0)
    const int* row_spans;      // [rows]
    float* q;                  // [rows, key_heads, 128]
    float* k;
    float* v;         // [rows, value_heads, 128]
    float2* scalars;  // [rows, value_heads]: decay, rate
    int rows, x_stride, narrow_stride, key_heads, value_heads, key_size, value_size, taps;
};
// the convolution of one channel and its activation
DI float convolved(const DeltaMix& a, int4 span, int row, int channel, int channels) {
    const float* taps = a.convolution + channel * a.taps;
    float sum = 0;
    for (int j = 0; j < a.taps; j++) {
        int from = row - span.y - (a.taps - 1) + j;  // row of the span; before it, the tail
        float x = 0;
        if (from >= 0) x = from_half(a.x[size_t(span.y + from) * a.x_stride + channel]);
        else if (!span.w) x = from_half(a.tail[(size_t(span.x) * (a.taps - 1) + (a.taps - 1 + from)) * channels + channel]);
        sum = __fadd_rn(sum, __fmul_rn(taps[j], x));
    }
    return silu(sum);
}
KERNEL(delta_mix, DeltaMix, 256, 1) {
    kernel_begin();
    int lane = threadIdx.x & 31, head = blockIdx.y * 8 + (threadIdx.x >> 5), row = blockIdx.x;
    if (head >= 2 * a.key_heads + a.value_heads) return;
    bool value = head >= 2 * a.key_heads;
    int index = value ? head - 2 * a.key_heads : head % a.key_heads, size = value ? a.value_size : a.key_size;
    int channels = 2 * a.key_heads * a.key_size + a.value_heads * a.value_size;
    int first = value ? 2 * a.key_heads * a.key_size + index * a.value_size : head * a.key_size;
    int4 span = a.spans[a.row_spans[row]];
    float x[4], sum = 0;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        int at = lane + 32 * i;
        x[i] = at < size ? convolved(a, span, row, first + at, channels) : 0.0f;
        sum = __fmaf_rn(x[i], x[i], sum);
    }
    float* to = value ? a.v + (size_t(row) * a.value_heads + index) * DELTA : (head < a.key_heads ? a.q : a.k) + (size_t(row) * a.key_heads + index) * DELTA;
    if (!value) {
        float factor = __fdiv_rn(1.0f, __fsqrt_rn(__fadd_rn(warp_sum(sum), 1e-6f)));
        if (head < a.key_heads) factor = __fmul_rn(factor, __fdiv_rn(1.0f, __fsqrt_rn(float(a.key_size))));
#pragma unroll
        for (int i = 0; i < 4; i++) x[i] = __fmul_rn(x[i], factor);
    }
#pragma unroll
    for (int i = 0; i < 4; i++) to[lane + 32 * i] = x[i];
    if (value && lane == 0) {
        const float* narrow = a.narrow + size_t(row) * a.narrow_stride + index;
        float step = __fadd_rn(narrow[a.value_heads], a.step_bias[index]);
        if (step <= 20.0f) step = float(logarithm(__dadd_rn(1.0, double(exponential(step)))));  // ln(1 + e^x)
        a.scalars[size_t(row) * a.value_heads + index] = make_float2(exponential(__fmul_rn(a.decay[index], step)), sigmoid(narrow[0]));
    }
}

// S = decay * S; S += k (rate * (v - S^T k))^T; out = S^T q. Columns of a state do not meet, so a warp owns 16 of them with
// all 128 keys in registers: no barrier between tokens. Sums over keys: 16 in order in a lane, then a tree over the 8 lanes
// that share a column. The state lies as the registers hold it: [warp][i][lane] of 4 columns, where
// lane = 4 * (key / 16) + group of columns and i = key % 16.
struct DeltaRun {
    const float* q;
    const float* k;
    const float* v;
    const float2* scalars;
    const u16* x;
    float* state;  // [states, value_heads, 8, 16, 32, 4]
    u16* tail;
    const int4* spans;
    float* out;  // [rows, value_heads, 128]
    int x_stride, key_heads, value_heads, key_size, value_size, taps;
};
// the channels that this head answers for move on by the span's rows
DI void move_tail(const DeltaRun& a, int4 span) {
    int head = blockIdx.x, ratio = a.value_heads / a.key_heads, channels = 2 * a.key_heads * a.key_size + a.value_heads * a.value_size;
    int own = head % ratio == 0 ? 2 * a.key_size : 0, kept = a.taps - 1;
    for (int i = threadIdx.x; i < a.value_size + own; i += 256) {
        int channel = i < a.value_size ? 2 * a.key_heads * a.key_size + head * a.value_size + i
            : (i - a.value_size) / a.key_size * a.key_heads * a.key_size + head / ratio * a.key_size + (i - a.value_size) % a.key_size;
        u16* tail = a.tail + size_t(span.x) * kept * channels + channel;
        for (int j = 0; j < kept; j++) {
            int from = span.z - kept + j;
            u16 x = 0;
            if (from >= 0) x = a.x[size_t(span.y + from) * a.x_stride + channel];
            else if (!span.w) x = tail[size_t(kept + from) * channels];
            tail[size_t(j) * channels] = x;
        }
    }
}
DI float4 sum_keys(float4 x) {
#pragma unroll
    for (int m = 4; m < 32; m *= 2)
        x = make_float4(__fadd_rn(x.x, shuffle_xor(x.x, m)), __fadd_rn(x.y, shuffle_xor(x.y, m)), __fadd_rn(x.z, shuffle_xor(x.z, m)), __fadd_rn(x.w, shuffle_xor(x.w, m)));
    return x;
}
DI float4 add_scaled(float4 x, float4 y, float s) { return make_float4(__fmaf_rn(y.x, s, x.x), __fmaf_rn(y.y, s, x.y), __fmaf_rn(y.z, s, x.z), __fmaf_rn(y.w, s, x.w)); }
// one position; `x` holds a row each of queries, keys and values, DELTA_CHUNK rows apart
DI float4 delta_step(float4 (&s)[16], const float* x, float decay, float rate, int warp, int lane) {
    int g = lane >> 2, c = lane & 3;
    const float4 *qs = (const float4*)(x + g * 16), *ks = qs + DELTA_CHUNK * DELTA / 4;
    float4 v = *(const float4*)(x + 2 * DELTA_CHUNK * DELTA + warp * 16 + c * 4), sum = make_float4(0, 0, 0, 0);
    float q[16], k[16];
#pragma unroll
    for (int j = 0; j < 4; j++) {
        float4 y = ks[j], z = qs[j];
        k[4 * j] = y.x, k[4 * j + 1] = y.y, k[4 * j + 2] = y.z, k[4 * j + 3] = y.w;
        q[4 * j] = z.x, q[4 * j + 1] = z.y, q[4 * j + 2] = z.z, q[4 * j + 3] = z.w;
    }
#pragma unroll
    for (int j = 0; j < 16; j++) {
        s[j] = make_float4(__fmul_rn(s[j].x, decay), __fmul_rn(s[j].y, decay), __fmul_rn(s[j].z, decay), __fmul_rn(s[j].w, decay));
        sum = add_scaled(sum, s[j], k[j]);
    }
    float4 r = sum_keys(sum);
    float4 change = make_float4(__fmul_rn(__fsub_rn(v.x, r.x), rate), __fmul_rn(__fsub_rn(v.y, r.y), rate), __fmul_rn(__fsub_rn(v.z, r.z), rate), __fmul_rn(__fsub_rn(v.w, r.w), rate));
    sum = make_float4(0, 0, 0, 0);
#pragma unroll
    for (int j = 0; j < 16; j++) {
        s[j] = add_scaled(s[j], change, k[j]);
        sum = add_scaled(sum, s[j], q[j]);
    }
    return sum_keys(sum);
}
KERNEL(delta_run, DeltaRun, 256, 2) {
    SHARED(memory);
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, head = blockIdx.x, key_head = head / (a.value_heads / a.key_heads);
    saddr full = shared_address(memory);
    float* ring = (float*)(memory + 128);  // [2][q, k, v][DELTA_CHUNK][128]
    if (threadIdx.x == 0) {
        barrier_init(full, COPY_ARRIVALS), barrier_init(full + 8, COPY_ARRIVALS);
        barrier_fence();
    }
    __syncthreads();
    kernel_begin();
    int4 span = a.spans[blockIdx.y];
    int chunks = (span.z + DELTA_CHUNK - 1) / DELTA_CHUNK;
    auto size = [&](int i) { return span.z - i * DELTA_CHUNK < DELTA_CHUNK ? span.z - i * DELTA_CHUNK : DELTA_CHUNK; };
    auto send = [&](int i) {
        if (i >= chunks) return;
        int n = size(i), s = i & 1;
        copy_expect(full + s * 8, n * 3 * DELTA * 4, lane);
        __syncwarp();
        for (int j = lane; j < 3 * n; j += 32) {
            int which = j / n, t = j % n;
            size_t row = span.y + i * DELTA_CHUNK + t;
            const float* from = which == 2 ? a.v + (row * a.value_heads + head) * DELTA : (which ? a.k : a.q) + (row * a.key_heads + key_head) * DELTA;
            copy_own(shared_address(ring + ((s * 3 + which) * DELTA_CHUNK + t) * DELTA), from, DELTA * 4, full + s * 8);
        }
        copy_done(full + s * 8);
    };
    if (warp == 0) send(0), send(1);
    float4* state = (float4*)a.state + ((size_t(span.x) * a.value_heads + head) * 8 + warp) * 512 + lane;
    float4 s[16];
#pragma unroll
    for (int i = 0; i < 16; i++) s[i] = span.w ? make_float4(0, 0, 0, 0) : state[i * 32];
    // lanes 0..15 hold decays and rates of a chunk's tokens
    auto scalars = [&](int i) { return i < chunks && lane < size(i) ? a.scalars[size_t(span.y + i * DELTA_CHUNK + lane) * a.value_heads + head] : make_float2(0, 0); };
    float2 next = scalars(0);
    for (int i = 0; i < chunks; i++) {
        float2 own = next;
        next = scalars(i + 1);
        int n = size(i);
        barrier_wait(full + (i & 1) * 8, (i >> 1) & 1);
        for (int t = 0; t < n; t++) {
            float4 out = delta_step(s, ring + ((i & 1) * 3 * DELTA_CHUNK + t) * DELTA, shuffle(own.x, t), shuffle(own.y, t), warp, lane);
            if (lane < 4) ((float4*)(a.out + (size_t(span.y + i * DELTA_CHUNK + t) * a.value_heads + head) * DELTA))[warp * 4 + lane] = out;
        }
        if (i + 2 < chunks) {
            __syncthreads();  // everybody has left this half of the ring
            if (warp == 0) send(i + 2);
        }
    }
#pragma unroll
    for (int i = 0; i < 16; i++) state[i * 32] = s[i];
    move_tail(a, span);
}

// out = norm(x) * weight * silu(gate), head by head; a warp takes a head
struct DeltaNorm {
    const float* x;       // [rows, value_heads, 128]
    const u16* gate;      // [rows, gate_stride]
    const float* weight;  // [value_size]
    u16* out;             // [rows, out_stride]
    int rows, value_heads, value_size, gate_stride, out_stride;
    float epsilon;
};
KERNEL(delta_norm, DeltaNorm, 256, 1) {
    kernel_begin();
    int lane = threadIdx.x & 31, index = blockIdx.x * 8 + (threadIdx.x >> 5), row = index / a.value_heads, head = index % a.value_heads;
    if (row >= a.rows) return;
    const float* x = a.x + size_t(index) * DELTA;
    float v[4], sum = 0;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        v[i] = x[lane + 32 * i];
        sum = __fmaf_rn(v[i], v[i], sum);
    }
    float factor = __fdiv_rn(1.0f, __fsqrt_rn(__fadd_rn(__fdiv_rn(warp_sum(sum), float(a.value_size)), a.epsilon)));
    const u16* gate = a.gate + size_t(row) * a.gate_stride + head * a.value_size;
    u16* out = a.out + size_t(row) * a.out_stride + head * a.value_size;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        int at = lane + 32 * i;
        if (at < a.value_size) out[at] = to_half(__fmul_rn(__fmul_rn(__fmul_rn(v[i], factor), a.weight[at]), silu(from_half(gate[at]))));
    }
}
