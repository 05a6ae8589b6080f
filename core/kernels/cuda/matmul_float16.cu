#include "core/kernels/cuda/matmul_functions.cuh"

namespace hub::kernels::cuda {

const void* matmul_float16(const MatmulKind& kind) {
  return matmul_of<__half>(kind);
}

}  // namespace hub::kernels::cuda
