#include "api/handlers/keys.h"

#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/handlers/request_json.h"
#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/base/json_reader.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

constexpr std::int64_t kLargestLimit = 1'000'000'000'000;
constexpr std::int64_t kLongestSeconds = 10LL * 366 * 24 * 3600;

std::set<registry::Scope> read_scopes(const JsonReader& body) {
  std::set<registry::Scope> scopes;
  static_cast<void>(body.value("scopes"));  // throws: it is required
  for (const std::string& word :
       body.optional_strings("scopes").value_or(std::vector<std::string>())) {
    const auto scope = registry::scope_from(word);
    if (!scope) {
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format(
              "'scopes' must hold read, infer, train or admin, got \"{}\"", word.substr(0, 60)),
          "scopes");
    }
    scopes.insert(*scope);
  }
  return scopes;
}

// As it is listed: with what it has used.
Json used_key_json(const hub::Hub& hub, const registry::ApiKey& key) {
  Json json = key_json(key, hub.clock.now_ms());
  const registry::KeyUse use = hub.key_meter.use(key.id);
  json["usage"] = {
      {"requests", use.requests},
      {"refused_requests", use.refused_requests},
      {"prompt_tokens", use.prompt_tokens},
      {"completion_tokens", use.completion_tokens}};
  return json;
}

// Fields that are there change, null takes a limit away.
void change_limits(const Json& json, const std::string& path, registry::KeyLimits& limits) {
  const JsonReader reader(json, path);
  reader.refuse_unknown({"requests_per_minute", "tokens_per_minute", "concurrent_streams"});
  const auto change = [&reader](const char* name, std::optional<std::int64_t>& limit) {
    if (reader.has(name) || reader.is_null(name)) {
      limit = reader.optional_int(name, 1, kLargestLimit);
    }
  };
  change("requests_per_minute", limits.requests_per_minute);
  change("tokens_per_minute", limits.tokens_per_minute);
  change("concurrent_streams", limits.concurrent_streams);
}

// Not idempotent on purpose: an answer that is kept would keep the secret.
Response create_key(hub::Hub& hub, const Request& request) {
  const std::int64_t now = hub.clock.now_ms();
  const auto created = hub.keys.create(read_new_key(request_json(request), now));
  Json json = used_key_json(hub, created.key);
  json["secret"] = created.secret;
  Response response = json_answer(201, json);
  response.headers["Cache-Control"] = "no-store";
  return response;
}

Response list_keys(hub::Hub& hub, const Request& request) {
  refuse_unknown_query(request, {});
  Json data = Json::array();
  for (const registry::ApiKey& key : hub.keys.list()) {
    data.push_back(used_key_json(hub, key));
  }
  return list_response(data, std::nullopt);
}

Response change_key(hub::Hub& hub, const Request& request) {
  const Json json = request_json(request);
  const JsonReader body(json);
  body.refuse_unknown({"limits"});
  const registry::ApiKey key =
      hub.keys.change_limits(request.params.at("id"), [&body](registry::KeyLimits& limits) {
        if (const Json* asked = body.optional_object("limits")) {
          change_limits(*asked, "limits", limits);
        }
      });
  return json_answer(200, used_key_json(hub, key));
}

Response revoke_key(hub::Hub& hub, const Request& request) {
  const bool needed = hub.config.beyond_loopback() || hub.settings.boolean(hub::kRequireKeys);
  hub.keys.revoke(request.params.at("id"), needed);
  hub.remove_stale_prefixes();
  return no_content();
}

Json audit_json(const registry::AuditEntry& entry) {
  return {
      {"id", entry.id},
      {"time", base::rfc3339(entry.time_ms)},
      {"actor", {{"key_id", or_null(entry.key_id)}, {"name", entry.actor}}},
      {"method", entry.method},
      {"route", entry.route},
      {"path", entry.path},
      {"subject", entry.subject.empty() ? Json(nullptr) : Json(entry.subject)},
      {"status", entry.status},
      {"code", entry.code.empty() ? Json(nullptr) : Json(entry.code)},
      {"request_id", entry.request_id}};
}

Response list_audit(hub::Hub& hub, const Request& request) {
  refuse_unknown_query(request, {"limit", "cursor", "key_id"});
  const Page page = read_page(request);
  registry::AuditLog::Query query;
  query.limit = page.limit + 1;
  if (!page.cursor.empty()) {
    query.before = number_cursor(page, 0);
  }
  if (const std::string key = request.query_value("key_id"); !key.empty()) {
    query.key_id = key;
  }
  auto entries = hub.audit.list(query);
  std::optional<std::string> next;
  if (entries.size() > static_cast<std::size_t>(page.limit)) {
    entries.pop_back();
    next = std::to_string(entries.back().id);
  }
  Json data = Json::array();
  for (const registry::AuditEntry& entry : entries) {
    data.push_back(audit_json(entry));
  }
  return list_response(data, next);
}

Response get_settings(const hub::Hub& hub, const Request& request) {
  refuse_unknown_query(request, {});
  return list_response(hub.settings.to_json(), std::nullopt);
}

Response change_settings(hub::Hub& hub, const Request& request) {
  hub.settings.change(request_json(request));
  return list_response(hub.settings.to_json(), std::nullopt);
}

}  // namespace

Json key_json(const registry::ApiKey& key, std::int64_t now_ms) {
  Json scopes = Json::array();
  for (const registry::Scope scope : key.scopes) {
    scopes.push_back(registry::to_string(scope));
  }
  const char* state = key.revoked_at_ms ? "revoked" : key.is_live(now_ms) ? "active" : "expired";
  return {
      {"id", key.id},
      {"name", key.name},
      {"prefix", key.hint},
      {"scopes", std::move(scopes)},
      {"state", state},
      {"created_at", base::rfc3339(key.created_at_ms)},
      {"expires_at", time_or_null(key.expires_at_ms)},
      {"revoked_at", time_or_null(key.revoked_at_ms)},
      {"last_used_at", time_or_null(key.last_used_at_ms)},
      {"limits",
       {{"requests_per_minute", or_null(key.limits.requests_per_minute)},
        {"tokens_per_minute", or_null(key.limits.tokens_per_minute)},
        {"concurrent_streams", or_null(key.limits.concurrent_streams)}}}};
}

registry::NewKey read_new_key(const Json& json, std::int64_t now_ms) {
  const JsonReader body(json);
  body.refuse_unknown({"name", "scopes", "expires_in_seconds", "limits"});
  registry::NewKey asked{.name = body.string("name"), .scopes = read_scopes(body)};
  if (const auto seconds = body.optional_int("expires_in_seconds", 1, kLongestSeconds)) {
    asked.expires_at_ms = now_ms + *seconds * 1000;
  }
  if (const Json* limits = body.optional_object("limits")) {
    change_limits(*limits, "limits", asked.limits);
  }
  return asked;
}

std::vector<Route> key_routes(const RouteContext& context) {
  hub::Hub& hub = context.hub;
  return {
      {"POST", "/keys", [&hub](const Request& request) { return create_key(hub, request); }},
      {"GET", "/keys", [&hub](const Request& request) { return list_keys(hub, request); }},
      {"PATCH", "/keys/{id}", [&hub](const Request& request) { return change_key(hub, request); }},
      {"DELETE", "/keys/{id}", [&hub](const Request& request) { return revoke_key(hub, request); }},
      {"GET", "/audit", [&hub](const Request& request) { return list_audit(hub, request); }},
      {"GET", "/settings", [&hub](const Request& request) { return get_settings(hub, request); }},
      {"PATCH",
       "/settings",
       [&hub](const Request& request) { return change_settings(hub, request); }},
  };
}

}  // namespace hub::api
