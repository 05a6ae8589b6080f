#pragma once

#include "core/kernels/cuda/kernels.h"
#include "core/kernels/cuda/matmul.cuh"
#include "core/kernels/cuda/matmul_variants.h"

namespace hub::kernels::cuda {

// The function of one type; a source a type, so that they compile side by side.
template <typename T, typename Scale, int Bits>
const void* matmul_variant(const MatmulKind& kind) {
#define HUB_CASE(TILES, ACROSS, DOWN, STAGES)                               \
  if (kind.tiles == TILES && kind.across == ACROSS && kind.down == DOWN &&  \
      kind.stages == STAGES) {                                              \
    using Shape = MatmulShape<T, Scale, Bits, TILES, ACROSS, DOWN, STAGES>; \
    return reinterpret_cast<const void*>(&matmul<Shape>);                   \
  }
  if constexpr (std::is_same_v<T, __nv_bfloat16> && std::is_same_v<Scale, __nv_bfloat16>) {
    HUB_MATMUL_VARIANTS(HUB_CASE)
  } else {
    HUB_MATMUL_CHOSEN(HUB_CASE)
  }
#undef HUB_CASE
  return nullptr;
}

// Of x of type T.
template <typename T>
const void* matmul_of(const MatmulKind& kind) {
  switch (kind.scales) {
    case Number::kFloat32:
      return kind.bits == 4 ? matmul_variant<T, float, 4>(kind) : matmul_variant<T, float, 8>(kind);
    case Number::kFloat16:
      return kind.bits == 4 ? matmul_variant<T, __half, 4>(kind)
                            : matmul_variant<T, __half, 8>(kind);
    case Number::kBfloat16:
      return kind.bits == 4 ? matmul_variant<T, __nv_bfloat16, 4>(kind)
                            : matmul_variant<T, __nv_bfloat16, 8>(kind);
  }
  return nullptr;
}

}  // namespace hub::kernels::cuda
