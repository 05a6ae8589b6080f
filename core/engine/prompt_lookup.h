#pragma once

#include <span>
#include <vector>

namespace hub::engine {

// Guesses what comes next from what was said before (prompt lookup decoding, Saxena 2023; in
// transformers: PromptLookupCandidateGenerator): what followed the earlier place whose last tokens
// agree with the longest end of `text`, at least kShortestMatch of them. `hint`, a text that the
// answer may resemble, is looked through as well. Longer agreement wins, then `hint`, then the
// later place. At most `limit` tokens; none where nothing agrees. One pass over both.
std::vector<int> look_up(std::span<const int> text, std::span<const int> hint, int limit);

// Fewer tokens agree by chance too often; more make no difference to what is found.
inline constexpr int kShortestMatch = 2;
inline constexpr int kLongestMatch = 16;

}  // namespace hub::engine
