#pragma once

#include <vector>

#include "api/handlers/key_limits.h"
#include "api/server/http.h"
#include "core/hub/settings.h"
#include "core/registry/audit_log.h"
#include "core/registry/key_registry.h"

namespace hub::api {

// What each route needs, for all routes: the one place to look it up. A route that the table does
// not know keeps Permission::kAdmin.
//   kOpen    /healthz, /readyz, /openapi.json, the pages under /ui
//   kInfer   what generates: /v1/…, /chat/completions, /completions, /embeddings
//   kRead    every other GET, but keys, audit log, logs and backups
//   kTrain   changes of models, versions, data sets, jobs, evaluations
//   kAdmin   keys, settings, audit log, logs, the queue, engines, and whatever else there will be
Permission permission_of(const Route& route);

// Who may call what. Keys come as `Authorization: Bearer mh-…` or `X-Api-Key: mh-…`.
class Authorization {
 public:
  // `beyond_loopback`: others can reach this server, so that every call needs a key. Otherwise only
  // with the setting require_keys; then a call without key, or with some word that is none of ours
  // (clients send "none"), is the machine's own. What it refers to outlives it.
  Authorization(
      const KeyLimiting& keys,
      registry::AuditLog& audit,
      const hub::Settings& settings,
      bool beyond_loopback);

  // Sets request.key_id and key_name, and adds the key's rate limits to the answer's headers.
  // Throws kUnauthenticated (reason "missing_api_key", "invalid_api_key"), kPermissionDenied
  // (reason "insufficient_scope"), BusyError kRateLimited ("rate_limit_exceeded"). Never blocks;
  // any thread.
  void check(Request& request, const Route& route) const;

  [[nodiscard]] bool keys_are_required() const;

 private:
  void admit(Request& request, const Route& route) const;

  const KeyLimiting keys_;
  registry::AuditLog& audit_;
  const hub::Settings& settings_;
  const bool beyond_loopback_;
};

// The routes with their permissions; what changes something writes an entry of the audit log, what
// generates does not.
std::vector<Route> with_audit(
    std::vector<Route> routes, registry::KeyRegistry& keys, registry::AuditLog& audit);

}  // namespace hub::api
