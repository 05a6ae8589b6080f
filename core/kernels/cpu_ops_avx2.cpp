// Compiled for its level (core/CMakeLists.txt). No standard headers with inline functions here: the
// linker might keep this file's copy of one, and the program would need this level everywhere.
#if defined(__x86_64__)

#include "core/kernels/simd_avx2.h"
// After it: the kernels are written in its terms.
#include "core/kernels/attention_gradient.h"
#include "core/kernels/attention_kernels.h"
#include "core/kernels/dot_product.h"
#include "core/kernels/outer_product.h"
#include "core/kernels/quantize_kernels.h"
#include "core/kernels/row_kernels.h"

namespace hub::kernels {

const CpuOps& avx2_ops() {
  static const CpuOps ops{
      packed_dot<Avx2>,
      dense_dot<Avx2>,
      mix_rows<Avx2>,
      packed_outer<Avx2>,
      dense_outer<Avx2>,
      swiglu<Avx2>,
      swiglu_gradient<Avx2>,
      rms_norm<Avx2>,
      rms_norm_gradient<Avx2>,
      rotate_heads<Avx2>,
      quantize_row<Avx2>,
      dequantize_rows<Avx2>,
      attend_segment<Avx2>,
      merge_attention<Avx2>,
      add_sink<Avx2>,
      finish_attention<Avx2>,
      attention_gradient<Avx2>,
      log_sum_exp<Avx2>,
      cross_entropy_gradient<Avx2>,
  };
  return ops;
}

}  // namespace hub::kernels

#endif
