#pragma once

#include "core/kernels/cuda/call.h"
#include "core/kernels/cuda/mma.cuh"

// Products of up to 8 rows of x with a packed weight: bound by reading the weight.
namespace hub::kernels::cuda {

constexpr int kTileRows = 16;  // of the weight
constexpr int kTileX = 8;      // rows of x

template <int Bits>
constexpr int kChunk = 128 / Bits;  // columns in a lane's 16 bytes

// What a lane has loaded of one span: 16 bytes of rows g and g + 8, their scales.
template <typename Scale>
struct Loaded {
  uint4 words[2];
  Scale scale[2];
  Scale bias[2];
};

// A chunk of rows g and g + 8 times the chunk of x. Weights are unpacked in registers: putting the
// scales on the sums of each group instead needs a second product, for the sums of x, and was no
// quicker.
template <typename T, typename Scale, int Bits>
__device__ __forceinline__ void add_chunk(
    float (&sums)[4], const Loaded<Scale>& w, const uint4 (&x)[kChunk<Bits> / 8]) {
  const unsigned upper[4] = {w.words[0].x, w.words[0].y, w.words[0].z, w.words[0].w};
  const unsigned lower[4] = {w.words[1].x, w.words[1].y, w.words[1].z, w.words[1].w};
  const Factors<T, Scale> first(w.scale[0], w.bias[0]);
  const Factors<T, Scale> second(w.scale[1], w.bias[1]);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if constexpr (Bits == 4) {
      const uint4 b = pairs_of_eight(x[i]);
      const unsigned a[4] = {
          unpack_pair<T>(upper[i], first),
          unpack_pair<T>(lower[i], second),
          unpack_pair<T>(upper[i] >> 4, first),
          unpack_pair<T>(lower[i] >> 4, second)};
      const unsigned c[4] = {
          unpack_pair<T>(upper[i] >> 8, first),
          unpack_pair<T>(lower[i] >> 8, second),
          unpack_pair<T>(upper[i] >> 12, first),
          unpack_pair<T>(lower[i] >> 12, second)};
      multiply_add<T>(sums, a, b.x, b.y);
      multiply_add<T>(sums, c, b.z, b.w);
    } else {
      const uint4 both = pairs_of_two_fours(x[i / 2]);
      const unsigned a[4] = {
          unpack_byte_pair<T>(upper[i], first),
          unpack_byte_pair<T>(lower[i], second),
          unpack_byte_pair<T>(upper[i] >> 8, first),
          unpack_byte_pair<T>(lower[i] >> 8, second)};
      multiply_add<T>(sums, a, i % 2 == 0 ? both.x : both.z, i % 2 == 0 ? both.y : both.w);
    }
  }
}

// Grid: a block for each 16 Tiles rows of the weight, of any number of warps, which take turns
// along the columns; `Ahead` spans of a warp are loaded before the first is used. Shared memory:
// 512 Tiles bytes a warp.
template <typename T, typename Scale, int Bits, int Tiles, int Ahead>
__global__ void matvec(const MatmulCall call) {
  constexpr int chunk = kChunk<Bits>;
  constexpr int block_rows = kTileRows * Tiles;
  extern __shared__ float partial[];
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int warps = static_cast<int>(blockDim.x) / 32;
  const int g = lane / 4;
  const int t = lane % 4;
  const int first = static_cast<int>(blockIdx.x) * block_rows;
  const std::int64_t row_bytes = call.columns / 8 * Bits;
  const int groups = call.columns >> call.group_shift;
  const char* rows[2 * Tiles];
  std::int64_t row_groups[2 * Tiles];
#pragma unroll
  for (int r = 0; r < 2 * Tiles; ++r) {
    const std::int64_t row = min(first + g + 8 * r, call.outputs - 1);
    rows[r] = reinterpret_cast<const char*>(call.packed) + row * row_bytes;
    row_groups[r] = row * groups;
  }
  const bool has_x = g < call.rows;
  const T* x = static_cast<const T*>(call.x) + (has_x ? g : 0) * call.x_stride;

  const int step = warps * 4 * chunk;
  float sums[Tiles][4] = {};
  for (int begin = (warp * 4 + t) * chunk; begin - t * chunk < call.columns;
       begin += step * Ahead) {
    Loaded<Scale> w[Ahead][Tiles];
#pragma unroll
    for (int p = 0; p < Ahead; ++p) {
      const int column = begin + p * step;
      const bool inside = column < call.columns;
#pragma unroll
      for (int r = 0; r < 2 * Tiles; ++r) {
        Loaded<Scale>& to = w[p][r / 2];
        to.words[r % 2] = make_uint4(0, 0, 0, 0);
        to.scale[r % 2] = Scale(0.0F);
        to.bias[r % 2] = Scale(0.0F);
        if (inside) {
          const std::int64_t group = row_groups[r] + (column >> call.group_shift);
          to.words[r % 2] = load_weight(rows[r] + column / 8 * Bits);
          to.scale[r % 2] = __ldg(static_cast<const Scale*>(call.scales) + group);
          to.bias[r % 2] = __ldg(static_cast<const Scale*>(call.biases) + group);
        }
      }
    }
#pragma unroll
    for (int p = 0; p < Ahead; ++p) {
      const int column = begin + p * step;
      uint4 from[chunk / 8];
#pragma unroll
      for (int i = 0; i < chunk / 8; ++i) {
        from[i] = has_x && column < call.columns
                      ? __ldg(reinterpret_cast<const uint4*>(x + column) + i)
                      : make_uint4(0, 0, 0, 0);
      }
#pragma unroll
      for (int tile = 0; tile < Tiles; ++tile) {
        add_chunk<T, Scale, Bits>(sums[tile], w[p][tile], from);
      }
    }
  }

  float* own = partial + warp * block_rows * kTileX;
#pragma unroll
  for (int tile = 0; tile < Tiles; ++tile) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      own[(2 * t + i % 2) * block_rows + kTileRows * tile + g + 8 * (i / 2)] = sums[tile][i];
    }
  }
  __syncthreads();
  for (int at = static_cast<int>(threadIdx.x); at < call.rows * block_rows;
       at += static_cast<int>(blockDim.x)) {
    const int m = at / block_rows;
    const int n = at % block_rows;
    float sum = 0.0F;
    for (int v = 0; v < warps; ++v) {
      sum += partial[(v * kTileX + m) * block_rows + n];
    }
    if (first + n < call.outputs) {
      static_cast<T*>(call.y)[std::int64_t{m} * call.outputs + first + n] = Half<T>::round(sum);
    }
  }
}

}  // namespace hub::kernels::cuda
