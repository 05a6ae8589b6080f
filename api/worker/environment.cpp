#include "api/worker/environment.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <nlohmann/json.hpp>
#include <unistd.h>
#ifdef __APPLE__
#include <crt_externs.h>
#endif

#include "api/worker/blas_info.h"
#include "core/kernels/cpu_level.h"
#include "core/kernels/thread_pool.h"
#include "core/tensor/ops.h"

namespace hub::api {
namespace {

using base::Json;

constexpr std::array<std::string_view, 13> kTaken{
    "MLX_",
    "OMP_",
    "GOMP_",
    "KMP_",
    "OPENBLAS_",
    "GOTO_",
    "MKL_",
    "VECLIB_",
    "METAL_",
    "CUDA_",
    "CUBLAS_",
    "CUDNN_",
    "NVIDIA_TF32_"};
// What a server tells the ranks of one job (core/hub/rank_launch.h), and our own settings: of
// those that matter the result stands elsewhere.
constexpr std::array<std::string_view, 6> kLeft{
    "MLX_HUB_", "MLX_HOSTFILE", "MLX_RANK", "MLX_WORLD_SIZE", "MLX_IBV_DEVICES", "MLX_JACCL_"};
constexpr std::array<std::string_view, 5> kSecret{
    "TOKEN", "SECRET", "PASSWORD", "KEY", "CREDENTIAL"};

const char* const* process_variables() {
#ifdef __APPLE__
  return *_NSGetEnviron();
#else
  return ::environ;
#endif
}

std::string_view device() {
  if (!tensor::default_device_is_gpu()) {
    return "cpu";
  }
  return tensor::default_device_is_cuda() ? "cuda" : "metal";
}

}  // namespace

std::map<std::string, std::string> numeric_variables(const char* const* variables) {
  std::map<std::string, std::string> numeric;
  for (; *variables != nullptr; ++variables) {
    const std::string_view assignment = *variables;
    const std::string_view name = assignment.substr(0, assignment.find('='));
    const auto begins = [name](std::string_view prefix) { return name.starts_with(prefix); };
    const auto holds = [name](std::string_view word) {
      return name.find(word) != std::string_view::npos;
    };
    if (name.size() < assignment.size() && std::ranges::any_of(kTaken, begins) &&
        std::ranges::none_of(kLeft, begins) && std::ranges::none_of(kSecret, holds)) {
      numeric.emplace(name, assignment.substr(name.size() + 1));
    }
  }
  return numeric;
}

Json blas_json() {
  const BlasInfo blas = blas_info();
  return {
      {"library", blas.library},
      {"openblas", blas.is_openblas},
      {"core", blas.core},
      {"config", blas.config},
      {"threads", blas.threads}};
}

Json environment_facts(const base::BuildInfo& build) {
  return {
      {"worker", build.to_json()},
      {"mlx",
       {{"version", tensor::mlx_version()},
        {"device", device()},
        {"device_name", tensor::device_name()}}},
      {"cpu",
       {{"kernels", to_string(kernels::cpu_level())},
        {"threads", kernels::ThreadPool::shared().threads()}}},
      {"blas", blas_json()},
      {"variables", numeric_variables(process_variables())}};
}

}  // namespace hub::api
