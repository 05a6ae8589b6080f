#include "core/kernels/cuda/matmul_functions.cuh"

namespace hub::kernels::cuda {

const void* matmul_bfloat16(const MatmulKind& kind) {
  return matmul_of<__nv_bfloat16>(kind);
}

}  // namespace hub::kernels::cuda
