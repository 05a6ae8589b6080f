#include "core/engine/prompt_lookup.h"

#include <algorithm>
#include <cstddef>

namespace hub::engine {

namespace {

struct Match {
  std::size_t length = 0;  // tokens that agree
  std::span<const int> after;
};

// How many tokens before `end` agree with the last ones of `text`.
std::size_t agreement(std::span<const int> text, std::span<const int> source, std::size_t end) {
  const std::size_t most = std::min({end, text.size(), std::size_t{kLongestMatch}});
  std::size_t length = 0;
  while (length < most && source[end - 1 - length] == text[text.size() - 1 - length]) {
    ++length;
  }
  return length;
}

// The best place in the first `ends` tokens of `source` with something behind it; the latest one of
// equals.
Match best_match(std::span<const int> text, std::span<const int> source, std::size_t ends) {
  Match best;
  for (std::size_t end = ends; end > 0 && best.length < kLongestMatch; --end) {
    const std::size_t length = agreement(text, source, end);
    if (length > best.length) {
      best = {.length = length, .after = source.subspan(end)};
    }
  }
  return best;
}

}  // namespace

std::vector<int> look_up(std::span<const int> text, std::span<const int> hint, int limit) {
  if (text.empty() || limit < 1) {
    return {};
  }
  Match best = best_match(text, hint, hint.empty() ? 0 : hint.size() - 1);
  const Match own = best_match(text, text, text.size() - 1);
  if (own.length > best.length) {
    best = own;
  }
  if (best.length < kShortestMatch) {
    return {};
  }
  const auto count = std::min(best.after.size(), static_cast<std::size_t>(limit));
  return {best.after.begin(), best.after.begin() + static_cast<std::ptrdiff_t>(count)};
}

}  // namespace hub::engine
