#include "api/handlers/maintenance.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/handlers/record_json.h"
#include "api/handlers/request_json.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/hub/backup.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kHour = 3600;

// The body, or an empty object without one.
Json optional_body(const Request& request) {
  return request.body.empty() ? Json::object() : request_json(request);
}

Response collect_garbage(hub::Hub& hub, const Request& request) {
  const Json json = optional_body(request);
  const JsonReader body(json);
  body.refuse_unknown({"dry_run", "min_age_seconds"});
  hub::GarbageOptions options;
  options.remove = !body.optional_bool("dry_run").value_or(true);
  options.min_age_seconds = body.optional_int("min_age_seconds", 0, 365 * kDay).value_or(kHour);
  return json_answer(200, garbage_json(hub.garbage.collect(options)));
}

// A folder inside an allowed one, which need not exist; "" makes one of its own.
std::filesystem::path backup_folder(hub::Hub& hub, const std::optional<std::string>& path) {
  if (!path) {
    return hub.config.data_dir / "backups" / fmt::format("{}", hub.clock.now_ms());
  }
  const std::filesystem::path asked = std::filesystem::path(*path).lexically_normal();
  if (!asked.is_absolute() || !asked.has_filename()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'path' must be the absolute path of a folder, got \"{}\"", path->substr(0, 200)),
        "path");
  }
  // What exists must lie inside an allowed folder; below it there are no links to follow.
  std::filesystem::path existing = asked;
  std::error_code error;
  while (!std::filesystem::exists(existing, error) && existing != existing.parent_path()) {
    existing = existing.parent_path();
  }
  const std::filesystem::path root = hub.roots.resolve(existing.string(), "path");
  return existing == asked ? root : root / asked.lexically_relative(existing);
}

Response back_up(hub::Hub& hub, const Request& request) {
  const Json json = optional_body(request);
  const JsonReader body(json);
  body.refuse_unknown({"path", "artifacts"});
  const std::string how = body.optional_string("artifacts").value_or("reference");
  if (how != "reference" && how != "copy") {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("'artifacts' must be reference or copy, got \"{}\"", how.substr(0, 60)),
        "artifacts");
  }
  const auto cancelled = request.cancelled;
  const auto report = hub::make_backup(
      hub.config.data_dir,
      backup_folder(hub, body.optional_string("path")),
      how == "copy" ? hub::BackupArtifacts::kCopy : hub::BackupArtifacts::kReference,
      hub.clock,
      [cancelled](std::int64_t, std::int64_t) { return !*cancelled; });
  return json_answer(201, hub::to_json(report));
}

Response verify(hub::Hub& hub, const Request& request) {
  const auto cancelled = request.cancelled;
  const auto report = hub.integrity.verify(
      request.params.at("id"), [cancelled](std::int64_t) { return !*cancelled; });
  return json_answer(200, verification_json(report));
}

}  // namespace

Json garbage_json(const hub::GarbageReport& report) {
  Json items = Json::array();
  for (const hub::GarbageItem& item : report.items) {
    items.push_back(
        {{"kind", item.kind},
         {"path", item.path},
         {"size_bytes", item.size_bytes},
         {"reason", item.reason}});
  }
  return {
      {"data", std::move(items)},
      {"next_cursor", nullptr},
      {"size_bytes", report.size_bytes},
      {"dry_run", !report.removed}};
}

Json verification_json(const hub::Integrity::Report& report) {
  return {
      {"version_id", report.version.id},
      {"model", report.version.model_name},
      {"version", report.version.number},
      {"state", registry::to_string(report.version.state)},
      {"problems", report.problems},
      {"bytes_read", report.bytes},
      {"verified_at", time_or_null(report.version.verified_at_ms)}};
}

std::vector<Route> maintenance_routes(const RouteContext& context) {
  hub::Hub& hub = context.hub;
  return {
      {"POST", "/gc", [&hub](const Request& request) { return collect_garbage(hub, request); }},
      {"POST", "/backup", [&hub](const Request& request) { return back_up(hub, request); }},
      {"POST", "/versions/{id}/verify", [&hub](const Request& request) {
         return verify(hub, request);
       }}};
}

}  // namespace hub::api
