#include "core/kernels/cuda/dequantize.cuh"
#include "core/kernels/cuda/kernels.h"

namespace hub::kernels::cuda {

namespace {

template <typename T, typename Scale, int Bits, int Words>
DequantizeFunction made() {
  return {
      reinterpret_cast<const void*>(&dequantize<T, Scale, Bits, Words>),
      kDequantizeThreads,
      kDequantizeThreads * Words};
}

template <typename T, typename Scale, int Bits>
DequantizeFunction with_words(int words) {
#ifdef HUB_TUNE
  switch (words) {
    case 4:
      return made<T, Scale, Bits, 4>();
    case 8:
      return made<T, Scale, Bits, 8>();
    case 16:
      return made<T, Scale, Bits, 16>();
    default:
      break;
  }
#endif
  return words == kDequantizeWords ? made<T, Scale, Bits, kDequantizeWords>()
                                   : DequantizeFunction{};
}

template <typename T, typename Scale>
DequantizeFunction with_bits(const DequantizeKind& kind) {
  return kind.bits == 4 ? with_words<T, Scale, 4>(kind.words) : with_words<T, Scale, 8>(kind.words);
}

template <typename T>
DequantizeFunction with_scales(const DequantizeKind& kind) {
  return kind.scales == Number::kFloat32   ? with_bits<T, float>(kind)
         : kind.scales == Number::kFloat16 ? with_bits<T, __half>(kind)
                                           : with_bits<T, __nv_bfloat16>(kind);
}

}  // namespace

DequantizeFunction dequantize_function(const DequantizeKind& kind) {
  return kind.matrix == Number::kBfloat16 ? with_scales<__nv_bfloat16>(kind)
                                          : with_scales<__half>(kind);
}

}  // namespace hub::kernels::cuda
