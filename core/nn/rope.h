#pragma once

#include <optional>
#include <vector>

namespace hub::nn {

// How a model stretches its rotary embedding beyond the context it was trained on.
struct RopeScaling {
  enum class Kind { kLinear, kLlama3 };
  Kind kind = Kind::kLinear;
  float factor = 1.0F;
  // kLlama3 only: wavelengths above trained_context / low are divided by `factor`, those below
  // trained_context / high stay, between them it blends.
  float low_freq_factor = 1.0F;
  float high_freq_factor = 4.0F;
  int trained_context = 8192;
};

// The angles per position of the head_dim / 2 pairs of a head (arXiv:2104.09864 eq. 15):
// pair i at position p turns by p * result[i].
std::vector<float> rope_inverse_frequencies(
    int head_dim, float theta, const std::optional<RopeScaling>& scaling);

}  // namespace hub::nn
