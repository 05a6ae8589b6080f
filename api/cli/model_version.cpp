#include "api/cli/model_version.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/server/uri.h"
#include "core/base/error.h"

namespace hub::api {

using base::Error;
using base::ErrorCode;
using base::Json;

std::string version_id(HubClient& client, const std::string& value) {
  const std::size_t mark = value.find_first_of(":@");
  const Json model = client.get("/models/" + percent_encode(value.substr(0, mark)));
  const Json& aliases = model.at("aliases");
  const Json& versions = model.at("versions");
  std::string wanted;  // a version's number
  if (mark == std::string::npos) {
    if (aliases.contains("production")) {
      wanted = aliases.at("production").dump();
    } else {
      std::int64_t newest = 0;
      for (const Json& version : versions) {
        if (version.at("state") == "ready") {
          newest = std::max(newest, version.at("version").get<std::int64_t>());
        }
      }
      wanted = std::to_string(newest);
    }
  } else if (const std::string word = value.substr(mark + 1); value[mark] == ':') {
    wanted = word;
  } else if (aliases.contains(word)) {
    wanted = aliases.at(word).dump();
  }
  for (const Json& version : versions) {
    if (version.at("version").dump() == wanted) {
      return version.at("id").get<std::string>();
    }
  }
  throw Error(ErrorCode::kNotFound, fmt::format("there is no version '{}'", value));
}

}  // namespace hub::api
