#pragma once

#include <vector>

#include "api/handlers/route_context.h"
#include "api/server/http.h"
#include "core/base/json.h"
#include "core/registry/key_registry.h"

namespace hub::api {

// API keys, the audit log and settings.
std::vector<Route> key_routes(const RouteContext& context);

// {"id","name","prefix","scopes","state","created_at","expires_at","revoked_at","last_used_at",
// "limits":{"requests_per_minute","tokens_per_minute","concurrent_streams"}}:
// "prefix" is the secret's beginning, "state" active, expired or revoked.
base::Json key_json(const registry::ApiKey& key, std::int64_t now_ms);

// {"name","scopes","expires_in_seconds"?,"limits"?} of POST /keys.
registry::NewKey read_new_key(const base::Json& body, std::int64_t now_ms);

}  // namespace hub::api
