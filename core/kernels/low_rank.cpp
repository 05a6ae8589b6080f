#include "core/kernels/low_rank.h"

#include <vector>

#include <mlx/fast.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/tensor/ops.h"

namespace hub::kernels {

namespace {

constexpr int kColumnsAtOnce = 8;  // of a factor, by one block
constexpr int kVector = 8;         // elements of a half type that a thread loads at once
constexpr int kNarrowThreads = 128;
constexpr int kNarrowRows = 8;  // of x, by one block
constexpr int kOuterThreads = 128;
constexpr int kOuterTiles = 2;   // of 8 rows of the result, by one block
constexpr int kSumThreads = 64;  // of each of the groups of rows of a block
constexpr int kSumGroups = 4;
constexpr int kSumRows = 128;  // of x and z, by one block

// A factor f is [R, length]: its long side lies contiguous. A thread takes 8 neighbours of it.
constexpr const char* kHeader = R"(
template <typename T>
struct alignas(16) HubEight {
  T values[8];
};
template <typename T>
__device__ inline void hub_load(const T* from, float (&to)[8]) {
  const auto eight = *reinterpret_cast<const HubEight<T>*>(from);
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    to[i] = static_cast<float>(eight.values[i]);
  }
}
__device__ inline void hub_load(const float* from, float (&to)[8]) {
  const float4 low = *reinterpret_cast<const float4*>(from);
  const float4 high = *reinterpret_cast<const float4*>(from + 4);
  to[0] = low.x, to[1] = low.y, to[2] = low.z, to[3] = low.w;
  to[4] = high.x, to[5] = high.y, to[6] = high.z, to[7] = high.w;
}
)";

// z[m, j] = scale * sum over k of x[m, k] f[j, k]: x [M, K] half, z [M, R] float32. A block sums 8
// rows and 8 columns over all k: each thread its own k, then the lanes of a warp, then the warps.
constexpr const char* kNarrow = R"(
  constexpr int J = 8;
  constexpr int ROWS = 8;
  const size_t rows = x_shape[0];
  const size_t length = x_shape[1];
  const size_t row = size_t(blockIdx.x) * ROWS;
  const int column = blockIdx.y * J;
  float sum[ROWS * J] = {};
  for (size_t k = 8 * threadIdx.x; k < length; k += 8 * THREADS) {
    float left[ROWS][8];
#pragma unroll
    for (int r = 0; r < ROWS; ++r) {
      const size_t m = row + r < rows ? row + r : rows - 1;
      hub_load(x + m * length + k, left[r]);
    }
#pragma unroll
    for (int j = 0; j < J; ++j) {
      float right[8];
      hub_load(f + size_t(column + j) * length + k, right);
#pragma unroll
      for (int r = 0; r < ROWS; ++r) {
#pragma unroll
        for (int i = 0; i < 8; ++i) {
          sum[r * J + j] = fmaf(left[r][i], right[i], sum[r * J + j]);
        }
      }
    }
  }
  // Each step halves what a lane holds: at the end lane l has sums 2 l and 2 l + 1 of the warp.
  const unsigned lane = threadIdx.x % 32;
#pragma unroll
  for (int step = 0; step < 5; ++step) {
    const int half = 32 >> step;
    const unsigned offset = 16u >> step;
    const bool upper = (lane & offset) != 0;
#pragma unroll
    for (int i = 0; i < half; ++i) {
      const float kept = upper ? sum[i + half] : sum[i];
      const float given = upper ? sum[i] : sum[i + half];
      sum[i] = kept + __shfl_xor_sync(0xffffffffu, given, offset);
    }
  }
  constexpr int WARPS = THREADS / 32;
  __shared__ float partial[WARPS][ROWS * J];
  partial[threadIdx.x / 32][2 * lane] = sum[0];
  partial[threadIdx.x / 32][2 * lane + 1] = sum[1];
  __syncthreads();
  if (threadIdx.x < ROWS * J) {
    float value = 0;
    for (int warp = 0; warp < WARPS; ++warp) {
      value += partial[warp][threadIdx.x];
    }
    const size_t m = row + threadIdx.x / J;
    if (m < rows) {
      z[m * R + column + threadIdx.x % J] = scale[0] * value;
    }
  }
)";

// out[m, n] = y[m, n] + sum over j of z[m, j] f[j, n]: y and out [M, N] half. A thread makes TILES
// x 8 rows of 8 columns.
constexpr const char* kOuter = R"(
  constexpr int J = 8;
  constexpr int ROWS = 8;
  const size_t rows = y_shape[0];
  const size_t length = y_shape[1];
  const size_t n = 8 * (size_t(blockIdx.x) * blockDim.x + threadIdx.x);
  if (n < length) {
    float right[J][8];
#pragma unroll
    for (int tile = 0; tile < TILES; ++tile) {
      const size_t row = (size_t(blockIdx.y) * TILES + tile) * ROWS;
      float sum[ROWS][8] = {};
      for (int column = 0; column < R; column += J) {
        if (R > J || tile == 0) {
#pragma unroll
          for (int j = 0; j < J; ++j) {
            hub_load(f + size_t(column + j) * length + n, right[j]);
          }
        }
#pragma unroll
        for (int r = 0; r < ROWS; ++r) {
          const size_t m = row + r < rows ? row + r : rows - 1;
          float left[J];
          hub_load(z + m * R + column, left);
#pragma unroll
          for (int j = 0; j < J; ++j) {
#pragma unroll
            for (int i = 0; i < 8; ++i) {
              sum[r][i] = fmaf(left[j], right[j][i], sum[r][i]);
            }
          }
        }
      }
#pragma unroll
      for (int r = 0; r < ROWS; ++r) {
        if (row + r < rows) {
          const size_t at = (row + r) * length + n;
          float before[8];
          hub_load(y + at, before);
          HubEight<T> after;
#pragma unroll
          for (int i = 0; i < 8; ++i) {
            after.values[i] = static_cast<T>(before[i] + sum[r][i]);
          }
          *reinterpret_cast<HubEight<T>*>(out + at) = after;
        }
      }
    }
  }
)";

// partial[s, j, k] = sum over the ROWS rows m of part s of x[m, k] z[m, j], float32 [parts, R, K].
// The GROUPS of a block take every GROUPS-th row; their sums are added in order.
constexpr const char* kColumnSums = R"(
  constexpr int J = 8;
  const size_t rows = x_shape[0];
  const size_t length = x_shape[1];
  const int thread = threadIdx.x % THREADS;
  const int group = threadIdx.x / THREADS;
  const size_t k = 8 * (size_t(blockIdx.x) * THREADS + thread);
  const int column = blockIdx.y * J;
  const size_t begin = size_t(blockIdx.z) * ROWS;
  const size_t end = begin + ROWS < rows ? begin + ROWS : rows;
  float sum[J][8] = {};
  if (k < length) {
#pragma unroll 4
    for (size_t m = begin + group; m < end; m += GROUPS) {
      float left[8];
      float right[J];
      hub_load(x + m * length + k, left);
      hub_load(z + m * R + column, right);
#pragma unroll
      for (int j = 0; j < J; ++j) {
#pragma unroll
        for (int i = 0; i < 8; ++i) {
          sum[j][i] = fmaf(left[i], right[j], sum[j][i]);
        }
      }
    }
  }
  __shared__ float given[J * 8][THREADS];
  for (int other = 1; other < GROUPS; ++other) {
    if (group == other) {
#pragma unroll
      for (int i = 0; i < J * 8; ++i) {
        given[i][thread] = sum[i / 8][i % 8];
      }
    }
    __syncthreads();
    if (group == 0) {
#pragma unroll
      for (int i = 0; i < J * 8; ++i) {
        sum[i / 8][i % 8] += given[i][thread];
      }
    }
    __syncthreads();
  }
  if (group == 0 && k < length) {
#pragma unroll
    for (int j = 0; j < J; ++j) {
      float* to = partial + (size_t(blockIdx.z) * R + column + j) * length + k;
      *reinterpret_cast<float4*>(to) = make_float4(sum[j][0], sum[j][1], sum[j][2], sum[j][3]);
      *reinterpret_cast<float4*>(to + 4) = make_float4(sum[j][4], sum[j][5], sum[j][6], sum[j][7]);
    }
  }
)";

int blocks(int length, int width) {
  return (length + width - 1) / width;
}

// scale * x [M, K] times the transposed factor [R, K] -> [M, R] float32.
mx::array narrow(const mx::array& x, const mx::array& factor, const mx::array& scale) {
  static const auto kernel =
      mx::fast::cuda_kernel("hub_low_rank_narrow", {"x", "f", "scale"}, {"z"}, kNarrow, kHeader);
  const int rank = factor.shape(0);
  return kernel(
      {x, factor, scale},
      {mx::Shape{x.shape(0), rank}},
      {mx::float32},
      {blocks(x.shape(0), kNarrowRows) * kNarrowThreads, rank / kColumnsAtOnce, 1},
      {kNarrowThreads, 1, 1},
      {{"R", rank}, {"THREADS", kNarrowThreads}},
      std::nullopt,
      false,
      {})[0];
}

// y [M, N] + z [M, R] times the factor [R, N].
mx::array add_outer(const mx::array& y, const mx::array& z, const mx::array& factor) {
  static const auto kernel =
      mx::fast::cuda_kernel("hub_low_rank_outer", {"y", "z", "f"}, {"out"}, kOuter, kHeader);
  const int threads = blocks(y.shape(1), kVector * kOuterThreads) * kOuterThreads;
  return kernel(
      {y, z, factor},
      {y.shape()},
      {y.dtype()},
      {threads, blocks(y.shape(0), kOuterTiles * kColumnsAtOnce), 1},
      {kOuterThreads, 1, 1},
      {{"T", y.dtype()}, {"R", z.shape(1)}, {"TILES", kOuterTiles}},
      std::nullopt,
      false,
      {})[0];
}

// z^T x [R, K] float32; x [M, K], z [M, R].
mx::array column_sums(const mx::array& x, const mx::array& z) {
  static const auto kernel =
      mx::fast::cuda_kernel("hub_low_rank_sums", {"x", "z"}, {"partial"}, kColumnSums, kHeader);
  constexpr int threads = kSumThreads * kSumGroups;
  const int rank = z.shape(1);
  const int parts = blocks(x.shape(0), kSumRows);
  const mx::array partial = kernel(
      {x, z},
      {mx::Shape{parts, rank, x.shape(1)}},
      {mx::float32},
      {blocks(x.shape(1), kVector * kSumThreads) * threads, rank / kColumnsAtOnce, parts},
      {threads, 1, 1},
      {{"R", rank}, {"ROWS", kSumRows}, {"THREADS", kSumThreads}, {"GROUPS", kSumGroups}},
      std::nullopt,
      false,
      {})[0];
  return mx::sum(partial, 0);
}

}  // namespace

bool has_own_low_rank(const mx::array& x, const mx::array& a, const mx::array& b) {
  const bool half = x.dtype() == mx::bfloat16 || x.dtype() == mx::float16;
  return tensor::default_device_is_cuda() && half && x.ndim() == 2 && x.shape(0) > 0 &&
         x.shape(1) % kVector == 0 && b.shape(1) % kVector == 0 &&
         a.shape(1) % kColumnsAtOnce == 0 && a.dtype() == mx::float32 && b.dtype() == mx::float32;
}

mx::array adapted(
    const FrozenLinear& base,
    const mx::array& x,
    const mx::array& a,
    const mx::array& b,
    float scale) {
  const mx::array factor(scale);
  const auto forward = [base, factor](const std::vector<mx::array>& in) {
    const mx::array long_a = mx::contiguous(mx::transpose(in[1]));
    const mx::array z = narrow(in[0], long_a, factor);
    return std::vector<mx::array>{add_outer(base.forward(in[0]), z, in[2]), z, long_a};
  };
  const auto backward = [base, factor](
                            const std::vector<mx::array>& primals,
                            const std::vector<mx::array>& cotangents,
                            const std::vector<mx::array>& outputs) {
    const mx::array& dy = cotangents[0];
    const mx::array dz = narrow(dy, primals[2], factor);
    const mx::array da = mx::transpose(column_sums(primals[0], dz));
    const mx::array db = column_sums(dy, outputs[1]);
    const mx::array dx = add_outer(base.backward(dy), dz, outputs[2]);
    return std::vector<mx::array>{mx::depends({dx}, {da, db})[0], da, db};
  };
  return mx::custom_vjp(forward, backward)({x, a, b})[0];
}

}  // namespace hub::kernels
