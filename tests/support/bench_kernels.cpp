// Times the CPU kernels, MLX's stock operations, and what the machine can do at most. One JSON
// object a line; scripts/bench_kernels.py builds, runs and prints it. Not part of the product.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include "core/kernels/cached_attention.h"
#include "core/kernels/causal_attention.h"
#include "core/kernels/cpu_level.h"
#include "core/kernels/cross_entropy.h"
#include "core/kernels/dense_matmul.h"
#include "core/kernels/int8_matmul.h"
#include "core/kernels/quantized_matmul.h"
#include "core/kernels/rms_norm.h"
#include "core/kernels/swiglu.h"
#include "core/kernels/thread_pool.h"
#include "core/tensor/ops.h"
#include "tests/support/kernel_report.h"
#include "tests/support/own_attention.h"

namespace hub::kernels {
namespace {

// A value that the compiler must believe to be used.
void keep(float value) {
  volatile float kept = value;
  (void)kept;
}

// GB/s of reading far more than the caches hold, on all threads of the pool.
double read_bandwidth() {
  constexpr std::size_t words = std::size_t{1} << 27;  // 1 GiB
  constexpr std::size_t parts = 256;
  const std::vector<std::uint64_t> memory(words, 1);
  const double time = best(
      [&] {
        ThreadPool::shared().for_each(parts, [&](int part) {
          const std::uint64_t* at =
              memory.data() + static_cast<std::size_t>(part) * (words / parts);
          std::uint64_t a = 0;
          std::uint64_t b = 0;
          std::uint64_t c = 0;
          std::uint64_t d = 0;
          for (std::size_t i = 0; i < words / parts; i += 4) {
            a ^= at[i];
            b ^= at[i + 1];
            c ^= at[i + 2];
            d ^= at[i + 3];
          }
          keep(static_cast<float>(a ^ b ^ c ^ d));
        });
      },
      2.0);
  return static_cast<double>(words) * sizeof(std::uint64_t) / time / 1e9;
}

constexpr int kPeakRounds = 200'000;
constexpr int kPeakChains = 12;

#if defined(__x86_64__)
#define HUB_PEAK_TARGET(name) __attribute__((target(name)))
#else
#define HUB_PEAK_TARGET(name)
#endif

// Independent multiply-adds in registers; returns their number of operations.
template <class Vector>
[[gnu::always_inline]] inline double spin(float seed) {
  Vector sums[kPeakChains];
  for (int i = 0; i < kPeakChains; ++i) {
    sums[i] = Vector{} + seed + static_cast<float>(i);
  }
  const Vector factor = Vector{} + 0.999F;
  for (int round = 0; round < kPeakRounds; ++round) {
#pragma GCC unroll 12
    for (auto& sum : sums) {
      sum = sum * factor + factor;
    }
  }
  float total = 0.0F;
  for (const auto& sum : sums) {
    total += sum[0];
  }
  keep(total);
  constexpr int lanes = sizeof(Vector) / sizeof(float);
  return 2.0 * lanes * kPeakChains * kPeakRounds;
}

using Wide = float __attribute__((vector_size(64)));
using Half = float __attribute__((vector_size(32)));
using Quarter = float __attribute__((vector_size(16)));

#if !defined(__clang__)
#pragma GCC optimize("fp-contract=fast")
#endif
HUB_PEAK_TARGET("avx512f") double spin_avx512(float seed) {
  return spin<Wide>(seed);
}
HUB_PEAK_TARGET("avx2,fma") double spin_avx2(float seed) {
  return spin<Half>(seed);
}
double spin_portable(float seed) {
  return spin<Quarter>(seed);
}

// GFLOP/s of multiply-adds on all threads of the pool.
double flop_peak() {
  auto* spinning = spin_portable;
  if (cpu_level() == CpuLevel::kAvx512) {
    spinning = spin_avx512;
  } else if (cpu_level() == CpuLevel::kAvx2) {
    spinning = spin_avx2;
  }
  const int threads = ThreadPool::shared().threads();
  double operations = 0;
  const double time = best(
      [&] {
        std::vector<double> counts(static_cast<std::size_t>(threads));
        ThreadPool::shared().for_each(
            threads, [&](int i) { counts[static_cast<std::size_t>(i)] = spinning(1.0F); });
        operations = counts[0] * threads;
      },
      1.0);
  return operations / time / 1e9;
}

void bench_quantized(Report& report) {
  struct Case {
    int rows, columns, bits, group;
    std::vector<int> counts;
  };
  // A square as in the notes of many peers, then the layers of SmolLM2-135M.
  const std::vector<Case> cases{
      {4096, 4096, 4, 64, {1, 8, 64}},
      {4096, 4096, 4, 32, {1}},
      {4096, 4096, 8, 64, {1, 64}},
      {576, 576, 4, 32, {1, 512}},
      {192, 576, 4, 32, {1, 512}},
      {1536, 576, 4, 32, {1, 512}},
      {576, 1536, 4, 32, {1, 512}},
      {49152, 576, 8, 32, {1, 64}}};
  for (const auto& each : cases) {
    const auto parts =
        tensor::quantize(mx::random::normal({each.rows, each.columns}), each.group, each.bits);
    const auto scales = mx::astype(parts.scales, mx::float16);
    const auto biases = mx::astype(*parts.biases, mx::float16);
    mx::eval({parts.weight, parts.scales, *parts.biases, scales, biases});
    const QuantizedWeight w{parts.weight, scales, biases, each.group, each.bits};
    for (const int m : each.counts) {
      for (const bool transpose : {true, false}) {
        if (!transpose && m == 1) {
          continue;  // only gradients go that way, and they have many rows
        }
        const auto x = mx::random::normal({m, transpose ? each.columns : each.rows});
        mx::eval({x});
        const double weights = double(each.rows) * each.columns;
        const bool by_bytes = m == 1;
        report.add(
            fmt::format(
                "qmm {}x{} {} bit g{} M={}{}",
                each.rows,
                each.columns,
                each.bits,
                each.group,
                m,
                transpose ? "" : " backward"),
            by_bytes ? weights * (each.bits / 8.0 + 4.0 / each.group) : 2.0 * m * weights,
            by_bytes ? "GB/s" : "GFLOP/s",
            [&] { mx::eval({quantized_matmul(x, w, transpose)}); },
            // float32 scales: stock is far slower still with float16 ones
            [&] {
              mx::eval({tensor::quantized_matmul(
                  x, parts.weight, parts.scales, parts.biases, transpose, each.group, each.bits)});
            });
      }
    }
  }
}

// Products with activations in 8 bits beside those in float32 (as "stock"), in turn; both in
// operations of the unrounded product.
void bench_int8(Report& report) {
  for (const auto& [rows, columns, bits] :
       {std::tuple{576, 576, 4}, {192, 576, 4}, {1536, 576, 4}, {576, 1536, 4}, {49152, 576, 8}}) {
    const auto parts = tensor::quantize(mx::random::normal({rows, columns}), 32, bits);
    const auto scales = mx::astype(parts.scales, mx::float16);
    const auto biases = mx::astype(*parts.biases, mx::float16);
    mx::eval({parts.weight, scales, biases});
    const QuantizedWeight w{parts.weight, scales, biases, 32, bits};
    const auto turned = interleaved(w);
    for (const int m : {1, 8, 16, 64, 512}) {
      if (rows == 49152 && m == 512) {
        continue;  // nobody wants that many logits
      }
      const auto x = mx::random::normal({m, columns});
      mx::eval({x});
      report.in_turn(
          fmt::format("int8 {}x{} {} bit g32 M={}", rows, columns, bits, m),
          2.0 * m * rows * columns,
          "GFLOP/s",
          [&] { mx::eval({int8_matmul(x, turned)}); },
          [&] { mx::eval({quantized_matmul(x, w)}); });
    }
  }
}

void bench_dense(Report& report) {
  for (const auto& [m, inner, columns] :
       {std::tuple{1, 576, 8}, {512, 576, 8}, {512, 8, 576}, {512, 576, 1536}}) {
    const auto x = mx::random::normal({m, inner});
    const auto w = mx::random::normal({inner, columns});
    mx::eval({x, w});
    report.add(
        fmt::format("matmul {}x{}x{}", m, inner, columns),
        2.0 * m * inner * columns,
        "GFLOP/s",
        [&] { mx::eval({kernels::matmul(x, w)}); },
        [&] { mx::eval({mx::matmul(x, w)}); });
  }
}

void bench_rows(Report& report) {
  for (const int rows : {1, 512}) {
    const auto x = mx::random::normal({rows, 576});
    const auto weight = mx::random::normal({576});
    const auto gate = mx::random::normal({rows, 1536});
    const auto up = mx::random::normal({rows, 1536});
    mx::eval({x, weight, gate, up});
    report.add(
        fmt::format("rms_norm {}x576", rows),
        8.0 * rows * 576,
        "GB/s",
        [&] { mx::eval({rms_norm(x, weight, 1e-5F)}); },
        [&] { mx::eval({tensor::rms_norm(x, weight, 1e-5F)}); });
    report.add(
        fmt::format("swiglu {}x1536", rows),
        12.0 * rows * 1536,
        "GB/s",
        [&] { mx::eval({swiglu(gate, up)}); },
        [&] { mx::eval({gate * mx::sigmoid(gate) * up}); });
  }
}

void bench_attention(Report& report) {
  const AttentionShape shape{9, 3, 64, 0.125F, false};
  std::vector<float> frequencies;
  frequencies.reserve(32);
  for (int i = 0; i < 32; ++i) {
    frequencies.push_back(std::pow(1e5F, -static_cast<float>(i) / 32.0F));
  }
  const mx::array inv_freq(frequencies.begin(), {32});
  mx::array keys = mx::random::normal({3, 4096, 64});
  mx::array cached = mx::random::normal({3, 4096, 64});
  mx::eval({keys, cached});
  for (const auto& [rows, position] :
       {std::pair{1, 64}, {1, 512}, {1, 3000}, {512, 0}, {512, 2048}}) {
    const auto q = mx::random::normal({rows, 576});
    const auto k = mx::random::normal({rows, 192});
    const auto v = mx::random::normal({rows, 192});
    mx::eval({q, k, v});
    const double pairs = rows * (position + (rows + 1) / 2.0);
    const bool by_bytes = rows == 1;
    // Each takes the caches over, as a model's step does.
    const auto step = [&](auto operation) {
      std::vector<CachedSequence> sequences;
      sequences.push_back({std::move(keys), std::move(cached), rows, position});
      auto result = operation(
          q, k, v, kernels::RotaryEmbedding{inv_freq}, std::move(sequences), shape, std::nullopt);
      keys = result.caches[0].keys;
      cached = result.caches[0].values;
      mx::eval({result.out, keys, cached});
    };
    report.add(
        fmt::format("attention {} rows at {}", rows, position),
        by_bytes ? pairs * 3 * 64 * 4 * 2 : pairs * 9 * 64 * 4,
        by_bytes ? "GB/s" : "GFLOP/s",
        [&] { step(kOwnAttention); },
        [&] { step(composed_cached_attention); });
  }
}

void bench_training(Report& report) {
  const AttentionShape shape{9, 3, 64, 0.125F, false};
  const auto q = mx::random::normal({512, 576});
  const auto k = mx::random::normal({512, 192});
  const auto v = mx::random::normal({512, 192});
  const auto inv_freq = mx::full({32}, 0.1F);
  const auto logits = mx::random::normal({256, 49152});
  const auto targets = mx::zeros({256}, mx::int32);
  mx::eval({q, k, v, inv_freq, logits, targets});
  const auto gradients = [](auto function, const std::vector<mx::array>& inputs) {
    const auto loss = [&](const std::vector<mx::array>& in) {
      return std::vector{mx::sum(function(in))};
    };
    mx::eval(mx::vjp(loss, inputs, {mx::array(1.0F)}).second);
  };
  const auto attend = [&](auto operation) {
    gradients(
        [&](const auto& in) {
          return operation(
              in[0],
              in[1],
              in[2],
              kernels::RotaryEmbedding{inv_freq},
              {256, 256},
              shape,
              std::nullopt);
        },
        {q, k, v});
  };
  report.add(
      "causal attention 2x256, forward and backward",
      2.0 * 256 * 257 / 2 * 9 * 64 * 14,
      "GFLOP/s",
      [&] { attend(causal_attention); },
      [&] { attend(composed_causal_attention); });
  report.add(
      "cross entropy 256x49152, forward and backward",
      256.0 * 49152 * 4 * 3,
      "GB/s",
      [&] { gradients([&](const auto& in) { return cross_entropy(in[0], targets); }, {logits}); },
      [&] {
        const auto at = mx::expand_dims(targets, 1);
        gradients(
            [&](const auto& in) {
              return mx::logsumexp(in[0], 1) - mx::squeeze(mx::take_along_axis(in[0], at, 1), 1);
            },
            {logits});
      });
}

}  // namespace
}  // namespace hub::kernels

int main(int argc, char** argv) {
  using namespace hub::kernels;  // NOLINT(google-build-using-namespace)
  const double budget = argc > 1 ? std::stod(argv[1]) : 0.3;
  const bool stock = argc <= 2 || std::string(argv[2]) != "--no-stock";
  const double read_before = read_bandwidth();
  const double peak_before = flop_peak();
  Report report(budget, stock);
  bench_quantized(report);
  bench_int8(report);
  bench_dense(report);
  bench_rows(report);
  bench_attention(report);
  bench_training(report);
  // Twice, since other programs may take their share of one of them.
  fmt::print(
      "{{\"level\": \"{}\", \"threads\": {}, \"read_gb_s\": {:.1f}, \"peak_gflop_s\": {:.1f}}}\n",
      to_string(cpu_level()),
      ThreadPool::shared().threads(),
      std::max(read_before, read_bandwidth()),
      std::max(peak_before, flop_peak()));
  return 0;
}
