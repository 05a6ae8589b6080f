#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/db/pool.h"
#include "core/registry/api_key.h"

namespace hub::registry {

// API keys. A secret is "mh-" and 32 random bytes in base64url, told once, at create(). Checking
// one touches no database: all keys are held in memory, changes go to both. Changes write their
// event (key.created, key.updated,
// key.revoked). Thread-safe.
class KeyRegistry {
 public:
  static constexpr std::string_view kPrefix = "mh-";
  static constexpr std::size_t kMostKeys = 1000;  // that are not revoked

  KeyRegistry(db::Pool& pool, const base::Clock& clock);
  ~KeyRegistry();
  KeyRegistry(const KeyRegistry&) = delete;
  KeyRegistry& operator=(const KeyRegistry&) = delete;

  struct Created {
    ApiKey key;
    std::string secret;  // never stored, never logged
  };
  // Throws kInvalidArgument (name, scopes, expiry in the past, limits), kConflict (reason
  // "key_exists": a live key has the name; "too_many_keys").
  Created create(const NewKey& asked);

  // Oldest first; revoked ones too.
  [[nodiscard]] std::vector<ApiKey> list() const;
  // By id. Throws kNotFound, reason "key_not_found".
  [[nodiscard]] ApiKey get(std::string_view id) const;
  // No limits for an id that is none.
  [[nodiscard]] KeyLimits limits_of(std::string_view id) const;
  // Changes a live key's limits, of the next request on. By id or name. Throws kInvalidArgument for
  // a limit below 1, kNotFound, kConflict (reason "key_revoked").
  ApiKey change_limits(std::string_view id_or_name, const std::function<void(KeyLimits&)>& change);
  // From now on nobody gets in with it. By id, or the name of a live key. With `keep_admin` the
  // last live key with kAdmin is not revoked: kConflict, reason "last_admin_key". Throws kNotFound.
  ApiKey revoke(std::string_view id_or_name, bool keep_admin);

  enum class Verdict : std::uint8_t { kUnknown, kLive, kExpired, kRevoked };
  struct Found {
    Verdict verdict = Verdict::kUnknown;
    ApiKey key{};  // unless kUnknown
  };
  // Whose secret it is; does not block on the database.
  [[nodiscard]] Found check(std::string_view secret) const;

  // Notes that a key was used now. Written to the database at most once a minute a key, by
  // flush_uses(), which a thread that may block calls.
  void note_use(const std::string& id);
  void flush_uses();

  [[nodiscard]] bool has_live_admin() const;
  [[nodiscard]] bool has_keys() const;

 private:
  struct Entry;
  [[nodiscard]] std::size_t live_admins() const;  // under mutex_
  void refuse_another(const std::string& name) const;
  Entry& entry_of(std::string_view id_or_name);

  db::Pool& pool_;
  const base::Clock& clock_;
  std::mutex changes_;  // create() and revoke() take turns; held while the database writes
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;  // guarded by mutex_, changed only under both
};

}  // namespace hub::registry
