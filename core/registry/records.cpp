#include "core/registry/records.h"

#include <array>
#include <utility>

namespace hub::registry {
namespace {

constexpr std::array<std::string_view, 4> kKinds{"base", "adapter", "merged", "quantized"};
constexpr std::array<std::string_view, 3> kStates{"pending", "ready", "corrupt"};

}  // namespace

std::string_view to_string(VersionKind kind) {
  return kKinds.at(static_cast<std::size_t>(kind));
}

std::string_view to_string(VersionState state) {
  return kStates.at(static_cast<std::size_t>(state));
}

std::optional<VersionKind> version_kind_from(std::string_view word) {
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (kKinds.at(i) == word) {
      return static_cast<VersionKind>(i);
    }
  }
  return std::nullopt;
}

std::optional<VersionState> version_state_from(std::string_view word) {
  for (std::size_t i = 0; i < kStates.size(); ++i) {
    if (kStates.at(i) == word) {
      return static_cast<VersionState>(i);
    }
  }
  return std::nullopt;
}

}  // namespace hub::registry
