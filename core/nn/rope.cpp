// Port of mlx_lm/models/rope_utils.py › initialize_rope: RoPE, Llama3RoPE, SuScaledRoPE,
// YarnRoPE and ProportionalRoPE.
#include "core/nn/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace hub::nn {
namespace {

// The period of a pair after llama3's scaling; `period` is 1 / frequency.
double llama3_period(double period, const RopeScaling& scaling) {
  const double factor = scaling.factor;
  const double low = scaling.low_freq_factor;
  const double high = scaling.high_freq_factor;
  const double context = scaling.trained_context;
  const double wavelength = 2.0 * std::numbers::pi * period;
  if (wavelength > context / low) {
    return period * factor;
  }
  if (wavelength <= context / high) {
    return period;
  }
  const double smooth = (context / wavelength - low) / (high - low);
  return period / ((1.0 - smooth) / factor + smooth);
}

// The index of the pair that turns `turns` times within the trained context.
double yarn_pair(double turns, int dims, double theta, const RopeScaling& scaling) {
  const double context = scaling.trained_context;
  return dims * std::log(context / (turns * 2.0 * std::numbers::pi)) / (2.0 * std::log(theta));
}

// The period of pair `pair`, between kept (0) and stretched (1) along a ramp over the pairs.
double yarn_period(double period, int pair, int dims, double theta, const RopeScaling& scaling) {
  const double low = std::max(0.0, std::floor(yarn_pair(scaling.beta_fast, dims, theta, scaling)));
  double high = std::min(dims - 1.0, std::ceil(yarn_pair(scaling.beta_slow, dims, theta, scaling)));
  high += high == low ? 0.001 : 0.0;
  const double stretched = std::clamp((pair - low) / (high - low), 0.0, 1.0);
  return 1.0 / (stretched / (period * scaling.factor) + (1.0 - stretched) / period);
}

double yarn_mscale(double factor, double mscale) {
  return factor <= 1.0 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

double scaled_period(double period, int pair, int dims, double theta, const RopeScaling& scaling) {
  switch (scaling.kind) {
    case RopeScaling::Kind::kLinear:
    case RopeScaling::Kind::kProportional:
      return period * scaling.factor;
    case RopeScaling::Kind::kLlama3:
      return llama3_period(period, scaling);
    case RopeScaling::Kind::kLongrope:
      return period * scaling.pair_factors.at(static_cast<std::size_t>(pair));
    case RopeScaling::Kind::kYarn:
      return yarn_period(period, pair, dims, theta, scaling);
  }
  return period;
}

}  // namespace

std::vector<float> rope_inverse_frequencies(
    int dims, float theta, const std::optional<RopeScaling>& scaling) {
  const bool in_part = scaling && scaling->kind == RopeScaling::Kind::kProportional;
  const int rotated =
      in_part ? static_cast<int>(static_cast<float>(dims) * scaling->rotated_part) : dims;
  std::vector<float> frequencies;
  for (int i = 0; i < dims; i += 2) {
    if (i >= rotated) {
      frequencies.push_back(0.0F);
      continue;
    }
    double period = std::pow(static_cast<double>(theta), static_cast<double>(i) / dims);
    if (scaling) {
      period = scaled_period(period, i / 2, dims, theta, *scaling);
    }
    frequencies.push_back(static_cast<float>(1.0 / period));
  }
  return frequencies;
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
