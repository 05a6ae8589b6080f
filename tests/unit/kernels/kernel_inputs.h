#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>
#include <mlx/array.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/kernels/cpu_level.h"
#include "core/kernels/cpu_primitive.h"

namespace hub::kernels {

namespace mx = mlx::core;

// Of the CPU's kernels at one level; elsewhere MLX's own operations compute.
class LevelTest : public testing::TestWithParam<CpuLevel> {
 protected:
  void SetUp() override {
    if (!runs_on_cpu()) {
      GTEST_SKIP() << "the CPU kernels' promises";
    }
  }
};

// Normal numbers from a fixed seed.
inline mx::array random_array(mx::Shape shape, std::uint32_t seed, float scale = 1.0F) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.0F, scale);
  std::size_t count = 1;
  for (const int length : shape) {
    count *= static_cast<std::size_t>(length);
  }
  std::vector<float> values(count);
  for (float& value : values) {
    value = normal(generator);
  }
  return mx::array(values.begin(), std::move(shape), mx::float32);
}

inline std::vector<float> values(mx::array x) {
  x = mx::contiguous(x);
  x.eval();
  return {x.data<float>(), x.data<float>() + x.size()};
}

// max |got - wanted| / max |wanted| (over 1 if all of it is 0)
inline double relative_error(const std::vector<float>& got, const std::vector<double>& wanted) {
  double difference = 0;
  double largest = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const double delta = std::abs(double{got[i]} - wanted[i]);
    difference = std::isnan(delta) ? INFINITY : std::max(difference, delta);
    largest = std::max(largest, std::abs(wanted[i]));
  }
  difference /= largest > 0 ? largest : 1;
  return got.size() == wanted.size() ? difference : INFINITY;
}

inline double relative_error(const mx::array& got, const mx::array& wanted) {
  const auto reference = values(wanted);
  return relative_error(values(got), {reference.begin(), reference.end()});
}

// Rows [begin, end) of x.
inline mx::array rows_of(const mx::array& x, int begin, int end) {
  return mx::slice(x, mx::Shape{begin, 0}, mx::Shape{end, x.shape(1)});
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

inline bool same_bits(const mx::array& a, const mx::array& b) {
  return same_bits(values(a), values(b));
}

}  // namespace hub::kernels
