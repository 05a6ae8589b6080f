// Port of mlx_lm/models/rope_utils.py › initialize_rope (default, linear) and Llama3RoPE.
#include "core/nn/rope.h"

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

}  // namespace

std::vector<float> rope_inverse_frequencies(
    int head_dim, float theta, const std::optional<RopeScaling>& scaling) {
  std::vector<float> frequencies;
  for (int i = 0; i < head_dim; i += 2) {
    double period = std::pow(static_cast<double>(theta), static_cast<double>(i) / head_dim);
    if (scaling) {
      period = scaling->kind == RopeScaling::Kind::kLinear ? period * scaling->factor
                                                           : llama3_period(period, *scaling);
    }
    frequencies.push_back(static_cast<float>(1.0 / period));
  }
  return frequencies;
}

}  // namespace hub::nn
