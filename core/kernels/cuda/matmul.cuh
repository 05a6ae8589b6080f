#pragma once

#include <type_traits>

#include "core/kernels/cuda/call.h"
#include "core/kernels/cuda/mma.cuh"

// Products of a few dozen rows of x with a packed weight. A block takes 32 Down rows of the weight
// and 8 Tiles rows of x; Down x Across warps share each tile of Across units of columns, a unit and
// 32 rows a warp, and the units' sums are added up at the end. Tiles come through a ring of Stages
// in shared memory.
namespace hub::kernels::cuda {

// The numbers that a kernel is compiled for, and where things lie in shared memory, in bytes: the
// ring (later the sums), then the scales of the block's rows, then their biases. Rows are padded so
// that no two lanes that read together meet in a bank.
template <
    typename Type,
    typename ScaleType,
    int BitCount,
    int TileCount,
    int AcrossCount,
    int DownCount,
    int StageCount>
struct MatmulShape {
  using T = Type;
  using Scale = ScaleType;
  static constexpr int kBits = BitCount;
  static constexpr int kTiles = TileCount;
  static constexpr int kAcross = AcrossCount;
  static constexpr int kDown = DownCount;
  static constexpr int kStages = StageCount;

  static constexpr int kUnit = 64;      // columns
  static constexpr int kWarpRows = 32;  // of the weight
  static constexpr int kThreads = 32 * kAcross * kDown;
  static constexpr int kRows = kDown * kWarpRows;
  static constexpr int kXRows = kTiles * 8;
  static constexpr int kUnitBytes = kUnit * kBits / 8;
  static constexpr int kRowPitch = kAcross * kUnitBytes + (kAcross % 2 == 0 ? kUnitBytes : 0);
  static constexpr int kXPitch = kAcross * kUnit * 2 + 16;
  static constexpr int kX = kRows * kRowPitch;  // where a stage's x begins
  static constexpr int kStageBytes = kX + kXRows * kXPitch;
  static constexpr int kSumPitch = kWarpRows + 4;  // floats
  // Where the scales begin.
  static constexpr int kScales = matmul_ring_bytes(kBits, kTiles, kAcross, kDown, kStages);
  static_assert(kScales >= kStages * kStageBytes);
  static_assert(kScales >= kAcross * kDown * kXRows * kSumPitch * 4);

  // Pieces of 16 bytes of a tile's row, and rows that all threads copy at once.
  static constexpr int kPieces = kAcross * kUnitBytes / 16;
  static constexpr int kCopiedRows = kThreads / kPieces;
  static constexpr int kXPieces = kAcross * kUnit / 8;
  static constexpr int kCopiedXRows = kThreads / kXPieces;
};

// A thread's part in copying tiles. What lies outside the matrices becomes zeros.
template <class S>
struct TileCopies {
  const char* weight;
  const char* x;
  std::int64_t row_bytes;
  std::int64_t x_row_bytes;
  unsigned to_weight;
  unsigned to_x;
  int rows;     // of the weight from the thread's first on
  int x_rows;   // of x likewise
  int columns;  // from the thread's piece of the first tile on, of the weight
  int x_columns;

  __device__ __forceinline__
  TileCopies(const MatmulCall& call, unsigned ring, int first_row, int first_x) {
    const int thread = static_cast<int>(threadIdx.x);
    const int row = thread / S::kPieces;
    const int piece = thread % S::kPieces;
    const int x_row = thread / S::kXPieces;
    const int x_piece = thread % S::kXPieces;
    row_bytes = call.columns / 8 * S::kBits;
    x_row_bytes = call.x_stride * 2;
    weight =
        reinterpret_cast<const char*>(call.packed) + (first_row + row) * row_bytes + piece * 16;
    x = static_cast<const char*>(call.x) + (first_x + x_row) * x_row_bytes + x_piece * 16;
    to_weight = ring + static_cast<unsigned>(row * S::kRowPitch + piece * 16);
    to_x = ring + static_cast<unsigned>(S::kX + x_row * S::kXPitch + x_piece * 16);
    rows = call.outputs - first_row - row;
    x_rows = call.rows - first_x - x_row;
    columns = call.columns - piece * (128 / S::kBits);
    x_columns = call.columns - x_piece * 8;
  }

  __device__ __forceinline__ void start(int tile, int stage) const {
    const int begin = tile * S::kAcross * S::kUnit;
    const auto at = static_cast<unsigned>(stage * S::kStageBytes);
    const char* from = weight + static_cast<std::int64_t>(begin / 8 * S::kBits);
#pragma unroll
    for (int i = 0; i < S::kRows / S::kCopiedRows; ++i) {
      copy_16(
          to_weight + at + static_cast<unsigned>(i * S::kCopiedRows * S::kRowPitch),
          from + i * S::kCopiedRows * row_bytes,
          begin < columns && i * S::kCopiedRows < rows);
    }
    const char* from_x = x + std::int64_t{begin} * 2;
#pragma unroll
    for (int i = 0; i < (S::kXRows + S::kCopiedXRows - 1) / S::kCopiedXRows; ++i) {
      if (S::kXRows % S::kCopiedXRows == 0 || threadIdx.x / S::kXPieces < S::kXRows) {
        copy_16(
            to_x + at + static_cast<unsigned>(i * S::kCopiedXRows * S::kXPitch),
            from_x + i * S::kCopiedXRows * x_row_bytes,
            begin < x_columns && i * S::kCopiedXRows < x_rows);
      }
    }
  }
};

// Brings all scales of the block's rows; they are few.
template <class S>
__device__ __forceinline__ void copy_scales(
    const MatmulCall& call, const void* from, char* to, int first_row, int groups, int pitch) {
  using Scale = typename S::Scale;
  const int thread = static_cast<int>(threadIdx.x);
  const int bytes = groups * static_cast<int>(sizeof(Scale));
  const char* rows = static_cast<const char*>(from) + std::int64_t{first_row} * bytes;
  if ((reinterpret_cast<std::uintptr_t>(from) | static_cast<unsigned>(bytes)) % 16 == 0) {
    const int pieces = bytes / 16;
    const auto shared = static_cast<unsigned>(__cvta_generic_to_shared(to));
    for (int at = thread; at < S::kRows * pieces; at += S::kThreads) {
      const int row = at / pieces;
      const int piece = at - row * pieces;
      copy_16(
          shared + static_cast<unsigned>(row * pitch + piece * 16),
          rows + std::int64_t{row} * bytes + piece * 16,
          first_row + row < call.outputs);
    }
  } else {
    for (int at = thread; at < S::kRows * groups; at += S::kThreads) {
      const int row = at / groups;
      const int group = at - row * groups;
      reinterpret_cast<Scale*>(to + row * pitch)[group] =
          first_row + row < call.outputs ? reinterpret_cast<const Scale*>(rows)[at] : Scale(0.0F);
    }
  }
}

// The four tensor-core operands of a lane's 16 columns of rows g and g + 8.
template <class S>
__device__ __forceinline__ void unpack_rows(
    unsigned (&a)[4][4],
    const char* upper,
    const char* lower,
    const Factors<typename S::T, typename S::Scale> (&factors)[2]) {
  using T = typename S::T;
  using Scale = typename S::Scale;
  if constexpr (S::kBits == 4) {
    const uint2 words[2] = {
        *reinterpret_cast<const uint2*>(upper), *reinterpret_cast<const uint2*>(lower)};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const unsigned word = i < 2 ? words[j % 2].x : words[j % 2].y;
        a[i][j] = unpack_pair<T, Scale>(word >> (8 * (i % 2) + 4 * (j / 2)), factors[j % 2]);
      }
    }
  } else {
    const uint4 both[2] = {
        *reinterpret_cast<const uint4*>(upper), *reinterpret_cast<const uint4*>(lower)};
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const unsigned words[4] = {both[j % 2].x, both[j % 2].y, both[j % 2].z, both[j % 2].w};
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        a[i][j] = unpack_byte_pair<T, Scale>(words[i] >> (8 * (j / 2)), factors[j % 2]);
      }
    }
  }
}

// A warp's 32 rows of one unit times all of the tile's x. `scales` are of the block's first row,
// the biases `biases_after` bytes behind them.
template <class S>
__device__ __forceinline__ void add_unit(
    float (&sums)[2][S::kTiles][4],
    const MatmulCall& call,
    const char* stage,
    const char* scales,
    int biases_after,
    int pitch,
    int first_unit) {
  using T = typename S::T;
  using Scale = typename S::Scale;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int g = lane / 4;
  const int t = lane % 4;
  const int unit = warp % S::kAcross;
  const int row = warp / S::kAcross * S::kWarpRows + g;
  // Behind the last column x is zero: any scale serves.
  const int column = min((first_unit + unit) * S::kUnit + 16 * t, call.columns - 1);
  const char* own_scales =
      scales + row * pitch + (column >> call.group_shift) * static_cast<int>(sizeof(Scale));
  const char* rows = stage + row * S::kRowPitch + unit * S::kUnitBytes + t * S::kUnitBytes / 4;
  unsigned a[2][4][4];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const char* upper = own_scales + 16 * half * pitch;
    const char* lower = upper + 8 * pitch;
    const Factors<T, Scale> factors[2] = {
        {*reinterpret_cast<const Scale*>(upper),
         *reinterpret_cast<const Scale*>(upper + biases_after)},
        {*reinterpret_cast<const Scale*>(lower),
         *reinterpret_cast<const Scale*>(lower + biases_after)}};
    const char* from = rows + 16 * half * S::kRowPitch;
    unpack_rows<S>(a[half], from, from + 8 * S::kRowPitch, factors);
  }
  const char* x = stage + S::kX + g * S::kXPitch + (unit * S::kUnit + 16 * t) * 2;
#pragma unroll
  for (int tile = 0; tile < S::kTiles; ++tile) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const uint4 eight = *reinterpret_cast<const uint4*>(x + tile * 8 * S::kXPitch + 16 * i);
      const uint4 b = S::kBits == 4 ? pairs_of_eight(eight) : pairs_of_two_fours(eight);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        multiply_add<T>(sums[half][tile], a[half][2 * i], b.x, b.y);
        multiply_add<T>(sums[half][tile], a[half][2 * i + 1], b.z, b.w);
      }
    }
  }
}

// Adds up the units' sums in order and writes y.
template <class S>
__device__ __forceinline__ void write_sums(
    const float (&sums)[2][S::kTiles][4],
    const MatmulCall& call,
    float* room,
    int first_row,
    int first_x) {
  const int thread = static_cast<int>(threadIdx.x);
  const int g = thread % 32 / 4;
  const int t = thread % 4;
  float* own = room + thread / 32 * S::kXRows * S::kSumPitch;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
#pragma unroll
    for (int tile = 0; tile < S::kTiles; ++tile) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int m = tile * 8 + 2 * t + i % 2;
        own[m * S::kSumPitch + 16 * half + 8 * (i / 2) + g] = sums[half][tile][i];
      }
    }
  }
  __syncthreads();
  const int count = min(S::kXRows, call.rows - first_x);
  for (int at = thread; at < count * S::kRows; at += S::kThreads) {
    const int m = at / S::kRows;
    const int n = at % S::kRows;
    const float* part =
        room + n % S::kWarpRows + (n / S::kWarpRows * S::kAcross * S::kXRows + m) * S::kSumPitch;
    float sum = 0.0F;
#pragma unroll
    for (int unit = 0; unit < S::kAcross; ++unit) {
      sum += part[unit * S::kXRows * S::kSumPitch];
    }
    if (first_row + n < call.outputs) {
      static_cast<typename S::T*>(
          call.y)[std::int64_t{first_x + m} * call.outputs + first_row + n] =
          Half<typename S::T>::round(sum);
    }
  }
}

// Grid: ceil(outputs / S::kRows) x ceil(rows / S::kXRows) blocks of S::kThreads; of shared memory
// S::kScales bytes and twice S::kRows times scale_pitch().
template <class S>
__global__ void __launch_bounds__(S::kThreads) matmul(const MatmulCall call) {
  extern __shared__ __align__(128) char ring[];
  const int first_row = static_cast<int>(blockIdx.x) * S::kRows;
  const int first_x = static_cast<int>(blockIdx.y) * S::kXRows;
  const int units = (call.columns + S::kUnit - 1) / S::kUnit;
  const int tiles = (units + S::kAcross - 1) / S::kAcross;
  const int groups = call.columns >> call.group_shift;
  const int pitch = scale_pitch(groups, static_cast<int>(sizeof(typename S::Scale)));
  const int biases_after = S::kRows * pitch;
  const TileCopies<S> copies(
      call, static_cast<unsigned>(__cvta_generic_to_shared(ring)), first_row, first_x);
  char* scales = ring + S::kScales;
  copy_scales<S>(call, call.scales, scales, first_row, groups, pitch);
  copy_scales<S>(call, call.biases, scales + biases_after, first_row, groups, pitch);
#pragma unroll
  for (int tile = 0; tile < S::kStages - 1; ++tile) {
    if (tile < tiles) {
      copies.start(tile, tile);
    }
    commit_copies();
  }
  float sums[2][S::kTiles][4] = {};
  int stage = 0;
  int next = S::kStages - 1;
  for (int tile = 0; tile < tiles; ++tile) {
    await_copies<S::kStages - 2>();
    __syncthreads();
    if (tile + S::kStages - 1 < tiles) {
      copies.start(tile + S::kStages - 1, next);
    }
    commit_copies();
    add_unit<S>(
        sums, call, ring + stage * S::kStageBytes, scales, biases_after, pitch, tile * S::kAcross);
    stage = stage + 1 == S::kStages ? 0 : stage + 1;
    next = next + 1 == S::kStages ? 0 : next + 1;
  }
  await_copies<0>();
  __syncthreads();
  write_sums<S>(sums, call, reinterpret_cast<float*>(ring), first_row, first_x);
}

}  // namespace hub::kernels::cuda
