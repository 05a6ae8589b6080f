#include "api/handlers/authorization.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/server/http_error.h"
#include "core/base/busy_error.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/obs/log.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using registry::KeyRegistry;
using registry::Scope;

constexpr std::size_t kLargestBodyRead = 1U << 20U;  // of answers that are looked at for an id

struct Rule {
  std::string_view method;  // "GET", "change" (everything else), "" (all)
  std::string_view prefix;  // whole segments of the pattern
  Permission permission;
};
// The first that fits.
constexpr std::array<Rule, 31> kRules{{
    {"GET", "/healthz", Permission::kOpen},
    {"GET", "/readyz", Permission::kOpen},
    {"GET", "/openapi.json", Permission::kOpen},
    {"GET", "/docs", Permission::kOpen},
    {"GET", "/ui", Permission::kOpen},
    {"GET", "/health", Permission::kOpen},
    {"GET", "/v1/health", Permission::kOpen},
    {"GET", "/v1/models", Permission::kAnyKey},
    {"GET", "/api/tags", Permission::kAnyKey},
    {"GET", "/api/version", Permission::kAnyKey},
    {"", "/api", Permission::kInfer},
    {"", "/v1", Permission::kInfer},
    {"", "/chat", Permission::kInfer},
    {"", "/completions", Permission::kInfer},
    {"", "/embeddings", Permission::kInfer},
    {"", "/completion", Permission::kInfer},
    {"GET", "/props", Permission::kInfer},
    {"", "/tokenize", Permission::kInfer},
    {"", "/detokenize", Permission::kInfer},
    {"", "/apply-template", Permission::kInfer},
    {"", "/keys", Permission::kAdmin},
    {"", "/audit", Permission::kAdmin},
    {"", "/logs", Permission::kAdmin},
    {"change", "/jobs/queue", Permission::kAdmin},
    {"change", "/models/{id}/push", Permission::kAdmin},  // publishes by the server's own account
    {"change", "/models", Permission::kTrain},
    {"change", "/versions", Permission::kTrain},
    {"change", "/datasets", Permission::kTrain},
    {"change", "/jobs", Permission::kTrain},
    {"change", "/evaluations", Permission::kTrain},
    {"GET", "/", Permission::kRead},
}};

bool changes(const std::string& method) {
  return method != "GET" && method != "HEAD" && method != "OPTIONS";
}

bool fits(const Rule& rule, const Route& route) {
  const bool method = rule.method.empty() || (rule.method == "change") == changes(route.method);
  const std::string_view pattern = route.pattern;
  const bool below = rule.prefix == "/" || pattern == rule.prefix ||
                     (pattern.starts_with(rule.prefix) && pattern[rule.prefix.size()] == '/');
  return method && below;
}

// What the client sent as its key; "" without. The scheme's name compares without case.
std::string presented_key(const Request& request) {
  const std::string header = request.header("Authorization");
  constexpr std::string_view bearer_scheme = "bearer ";
  const bool bearer =
      header.size() > bearer_scheme.size() &&
      std::equal(
          bearer_scheme.begin(), bearer_scheme.end(), header.begin(), [](char wanted, char got) {
            return wanted == (got >= 'A' && got <= 'Z' ? static_cast<char>(got - 'A' + 'a') : got);
          });
  if (!bearer) {
    return request.header("X-Api-Key");
  }
  const std::size_t begin = header.find_first_not_of(' ', bearer_scheme.size());
  return begin == std::string::npos ? "" : header.substr(begin);
}

std::optional<Scope> scope_of(Permission permission) {
  switch (permission) {
    case Permission::kRead:
      return Scope::kRead;
    case Permission::kInfer:
      return Scope::kInfer;
    case Permission::kTrain:
      return Scope::kTrain;
    case Permission::kAdmin:
      return Scope::kAdmin;
    case Permission::kOpen:
    case Permission::kAnyKey:
      break;
  }
  return std::nullopt;
}

std::string held(const std::set<Scope>& scopes) {
  std::string words;
  for (const Scope scope : scopes) {
    words += fmt::format("{}{}", words.empty() ? "" : ", ", registry::to_string(scope));
  }
  return words;
}

// None of these says a word of the key itself.
Error refusal(KeyRegistry::Verdict verdict) {
  constexpr const char* how = "make another one with `mlx-hub keys create`";
  const std::string what = verdict == KeyRegistry::Verdict::kRevoked   ? "was revoked"
                           : verdict == KeyRegistry::Verdict::kExpired ? "has expired"
                                                                       : "is not known here";
  return {
      ErrorCode::kUnauthenticated,
      fmt::format("the API key {}; {}", what, how),
      {},
      "invalid_api_key"};
}

registry::AuditEntry entry_of(const Request& request, int status, std::string code) {
  registry::AuditEntry entry;
  if (!request.key_id.empty()) {
    entry.key_id = request.key_id;
  }
  entry.actor = request.key_name.empty() ? "loopback" : request.key_name;
  entry.method = request.method;
  entry.route = request.route;
  entry.path = request.path;
  for (const auto& [name, value] : request.params) {
    entry.subject += (entry.subject.empty() ? "" : "/") + value;
  }
  entry.status = status;
  entry.code = std::move(code);
  entry.request_id = request.request_id;
  return entry;
}

// Of what a call made: the id in its answer.
std::string made_id(const Response& response) {
  if (response.body.size() > kLargestBodyRead) {
    return {};
  }
  const base::Json json = base::Json::parse(response.body, nullptr, false);
  const auto id = json.is_object() ? json.find("id") : json.end();
  return json.is_object() && id != json.end() && id->is_string() ? id->get<std::string>() : "";
}

// A call's entry: written before its handler runs, so that a kill between a change and its entry
// cannot lose who made it, and finished with the answer. A log that cannot be written stops no
// call.
class AuditedCall {
 public:
  AuditedCall(registry::AuditLog& log, const Request& request)
      : log_(log), entry_(entry_of(request, registry::AuditLog::kBegun, {})) {
    guarded([this] { begun_ = log_.begin(entry_); });
  }

  void finish(const Response& response) {
    if (entry_.subject.empty()) {
      entry_.subject = made_id(response);
    }
    finish(response.status, {});
  }

  void finish(int status, std::string code) {
    entry_.status = status;
    entry_.code = std::move(code);
    guarded([this] {
      if (begun_) {
        log_.finish(*begun_, entry_.subject, entry_.status, entry_.code);
      } else {
        log_.add(entry_);
      }
    });
  }

 private:
  template <typename Write>
  void guarded(const Write& write) {
    try {
      write();
    } catch (const base::Error& error) {
      obs::log::error("audit_failed", {{"request_id", entry_.request_id}, {"error", error.what()}});
    }
  }

  registry::AuditLog& log_;
  registry::AuditEntry entry_;
  std::optional<std::int64_t> begun_;
};

Response audited(registry::AuditLog& log, const Handler& handler, const Request& request) {
  AuditedCall call(log, request);
  try {
    Response response = handler(request);
    call.finish(response);
    return response;
  } catch (const Error& error) {
    call.finish(status_of(error.code()), error.reason());
    throw;
  } catch (...) {
    call.finish(500, "internal_error");
    throw;
  }
}

void flush_uses(KeyRegistry& keys) {
  try {
    keys.flush_uses();
  } catch (const base::Error& error) {
    obs::log::warning("key_use_not_written", {{"error", error.what()}});
  }
}

}  // namespace

Permission permission_of(const Route& route) {
  if (route.pattern == "/") {
    return Permission::kOpen;  // leads to the dashboard
  }
  const auto* const rule = std::find_if(
      kRules.begin(), kRules.end(), [&route](const Rule& one) { return fits(one, route); });
  return rule == kRules.end() ? route.permission : rule->permission;
}

Authorization::Authorization(
    const KeyLimiting& keys,
    registry::AuditLog& audit,
    const hub::Settings& settings,
    bool beyond_loopback)
    : keys_(keys), audit_(audit), settings_(settings), beyond_loopback_(beyond_loopback) {}

bool Authorization::keys_are_required() const {
  return beyond_loopback_ || settings_.boolean(hub::kRequireKeys);
}

void Authorization::check(Request& request, const Route& route) const {
  try {
    admit(request, route);
  } catch (const base::BusyError&) {
    throw;  // the access log has it, and so has the key's count: many a minute are no news
  } catch (const Error& error) {
    obs::log::warning(
        "request_refused",
        {{"request_id", request.request_id},
         {"method", request.method},
         {"route", route.pattern},
         {"key_id", request.key_id},
         {"reason", error.reason()}});
    if (changes(request.method)) {
      registry::AuditEntry entry = entry_of(request, status_of(error.code()), error.reason());
      if (request.key_id.empty()) {
        entry.actor = "unknown";
      }
      audit_.add_later(std::move(entry));
    }
    throw;
  }
}

void Authorization::admit(Request& request, const Route& route) const {
  if (route.permission == Permission::kOpen) {
    return;
  }
  const bool required = keys_are_required();
  const std::string secret = presented_key(request);
  if (secret.empty() && !required) {
    return;
  }
  if (secret.empty()) {
    throw Error(
        ErrorCode::kUnauthenticated,
        "an API key is needed: send it as 'Authorization: Bearer mh-…' or 'X-Api-Key: mh-…'",
        {},
        "missing_api_key");
  }
  const KeyRegistry::Found found = keys_.keys.check(secret);
  if (found.verdict != KeyRegistry::Verdict::kLive) {
    if (!required && !secret.starts_with(KeyRegistry::kPrefix)) {
      return;
    }
    throw refusal(found.verdict);
  }
  request.key_id = found.key.id;
  request.key_name = found.key.name;
  keys_.keys.note_use(found.key.id);
  const auto needed = scope_of(route.permission);
  if (needed && !registry::covers(found.key.scopes, *needed)) {
    throw Error(
        ErrorCode::kPermissionDenied,
        fmt::format(
            "{} {} needs a key with scope {}; key '{}' has {}",
            request.method,
            route.pattern,
            registry::to_string(*needed),
            found.key.name,
            held(found.key.scopes)),
        {},
        "insufficient_scope");
  }
  admit_within_limits(keys_, found.key, request, route, base::SystemClock().now_ms());
}

std::vector<Route> with_audit(
    std::vector<Route> routes, registry::KeyRegistry& keys, registry::AuditLog& audit) {
  for (Route& route : routes) {
    route.permission = permission_of(route);
    // Of what keys to generate may call, only what removes something that was kept.
    const bool logged = changes(route.method) &&
                        (route.permission != Permission::kInfer || route.method == "DELETE");
    route.handler =
        [&keys, &audit, logged, handler = std::move(route.handler)](const Request& request) {
          if (!request.key_id.empty()) {
            flush_uses(keys);
          }
          return logged ? audited(audit, handler, request) : handler(request);
        };
  }
  return routes;
}

}  // namespace hub::api
