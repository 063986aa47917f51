// Sampling, scoring and checking of tokens on the card: only ids and log-probabilities leave it.
//
// The definition is that of `engine/sampling.rs`: argmax(logit / temperature + gumbel(key, position, token)) in double
// precision over the candidates of top-k and top-p, with the same hash, the same logarithm and the same exponential, so the
// same logits give the same token. Only the log-probability is summed in another order than the processor's.

constexpr int LOGIT_PART = 8192;  // tokens of a partial result

// ------------------------------------------------------------------------------------------------------------- tasks
enum { TASK_SAMPLE, TASK_SCORE, TASK_VERIFY };
struct SampleTask {
    u64 key, position;
    u32 kind, token;
    u32 top;            // runners-up wanted
    u32 top_k;          // 0: all
    float temperature;  // 0: the largest logit
    float top_p;        // 1: all
    u64 unused;
};
// ------------------------------------------------------------------------------------------------------------- noise
DI u64 scatter(u64 bits) {
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9ull;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebull;
    return bits ^ (bits >> 31);
}
DI u64 noise_base(const SampleTask& task) { return scatter(scatter(task.key) ^ (task.position * 0xd1342543de82ef95ull)); }
DI u64 noise_bits(u64 base, u32 token) { return scatter(base + token * 0x9e3779b97f4a7c15ull) >> 11; }
DI double gumbel(u64 bits) {
    double uniform = __ddiv_rn(__dadd_rn(double(i64(bits)), 0.5), 9007199254740992.0);
    return -logarithm(-logarithm(uniform));
}
// No draw with these bits is larger, since -ln(u) >= 1 - u; the margin covers the rounding of 54 ln 2 - ln(2^54 (1 - u)).
DI double gumbel_bound(u64 bits) { return double(__fmul_rn(log2_fast(float(i64(18014398509481983ull - 2 * bits))), -0.69314718f)) + 37.45; }
DI double noisy(float logit, const SampleTask& task, u64 base, u32 token) {
    return __dadd_rn(__ddiv_rn(double(logit), double(task.temperature)), gumbel(noise_bits(base, token)));
}
DI u64 ordered_double(double x) {
    if (x != x) return 0x000fffffffffffffull;  // -inf
    u64 u = __double_as_longlong(__dadd_rn(x, 0.0));
    return u >> 63 ? ~u : u | 0x8000000000000000ull;
}

// The largest noisy logit that a thread has seen, the lowest id among equals.
struct Draw {
    u64 value;  // `ordered_double`
    u32 token;
};
DI Draw better(Draw x, u64 value, u32 token) {
    if (value > x.value || (value == x.value && token < x.token)) x.value = value, x.token = token;
    return x;
}
DI Draw warp_better(Draw x) {
    for (int mask = 16; mask; mask >>= 1) {
        u64 value = shuffle_xor(x.value, mask);
        u32 token = shuffle_xor(x.token, mask);
        x = better(x, value, token);
    }
    return x;
}
// Offers a token; most cannot beat `bar`, the best value that the thread knows of, and need no logarithm.
DI void offer(Draw& best, double& bar, float logit, const SampleTask& task, double inverse, u64 base, u32 token) {
    double scaled = double(logit) * inverse;  // off by a few units in the last place
    if (scaled + fabs(scaled) * 1e-15 + gumbel_bound(noise_bits(base, token)) < bar) return;
    double value = noisy(logit, task, base, token);
    best = better(best, ordered_double(value), token);
    if (value > bar) bar = value;
}

// ---------------------------------------------------------------------------------------------------- partial results
struct LogitPart {
    u64 best;   // `ranked` logit and token
    Draw draw;  // where the whole vocabulary takes part
    float max;
    float sum;  // of e^(logit - max)
};
struct ReduceLogits {
    float* logits;  // [rows, stride]
    const SampleTask* tasks;
    LogitPart* parts;
    int vocabulary, stride;
    float softcap;
};
DI bool draws_from_all(const SampleTask& task, int vocabulary) {
    bool all = (task.top_k == 0 || task.top_k >= u32(vocabulary)) && task.top_p >= 1.0f;
    return task.kind != TASK_SCORE && task.temperature != 0.0f && all;
}
KERNEL(reduce_logits, ReduceLogits, 256, 1) {
    SHARED(memory);
    kernel_begin();
    constexpr int EACH = LOGIT_PART / 256;
    u64* best_of = (u64*)memory;
    u64* value_of = best_of + 8;
    float* sum_of = (float*)(value_of + 8);
    u32* token_of = (u32*)(sum_of + 8);
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, first = blockIdx.x * LOGIT_PART + threadIdx.x;
    float* logits = a.logits + size_t(blockIdx.y) * a.stride;
    float v[EACH];
    u64 best = 0;
#pragma unroll
    for (int i = 0; i < EACH; i++) {
        int token = first + i * 256;
        v[i] = NEGATIVE_INFINITY;
        if (token >= a.vocabulary) continue;
        v[i] = logits[token];
        if (a.softcap > 0) {
            float odds = exponential(__fdiv_rn(__fmul_rn(2.0f, v[i]), a.softcap));
            v[i] = __fmul_rn(a.softcap, __fsub_rn(1.0f, __fdiv_rn(2.0f, __fadd_rn(1.0f, odds))));
            logits[token] = v[i];
        }
        best = larger(best, ranked(v[i], token));
    }
    best = warp_largest(best);
    if (lane == 0) best_of[warp] = best;
    __syncthreads();
    best = best_of[0];
    for (int w = 1; w < 8; w++) best = larger(best, best_of[w]);
    float max = ranked_value(best), used = max == NEGATIVE_INFINITY ? 0.0f : max, sum = 0;
#pragma unroll
    for (int i = 0; i < EACH; i++) sum = __fadd_rn(sum, exponential(__fsub_rn(v[i], used)));
    sum = warp_sum(sum);
    Draw draw = {0, 0xffffffffu};
    const SampleTask task = a.tasks[blockIdx.y];
    if (draws_from_all(task, a.vocabulary)) {
        u64 base = noise_base(task);
        double inverse = 1.0 / double(task.temperature), bar = noisy(max, task, base, ranked_index(best));
        draw = {ordered_double(bar), ranked_index(best)};
        for (int i = 0; i < EACH; i++)
            if (first + i * 256 < a.vocabulary) offer(draw, bar, logits[first + i * 256], task, inverse, base, first + i * 256);
        draw = warp_better(draw);
    }
    if (lane == 0) sum_of[warp] = sum, value_of[warp] = draw.value, token_of[warp] = draw.token;
    __syncthreads();
    if (threadIdx.x != 0) return;
    sum = 0;
    for (int w = 0; w < 8; w++) {
        sum = __fadd_rn(sum, sum_of[w]);
        draw = better(draw, value_of[w], token_of[w]);
    }
    a.parts[size_t(blockIdx.y) * gridDim.x + blockIdx.x] = {best, draw, max, sum};
}

// ------------------------------------------------------------------------------------------------------------ results
struct SampleResult {
    double shortfall;
    int token;
    float logprob;
    u32 rank, unused;
};
struct Runner {
    u32 token;
    float logprob;
};
struct Sample {
    const float* logits;  // [rows, stride]
    const LogitPart* parts;
    const SampleTask* tasks;
    SampleResult* results;
    Runner* top;  // [rows, top_stride]
    int vocabulary, stride, top_stride;
};
constexpr int SAMPLERS = 1024, LISTED = 4096, BINS = 1024;

// Scratch of a block.
struct SampleMemory {
    u64 list[LISTED];     // the largest logits, sorted
    u64 sums[SAMPLERS];
    u32 bins[BINS];
    u64 value;            // of a reduction
    u32 token, count;
};
// One row of logits and what is known of it.
struct Row {
    const float* logits;
    int vocabulary;
    u64 largest;
    float max, whole;  // the log-sum-exp
};

// Sum over the block of what each thread has.
DI u64 block_sum(SampleMemory& m, u64 v) {
    for (int mask = 16; mask; mask >>= 1) v += shuffle_xor(v, mask);
    __syncthreads();
    if ((threadIdx.x & 31) == 0) m.sums[threadIdx.x >> 5] = v;
    __syncthreads();
    v = 0;
    for (int w = 0; w < SAMPLERS / 32; w++) v += m.sums[w];
    __syncthreads();
    return v;
}

// --------------------------------------------------------------------------------------------------------- candidates
// What a token counts towards a limit: 1, or its odds as an integer, so that no order of additions shows.
struct Limit {
    bool odds;
    float temperature;
    double wanted;
};
DI u64 odds_of(const Row& row, float temperature, float logit) {
    if (logit != logit) return 0;
    return u64(double(exponential(__fdiv_rn(__fsub_rn(logit, row.max), temperature))) * 1099511627776.0);
}
DI u64 counted(const Row& row, const Limit& limit, float logit) { return limit.odds ? odds_of(row, limit.temperature, logit) : 1; }

// distance from the largest logit in steps, which keeps their order
DI int bin_of(const Row& row, float logit) {
    float d = __fmul_rn(__fsub_rn(row.max, logit), 24.0f);
    return d < float(BINS - 1) ? int(d) : BINS - 1;
}
// Lists the largest logits, as many whole bins as fit, and returns how many; `odds` becomes the sum of all tokens' odds.
DI int list_largest(const Row& row, SampleMemory& m, float temperature, u64* odds) {
    for (int i = threadIdx.x; i < BINS; i += SAMPLERS) m.bins[i] = 0;
    if (threadIdx.x == 0) m.count = 0;
    __syncthreads();
    u64 sum = 0;
    for (int t = threadIdx.x; t < row.vocabulary; t += SAMPLERS) {
        float logit = row.logits[t];
        int bin = bin_of(row, logit);
        if (bin < BINS - 1) atomicAdd(&m.bins[bin], 1u);
        if (odds) sum += odds_of(row, temperature, logit);
    }
    if (odds) *odds = block_sum(m, sum);
    __syncthreads();
    if (threadIdx.x == 0) {
        u32 all = 0, bin = 0;
        while (bin < BINS - 1 && all + m.bins[bin] <= LISTED) all += m.bins[bin++];
        m.token = bin;
    }
    __syncthreads();
    int bins = int(m.token);
    for (int t = threadIdx.x; t < row.vocabulary; t += SAMPLERS) {
        float logit = row.logits[t];
        if (bin_of(row, logit) < bins) m.list[atomicAdd(&m.count, 1u)] = ranked(logit, t);
    }
    __syncthreads();
    return int(m.count);
}
// Lists every token of at least this rank; the caller knows that they fit.
DI int list_from(const Row& row, SampleMemory& m, u64 threshold) {
    __syncthreads();
    if (threadIdx.x == 0) m.count = 0;
    __syncthreads();
    for (int t = threadIdx.x; t < row.vocabulary; t += SAMPLERS) {
        u64 rank = ranked(row.logits[t], t);
        if (rank >= threshold) m.list[atomicAdd(&m.count, 1u)] = rank;
    }
    __syncthreads();
    return int(m.count);
}
// Sorts the list, largest first (bitonic).
DI void sort_list(SampleMemory& m, int count) {
    int size = 2;
    while (size < count) size *= 2;
    for (int i = count + threadIdx.x; i < size; i += SAMPLERS) m.list[i] = 0;
    __syncthreads();
    for (int run = 2; run <= size; run *= 2)
        for (int step = run / 2; step; step /= 2) {
            for (int i = threadIdx.x; i < size / 2; i += SAMPLERS) {
                int x = i / step * step * 2 + i % step, y = x + step;
                u64 p = m.list[x], q = m.list[y];
                if ((p < q) == ((x & run) == 0)) m.list[x] = q, m.list[y] = p;
            }
            __syncthreads();
        }
}
// The rank in the sorted list at which the limit is reached; 0 if it is not.
DI u64 reached_in_list(const Row& row, SampleMemory& m, int count, const Limit& limit) {
    constexpr int EACH = LISTED / SAMPLERS;
    u64 sum = 0;
    for (int i = 0; i < EACH; i++) {
        int at = threadIdx.x * EACH + i;
        if (at < count) sum += counted(row, limit, ranked_value(m.list[at]));
    }
    m.sums[threadIdx.x] = sum;
    if (threadIdx.x == 0) m.value = 0;
    __syncthreads();
    for (int d = 1; d < SAMPLERS; d *= 2) {
        u64 before = int(threadIdx.x) >= d ? m.sums[threadIdx.x - d] : 0;
        __syncthreads();
        m.sums[threadIdx.x] += before;
        __syncthreads();
    }
    u64 total = m.sums[threadIdx.x] - sum;
    if (double(i64(total)) < limit.wanted && double(i64(total + sum)) >= limit.wanted)
        for (int i = 0; i < EACH; i++) {
            int at = threadIdx.x * EACH + i;
            if (at >= count) break;
            total += counted(row, limit, ranked_value(m.list[at]));
            if (double(i64(total)) >= limit.wanted) {
                m.value = m.list[at];
                break;
            }
        }
    __syncthreads();
    u64 found = m.value;
    __syncthreads();
    return found;
}
// Likewise by halving all ranks from `floor` on: slow, but at home with any distribution. `floor` if it is never reached.
DI u64 reached_by_halving(const Row& row, SampleMemory& m, u64 floor, const Limit& limit) {
    u64 low = floor, high = ~0ull;  // reached at `low` (or nowhere), not at `high`
    while (high - low > 1) {
        u64 middle = low + (high - low) / 2, sum = 0;
        for (int t = threadIdx.x; t < row.vocabulary; t += SAMPLERS)
            if (ranked(row.logits[t], t) >= middle) sum += counted(row, limit, row.logits[t]);
        if (double(i64(block_sum(m, sum))) >= limit.wanted) low = middle;
        else high = middle;
    }
    return low;
}
// Tokens that take part after top-k and top-p: those of at least rank `lowest`, which are the first `listed` of the list, or
// all that there are where that is 0.
struct Candidates {
    u64 lowest;
    int listed;
};
DI int listed_above(const SampleMemory& m, int count, u64 lowest) {
    if (count == 0 || m.list[count - 1] > lowest) return 0;
    int low = 0, high = count - 1;  // the last of at least this rank
    while (low < high) {
        int middle = (low + high + 1) / 2;
        if (m.list[middle] >= lowest) low = middle;
        else high = middle - 1;
    }
    return low + 1;
}
DI Candidates candidates(const Row& row, const SampleTask& task, SampleMemory& m) {
    bool few = task.top_k && task.top_k < u32(row.vocabulary), share = task.top_p < 1.0f;
    u64 odds = 0, lowest = 0;
    int count = list_largest(row, m, task.temperature, share && !few ? &odds : nullptr);
    sort_list(m, count);
    if (few) {
        lowest = int(task.top_k) <= count ? m.list[task.top_k - 1] : reached_by_halving(row, m, 0, {false, 1.0f, double(task.top_k)});
        if (task.top_k < u32(count)) count = task.top_k;
    }
    if (share) {
        if (few) {
            u64 sum = 0;
            if (int(task.top_k) <= count) {
                for (int i = threadIdx.x; i < count; i += SAMPLERS) sum += odds_of(row, task.temperature, ranked_value(m.list[i]));
            } else
                for (int t = threadIdx.x; t < row.vocabulary; t += SAMPLERS)
                    if (ranked(row.logits[t], t) >= lowest) sum += odds_of(row, task.temperature, row.logits[t]);
            odds = block_sum(m, sum);
        }
        Limit limit = {true, task.temperature, __dmul_rn(double(task.top_p), double(i64(odds)))};
        u64 reached = reached_in_list(row, m, count, limit);
        lowest = reached ? reached : reached_by_halving(row, m, lowest, limit);
    }
    return {lowest, listed_above(m, count, lowest)};
}

// ------------------------------------------------------------------------------------------------------------- choice
// The token with the largest noisy logit among the candidates.
DI u32 choose_token(const Row& row, const SampleTask& task, Draw drawn, SampleMemory& m) {
    u32 largest = ranked_index(row.largest);
    if (task.temperature == 0.0f) return largest;
    if (draws_from_all(task, row.vocabulary)) return drawn.token;
    Candidates c = candidates(row, task, m);
    u64 base = noise_base(task);
    double bar = noisy(row.max, task, base, largest), inverse = 1.0 / double(task.temperature);
    Draw best = {ordered_double(bar), largest};
    if (c.listed)
        for (int i = threadIdx.x; i < c.listed; i += SAMPLERS) offer(best, bar, ranked_value(m.list[i]), task, inverse, base, ranked_index(m.list[i]));
    else
        for (int t = threadIdx.x; t < row.vocabulary; t += SAMPLERS)
            if (ranked(row.logits[t], t) >= c.lowest) offer(best, bar, row.logits[t], task, inverse, base, t);
    best = warp_better(best);
    __syncthreads();
    if ((threadIdx.x & 31) == 0) m.sums[threadIdx.x >> 5] = best.value, m.bins[threadIdx.x >> 5] = best.token;
    __syncthreads();
    for (int w = 0; w < SAMPLERS / 32; w++) best = better(best, m.sums[w], m.bins[w]);
    __syncthreads();
    return best.token;
}
DI double shortfall(const Row& row, const SampleTask& task, u32 token, u32 chosen) {
    if (task.temperature == 0.0f) return __dsub_rn(double(row.logits[chosen]), double(row.logits[token]));
    u64 base = noise_base(task);
    return __dsub_rn(noisy(row.logits[chosen], task, base, chosen), noisy(row.logits[token], task, base, token));
}
// number of tokens that are more likely, or as likely with a lower id
DI u32 rank_of(const Row& row, u32 token, SampleMemory& m) {
    float own = row.logits[token];
    u64 above = 0;
    for (int t = threadIdx.x; t < row.vocabulary; t += SAMPLERS) {
        float logit = row.logits[t];
        above += logit > own || (logit == own && u32(t) < token);
    }
    return u32(block_sum(m, above));
}
DI void most_likely(const Row& row, u32 wanted, Runner* top, SampleMemory& m) {
    if (wanted > u32(row.vocabulary)) wanted = row.vocabulary;
    int count = list_largest(row, m, 1.0f, nullptr);
    if (count < int(wanted)) count = list_from(row, m, reached_by_halving(row, m, 0, {false, 1.0f, double(wanted)}));
    sort_list(m, count);
    for (u32 i = threadIdx.x; i < wanted; i += SAMPLERS) {
        u32 token = ranked_index(m.list[i]);
        top[i] = {token, __fsub_rn(row.logits[token], row.whole)};
    }
}
KERNEL(sample, Sample, SAMPLERS, 1) {
    SHARED(memory);
    kernel_begin();
    SampleMemory& m = *(SampleMemory*)memory;
    const SampleTask task = a.tasks[blockIdx.x];
    int parts = (a.vocabulary + LOGIT_PART - 1) / LOGIT_PART;
    const LogitPart* part = a.parts + size_t(blockIdx.x) * parts;
    Row row = {a.logits + size_t(blockIdx.x) * a.stride, a.vocabulary, 0, 0, 0};
    Draw drawn = {0, 0xffffffffu};
    for (int i = 0; i < parts; i++) {
        row.largest = larger(row.largest, part[i].best);
        drawn = better(drawn, part[i].draw.value, part[i].draw.token);
    }
    row.max = ranked_value(row.largest);
    float sum = 0;
    for (int i = 0; i < parts; i++) sum = __fmaf_rn(part[i].sum, exponential(__fsub_rn(part[i].max, row.max)), sum);
    row.whole = __fadd_rn(row.max, float(logarithm(double(sum))));
    SampleResult result = {0.0, -1, 0.0f, 0, 0};
    u32 given = task.token;
    if (task.kind != TASK_SCORE) result.token = int(choose_token(row, task, drawn, m));
    if (task.kind == TASK_SAMPLE) given = u32(result.token);
    if (task.kind == TASK_VERIFY) result.shortfall = shortfall(row, task, given, u32(result.token));
    if (task.kind == TASK_SCORE) {
        result.rank = rank_of(row, given, m);
        if (task.top) most_likely(row, task.top, a.top + size_t(blockIdx.x) * a.top_stride, m);
    }
    result.logprob = __fsub_rn(row.logits[given], row.whole);
    if (threadIdx.x == 0) a.results[blockIdx.x] = result;
}
