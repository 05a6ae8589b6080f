#include "core/kernels/cuda/kernels.h"
#include "core/kernels/cuda/matvec.cuh"

namespace hub::kernels::cuda {

namespace {

template <typename T, typename Scale, int Bits, int Tiles>
const void* with_ahead(int ahead) {
  switch (ahead) {
    case 1:
      return reinterpret_cast<const void*>(&matvec<T, Scale, Bits, Tiles, 1>);
    case 2:
      return reinterpret_cast<const void*>(&matvec<T, Scale, Bits, Tiles, 2>);
    case 4:
      return reinterpret_cast<const void*>(&matvec<T, Scale, Bits, Tiles, 4>);
    default:
      return nullptr;
  }
}

template <typename T, typename Scale, int Bits>
const void* with_tiles(const MatvecKind& kind) {
  return kind.tiles == 2 ? with_ahead<T, Scale, Bits, 2>(kind.ahead)
                         : with_ahead<T, Scale, Bits, 1>(kind.ahead);
}

template <typename T, typename Scale>
const void* with_scales(const MatvecKind& kind) {
  return kind.bits == 4 ? with_tiles<T, Scale, 4>(kind) : with_tiles<T, Scale, 8>(kind);
}

template <typename T>
const void* with_type(const MatvecKind& kind) {
  return kind.scales == Number::kFloat32   ? with_scales<T, float>(kind)
         : kind.scales == Number::kFloat16 ? with_scales<T, __half>(kind)
                                           : with_scales<T, __nv_bfloat16>(kind);
}

}  // namespace

const void* matvec_function(const MatvecKind& kind) {
  return kind.x == Number::kBfloat16 ? with_type<__nv_bfloat16>(kind) : with_type<__half>(kind);
}

}  // namespace hub::kernels::cuda
