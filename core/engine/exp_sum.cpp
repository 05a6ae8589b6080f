#include "core/engine/exp_sum.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

// A vocabulary has 50 to 250 thousand entries, and a step passes over one for each of its
// sequences: scalar exponentials would take longer than a small model's own work.
namespace hub::engine {

namespace {

#define HUB_INLINE inline __attribute__((always_inline))

// GCC's and Clang's vector types: plain arithmetic by lane on any machine.
constexpr std::size_t kLanes = 8;
using Floats = float __attribute__((vector_size(kLanes * sizeof(float))));
using Words = std::uint32_t __attribute__((vector_size(kLanes * sizeof(float))));

// 1.5 * 2^23: adding it rounds to a whole number.
constexpr float kRound = 12582912.0F;

// x := exp(x) for x <= 0: 2^n * e^r with |r| <= ln(2) / 2, e^r by the polynomial of Cephes' expf.
HUB_INLINE void exponentiate(Floats& x) {
  x = x < -87.0F ? Floats{} - 87.0F : x;  // keeps a NaN
  const Floats shifted = x * 1.44269504F + kRound;
  const Floats n = shifted - kRound;
  const Floats r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  Floats p = r * 1.9875691500e-4F + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  Words power;
  std::memcpy(&power, &shifted, sizeof(power));
  power = (power << 23U) + (127U << 23U);
  Floats factor;
  std::memcpy(&factor, &power, sizeof(factor));
  x = p * factor;
}

HUB_INLINE double block_sum(const float* x, std::size_t count, float top, float scale) {
  Floats sums{};
  Floats part;
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    std::memcpy(&part, x + i, sizeof(part));
    part = (part - top) * scale;
    exponentiate(part);
    sums += part;
  }
  double sum = 0.0;
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    sum += static_cast<double>(sums[lane]);
  }
  if (i < count) {
    part = Floats{};
    std::memcpy(&part, x + i, (count - i) * sizeof(float));
    part = (part - top) * scale;
    exponentiate(part);
    for (std::size_t lane = 0; lane < count - i; ++lane) {
      sum += static_cast<double>(part[lane]);
    }
  }
  return sum;
}

HUB_INLINE void sum_blocks(
    std::span<const float> x, float top, float scale, std::span<double> sums) {
  for (std::size_t b = 0; b < sums.size(); ++b) {
    const std::size_t begin = b * kExpSumBlock;
    const std::size_t count = std::min(kExpSumBlock, x.size() - begin);
    sums[b] = block_sum(x.data() + begin, count, top, scale);
  }
}

HUB_INLINE float max_lanes(std::span<const float> x) {
  Floats lanes = Floats{} - std::numeric_limits<float>::infinity();
  Floats part;
  std::size_t i = 0;
  for (; i + kLanes <= x.size(); i += kLanes) {
    std::memcpy(&part, x.data() + i, sizeof(part));
    lanes = part > lanes ? part : lanes;
  }
  float best = -std::numeric_limits<float>::infinity();
  for (; i < x.size(); ++i) {
    best = x[i] > best ? x[i] : best;
  }
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    best = lanes[lane] > best ? lanes[lane] : best;
  }
  return best;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) void sum_blocks_avx2(
    std::span<const float> x, float top, float scale, std::span<double> sums) {
  sum_blocks(x, top, scale, sums);
}
__attribute__((target("avx2"))) float max_avx2(std::span<const float> x) {
  return max_lanes(x);
}
bool has_avx2() {
  return __builtin_cpu_supports("avx2");
}
#endif

}  // namespace

void exp_sums(std::span<const float> x, float top, float scale, std::vector<double>& sums) {
  sums.resize((x.size() + kExpSumBlock - 1) / kExpSumBlock);
#if defined(__x86_64__)
  if (has_avx2()) {
    sum_blocks_avx2(x, top, scale, sums);
    return;
  }
#endif
  sum_blocks(x, top, scale, sums);
}

float max_of(std::span<const float> x) {
#if defined(__x86_64__)
  if (has_avx2()) {
    return max_avx2(x);
  }
#endif
  return max_lanes(x);
}

}  // namespace hub::engine
