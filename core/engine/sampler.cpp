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
  return params.top_p < 1.0F || params.min_p > 0.0F || params.top_k > 0 ||
         params.typical_p < 1.0F || params.xtc_probability > 0.0F;
}

// The `count` most likely tokens, the likeliest first, among equals the lowest id.
std::vector<TokenLogprob> most_likely(std::span<const float> logits, int count, double log_sum) {
  std::vector<TokenLogprob> best;  // a heap: its front is the least likely of them
  const auto is_likelier = [](const TokenLogprob& a, const TokenLogprob& b) {
    return a.logprob != b.logprob ? a.logprob > b.logprob : a.token < b.token;
  };
  const std::size_t wanted = std::min(static_cast<std::size_t>(count), logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const TokenLogprob candidate{.token = static_cast<int>(i), .logprob = logits[i]};
    if (best.size() == wanted) {
      if (!is_likelier(candidate, best.front())) {
        continue;
      }
      std::ranges::pop_heap(best, is_likelier);
      best.pop_back();
    }
    best.push_back(candidate);
    std::ranges::push_heap(best, is_likelier);
  }
  std::ranges::sort_heap(best, is_likelier);
  for (TokenLogprob& one : best) {
    one.logprob = static_cast<float>(static_cast<double>(one.logprob) - log_sum);
  }
  return best;
}

float logprob_of(std::span<const float> logits, int token, double log_sum) {
  const auto logit = static_cast<double>(logits[static_cast<std::size_t>(token)]);
  return static_cast<float>(logit - log_sum);
}

constexpr auto kLikelierFirst = [](const auto& a, const auto& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
};

double weight_of(float logit, float top, float temperature) {
  return static_cast<double>(std::exp((logit - top) / temperature));
}

}  // namespace

double uniform_at(std::uint64_t seed, std::uint64_t position, DrawFor purpose) {
  const std::uint64_t stream = purpose == DrawFor::kToken ? 0 : 0x5851F42D4C957F2DULL;
  const std::uint64_t bits = mix(mix(seed ^ stream) ^ mix(~position));
  return static_cast<double>(bits >> 11U) * 0x1.0p-53;
}

std::optional<Drawn> Sampler::draw(
    std::span<const float> logits,
    const SamplingParams& params,
    std::uint64_t seed,
    std::uint64_t position) {
  const auto mass = weigh(logits);
  if (!mass) {
    return std::nullopt;
  }
  const auto [top, sum] = *mass;
  int token = 0;
  if (params.temperature <= 0.0F) {
    token = static_cast<int>(std::ranges::find(logits, top) - logits.begin());
  } else if (filters(params)) {
    const bool excludes =
        params.xtc_probability > 0.0F && uniform_at(seed, position, DrawFor::kTopChoices) <=
                                             static_cast<double>(params.xtc_probability);
    filter(logits, params, top, sum, excludes);
    token = pick_kept(uniform_at(seed, position), params.temperature, top);
  } else {
    token = pick_any(logits, uniform_at(seed, position), params.temperature, top);
  }
  const double log_sum = mass->log_sum();
  Drawn drawn{.token = token, .logprob = logprob_of(logits, token, log_sum)};
  if (params.top_logprobs > 0) {
    drawn.top = most_likely(logits, params.top_logprobs, log_sum);
  }
  return drawn;
}

std::optional<TextToken> Sampler::score(
    std::span<const float> logits, int token, int top_logprobs) {
  const auto mass = weigh(logits);
  if (!mass) {
    return std::nullopt;
  }
  const double log_sum = mass->log_sum();
  TextToken scored{
      .drawn = {.token = token, .logprob = logprob_of(logits, token, log_sum)}, .top = {}};
  if (top_logprobs > 0) {
    scored.top = most_likely(logits, top_logprobs, log_sum);
  }
  return scored;
}

double Sampler::Mass::log_sum() const {
  return static_cast<double>(top) + std::log(sum);
}

std::optional<Sampler::Mass> Sampler::weigh(std::span<const float> logits) {
  if (logits.empty()) {
    return std::nullopt;
  }
  const float top = max_of(logits);
  exp_sums(logits, top, 1.0F, sums_);
  const double sum = std::accumulate(sums_.begin(), sums_.end(), 0.0);
  if (!std::isfinite(top) || !std::isfinite(sum)) {
    return std::nullopt;
  }
  return Mass{.top = top, .sum = sum};
}

// A logit below which no filter keeps anything. Every filter keeps the most likely tokens down to
// some logit, so what lies below need not be looked at again.
float Sampler::lowest_needed(
    std::span<const float> logits, const SamplingParams& params, float top, double sum) {
  float floor = std::numeric_limits<float>::lowest();
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
  // Filters between leave out likelier tokens, too: then more than k have to be looked at.
  const bool is_first = params.typical_p >= 1.0F && params.xtc_probability <= 0.0F;
  if (is_first && top_k > 0 && top_k <= blocks) {
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

void Sampler::filter(
    std::span<const float> logits,
    const SamplingParams& params,
    float top,
    double sum,
    bool excludes_top_choices) {
  const float floor = lowest_needed(logits, params, top, sum);
  kept_.clear();
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] >= floor) {
      kept_.push_back({.token = static_cast<int>(i), .logit = logits[i]});
    }
  }
  std::ranges::sort(kept_, kLikelierFirst);
  if (params.top_p < 1.0F) {
    keep_most_likely(params.top_p, top, sum);
  }
  if (params.typical_p < 1.0F) {
    keep_typical(params.typical_p, top);
  }
  if (excludes_top_choices) {
    leave_out_top_choices(params, top);
  }
  if (params.top_k > 0) {
    kept_.resize(std::min(kept_.size(), static_cast<std::size_t>(params.top_k)));
  }
  std::ranges::sort(kept_, std::less<>(), &Candidate::token);
}

// The most likely ones until their mass reaches top_p; equals of the last one stay, too.
void Sampler::keep_most_likely(float top_p, float top, double sum) {
  const double wanted = static_cast<double>(top_p) * sum;
  double above = weight_of(kept_[0].logit, top, 1.0F);
  std::size_t count = 1;
  for (; count < kept_.size(); ++count) {
    if (above >= wanted && kept_[count].logit < kept_[count - 1].logit) {
      break;
    }
    above += weight_of(kept_[count].logit, top, 1.0F);
  }
  kept_.resize(count);
}

// Of the kept ones, whose weights count as one together, those whose surprise is nearest to the
// entropy, until their mass reaches typical_p.
void Sampler::keep_typical(float typical_p, float top) {
  double sum = 0.0;
  double weighted = 0.0;  // of the logits' distance to the top
  for (const Candidate& one : kept_) {
    const double weight = weight_of(one.logit, top, 1.0F);
    sum += weight;
    weighted += weight * static_cast<double>(one.logit - top);
  }
  // Both are taken relative to the top and to log(sum), which cancel in the difference.
  const double expected = -weighted / sum;
  const auto distance = [&](const Candidate& one) {
    return std::abs(static_cast<double>(top - one.logit) - expected);
  };
  std::ranges::stable_sort(kept_, std::less<>(), distance);
  double mass = 0.0;
  std::size_t count = 0;
  while (count < kept_.size() && (count == 0 || mass < static_cast<double>(typical_p) * sum)) {
    mass += weight_of(kept_[count++].logit, top, 1.0F);
  }
  kept_.resize(count);
  std::ranges::sort(kept_, kLikelierFirst);
}

// Leaves out what is likelier than the least likely one above the threshold.
void Sampler::leave_out_top_choices(const SamplingParams& params, float top) {
  double sum = 0.0;
  for (const Candidate& one : kept_) {
    sum += weight_of(one.logit, top, 1.0F);
  }
  const double threshold = static_cast<double>(params.xtc_threshold) * sum;
  const auto first_below = std::ranges::find_if(
      kept_, [&](const Candidate& one) { return weight_of(one.logit, top, 1.0F) <= threshold; });
  if (first_below - kept_.begin() < 2) {
    return;
  }
  const float least = (first_below - 1)->logit;
  std::erase_if(kept_, [&](const Candidate& one) {
    const bool is_exempt =
        std::ranges::find(params.xtc_exempt, one.token) != params.xtc_exempt.end();
    return one.logit > least && !is_exempt;
  });
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
  // A block in which nothing can be drawn.
  return std::isfinite(logits[likeliest])
             ? static_cast<int>(likeliest)
             : static_cast<int>(std::ranges::max_element(logits) - logits.begin());
}

}  // namespace hub::engine
