// Compiled for its level (core/CMakeLists.txt). No standard headers with inline functions here: the
// linker might keep this file's copy of one, and the program would need this level everywhere.
#if defined(__x86_64__)

#include "core/kernels/simd_avx2.h"
// After it: the kernels are written in its terms.
#include "core/kernels/dot_product.h"
#include "core/kernels/outer_product.h"

namespace hub::kernels {

const CpuOps& avx2_ops() {
  static const CpuOps kOps{
      packed_dot<Avx2>,
      dense_dot<Avx2>,
      mix_rows<Avx2>,
      packed_outer<Avx2>,
      dense_outer<Avx2>,
  };
  return kOps;
}

}  // namespace hub::kernels

#endif
