#include "core/registry/key_registry.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <openssl/crypto.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/ids.h"
#include "core/db/change_feed.h"
#include "core/db/statement.h"
#include "core/registry/key_secret.h"

namespace hub::registry {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using db::Connection;
using db::Statement;

constexpr std::size_t kHintLength = 7;  // "mh-" and four characters: 24 of 256 bits
constexpr std::int64_t kMsBetweenUses = 60'000;

// SHA-256 alone is enough, without salt or stretching: those slow down guessing at passwords that
// people think up. These secrets are 256 random bits; nobody can guess or list them.
std::string digest_of(std::string_view secret) {
  return base::sha256_hex(secret);
}

Json scopes_json(const std::set<Scope>& scopes) {
  Json words = Json::array();
  for (const Scope scope : scopes) {
    words.push_back(to_string(scope));
  }
  return words;
}

std::set<Scope> scopes_from(const std::string& text) {
  std::set<Scope> scopes;
  for (const Json& word : Json::parse(text)) {
    if (const auto scope = scope_from(word.get<std::string>())) {
      scopes.insert(*scope);
    }
  }
  return scopes;
}

void check_limits(const KeyLimits& limits) {
  for (const auto& [name, limit] :
       {std::pair("requests_per_minute", limits.requests_per_minute),
        std::pair("tokens_per_minute", limits.tokens_per_minute),
        std::pair("concurrent_streams", limits.concurrent_streams)}) {
    if (limit && *limit < 1) {
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format("'limits.{}' must be at least 1, or null for none, got {}", name, *limit),
          fmt::format("limits.{}", name));
    }
  }
}

Json limits_json(const KeyLimits& limits) {
  const auto or_null = [](const auto& value) { return value ? Json(*value) : Json(); };
  return {
      {"requests_per_minute", or_null(limits.requests_per_minute)},
      {"tokens_per_minute", or_null(limits.tokens_per_minute)},
      {"concurrent_streams", or_null(limits.concurrent_streams)}};
}

[[noreturn]] void refuse_unknown(std::string_view id) {
  throw Error(
      ErrorCode::kNotFound,
      fmt::format("there is no API key '{}'", id.substr(0, 100)),
      "id",
      "key_not_found");
}

}  // namespace

struct KeyRegistry::Entry {
  ApiKey key;
  std::string digest;
  bool unwritten_use = false;
};

KeyRegistry::KeyRegistry(db::Pool& pool, const base::Clock& clock) : pool_(pool), clock_(clock) {
  pool_.read([this](Connection& connection) {
    Statement rows(
        connection,
        "SELECT id, name, hint, scopes_json, created_at, expires_at, revoked_at, last_used_at, "
        "secret_sha256, requests_per_minute, tokens_per_minute, concurrent_streams FROM api_keys "
        "ORDER BY id");
    while (rows.step()) {
      entries_.push_back(
          {.key =
               {.id = rows.text(0),
                .name = rows.text(1),
                .hint = rows.text(2),
                .scopes = scopes_from(rows.text(3)),
                .created_at_ms = rows.integer(4),
                .expires_at_ms = rows.optional_integer(5),
                .revoked_at_ms = rows.optional_integer(6),
                .last_used_at_ms = rows.optional_integer(7),
                .limits =
                    {.requests_per_minute = rows.optional_integer(9),
                     .tokens_per_minute = rows.optional_integer(10),
                     .concurrent_streams = rows.optional_integer(11)}},
           .digest = rows.text(8)});
    }
  });
}

KeyRegistry::~KeyRegistry() = default;

KeyRegistry::Created KeyRegistry::create(const NewKey& asked) {
  base::check_name(asked.name, "name");
  if (asked.scopes.empty()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "'scopes' must hold at least one of read, infer, train, admin",
        "scopes");
  }
  check_limits(asked.limits);
  const std::int64_t now = clock_.now_ms();
  if (asked.expires_at_ms && *asked.expires_at_ms <= now) {
    throw Error(
        ErrorCode::kInvalidArgument, "the key would have expired already", "expires_in_seconds");
  }
  Created created;
  created.secret = new_key_secret();
  created.key = {
      .id = base::new_id(),
      .name = asked.name,
      .hint = created.secret.substr(0, kHintLength),
      .scopes = asked.scopes,
      .created_at_ms = now,
      .expires_at_ms = asked.expires_at_ms,
      .limits = asked.limits};
  const ApiKey& key = created.key;
  const std::string digest = digest_of(created.secret);
  const std::lock_guard turn(changes_);
  refuse_another(key.name);
  pool_.write([&](Connection& connection) {
    Statement(
        connection,
        "INSERT INTO api_keys (id, name, secret_sha256, hint, scopes_json, created_at, expires_at, "
        "requests_per_minute, tokens_per_minute, concurrent_streams) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        key.id,
        key.name,
        digest,
        key.hint,
        scopes_json(key.scopes).dump(),
        key.created_at_ms,
        key.expires_at_ms,
        key.limits.requests_per_minute,
        key.limits.tokens_per_minute,
        key.limits.concurrent_streams)
        .run();
    db::record_event(
        connection,
        now,
        "key.created",
        "key",
        key.id,
        {{"name", key.name}, {"scopes", scopes_json(key.scopes)}});
  });
  const std::lock_guard lock(mutex_);
  entries_.push_back({.key = key, .digest = digest});
  return created;
}

void KeyRegistry::refuse_another(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  std::size_t kept = 0;
  for (const Entry& entry : entries_) {
    kept += entry.key.revoked_at_ms ? 0 : 1;
    if (!entry.key.revoked_at_ms && entry.key.name == name) {
      throw Error(
          ErrorCode::kConflict,
          fmt::format("an API key named '{}' exists already: revoke it first", name),
          "name",
          "key_exists");
    }
  }
  if (kept >= kMostKeys) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format("there are {} API keys already, the most there may be", kept),
        {},
        "too_many_keys");
  }
}

std::vector<ApiKey> KeyRegistry::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<ApiKey> keys;
  keys.reserve(entries_.size());
  for (const Entry& entry : entries_) {
    keys.push_back(entry.key);
  }
  return keys;
}

ApiKey KeyRegistry::get(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(
      entries_.begin(), entries_.end(), [id](const Entry& entry) { return entry.key.id == id; });
  if (found == entries_.end()) {
    refuse_unknown(id);
  }
  return found->key;
}

KeyLimits KeyRegistry::limits_of(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(
      entries_.begin(), entries_.end(), [id](const Entry& entry) { return entry.key.id == id; });
  return found == entries_.end() ? KeyLimits() : found->key.limits;
}

ApiKey KeyRegistry::change_limits(
    std::string_view id_or_name, const std::function<void(KeyLimits&)>& change) {
  const std::lock_guard turn(changes_);
  ApiKey key;
  {
    const std::lock_guard lock(mutex_);
    key = entry_of(id_or_name).key;
  }
  if (key.revoked_at_ms) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format("the key '{}' was revoked: nothing of it changes any more", key.name),
        "id",
        "key_revoked");
  }
  change(key.limits);
  check_limits(key.limits);
  pool_.write([&](Connection& connection) {
    Statement(
        connection,
        "UPDATE api_keys SET requests_per_minute = ?2, tokens_per_minute = ?3, "
        "concurrent_streams = ?4 WHERE id = ?1",
        key.id,
        key.limits.requests_per_minute,
        key.limits.tokens_per_minute,
        key.limits.concurrent_streams)
        .run();
    db::record_event(
        connection,
        clock_.now_ms(),
        "key.updated",
        "key",
        key.id,
        {{"name", key.name}, {"limits", limits_json(key.limits)}});
  });
  const std::lock_guard lock(mutex_);
  Entry& entry = entry_of(key.id);
  entry.key.limits = key.limits;
  return entry.key;
}

ApiKey KeyRegistry::revoke(std::string_view id_or_name, bool keep_admin) {
  const std::int64_t now = clock_.now_ms();
  const std::lock_guard turn(changes_);
  ApiKey key;
  {
    const std::lock_guard lock(mutex_);
    key = entry_of(id_or_name).key;
    const bool is_admin = key.is_live(now) && key.scopes.contains(Scope::kAdmin);
    if (keep_admin && is_admin && live_admins() == 1) {
      throw Error(
          ErrorCode::kConflict,
          fmt::format(
              "'{}' is the last key with scope admin, and this server needs keys: create another "
              "one first",
              key.name),
          "id",
          "last_admin_key");
    }
  }
  if (key.revoked_at_ms) {
    return key;
  }
  pool_.write([&](Connection& connection) {
    Statement(connection, "UPDATE api_keys SET revoked_at = ?2 WHERE id = ?1", key.id, now).run();
    db::record_event(connection, now, "key.revoked", "key", key.id, {{"name", key.name}});
  });
  const std::lock_guard lock(mutex_);
  Entry& entry = entry_of(key.id);
  entry.key.revoked_at_ms = now;
  return entry.key;
}

KeyRegistry::Entry& KeyRegistry::entry_of(std::string_view id_or_name) {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.key.id == id_or_name || (entry.key.name == id_or_name && !entry.key.revoked_at_ms);
  });
  if (found == entries_.end()) {
    refuse_unknown(id_or_name);
  }
  return *found;
}

KeyRegistry::Found KeyRegistry::check(std::string_view secret) const {
  const std::string digest = digest_of(secret);
  const std::int64_t now = clock_.now_ms();
  const std::lock_guard lock(mutex_);
  const Entry* match = nullptr;
  // Every key is compared, in constant time: how long it takes tells nothing about any of them.
  for (const Entry& entry : entries_) {
    if (CRYPTO_memcmp(entry.digest.data(), digest.data(), digest.size()) == 0) {
      match = &entry;
    }
  }
  if (match == nullptr) {
    return {};
  }
  const Verdict verdict = match->key.revoked_at_ms  ? Verdict::kRevoked
                          : match->key.is_live(now) ? Verdict::kLive
                                                    : Verdict::kExpired;
  return {.verdict = verdict, .key = match->key};
}

void KeyRegistry::note_use(const std::string& id) {
  const std::int64_t now = clock_.now_ms();
  const std::lock_guard lock(mutex_);
  for (Entry& entry : entries_) {
    if (entry.key.id == id && now - entry.key.last_used_at_ms.value_or(0) >= kMsBetweenUses) {
      entry.key.last_used_at_ms = now;
      entry.unwritten_use = true;
    }
  }
}

void KeyRegistry::flush_uses() {
  std::vector<std::pair<std::string, std::int64_t>> uses;
  {
    const std::lock_guard lock(mutex_);
    for (Entry& entry : entries_) {
      if (std::exchange(entry.unwritten_use, false)) {
        uses.emplace_back(entry.key.id, entry.key.last_used_at_ms.value_or(0));
      }
    }
  }
  if (uses.empty()) {
    return;
  }
  pool_.write([&uses](Connection& connection) {
    for (const auto& [id, time] : uses) {
      Statement(connection, "UPDATE api_keys SET last_used_at = ?2 WHERE id = ?1", id, time).run();
    }
  });
}

bool KeyRegistry::has_live_admin() const {
  const std::lock_guard lock(mutex_);
  return live_admins() > 0;
}

bool KeyRegistry::has_keys() const {
  const std::lock_guard lock(mutex_);
  return std::any_of(entries_.begin(), entries_.end(), [](const Entry& entry) {
    return !entry.key.revoked_at_ms;
  });
}

std::size_t KeyRegistry::live_admins() const {
  const std::int64_t now = clock_.now_ms();
  return static_cast<std::size_t>(
      std::count_if(entries_.begin(), entries_.end(), [now](const Entry& entry) {
        return entry.key.is_live(now) && entry.key.scopes.contains(Scope::kAdmin);
      }));
}

}  // namespace hub::registry
