#include "core/kernels/int8_ops.h"

namespace hub::kernels {

const Int8Ops& int8_ops(CpuLevel level) {
#if defined(__x86_64__)
  if (level == CpuLevel::kAvx512 && __builtin_cpu_supports("avx512vnni")) {
    return vnni_int8_ops();
  }
  if (level != CpuLevel::kPortable) {
    return avx2_int8_ops();
  }
#else
  (void)level;
#endif
  return portable_int8_ops();
}

}  // namespace hub::kernels
