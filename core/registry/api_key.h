#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace hub::registry {

// What a key may do. A route needs one; kTrain holds kRead, kAdmin holds all (covers()).
enum class Scope : std::uint8_t { kRead, kInfer, kTrain, kAdmin };

// "read", "infer", "train", "admin"
std::string_view to_string(Scope scope);
std::optional<Scope> scope_from(std::string_view word);
// True when `held` allows what needs `needed`.
bool covers(const std::set<Scope>& held, Scope needed);

// How much a key may use; nullopt: no limit. Each at least 1.
struct KeyLimits {
  std::optional<std::int64_t> requests_per_minute{};
  std::optional<std::int64_t> tokens_per_minute{};  // prompt and answer together
  std::optional<std::int64_t> concurrent_streams{};

  bool operator==(const KeyLimits&) const = default;
};

struct ApiKey {
  std::string id{};
  std::string name{};
  std::string hint{};  // the secret's beginning: "mh-Ab3d"
  std::set<Scope> scopes{};
  std::int64_t created_at_ms = 0;
  std::optional<std::int64_t> expires_at_ms{};
  std::optional<std::int64_t> revoked_at_ms{};
  std::optional<std::int64_t> last_used_at_ms{};
  KeyLimits limits{};

  [[nodiscard]] bool is_live(std::int64_t now_ms) const {
    return !revoked_at_ms && (!expires_at_ms || *expires_at_ms > now_ms);
  }
};

struct NewKey {
  std::string name;
  std::set<Scope> scopes;
  std::optional<std::int64_t> expires_at_ms{};
  KeyLimits limits{};
};

}  // namespace hub::registry
