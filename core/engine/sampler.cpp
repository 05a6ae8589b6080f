#include "core/engine/sampler.h"

#include <algorithm>
#include <cmath>

namespace hub::engine {

namespace {

// SplitMix64's output function (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
// Generators, OOPSLA 2014).
std::uint64_t mix(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31U);
}

int most_likely(std::span<const float> logits) {
  return static_cast<int>(std::ranges::max_element(logits) - logits.begin());
}

}  // namespace

double uniform_at(std::uint64_t seed, std::uint64_t position) {
  const std::uint64_t bits = mix(mix(seed) ^ mix(~position));
  return static_cast<double>(bits >> 11U) * 0x1.0p-53;
}

std::optional<Drawn> Sampler::draw(
    std::span<const float> logits,
    const SamplingParams& params,
    std::uint64_t seed,
    std::uint64_t position) {
  if (logits.empty()) {
    return std::nullopt;
  }
  const int best = most_likely(logits);
  const float top = logits[static_cast<std::size_t>(best)];
  double sum = 0.0;  // of exp(logit - top): a NaN anywhere shows here
  for (const float logit : logits) {
    sum += static_cast<double>(std::exp(logit - top));
  }
  if (!std::isfinite(top) || !std::isfinite(sum)) {
    return std::nullopt;
  }
  int token = best;
  if (params.temperature > 0.0F) {
    filter(logits, params, top, sum);
    token = pick(uniform_at(seed, position), params.temperature, top);
  }
  const double logit = static_cast<double>(logits[static_cast<std::size_t>(token)]);
  return Drawn{
      .token = token,
      .logprob = static_cast<float>(logit - static_cast<double>(top) - std::log(sum))};
}

void Sampler::filter(
    std::span<const float> logits, const SamplingParams& params, float top, double sum) {
  kept_.clear();
  if (params.top_p < 1.0F) {
    keep_top_p(logits, params.top_p, top, sum);
  } else {
    kept_.reserve(logits.size());
    for (std::size_t i = 0; i < logits.size(); ++i) {
      kept_.push_back({.token = static_cast<int>(i), .logit = logits[i]});
    }
  }
  if (params.min_p > 0.0F) {
    const float threshold = top + std::log(params.min_p);
    std::erase_if(kept_, [&](const Candidate& c) { return c.logit < threshold; });
  }
  const auto top_k = static_cast<std::size_t>(std::max(params.top_k, 0));
  if (top_k > 0 && top_k < kept_.size()) {
    const auto end = kept_.begin() + static_cast<std::ptrdiff_t>(top_k);
    std::nth_element(kept_.begin(), end, kept_.end(), [](const Candidate& a, const Candidate& b) {
      return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
    });
    kept_.erase(end, kept_.end());
  }
  // One order whatever the filters did, so that equal sets give equal draws.
  const auto by_token = [](const Candidate& a, const Candidate& b) { return a.token < b.token; };
  if (!std::ranges::is_sorted(kept_, by_token)) {
    std::ranges::sort(kept_, by_token);
  }
}

// Keeps the most likely tokens until their mass reaches top_p; equals of the last one stay, too.
void Sampler::keep_top_p(std::span<const float> logits, float top_p, float top, double sum) {
  // Tokens below this weight weigh less than 1 - top_p together, so they cannot be needed.
  const double spare = 1.0 - static_cast<double>(top_p);
  const double least = spare * sum / static_cast<double>(logits.size()) * 0.999;
  const float floor = top + static_cast<float>(std::log(least));
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] >= floor) {
      kept_.push_back({.token = static_cast<int>(i), .logit = logits[i]});
    }
  }
  std::ranges::sort(
      kept_, [](const Candidate& a, const Candidate& b) { return a.logit > b.logit; });
  const double wanted = static_cast<double>(top_p) * sum;
  double above = 0.0;
  float threshold = top;
  for (const Candidate& candidate : kept_) {
    if (above >= wanted && candidate.logit < threshold) {
      break;
    }
    threshold = candidate.logit;
    above += static_cast<double>(std::exp(candidate.logit - top));
  }
  std::erase_if(kept_, [&](const Candidate& c) { return c.logit < threshold; });
}

// Walks the cumulative distribution of the kept tokens at `temperature`.
int Sampler::pick(double uniform, float temperature, float top) {
  weights_.resize(kept_.size());
  const float inverse = 1.0F / temperature;
  double total = 0.0;
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    total += static_cast<double>(std::exp((kept_[i].logit - top) * inverse));
    weights_[i] = total;
  }
  const auto found = std::ranges::upper_bound(weights_, uniform * total);
  const auto index = std::min(static_cast<std::size_t>(found - weights_.begin()), kept_.size() - 1);
  return kept_[index].token;
}

}  // namespace hub::engine
