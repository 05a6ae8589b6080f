#include "core/kernels/cpu_ops.h"

namespace hub::kernels {

const CpuOps& cpu_ops(CpuLevel level) {
#if defined(__x86_64__)
  switch (level) {
    case CpuLevel::kPortable:
      return portable_ops();
    case CpuLevel::kAvx2:
      return avx2_ops();
    case CpuLevel::kAvx512:
      return avx512_ops();
  }
#else
  (void)level;
#endif
  return portable_ops();
}

}  // namespace hub::kernels
