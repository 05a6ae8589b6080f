#pragma once

#include "core/kernels/cuda/call.h"
#include "core/kernels/cuda/mma.cuh"

// A packed weight as a matrix of floats: bound by writing it.
namespace hub::kernels::cuda {

constexpr int kDequantizeThreads = 256;

// Eight 4-bit numbers of a word, or four bytes, in order.
template <typename T, typename Scale>
__device__ __forceinline__ uint4 unpack_eight(unsigned word, const Factors<T, Scale>& factors) {
  const unsigned a = unpack_pair<T>(word, factors);  // 0 and 4
  const unsigned b = unpack_pair<T>(word >> 4, factors);
  const unsigned c = unpack_pair<T>(word >> 8, factors);
  const unsigned d = unpack_pair<T>(word >> 12, factors);
  return {
      __byte_perm(a, b, 0x5410),
      __byte_perm(c, d, 0x5410),
      __byte_perm(a, b, 0x7632),
      __byte_perm(c, d, 0x7632)};
}

template <typename T, typename Scale>
__device__ __forceinline__ uint2 unpack_four(unsigned word, const Factors<T, Scale>& factors) {
  const unsigned a = unpack_byte_pair<T>(word, factors);  // 0 and 2
  const unsigned b = unpack_byte_pair<T>(word >> 8, factors);
  return {__byte_perm(a, b, 0x5410), __byte_perm(a, b, 0x7632)};
}

// Grid: a block for each kDequantizeThreads * Words words. Words that lie a block's width apart are
// a thread's, so that loads and stores of neighbours are next to each other; all of a thread's are
// loaded before the first is unpacked.
template <typename T, typename Scale, int Bits, int Words>
__global__ void __launch_bounds__(kDequantizeThreads) dequantize(const DequantizeCall call) {
  const std::int64_t begin = std::int64_t{blockIdx.x} * kDequantizeThreads * Words + threadIdx.x;
  const int shift = call.group_shift - (Bits == 4 ? 3 : 2);  // words to groups
  unsigned words[Words];
  Scale scale[Words];
  Scale bias[Words];
#pragma unroll
  for (int i = 0; i < Words; ++i) {
    const std::int64_t at = begin + i * kDequantizeThreads;
    words[i] = 0;
    scale[i] = Scale(0.0F);
    bias[i] = Scale(0.0F);
    if (at < call.words) {
      words[i] = __ldcs(call.packed + at);
      scale[i] = __ldg(static_cast<const Scale*>(call.scales) + (at >> shift));
      bias[i] = __ldg(static_cast<const Scale*>(call.biases) + (at >> shift));
    }
  }
#pragma unroll
  for (int i = 0; i < Words; ++i) {
    const std::int64_t at = begin + i * kDequantizeThreads;
    if (at < call.words) {
      const Factors<T, Scale> factors(scale[i], bias[i]);
      if constexpr (Bits == 4) {
        static_cast<uint4*>(call.matrix)[at] = unpack_eight<T>(words[i], factors);
      } else {
        static_cast<uint2*>(call.matrix)[at] = unpack_four<T>(words[i], factors);
      }
    }
  }
}

}  // namespace hub::kernels::cuda
