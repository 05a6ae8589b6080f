#include "core/kernels/cpu_level.h"

#include <atomic>
#include <cstdlib>

#include <fmt/format.h>

#include "core/base/error.h"

namespace hub::kernels {

namespace {

constexpr int kNoOverride = -1;

std::atomic<int>& override_level() {
  static std::atomic<int> level{kNoOverride};
  return level;
}

CpuLevel level_from_environment() {
  const char* wanted = std::getenv("MLX_HUB_CPU");
  const bool given = wanted != nullptr && *wanted != '\0';
  return given ? cpu_level_named(wanted) : available_cpu_levels().back();
}

}  // namespace

CpuLevel cpu_level() {
  const int forced = override_level().load(std::memory_order_relaxed);
  if (forced != kNoOverride) {
    return static_cast<CpuLevel>(forced);
  }
  static const CpuLevel level = level_from_environment();
  return level;
}

CpuLevel cpu_level_named(std::string_view name) {
  const auto levels = available_cpu_levels();
  for (const CpuLevel level : levels) {
    if (to_string(level) == name) {
      return level;
    }
  }
  throw base::Error(
      base::ErrorCode::kInvalidArgument,
      fmt::format(
          "MLX_HUB_CPU must be scalar, avx2 or avx512 and supported by this machine (best here: "
          "{}), got '{}'",
          to_string(levels.back()),
          name));
}

std::vector<CpuLevel> available_cpu_levels() {
  std::vector<CpuLevel> levels{CpuLevel::kPortable};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("f16c")) {
    levels.push_back(CpuLevel::kAvx2);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
      levels.push_back(CpuLevel::kAvx512);
    }
  }
#endif
  return levels;
}

std::string_view to_string(CpuLevel level) {
  switch (level) {
    case CpuLevel::kPortable:
      return "scalar";
    case CpuLevel::kAvx2:
      return "avx2";
    case CpuLevel::kAvx512:
      return "avx512";
  }
  return "scalar";
}

ScopedCpuLevel::ScopedCpuLevel(CpuLevel level)
    : previous_(override_level().exchange(static_cast<int>(level))) {}

ScopedCpuLevel::~ScopedCpuLevel() {
  override_level().store(previous_);
}

}  // namespace hub::kernels
