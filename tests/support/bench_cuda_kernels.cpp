// Times products with packed weights on CUDA: ours, MLX's stock operation, the dense product in
// bfloat16, and unpacking before it. One JSON object a line; scripts/bench_cuda.py builds, runs and
// prints it. Not part of the product.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include "core/kernels/cuda_plugin.h"
#include "core/kernels/dequantize.h"
#include "core/tensor/ops.h"

namespace hub::kernels {
namespace {

using Clock = std::chrono::steady_clock;
using Operation = std::function<mx::array(std::size_t copy)>;

constexpr std::size_t kBeyondCache = std::size_t{200} << 20;
constexpr int kOperations = 120;
constexpr int kShortOperations = 600;  // of what takes some microseconds
constexpr std::size_t kShortBytes = std::size_t{4} << 20;
constexpr int kRounds = 5;

double seconds_of(const std::function<void()>& run) {
  const auto start = Clock::now();
  run();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Work of some milliseconds, behind which operations are queued while the host makes them: what is
// timed is then the device alone. (Its clock is what such work leaves it.)
class Blocker {
 public:
  Blocker() : a_(mx::random::normal({8192, 8192}, mx::bfloat16)) { mx::eval(a_); }

  [[nodiscard]] std::vector<mx::array> work(int products) const {
    std::vector<mx::array> out(static_cast<std::size_t>(products), a_);
    for (mx::array& product : out) {
      product = mx::matmul(a_, a_);
    }
    return out;
  }

 private:
  mx::array a_;
};

// Microseconds of one operation on the device; the median of rounds.
double microseconds(
    const Blocker& blocker, const Operation& operation, std::size_t copies, int operations) {
  const auto run = [&](int count) {
    return seconds_of([&] {
      auto before = blocker.work(operations / 20);
      mx::async_eval(before);
      std::vector<mx::array> all;
      for (int i = 0; i < count; ++i) {
        all.push_back(operation(static_cast<std::size_t>(i) % copies));
        if (all.size() == 10) {  // few results at once: they may be large
          mx::async_eval(all);
          all.clear();
        }
      }
      mx::synchronize();
    });
  };
  run(20);
  std::vector<double> found;
  for (int i = 0; i < kRounds; ++i) {
    const int few = operations / 4;
    const double less = run(few);
    found.push_back((run(operations) - less) / (operations - few) * 1e6);
  }
  std::ranges::sort(found);
  return found[found.size() / 2];
}

struct Case {
  int outputs;
  int columns;
  int group_size;
  int bits;
};

class Bench {
 public:
  explicit Bench(bool stock) : stock_(stock) {}

  void run(const Case& shape, const std::vector<int>& rows) {
    std::vector<tensor::Quantized> weights;
    std::vector<mx::array> dense;
    const std::size_t bytes = static_cast<std::size_t>(shape.outputs) *
                              static_cast<std::size_t>(shape.columns) *
                              static_cast<std::size_t>(shape.bits) / 8;
    const std::size_t copies = kBeyondCache / bytes + 2;
    const int operations = bytes < kShortBytes ? kShortOperations : kOperations;
    for (std::size_t i = 0; i < copies; ++i) {
      const mx::array matrix = mx::random::normal({shape.outputs, shape.columns}, mx::bfloat16);
      weights.push_back(tensor::quantize(matrix, shape.group_size, shape.bits));
      mx::eval(weights.back().weight, weights.back().scales, *weights.back().biases);
      if (dense.size() < 2 ||
          dense.size() * bytes * 16 / static_cast<std::size_t>(shape.bits) < kBeyondCache) {
        dense.push_back(matrix);
      }
    }
    const auto weight = [&](std::size_t i) {
      return QuantizedWeight{
          weights[i].weight, weights[i].scales, *weights[i].biases, shape.group_size, shape.bits};
    };
    fmt::print(
        "{{\"unpack\": [{}, {}], \"bits\": {}, \"ours_us\": {:.1f}, \"stock_us\": {:.1f}}}\n",
        shape.outputs,
        shape.columns,
        shape.bits,
        microseconds(
            blocker_,
            [&](std::size_t i) { return dequantize(weight(i), mx::bfloat16); },
            copies,
            operations),
        microseconds(
            blocker_,
            [&](std::size_t i) {
              return tensor::dequantize(
                  weights[i].weight,
                  weights[i].scales,
                  weights[i].biases,
                  shape.group_size,
                  shape.bits);
            },
            copies,
            operations));
    for (const int m : rows) {
      const mx::array x = mx::random::normal({m, shape.columns}, mx::bfloat16);
      mx::eval(x);
      const Operation own = [&](std::size_t i) { return *cuda_quantized_matmul(x, weight(i)); };
      const Operation mlx = [&](std::size_t i) {
        return tensor::quantized_matmul(
            x,
            weights[i].weight,
            weights[i].scales,
            weights[i].biases,
            true,
            shape.group_size,
            shape.bits);
      };
      const Operation product = [&](std::size_t i) {
        return mx::matmul(x, mx::transpose(dense[i % dense.size()]));
      };
      const bool has_own = cuda_quantized_matmul(x, weight(0)).has_value();
      const double ours = has_own ? microseconds(blocker_, own, copies, operations) : 0.0;
      const double stock = stock_ ? microseconds(blocker_, mlx, copies, operations) : 0.0;
      const double unpacked = microseconds(blocker_, product, copies, operations);
      const double moved =
          static_cast<double>(bytes) * (1.0 + 32.0 / shape.bits / shape.group_size) +
          2.0 * m * (shape.outputs + shape.columns);
      fmt::print(
          "{{\"n\": {}, \"k\": {}, \"group\": {}, \"bits\": {}, \"m\": {}, \"ours_us\": {:.2f}, "
          "\"stock_us\": {:.2f}, \"dense_us\": {:.2f}, \"bytes\": {:.0f}}}\n",
          shape.outputs,
          shape.columns,
          shape.group_size,
          shape.bits,
          m,
          ours,
          stock,
          unpacked,
          moved);
      std::fflush(stdout);
    }
  }

  // GB/s of reading and writing far more than the cache holds.
  double bandwidth() {
    const mx::array x = mx::zeros({1 << 28}, mx::uint32);
    mx::eval(x);
    const double us =
        microseconds(blocker_, [&](std::size_t) { return mx::bitwise_invert(x); }, 1, kOperations);
    return 2.0 * static_cast<double>(x.nbytes()) / us / 1e3;
  }

 private:
  bool stock_;
  Blocker blocker_;
};

int run(bool stock, bool quick) {
  if (!tensor::default_device_is_cuda()) {
    fmt::print(stderr, "this needs MLX's CUDA library and a GPU\n");
    return 1;
  }
  if (!has_cuda_plugin()) {
    fmt::print(stderr, "no plugin: {}\n", cuda_plugin_problem());
    return 1;
  }
  Bench bench(stock);
  fmt::print(
      "{{\"device\": \"{}\", \"mlx\": \"{}\", \"copy_gb_s\": {:.0f}}}\n",
      tensor::device_name(),
      tensor::mlx_version(),
      bench.bandwidth());
  const std::vector<int> rows{1, 2, 4, 8, 16, 32, 64, 128};
  for (const Case& shape :
       {Case{14336, 4096, 64, 4},
        {4096, 4096, 64, 4},
        {4096, 14336, 64, 4},
        {128256, 4096, 64, 4},
        {1536, 576, 64, 4},
        {576, 1536, 64, 4},
        {576, 576, 64, 4}}) {
    bench.run(shape, rows);
    if (quick) {
      break;
    }
  }
  return 0;
}

}  // namespace
}  // namespace hub::kernels

// hub_bench_cuda [--no-stock] [--quick]
int main(int count, char** values) {
  const std::vector<std::string> options(values + 1, values + count);
  const auto has = [&](const char* name) {
    return std::ranges::find(options, name) != options.end();
  };
  // One stream, one after the other, as the steps of a model depend on each other.
  setenv("MLX_USE_CUDA_GRAPHS", "0", 1);
  return hub::kernels::run(!has("--no-stock"), has("--quick"));
}
