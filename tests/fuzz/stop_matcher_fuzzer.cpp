// Stop strings in a text that arrives in pieces: the first part holds the pieces' lengths, then
// come three stop strings, then the text.
#include <algorithm>
#include <string>
#include <vector>

#include "core/text/stop_matcher.h"
#include "tests/fuzz/fuzz_target.h"

namespace hub::fuzz {
namespace {

// By definition: the stop string that is complete first; of those the longest.
std::string expected(std::string_view text, const std::vector<std::string>& stops) {
  for (std::size_t end = 0; end <= text.size(); ++end) {
    std::size_t longest = 0;
    for (const std::string& stop : stops) {
      longest = text.substr(0, end).ends_with(stop) ? std::max(longest, stop.size()) : longest;
    }
    if (longest > 0) {
      return std::string(text.substr(0, end - longest));
    }
  }
  return std::string(text);
}

}  // namespace

void run(std::string_view input) {
  Parts parts(input);
  const std::string_view lengths = parts.next();
  std::vector<std::string> stops;
  for (int i = 0; i < 3; ++i) {
    stops.emplace_back(parts.next().substr(0, 64));
  }
  const std::string_view text = parts.rest().substr(0, 2048);
  const std::string wanted = expected(text, stops);
  text::StopMatcher matcher(stops);
  std::string shown;
  for (const std::string_view piece : pieces_of(text, lengths)) {
    shown += matcher.push(piece);
    require(
        std::string_view(wanted).starts_with(shown), "nothing is shown that must be taken back");
  }
  require(matcher.stopped() == (wanted.size() < text.size()), "it stops where a stop string is");
  shown += matcher.flush();
  require(shown == wanted, "what is shown does not depend on the cuts");
}

}  // namespace hub::fuzz
