#include "core/kernels/dequantize.h"

#include <mlx/fast.h>
#include <mlx/ops.h>

#include "core/kernels/cuda_plugin.h"
#include "core/tensor/ops.h"

namespace hub::kernels {

namespace {

constexpr int kThreads = 256;
constexpr int kWordsPerThread = 4;

// A thread unpacks words that lie a block's width apart, so that its neighbours' loads and stores
// are contiguous. A word never crosses a group. Arithmetic in float32, rounded once.
constexpr const char* kSource = R"(
  constexpr int VALUES = 32 / BITS;
  constexpr unsigned MASK = (1u << BITS) - 1u;
  struct alignas(VALUES * sizeof(T)) Pack {
    T values[VALUES];
  };
  const size_t count = size_t(packed_shape[0]) * packed_shape[1];
  const size_t begin = size_t(blockIdx.x) * blockDim.x * WORDS + threadIdx.x;
#pragma unroll
  for (int i = 0; i < WORDS; ++i) {
    const size_t at = begin + size_t(i) * blockDim.x;
    if (at < count) {
      const unsigned word = packed[at];
      const size_t group = at * VALUES / GROUP;
      const float scale = static_cast<float>(scales[group]);
      const float bias = static_cast<float>(biases[group]);
      Pack pack;
#pragma unroll
      for (int j = 0; j < VALUES; ++j) {
        const float q = static_cast<float>((word >> (BITS * j)) & MASK);
        pack.values[j] = static_cast<T>(fmaf(scale, q, bias));
      }
      reinterpret_cast<Pack*>(out)[at] = pack;
    }
  }
)";

mx::array on_cuda(const QuantizedWeight& w, mx::Dtype dtype) {
  static const auto kernel =
      mx::fast::cuda_kernel("hub_dequantize", {"packed", "scales", "biases"}, {"out"}, kSource);
  const int rows = w.packed.shape(0);
  const int columns = w.packed.shape(1) * 32 / w.bits;
  const auto words = static_cast<int>(w.packed.size());
  return kernel(
      {w.packed, w.scales, w.biases},
      {mx::Shape{rows, columns}},
      {dtype},
      {(words + kWordsPerThread - 1) / kWordsPerThread, 1, 1},
      {kThreads, 1, 1},
      {{"T", dtype}, {"BITS", w.bits}, {"GROUP", w.group_size}, {"WORDS", kWordsPerThread}},
      std::nullopt,
      false,
      {})[0];
}

}  // namespace

mx::array dequantize(const QuantizedWeight& w, mx::Dtype dtype) {
  if (const auto matrix = cuda_dequantize(w, dtype)) {
    return *matrix;
  }
  if (tensor::default_device_is_cuda() && (w.bits == 4 || w.bits == 8)) {
    return on_cuda(w, dtype);
  }
  return tensor::astype(
      tensor::dequantize(w.packed, w.scales, w.biases, w.group_size, w.bits), dtype);
}

}  // namespace hub::kernels
