#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/engine/generation.h"

namespace hub::engine {

struct Drawn {
  int token = 0;
  float logprob = 0.0F;             // natural log, before temperature and filters
  std::vector<TokenLogprob> top{};  // SamplingParams::top_logprobs, the likeliest first
};

// Draws tokens from logits that are already computed. Plain arithmetic on one row: what the other
// rows of a step are cannot matter. Belongs to one thread (it keeps its working memory).
class Sampler {
 public:
  // `logits` [vocab] float32. The draw is a function of the logits, `params`, `seed` and `position`
  // (the index of the new token in its sequence) alone. Temperature 0 takes the most likely token,
  // among equals the lowest id. Filters and their order are SamplingParams', on the untempered
  // distribution, then categorical at `temperature`. A logit of minus infinity is never drawn.
  // `params.rules` are not applied here (logit_rules.h). nullopt when the logits are not finite
  // numbers, or none is above minus infinity: the model or its weights are broken.
  std::optional<Drawn> draw(
      std::span<const float> logits,
      const SamplingParams& params,
      std::uint64_t seed,
      std::uint64_t position);

  // How likely `token` is in a row of logits as draw() takes them, and the `top_logprobs`
  // likeliest; to the last bit what draw() says of the same row. nullopt as there.
  std::optional<TextToken> score(std::span<const float> logits, int token, int top_logprobs);

 private:
  // What a row weighs: the largest logit, and the sum of all exp(logit - top). sums_ has its parts.
  struct Mass {
    float top;
    double sum;
    [[nodiscard]] double log_sum() const;
  };
  std::optional<Mass> weigh(std::span<const float> logits);
  struct Candidate {
    int token;
    float logit;
  };

  float lowest_needed(
      std::span<const float> logits, const SamplingParams& params, float top, double sum);
  // Leaves in kept_ what the filters keep, in the order of ids.
  void filter(
      std::span<const float> logits,
      const SamplingParams& params,
      float top,
      double sum,
      bool excludes_top_choices);
  void keep_most_likely(float top_p, float top, double sum);
  void keep_typical(float typical_p, float top);
  void leave_out_top_choices(const SamplingParams& params, float top);
  int pick_kept(double uniform, float temperature, float top);
  int pick_any(std::span<const float> logits, double uniform, float temperature, float top);

  std::vector<double> sums_;
  std::vector<float> maxima_;
  std::vector<Candidate> kept_;
  std::vector<double> weights_;
};

// A number in [0, 1) that depends on the arguments and nothing else; draws for different purposes
// at one position are independent.
enum class DrawFor : std::uint8_t { kToken, kTopChoices };
double uniform_at(std::uint64_t seed, std::uint64_t position, DrawFor purpose = DrawFor::kToken);

}  // namespace hub::engine
