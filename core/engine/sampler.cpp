#include "core/engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "core/engine/exp_sum.h"

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

// Elements whose largest stands for them when the k largest of all are looked for.
constexpr std::size_t kMaximaBlock = 256;

bool filters(const SamplingParams& params) {
  return params.top_p < 1.0F || params.min_p > 0.0F || params.top_k > 0;
}

double weight_of(float logit, float top, float temperature) {
  return static_cast<double>(std::exp((logit - top) / temperature));
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
  const float top = max_of(logits);
  exp_sums(logits, top, 1.0F, sums_);
  const double sum = std::accumulate(sums_.begin(), sums_.end(), 0.0);
  if (!std::isfinite(top) || !std::isfinite(sum)) {
    return std::nullopt;
  }
  int token = 0;
  if (params.temperature <= 0.0F) {
    token = static_cast<int>(std::ranges::find(logits, top) - logits.begin());
  } else if (filters(params)) {
    filter(logits, params, top, sum);
    token = pick_kept(uniform_at(seed, position), params.temperature, top);
  } else {
    token = pick_any(logits, uniform_at(seed, position), params.temperature, top);
  }
  const double logit = static_cast<double>(logits[static_cast<std::size_t>(token)]);
  return Drawn{
      .token = token,
      .logprob = static_cast<float>(logit - static_cast<double>(top) - std::log(sum))};
}

// A logit below which no filter keeps anything. Every filter keeps the most likely tokens down to
// some logit, so what lies below need not be looked at again.
float Sampler::lowest_needed(
    std::span<const float> logits, const SamplingParams& params, float top, double sum) {
  float floor = -std::numeric_limits<float>::infinity();
  if (params.top_p < 1.0F) {
    // Tokens of less than this weight weigh less than 1 - top_p together.
    const double spare = 1.0 - static_cast<double>(params.top_p);
    const double least = spare * sum / static_cast<double>(logits.size()) * 0.999;
    floor = top + static_cast<float>(std::log(least));
  }
  if (params.min_p > 0.0F) {
    floor = std::max(floor, top + std::log(params.min_p));
  }
  const std::size_t blocks = logits.size() / kMaximaBlock;
  const auto top_k = static_cast<std::size_t>(std::max(params.top_k, 0));
  if (top_k > 0 && top_k <= blocks) {
    // At least k logits reach the k-th largest of the blocks' maxima.
    maxima_.clear();
    for (std::size_t b = 0; b < blocks; ++b) {
      maxima_.push_back(max_of(logits.subspan(b * kMaximaBlock, kMaximaBlock)));
    }
    const auto kth = maxima_.begin() + static_cast<std::ptrdiff_t>(top_k - 1);
    std::ranges::nth_element(maxima_, kth, std::greater<>());
    floor = std::max(floor, *kth);
  }
  return floor;
}

// Leaves in kept_ what the filters keep, in the order of ids.
void Sampler::filter(
    std::span<const float> logits, const SamplingParams& params, float top, double sum) {
  const float floor = lowest_needed(logits, params, top, sum);
  kept_.clear();
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] >= floor) {
      kept_.push_back({.token = static_cast<int>(i), .logit = logits[i]});
    }
  }
  std::ranges::sort(kept_, [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  });
  std::size_t count = kept_.size();
  if (params.top_p < 1.0F) {
    // The most likely ones until their mass reaches top_p; equals of the last one stay, too.
    const double wanted = static_cast<double>(params.top_p) * sum;
    double above = weight_of(kept_[0].logit, top, 1.0F);
    for (count = 1; count < kept_.size(); ++count) {
      if (above >= wanted && kept_[count].logit < kept_[count - 1].logit) {
        break;
      }
      above += weight_of(kept_[count].logit, top, 1.0F);
    }
  }
  if (params.top_k > 0) {
    count = std::min(count, static_cast<std::size_t>(params.top_k));
  }
  kept_.resize(count);
  std::ranges::sort(
      kept_, [](const Candidate& a, const Candidate& b) { return a.token < b.token; });
}

// Walks the cumulative distribution of the kept tokens.
int Sampler::pick_kept(double uniform, float temperature, float top) {
  weights_.resize(kept_.size());
  double total = 0.0;
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    total += weight_of(kept_[i].logit, top, temperature);
    weights_[i] = total;
  }
  const auto found = std::ranges::upper_bound(weights_, uniform * total);
  const auto index = std::min(static_cast<std::size_t>(found - weights_.begin()), kept_.size() - 1);
  return kept_[index].token;
}

// Walks the cumulative distribution of all tokens: block by block, then within one.
int Sampler::pick_any(std::span<const float> logits, double uniform, float temperature, float top) {
  if (temperature != 1.0F) {  // else sums_ is that of the untempered distribution
    exp_sums(logits, top, 1.0F / temperature, sums_);
  }
  double left = uniform * std::accumulate(sums_.begin(), sums_.end(), 0.0);
  std::size_t block = 0;
  while (block + 1 < sums_.size() && left >= sums_[block]) {
    left -= sums_[block++];
  }
  const std::size_t end = std::min(logits.size(), (block + 1) * kExpSumBlock);
  std::size_t likeliest = block * kExpSumBlock;  // for what rounding may leave over
  for (std::size_t i = likeliest; i < end; ++i) {
    left -= weight_of(logits[i], top, temperature);
    if (left < 0.0) {
      return static_cast<int>(i);
    }
    likeliest = logits[i] > logits[likeliest] ? i : likeliest;
  }
  return static_cast<int>(likeliest);
}

}  // namespace hub::engine
