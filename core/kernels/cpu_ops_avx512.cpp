// Compiled for its level (core/CMakeLists.txt). No standard headers with inline functions here: the
// linker might keep this file's copy of one, and the program would need this level everywhere.
#if defined(__x86_64__)

#if !defined(__clang__)
// GCC 12 blames its own intrinsics.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include "core/kernels/simd_avx512.h"
// After it: the kernels are written in its terms.
#include "core/kernels/attention_gradient.h"
#include "core/kernels/attention_kernels.h"
#include "core/kernels/dot_product.h"
#include "core/kernels/outer_product.h"
#include "core/kernels/quantize_kernels.h"
#include "core/kernels/row_kernels.h"

namespace hub::kernels {

const CpuOps& avx512_ops() {
  static const CpuOps ops{
      packed_dot<Avx512>,
      dense_dot<Avx512>,
      mix_rows<Avx512>,
      packed_outer<Avx512>,
      dense_outer<Avx512>,
      swiglu<Avx512>,
      swiglu_gradient<Avx512>,
      rms_norm<Avx512>,
      rms_norm_gradient<Avx512>,
      rotate_heads<Avx512>,
      quantize_row<Avx512>,
      dequantize_rows<Avx512>,
      attend_segment<Avx512>,
      merge_attention<Avx512>,
      add_sink<Avx512>,
      finish_attention<Avx512>,
      attention_gradient<Avx512>,
      log_sum_exp<Avx512>,
      cross_entropy_gradient<Avx512>,
  };
  return ops;
}

}  // namespace hub::kernels

#endif
