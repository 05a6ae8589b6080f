#pragma once

// CUDA source of ragged_attention_cuda.cpp. HUB_CASES stands for `case i: keys = keys<i>; values =
// values<i>; break;` for each cache: an array of them would be copied by every thread.
namespace hub::kernels::ragged {

// Of `info`, a row of the step has: its cache, the row of it that is its own, the first row that it
// sees behind the sinks, how many sinks it sees, the cache's capacity, and the first of its
// sequence's rows in this step.
inline constexpr int kThreads = 128;
inline constexpr int kPartPositions = 512;  // that a block attends to

inline constexpr const char* kHeader = R"(
template <typename T>
struct alignas(16) HubVector {
  T values[16 / sizeof(T)];
};

template <typename T>
__device__ inline const HubVector<T>* hub_words(const T* from) {
  return reinterpret_cast<const HubVector<T>*>(from);
}

// A place in a cache, which MLX hands over as an input.
template <typename T>
__device__ inline HubVector<T>* hub_place(const T* cache, size_t at) {
  return reinterpret_cast<HubVector<T>*>(const_cast<T*>(cache) + at);
}

template <typename T, int V>
__device__ inline void hub_vector(const T* from, float (&to)[V]) {
  const auto loaded = *hub_words(from);
#pragma unroll
  for (int i = 0; i < V; ++i) {
    to[i] = static_cast<float>(loaded.values[i]);
  }
}

// exp2(a - top), 0 for nothing.
__device__ inline float hub_weight(float a, float top) {
  return a == -INFINITY ? 0.0f : exp2f(a - top);
}

// Takes a learned score without a value into the softmax.
__device__ inline void hub_add_sink(float sink, float top, float& x, float& total) {
  const float score = sink * 1.4426950408889634f;
  const float highest = fmaxf(top, score);
  const float before = exp2f(top - highest);
  x *= before;
  total = fmaf(total, before, exp2f(score - highest));
}
)";

// Writes each row's k and v [rows, KV * D] into the cache, and attends to what the cache held
// before and the step's own rows: online softmax (arXiv:1805.02867) of CHUNK query heads that share
// a key/value head over PART positions: 8 lanes take a position, the states of all such groups are
// joined at the end. q [rows, KV * GROUP * D]; WHOLE: all positions are in one part, and `out` is
// the attention, else [rows, heads, parts, D + 2] float32: sum of values, sum of weights, top.
inline constexpr const char* kAttend = R"(
  constexpr int LANES = 8;
  constexpr int WARPS = THREADS / 32;
  constexpr int SLOTS = THREADS / LANES;
  constexpr int V = 16 / sizeof(T);
  constexpr int N = D / (LANES * V);
  const int row = blockIdx.x;
  const int head = blockIdx.y * CHUNK;
  const int kv_head = head / GROUP;
  const int heads = gridDim.y * CHUNK;
  const int KV = heads / GROUP;
  const int* own = info + 6 * row;
  const int count = own[3] + own[1] - own[2] + 1;
  const int begin = blockIdx.z * PART;
  const int end = min(count, begin + PART);
  if (begin >= end) {
    return;
  }
  const int lane = threadIdx.x % LANES;
  const unsigned group_mask = 0xffu << (threadIdx.x % 32 / LANES * LANES);
  const T* keys = nullptr;
  const T* values = nullptr;
  switch (own[0]) { HUB_CASES }
  const size_t from = size_t(kv_head) * own[4] * D + lane * V;
  keys += from;
  values += from;
  // The step's rows of the sequence begin at this row of the cache, and at own[5] of k and v.
  const int begun = own[1] - (row - own[5]);
  const size_t given = (size_t(own[5]) * KV + kv_head) * D + lane * V;
  if (head % GROUP == 0 && blockIdx.z == 0 && threadIdx.x < LANES) {
    const size_t mine = (size_t(row) * KV + kv_head) * D + lane * V;
#pragma unroll
    for (int n = 0; n < N; ++n) {
      *hub_place(keys, size_t(own[1]) * D + n * LANES * V) = *hub_words(k + mine + n * LANES * V);
      *hub_place(values, size_t(own[1]) * D + n * LANES * V) = *hub_words(v + mine + n * LANES * V);
    }
  }

  float query[CHUNK][N][V];
  float sum[CHUNK][N][V] = {};
  float top[CHUNK];
  float weights[CHUNK] = {};
  const float factor = __int_as_float(SCALE) * 1.4426950408889634f;
#pragma unroll
  for (int h = 0; h < CHUNK; ++h) {
    top[h] = -INFINITY;
#pragma unroll
    for (int n = 0; n < N; ++n) {
      hub_vector(q + (size_t(row) * heads + head + h) * D + (n * LANES + lane) * V, query[h][n]);
#pragma unroll
      for (int e = 0; e < V; ++e) {
        query[h][n][e] *= factor;
      }
    }
  }
#pragma unroll 2
  for (int i = begin + threadIdx.x / LANES; i < end; i += SLOTS) {
    const int at = i < own[3] ? i : own[2] + i - own[3];
    const bool is_new = at >= begun;
    const size_t offset = is_new ? given + size_t(at - begun) * KV * D : size_t(at) * D;
    const T* key_row = (is_new ? k : keys) + offset;
    const T* value_row = (is_new ? v : values) + offset;
    float key[N][V];
    float value[N][V];
#pragma unroll
    for (int n = 0; n < N; ++n) {
      hub_vector(key_row + n * LANES * V, key[n]);
      hub_vector(value_row + n * LANES * V, value[n]);
    }
#pragma unroll
    for (int h = 0; h < CHUNK; ++h) {
      float score = 0.0f;
#pragma unroll
      for (int n = 0; n < N; ++n) {
#pragma unroll
        for (int e = 0; e < V; ++e) {
          score = fmaf(query[h][n][e], key[n][e], score);
        }
      }
#pragma unroll
      for (int step = LANES / 2; step > 0; step /= 2) {
        score += __shfl_xor_sync(group_mask, score, step);
      }
      const float highest = fmaxf(top[h], score);
      const float before = hub_weight(top[h], highest);
      const float weight = exp2f(score - highest);
      top[h] = highest;
      weights[h] = weights[h] * before + weight;
#pragma unroll
      for (int n = 0; n < N; ++n) {
#pragma unroll
        for (int e = 0; e < V; ++e) {
          sum[h][n][e] = fmaf(weight, value[n][e], sum[h][n][e] * before);
        }
      }
    }
  }

  __shared__ float warp_sum[WARPS][CHUNK][D];
  __shared__ float warp_weights[WARPS][CHUNK];
  __shared__ float warp_top[WARPS][CHUNK];
  const int warp = threadIdx.x / 32;
  __syncwarp();
#pragma unroll
  for (int h = 0; h < CHUNK; ++h) {
    float highest = fmaxf(top[h], __shfl_xor_sync(~0u, top[h], 8));
    highest = fmaxf(highest, __shfl_xor_sync(~0u, highest, 16));
    const float part = hub_weight(top[h], highest);
    float total = weights[h] * part;
    total += __shfl_xor_sync(~0u, total, 8);
    total += __shfl_xor_sync(~0u, total, 16);
#pragma unroll
    for (int n = 0; n < N; ++n) {
#pragma unroll
      for (int e = 0; e < V; ++e) {
        float x = sum[h][n][e] * part;
        x += __shfl_xor_sync(~0u, x, 8);
        x += __shfl_xor_sync(~0u, x, 16);
        if (threadIdx.x % 32 < LANES) {
          warp_sum[warp][h][(n * LANES + lane) * V + e] = x;
        }
      }
    }
    if (threadIdx.x % 32 == 0) {
      warp_weights[warp][h] = total;
      warp_top[warp][h] = highest;
    }
  }
  __syncthreads();
  for (int i = threadIdx.x; i < CHUNK * D; i += THREADS) {
    const int h = i / D;
    const int d = i % D;
    float highest = -INFINITY;
    for (int w = 0; w < WARPS; ++w) {
      highest = fmaxf(highest, warp_top[w][h]);
    }
    float x = 0.0f;
    float total = 0.0f;
    for (int w = 0; w < WARPS; ++w) {
      const float part = hub_weight(warp_top[w][h], highest);
      x = fmaf(warp_sum[w][h][d], part, x);
      total = fmaf(warp_weights[w][h], part, total);
    }
    const size_t to = size_t(row) * heads + head + h;
    if (WHOLE) {
      if (HAS_SINKS) {
        hub_add_sink(static_cast<float>(sinks[head + h]), highest, x, total);
      }
      out[to * D + d] = static_cast<T>(x / total);
    } else {
      OUT* parts = out + (to * gridDim.z + blockIdx.z) * (D + 2);
      parts[d] = static_cast<OUT>(x);
      if (d == 0) {
        parts[D] = static_cast<OUT>(total);
        parts[D + 1] = static_cast<OUT>(highest);
      }
    }
  }
)";

// Joins the parts of each row and head.
inline constexpr const char* kJoin = R"(
  const int row = blockIdx.x;
  const int head = blockIdx.y;
  const int* own = info + 6 * row;
  const int count = own[3] + own[1] - own[2] + 1;
  const int parts = (count + PART - 1) / PART;
  const size_t at = size_t(row) * gridDim.y + head;
  const float* from = part + at * part_shape[2] * (D + 2);
  float highest = -INFINITY;
  for (int p = 0; p < parts; ++p) {
    highest = fmaxf(highest, from[p * (D + 2) + D + 1]);
  }
  const int d = threadIdx.x;
  float x = 0.0f;
  float total = 0.0f;
  for (int p = 0; p < parts; ++p) {
    const float weight = hub_weight(from[p * (D + 2) + D + 1], highest);
    x = fmaf(from[p * (D + 2) + d], weight, x);
    total = fmaf(from[p * (D + 2) + D], weight, total);
  }
  if (HAS_SINKS) {
    hub_add_sink(static_cast<float>(sinks[head]), highest, x, total);
  }
  out[at * D + d] = static_cast<T>(x / total);
)";

}  // namespace hub::kernels::ragged
