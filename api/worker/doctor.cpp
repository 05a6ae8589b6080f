#include "api/worker/doctor.h"

#include <exception>
#include <iostream>
#include <vector>

#include <fmt/format.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>
#include <nlohmann/json.hpp>

#include "api/worker/environment.h"
#include "api/worker/job_worker.h"
#include "api/worker/memory_event.h"
#include "core/base/clock.h"
#include "core/base/worker_protocol.h"
#include "core/kernels/cpu_level.h"
#include "core/kernels/quantized_matmul.h"
#include "core/kernels/thread_pool.h"
#include "core/tensor/ops.h"

namespace hub::api {

namespace {

using base::Json;
namespace mx = mlx::core;

// "" when every element of x is `wanted`, else what came.
std::string check_all(const mx::array& x, float wanted, std::string_view what) {
  mx::array result = x;
  mx::eval(result);
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (result.data<float>()[i] != wanted) {
      return fmt::format(
          "{}: {} was wanted at element {}, got {}", what, wanted, i, result.data<float>()[i]);
    }
  }
  return {};
}

// Small whole numbers: exact in any order of summation.
std::string prove() {
  const mx::array x = mx::full({3, 64}, 2.0F);
  const mx::array w = mx::full({32, 64}, 0.5F);
  std::string error = check_all(mx::matmul(x, mx::transpose(w)), 64.0F, "matmul");
  if (error.empty()) {
    // Every 4-bit field is 3: 3 * 0.25 - 0.25 = 0.5.
    const mx::array packed = mx::full({32, 8}, 0x33333333U, mx::uint32);
    const mx::array scales = mx::full({32, 2}, 0.25F);
    const mx::array biases = mx::full({32, 2}, -0.25F);
    const kernels::QuantizedWeight weight{
        .packed = packed, .scales = scales, .biases = biases, .group_size = 32, .bits = 4};
    error = check_all(kernels::quantized_matmul(x, weight), 64.0F, "quantized matmul");
  }
  return error;
}

Json proof_json() {
  const double started = base::steady_seconds();
  std::string error;
  try {
    error = prove();
  } catch (const std::exception& failure) {
    error = failure.what();
  }
  return {
      {"ok", error.empty()},
      {"seconds", base::steady_seconds() - started},
      {"error", error.empty() ? Json(nullptr) : Json(error)}};
}

}  // namespace

Json doctor_report() {
  Json levels = Json::array();
  for (const kernels::CpuLevel level : kernels::available_cpu_levels()) {
    levels.push_back(to_string(level));
  }
  Json report = {{"mlx_version", tensor::mlx_version()}};
  Json proof = proof_json();  // first: the figures below then are those of a working process
  try {
    report["device"] = tensor::device_name();
    report["gpu"] = tensor::default_device_is_gpu();
    report["cpu_level"] = to_string(kernels::cpu_level());
  } catch (const std::exception& failure) {  // a driver that is missing, MLX_HUB_CPU misspelt
    proof["ok"] = false;
    proof["error"] = failure.what();
  }
  report["cpu_levels"] = std::move(levels);
  report["threads"] = kernels::ThreadPool::shared().threads();
  report["blas"] = blas_json();
  report["memory"] = memory_event();
  report["proof"] = std::move(proof);
  return report;
}

int run_device(const base::BuildInfo& build) {
  bound_work_ahead();
  base::emit_event(
      "device",
      {{"gpu", tensor::default_device_is_gpu()}, {"environment", environment_facts(build)}});
  return 0;
}

int run_doctor() {
  const Json report = doctor_report();
  std::cout << report.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
  return report["proof"]["ok"].get<bool>() ? 0 : 1;
}

}  // namespace hub::api
