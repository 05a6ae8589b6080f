#include "core/data/split.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "core/base/error.h"

namespace hub::data {
namespace {

std::vector<std::size_t> shuffled(std::size_t count, SplitMix64 generator) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t left = count; left > 1; --left) {
    std::swap(order[left - 1], order[generator.below(left)]);
  }
  return order;
}

// Epochs count from 0, so the split's stream is none of theirs.
constexpr std::uint64_t kSplitStream = ~std::uint64_t{0};

// Two numbers into one seed: the second is stirred before it is mixed in, so that (1, 0) and (0, 1)
// differ.
SplitMix64 stream(std::uint64_t seed, std::uint64_t number) {
  return SplitMix64(SplitMix64(seed).next() ^ SplitMix64(~number).next());
}

}  // namespace

std::uint64_t SplitMix64::next() {
  state_ += 0x9E3779B97F4A7C15ULL;
  std::uint64_t mixed = state_;
  mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBULL;
  return mixed ^ (mixed >> 31U);
}

std::uint64_t SplitMix64::below(std::uint64_t bound) {
  // 2^64 modulo bound: that many of the lowest numbers are one too many.
  const std::uint64_t reject = (0 - bound) % bound;
  while (true) {
    const std::uint64_t number = next();
    if (number >= reject) {
      return number % bound;
    }
  }
}

std::vector<std::size_t> epoch_order(std::size_t count, std::uint64_t seed, std::uint64_t epoch) {
  return shuffled(count, stream(seed, epoch));
}

Split split_rows(std::size_t count, double eval_fraction, std::uint64_t seed) {
  if (!(eval_fraction >= 0.0 && eval_fraction < 1.0)) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format("'eval_fraction' must be at least 0 and below 1, got {}", eval_fraction),
        "eval_fraction");
  }
  std::size_t held = 0;
  if (eval_fraction > 0.0 && count >= 2) {
    const double wanted = std::round(static_cast<double>(count) * eval_fraction);
    held = std::clamp(static_cast<std::size_t>(wanted), std::size_t{1}, count - 1);
  }
  const std::vector<std::size_t> order = shuffled(count, stream(seed, kSplitStream));
  const auto border = order.begin() + static_cast<std::ptrdiff_t>(held);
  Split split{.train = {border, order.end()}, .eval = {order.begin(), border}};
  std::sort(split.train.begin(), split.train.end());
  std::sort(split.eval.begin(), split.eval.end());
  return split;
}

}  // namespace hub::data
