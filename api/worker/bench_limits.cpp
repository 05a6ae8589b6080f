#include "api/worker/bench_limits.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <limits>
#include <vector>

#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include "core/base/clock.h"
#include "core/kernels/thread_pool.h"
#include "core/tensor/ops.h"

namespace hub::api {

namespace {

namespace mx = mlx::core;

constexpr double kBudgetSeconds = 0.7;  // for each limit

// The shortest of as many runs as fit the budget, at least three.
double shortest(const std::function<void()>& run) {
  double best = std::numeric_limits<double>::infinity();
  const double started = base::steady_seconds();
  for (int i = 0; i < 3 || base::steady_seconds() - started < kBudgetSeconds; ++i) {
    const double begin = base::steady_seconds();
    run();
    best = std::min(best, base::steady_seconds() - begin);
  }
  return best;
}

double cpu_read_rate() {
  constexpr std::size_t count = std::size_t{1} << 26U;  // half a GiB
  constexpr int parts = 64;
  const std::vector<std::uint64_t> memory(count, 1);
  std::vector<std::uint64_t> sums(parts);
  const double seconds = shortest([&] {
    kernels::ThreadPool::shared().for_each(parts, [&](int part) {
      const std::size_t size = count / parts;
      const auto* begin = memory.data() + size * static_cast<std::size_t>(part);
      std::uint64_t sum = 0;
      for (std::size_t i = 0; i < size; ++i) {
        sum += begin[i];
      }
      sums[static_cast<std::size_t>(part)] += sum;
    });
  });
  return static_cast<double>(count * sizeof(std::uint64_t)) / seconds;
}

double gpu_copy_rate() {
  const mx::array x = mx::ones({1 << 28}, mx::float32);
  mx::eval(x);
  const double seconds = shortest([&] {
    mx::array y = mx::add(x, mx::array(1.0F));
    mx::eval(y);
  });
  return 2.0 * static_cast<double>(x.nbytes()) / seconds;
}

double product_rate() {
  const bool gpu = tensor::default_device_is_gpu();
  const int size = gpu ? 8192 : 1536;
  const auto type = gpu ? mx::bfloat16 : mx::float32;
  const mx::array a = tensor::astype(mx::random::normal({size, size}), type);
  const mx::array b = tensor::astype(mx::random::normal({size, size}), type);
  mx::eval(a, b);
  const double seconds = shortest([&] {
    mx::array c = mx::matmul(a, b);
    mx::eval(c);
  });
  return 2.0 * size * size * size / seconds;
}

}  // namespace

MachineLimits measure_limits() {
  return {
      .read_bytes_per_second = tensor::default_device_is_gpu() ? gpu_copy_rate() : cpu_read_rate(),
      .flops_per_second = product_rate()};
}

double forward_seconds(const MachineLimits& limits, double weight_bytes, double multiply_adds) {
  return std::max(
      weight_bytes / limits.read_bytes_per_second, 2.0 * multiply_adds / limits.flops_per_second);
}

}  // namespace hub::api
