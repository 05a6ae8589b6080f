#pragma once

#include <string_view>
#include <vector>

namespace hub::kernels {

// Which instructions the CPU kernels use. kAvx2 (with FMA and F16C) and kAvx512 (F, BW, DQ, VL) do
// the same arithmetic in the same order; kPortable has no fused multiply-add on x86-64 and so
// differs in the last bits.
enum class CpuLevel { kPortable, kAvx2, kAvx512 };

// The best that this machine has, or what MLX_HUB_CPU (scalar, avx2, avx512) asks for. Throws
// base::Error kInvalidArgument for another value, or for one that the machine lacks.
CpuLevel cpu_level();

// The level of that name ("scalar", "avx2", "avx512"), with the same errors.
CpuLevel cpu_level_named(std::string_view name);

// Every level that this machine can run, kPortable first.
std::vector<CpuLevel> available_cpu_levels();

// "scalar", "avx2", "avx512": for doctor, benchmarks, messages.
std::string_view to_string(CpuLevel level);

// For tests and benchmarks: operations built in its lifetime use `level`. Nothing else may build
// any.
class ScopedCpuLevel {
 public:
  explicit ScopedCpuLevel(CpuLevel level);
  ~ScopedCpuLevel();
  ScopedCpuLevel(const ScopedCpuLevel&) = delete;
  ScopedCpuLevel& operator=(const ScopedCpuLevel&) = delete;

 private:
  int previous_;
};

}  // namespace hub::kernels
