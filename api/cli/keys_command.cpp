#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/cli/commands.h"
#include "api/handlers/keys.h"
#include "api/server/uri.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/db/migrations.h"
#include "core/db/pool.h"
#include "core/hub/folders.h"
#include "core/registry/audit_log.h"
#include "core/registry/key_registry.h"

namespace hub::api {
namespace {

using base::Json;

constexpr std::int64_t kSecondsOfDay = 86'400;

// The keys of a data folder that no server has: what GET, POST and DELETE /keys do, without HTTP.
class FolderKeys {
 public:
  explicit FolderKeys(const std::filesystem::path& folder)
      : lock_(prepared(folder)),
        pool_(migrated(folder, clock_)),
        keys_(pool_, clock_),
        audit_(pool_, clock_) {}

  Json create(const Json& body) {
    const auto created = keys_.create(read_new_key(body, clock_.now_ms()));
    write_audit("POST", created.key.id, 201);
    Json json = key_json(created.key, clock_.now_ms());
    json["secret"] = created.secret;
    return json;
  }
  Json list() {
    Json data = Json::array();
    for (const registry::ApiKey& key : keys_.list()) {
      data.push_back(key_json(key, clock_.now_ms()));
    }
    return {{"data", std::move(data)}};
  }
  Json revoke(const std::string& id_or_name) {
    const registry::ApiKey key = keys_.revoke(id_or_name, false);
    write_audit("DELETE", key.id, 204);
    return key_json(key, clock_.now_ms());
  }

 private:
  // As the call that a server would have logged.
  void write_audit(const char* method, const std::string& id, int status) {
    audit_.add(
        {.actor = "data folder",
         .method = method,
         .route = "/keys",
         .path = "/keys",
         .subject = id,
         .status = status,
         .request_id = base::new_id()});
  }
  static std::filesystem::path prepared(const std::filesystem::path& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) {
      throw base::Error(
          base::ErrorCode::kUnavailable,
          fmt::format("cannot create {}: {}", folder.string(), error.message()));
    }
    return folder;
  }
  static std::filesystem::path migrated(
      const std::filesystem::path& folder, const base::Clock& clock) {
    const auto file = folder / "hub.db";
    db::migrate(file, clock.now_ms());
    return file;
  }

  const base::SystemClock clock_;
  const hub::DataFolderLock lock_;  // as a server takes it, so that none starts meanwhile
  db::Pool pool_;
  registry::KeyRegistry keys_;
  registry::AuditLog audit_;
};

bool over_http(const ServerAddress& address) {
  return address.named || address.found;
}

std::string text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "-";
}

std::string joined(const Json& scopes) {
  std::string words;
  for (const Json& scope : scopes) {
    words += (words.empty() ? "" : ",") + scope.get<std::string>();
  }
  return words;
}

}  // namespace

int create_key_command(
    const ServerAddress& address, Console& console, const NewKeyOptions& options) {
  Json body = {{"name", options.name}, {"scopes", options.scopes}};
  if (options.expires_in_days) {
    body["expires_in_seconds"] = *options.expires_in_days * kSecondsOfDay;
  }
  for (const auto& [name, limit] :
       {std::pair("requests_per_minute", options.requests_per_minute),
        std::pair("tokens_per_minute", options.tokens_per_minute),
        std::pair("concurrent_streams", options.concurrent_streams)}) {
    if (limit) {
      body["limits"][name] = *limit;
    }
  }
  const Json key = over_http(address) ? HubClient(address.url, address.api_key).post("/keys", body)
                                      : FolderKeys(address.data_folder).create(body);
  if (options.json) {
    console.out << key.dump(2) << std::endl;
    return 0;
  }
  console.err << fmt::format(
                     "key '{}' ({}), id {}: keep the secret, it is not shown again",
                     text(key, "name"),
                     joined(key["scopes"]),
                     text(key, "id"))
              << std::endl;
  console.out << text(key, "secret") << std::endl;
  return 0;
}

int list_keys_command(const ServerAddress& address, Console& console, bool json) {
  const Json keys = over_http(address) ? HubClient(address.url, address.api_key).list("/keys")
                                       : FolderKeys(address.data_folder).list();
  if (json) {
    console.out << keys.dump(2) << std::endl;
    return 0;
  }
  if (keys["data"].empty()) {
    console.err << "no keys yet" << std::endl;
    return 0;
  }
  std::vector<std::vector<std::string>> rows{
      {"NAME", "SECRET", "SCOPES", "STATE", "EXPIRES", "LAST USED", "ID"}};
  for (const Json& key : keys["data"]) {
    rows.push_back(
        {text(key, "name"),
         text(key, "prefix") + "…",
         joined(key["scopes"]),
         text(key, "state"),
         text(key, "expires_at"),
         text(key, "last_used_at"),
         text(key, "id")});
  }
  console.out << table(rows) << std::flush;
  return 0;
}

int revoke_key_command(
    const ServerAddress& address, Console& console, const std::string& id_or_name, bool json) {
  if (over_http(address)) {
    HubClient(address.url, address.api_key).remove("/keys/" + percent_encode(id_or_name));
  } else {
    FolderKeys(address.data_folder).revoke(id_or_name);
  }
  if (json) {
    console.out << Json{{"revoked", id_or_name}}.dump() << std::endl;
  } else {
    console.err << fmt::format("key '{}' is revoked", id_or_name) << std::endl;
  }
  return 0;
}

}  // namespace hub::api
