// Compiled for its level (core/CMakeLists.txt). No standard headers with inline functions here: the
// linker might keep this file's copy of one, and the program would need this level everywhere.
#include "core/kernels/simd_portable.h"
// After it: the kernels are written in its terms.
#include "core/kernels/attention_gradient.h"
#include "core/kernels/attention_kernels.h"
#include "core/kernels/dot_product.h"
#include "core/kernels/outer_product.h"
#include "core/kernels/quantize_kernels.h"
#include "core/kernels/row_kernels.h"

namespace hub::kernels {

const CpuOps& portable_ops() {
  static const CpuOps ops{
      packed_dot<Portable>,
      dense_dot<Portable>,
      mix_rows<Portable>,
      packed_outer<Portable>,
      dense_outer<Portable>,
      swiglu<Portable>,
      swiglu_gradient<Portable>,
      rms_norm<Portable>,
      rms_norm_gradient<Portable>,
      rotate_heads<Portable>,
      quantize_row<Portable>,
      dequantize_rows<Portable>,
      attend_segment<Portable>,
      merge_attention<Portable>,
      add_sink<Portable>,
      finish_attention<Portable>,
      attention_gradient<Portable>,
      log_sum_exp<Portable>,
      cross_entropy_gradient<Portable>,
  };
  return ops;
}

}  // namespace hub::kernels
