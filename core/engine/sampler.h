#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/engine/generation.h"

namespace hub::engine {

struct Drawn {
  int token = 0;
  float logprob = 0.0F;  // natural log, before temperature and filters
};

// Draws tokens from logits that are already computed. Plain arithmetic on one row: what the other
// rows of a step are cannot matter. Belongs to one thread (it keeps its working memory).
class Sampler {
 public:
  // `logits` [vocab] float32. The draw is a function of the logits, `params`, `seed` and `position`
  // (the index of the new token in its sequence) alone. Temperature 0 takes the most likely token,
  // among equals the lowest id. Filters and their order are mlx_lm/sample_utils.py's: top_p, min_p
  // and top_k on the untempered distribution, then categorical at `temperature`. nullopt when the
  // logits are not finite numbers: the model or its weights are broken.
  std::optional<Drawn> draw(
      std::span<const float> logits,
      const SamplingParams& params,
      std::uint64_t seed,
      std::uint64_t position);

 private:
  struct Candidate {
    int token;
    float logit;
  };

  float lowest_needed(
      std::span<const float> logits, const SamplingParams& params, float top, double sum);
  void filter(std::span<const float> logits, const SamplingParams& params, float top, double sum);
  int pick_kept(double uniform, float temperature, float top);
  int pick_any(std::span<const float> logits, double uniform, float temperature, float top);

  std::vector<double> sums_;
  std::vector<float> maxima_;
  std::vector<Candidate> kept_;
  std::vector<double> weights_;
};

// A number in [0, 1) that depends on both arguments and nothing else.
double uniform_at(std::uint64_t seed, std::uint64_t position);

}  // namespace hub::engine
