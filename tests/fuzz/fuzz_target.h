#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"

namespace hub::fuzz {

// What a fuzzer does with one input (target_main.cpp calls it). An exception that leaves it, a
// broken require(), a sanitizer's complaint, too much time or memory: each is a finding.
void run(std::string_view input);

// An invariant. Ends the process when it does not hold, so that libFuzzer keeps the input.
inline void require(bool holds, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "invariant broken: %s\n", what);
    std::abort();
  }
}

// Runs `parse`; false when it refused the input. Only a base::Error refuses, and not kInternal,
// which says that we are at fault.
template <typename Parse>
bool accepts(const Parse& parse) {
  try {
    parse();
    return true;
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kInternal) {
      std::fprintf(stderr, "internal error: %s\n", error.what());
      std::abort();
    }
    return false;
  }
}

// An input of several parts, which lines of "%%" divide, so that seeds can be written by hand.
class Parts {
 public:
  explicit Parts(std::string_view input) : rest_(input) {}

  // The next part; "" behind the last.
  std::string_view next() {
    const std::size_t at = rest_.find(kBorder);
    const std::string_view part = rest_.substr(0, at);
    rest_.remove_prefix(at == std::string_view::npos ? rest_.size() : at + kBorder.size());
    return part;
  }
  // All that is left, borders too.
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  static constexpr std::string_view kBorder = "\n%%\n";
  std::string_view rest_;
};

// Cuts a text into pieces as a network does: each byte of `lengths`, in turn, is the next one's
// length (0 counts as 1); without lengths one piece.
inline std::vector<std::string_view> pieces_of(std::string_view text, std::string_view lengths) {
  std::vector<std::string_view> pieces;
  for (std::size_t i = 0; !text.empty(); ++i) {
    const auto wanted =
        lengths.empty() ? text.size() : static_cast<unsigned char>(lengths[i % lengths.size()]);
    pieces.push_back(text.substr(0, wanted == 0 ? 1 : wanted));
    text.remove_prefix(pieces.back().size());
  }
  return pieces;
}

}  // namespace hub::fuzz
