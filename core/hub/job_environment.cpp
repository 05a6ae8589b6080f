#include "core/hub/job_environment.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "core/hub/machine_facts.h"

namespace hub::hub {
namespace {

using base::Json;

constexpr std::array<std::string_view, 5> kChangesNothing{
    "hub.", "memory.", "settings", "hardware.memory_bytes", "hardware.cores"};

Json part(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? Json(nullptr) : *found;
}

Json field(const Json& object, const char* outer, const char* inner) {
  const Json found = part(object, outer);
  return found.is_object() ? part(found, inner) : Json(nullptr);
}

// Leaves by their path, with dots.
void flatten(const std::string& path, const Json& value, std::map<std::string, Json>& leaves) {
  if (!value.is_object()) {
    leaves[path] = value;
    return;
  }
  for (const auto& [key, inner] : value.items()) {
    if (!path.empty() || key != "inputs") {
      flatten(path.empty() ? key : path + "." + key, inner, leaves);
    }
  }
}

}  // namespace

ServerEnvironment::ServerEnvironment(
    const base::BuildInfo& build, const std::filesystem::path& settings_file) {
  Json facts = {
      {"hub", build.to_json()},
      {"hardware", hardware_facts()},
      {"system", system_facts()},
      {"memory", nullptr},  // in this place
      {"settings", nullptr}};
  if (const auto state = git_state(settings_file)) {
    facts["settings"] = {{"commit", state->commit}, {"dirty", state->dirty}};
  }
  facts_json_ = facts.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json ServerEnvironment::facts(std::uint64_t budget_bytes) const {
  Json facts = Json::parse(facts_json_);
  const auto wired = wired_limit_bytes();
  facts["memory"] = {
      {"budget_bytes", budget_bytes}, {"wired_limit_bytes", wired ? Json(*wired) : Json(nullptr)}};
  return facts;
}

Json job_inputs(const Json& worker_spec) {
  return {
      {"base_digest", field(worker_spec, "base", "digest")},
      {"adapter_digest", field(worker_spec, "adapter", "digest")},
      {"dataset_digest", field(worker_spec, "dataset", "digest")},
      {"seed", field(worker_spec, "params", "seed")},
      {"params", part(worker_spec, "params")}};
}

Json job_environment(const Json& server, const Json& worker, const Json& inputs) {
  Json environment = server;
  environment.update(worker);
  environment["inputs"] = inputs;
  return environment;
}

Json environment_differences(const Json& then, const Json& now) {
  Json differences = Json::array();
  if (!then.is_object() || !now.is_object()) {
    return {{"known", false}, {"same", false}, {"differences", differences}};
  }
  std::map<std::string, Json> before;
  std::map<std::string, Json> after;
  flatten("", then, before);
  flatten("", now, after);
  std::set<std::string> names;
  for (const auto* leaves : {&before, &after}) {
    for (const auto& [name, value] : *leaves) {
      names.insert(name);
    }
  }
  bool same = true;
  for (const std::string& name : names) {
    const Json& old_value = before[name];  // null where it is absent
    const Json& new_value = after[name];
    if (old_value == new_value) {
      continue;
    }
    const bool matters = std::ranges::none_of(
        kChangesNothing, [&name](std::string_view prefix) { return name.starts_with(prefix); });
    same = same && !matters;
    differences.push_back(
        {{"name", name}, {"then", old_value}, {"now", new_value}, {"may_change_results", matters}});
  }
  return {{"known", true}, {"same", same}, {"differences", std::move(differences)}};
}

}  // namespace hub::hub
