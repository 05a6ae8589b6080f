#include "core/registry/api_key.h"

#include <algorithm>
#include <array>

namespace hub::registry {
namespace {

constexpr std::array<std::string_view, 4> kScopeWords{"read", "infer", "train", "admin"};

}  // namespace

std::string_view to_string(Scope scope) {
  return kScopeWords.at(static_cast<std::size_t>(scope));
}

std::optional<Scope> scope_from(std::string_view word) {
  const auto* const found = std::find(kScopeWords.begin(), kScopeWords.end(), word);
  return found == kScopeWords.end()
             ? std::nullopt
             : std::optional(static_cast<Scope>(found - kScopeWords.begin()));
}

bool covers(const std::set<Scope>& held, Scope needed) {
  return held.contains(needed) || held.contains(Scope::kAdmin) ||
         (needed == Scope::kRead && held.contains(Scope::kTrain));
}

}  // namespace hub::registry
