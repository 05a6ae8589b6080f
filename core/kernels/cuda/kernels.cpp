#include "core/kernels/cuda/kernels.h"

namespace hub::kernels::cuda {

const void* matmul_bfloat16(const MatmulKind& kind);
const void* matmul_float16(const MatmulKind& kind);

const void* matmul_function(const MatmulKind& kind) {
  return kind.x == Number::kBfloat16 ? matmul_bfloat16(kind) : matmul_float16(kind);
}

}  // namespace hub::kernels::cuda
