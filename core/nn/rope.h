#pragma once

#include <optional>
#include <vector>

#include "core/nn/attention.h"

namespace hub::nn {

// How a model stretches its rotary embedding beyond the context it was trained on.
struct RopeScaling {
  enum class Kind { kLinear, kLlama3, kLongrope, kYarn, kProportional };
  Kind kind = Kind::kLinear;
  float factor = 1.0F;  // kLongrope: the context over trained_context
  // kLlama3 only: wavelengths above trained_context / low are divided by `factor`, those below
  // trained_context / high stay, between them it blends.
  float low_freq_factor = 1.0F;
  float high_freq_factor = 4.0F;
  int trained_context = 8192;       // kLlama3, kLongrope, kYarn
  std::vector<float> pair_factors;  // kLongrope (arXiv:2402.13753): each divides its pair's angle
  // kYarn (arXiv:2309.00071): pairs that turn more than beta_fast times within trained_context
  // stay, those below beta_slow are divided by `factor`, between them it blends.
  float beta_fast = 32.0F;
  float beta_slow = 1.0F;
  float mscale = 1.0F;
  float mscale_all_dim = 0.0F;
  // kProportional (Gemma 4): the first pairs of a head turn, this share of them, with periods that
  // are `factor` times those of a whole head; the others stay.
  float rotated_part = 1.0F;
};

// The rotation of the first `dims` elements of a head; without scaling, pair i of them turns by
// theta^(-2i / dims) a position (arXiv:2104.09864 eq. 15). Builds graphs.
RotaryEmbedding rotary_embedding(int dims, float theta, const std::optional<RopeScaling>& scaling);

// What the rotated elements of queries and keys are multiplied by.
float rope_scale(const std::optional<RopeScaling>& scaling);

}  // namespace hub::nn
