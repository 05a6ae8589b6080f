#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/cli/commands.h"

namespace hub::api {
namespace {

using base::Json;

std::string text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "-";
}

}  // namespace

int mlflow_command(HubClient& client, Console& console, bool retry, bool json) {
  const Json state = retry ? client.post("/mlflow/retry", Json::object()) : client.get("/mlflow");
  if (json) {
    console.out << state.dump(2) << std::endl;
    return 0;
  }
  console.out << fmt::format(
                     "{} ({}): {}, {} waiting, {} of them refused",
                     text(state, "uri"),
                     text(state, "version"),
                     text(state, "state"),
                     state["waiting"].get<std::int64_t>(),
                     state["refused"].get<std::int64_t>())
              << std::endl;
  if (!state["verified"].get<bool>()) {
    console.out << "its certificate is not looked at (mlflow_insecure_tls): anybody may answer in "
                   "its place"
                << std::endl;
  }
  if (state["error"].is_string()) {
    console.out << text(state, "error") << std::endl;
  }
  if (state["data"].empty()) {
    return 0;
  }
  std::vector<std::vector<std::string>> rows{{"OBJECT", "SINCE", "NEXT ATTEMPT", "ERROR"}};
  for (const Json& entry : state["data"]) {
    rows.push_back(
        {text(entry, "object"),
         text(entry, "since"),
         text(entry, "next_attempt_at"),
         text(entry, "error")});
  }
  console.out << table(rows) << std::flush;
  return 0;
}

}  // namespace hub::api
