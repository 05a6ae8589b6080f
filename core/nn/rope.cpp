// Port of mlx_lm/models/rope_utils.py › initialize_rope: RoPE, Llama3RoPE, SuScaledRoPE,
// YarnRoPE and ProportionalRoPE.
#include "core/nn/rope.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include <mlx/ops.h>

namespace hub::nn {
namespace {

// Scaled periods (1 / frequency) in mlx-lm's own operations and their order, so that they have its
// bits on every device.

// [pairs]: those of the first pairs of a head of `dims` rotated elements.
mx::array unscaled_periods(int pairs, int dims, float theta) {
  const mx::array even = mx::arange(0.0, 2.0 * pairs, 2.0, mx::float32);
  return mx::power(mx::array(theta), mx::divide(even, mx::array(static_cast<float>(dims))));
}

mx::array llama3_periods(const mx::array& periods, const RopeScaling& scaling) {
  const float low = scaling.low_freq_factor;
  const float high = scaling.high_freq_factor;
  const auto context = static_cast<float>(scaling.trained_context);
  const mx::array factor(scaling.factor);
  const mx::array wavelengths = mx::multiply(mx::array(2.0F * std::numbers::pi_v<float>), periods);
  const mx::array longest(context / low);
  const mx::array kept =
      mx::where(mx::greater(wavelengths, longest), mx::multiply(periods, factor), periods);
  const mx::array blends = mx::logical_and(
      mx::greater(wavelengths, mx::array(context / high)), mx::less(wavelengths, longest));
  const mx::array smooth = mx::divide(
      mx::subtract(mx::divide(mx::array(context), wavelengths), mx::array(low)),
      mx::array(high - low));
  const mx::array blended =
      mx::divide(kept, mx::add(mx::divide(mx::subtract(mx::array(1.0F), smooth), factor), smooth));
  return mx::where(blends, blended, kept);
}

// The index of the pair that turns `turns` times within the trained context.
double yarn_pair(double turns, int dims, double theta, const RopeScaling& scaling) {
  const double context = scaling.trained_context;
  return dims * std::log(context / (turns * 2.0 * std::numbers::pi)) / (2.0 * std::log(theta));
}

// Between kept (0) and stretched (1) along a ramp over the pairs.
mx::array yarn_periods(
    const mx::array& periods, int dims, double theta, const RopeScaling& scaling) {
  const double low = std::max(0.0, std::floor(yarn_pair(scaling.beta_fast, dims, theta, scaling)));
  double high = std::min(dims - 1.0, std::ceil(yarn_pair(scaling.beta_slow, dims, theta, scaling)));
  high += high == low ? 0.001 : 0.0;
  const mx::array one(1.0F);
  const mx::array ramp = mx::divide(
      mx::subtract(
          mx::arange(0, periods.shape(0), mx::float32), mx::array(static_cast<float>(low))),
      mx::array(static_cast<float>(high - low)));
  const mx::array kept = mx::subtract(one, mx::clip(ramp, mx::array(0.0F), one));
  const mx::array stretched = mx::multiply(mx::array(scaling.factor), periods);
  return mx::divide(
      mx::multiply(stretched, periods),
      mx::add(mx::multiply(stretched, kept), mx::multiply(periods, mx::subtract(one, kept))));
}

double yarn_mscale(double factor, double mscale) {
  return factor <= 1.0 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

// Of a whole head, `factor` times as long, for the first pairs; the others never turn.
mx::array proportional_periods(int dims, float theta, const RopeScaling& scaling) {
  const int pairs = static_cast<int>(static_cast<float>(dims) * scaling.rotated_part) / 2;
  return mx::concatenate(
      {mx::multiply(mx::array(scaling.factor), unscaled_periods(pairs, dims, theta)),
       mx::full({dims / 2 - pairs}, std::numeric_limits<float>::infinity(), mx::float32)});
}

mx::array scaled_periods(int dims, float theta, const RopeScaling& scaling) {
  const auto unscaled = [&] { return unscaled_periods(dims / 2, dims, theta); };
  switch (scaling.kind) {
    case RopeScaling::Kind::kProportional:
      return proportional_periods(dims, theta, scaling);
    case RopeScaling::Kind::kLlama3:
      return llama3_periods(unscaled(), scaling);
    case RopeScaling::Kind::kLongrope:
      return mx::multiply(
          mx::array(scaling.pair_factors.begin(), {static_cast<int>(scaling.pair_factors.size())}),
          unscaled());
    case RopeScaling::Kind::kYarn:
      return yarn_periods(unscaled(), dims, theta, scaling);
    case RopeScaling::Kind::kLinear:
      break;  // rotary_embedding() has it
  }
  return unscaled();
}

}  // namespace

RotaryEmbedding rotary_embedding(int dims, float theta, const std::optional<RopeScaling>& scaling) {
  if (scaling && scaling->kind != RopeScaling::Kind::kLinear) {
    const mx::array periods = scaled_periods(dims, theta, *scaling);
    return {.inv_freq = mx::reciprocal(periods), .periods = periods};
  }
  const double factor = scaling ? static_cast<double>(scaling->factor) : 1.0;
  std::vector<float> frequencies;
  for (int i = 0; i < dims; i += 2) {
    const double period = std::pow(static_cast<double>(theta), static_cast<double>(i) / dims);
    frequencies.push_back(static_cast<float>(1.0 / (period * factor)));
  }
  return {
      .inv_freq = mx::array(frequencies.begin(), {static_cast<int>(frequencies.size())}),
      .base = theta,
      .position_scale = static_cast<float>(1.0 / factor)};
}

float rope_scale(const std::optional<RopeScaling>& scaling) {
  if (scaling && scaling->kind == RopeScaling::Kind::kLongrope && scaling->factor > 1.0F) {
    const double context = scaling->trained_context;
    return static_cast<float>(std::sqrt(1.0 + std::log(scaling->factor) / std::log(context)));
  }
  if (scaling && scaling->kind == RopeScaling::Kind::kYarn) {
    return static_cast<float>(
        yarn_mscale(scaling->factor, scaling->mscale) /
        yarn_mscale(scaling->factor, scaling->mscale_all_dim));
  }
  return 1.0F;
}

}  // namespace hub::nn
