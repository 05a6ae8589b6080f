#include "api/handlers/models.h"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/handlers/idempotency.h"
#include "api/handlers/list_filters.h"
#include "api/handlers/model_source.h"
#include "api/handlers/record_json.h"
#include "api/handlers/request_json.h"
#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/base/json_reader.h"
#include "core/hf/settings.h"
#include "core/hub/pull_job.h"
#include "core/hub/successor.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

constexpr std::size_t kMostTags = 100;
constexpr std::size_t kLongestText = 10'000;

// {"key":"value"}, or a list of keys as a short form of keys with empty values. nullopt when
// absent.
std::optional<std::string> read_tags(const JsonReader& body) {
  if (!body.has("tags")) {
    return std::nullopt;
  }
  const Json& given = body.value("tags");
  Json tags = Json::object();
  if (given.is_array()) {
    const auto names = body.optional_strings("tags");
    for (const std::string& tag : names.value()) {
      tags[tag] = "";
    }
  } else {
    const JsonReader reader(given, "tags");
    for (const auto& [key, unused] : given.items()) {
      tags[key] = reader.string(key);
    }
  }
  if (tags.size() > kMostTags || tags.contains("")) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("'tags' must hold at most {} tags, each with a name", kMostTags),
        "tags");
  }
  return tags.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<std::string> read_description(const JsonReader& body) {
  auto description = body.optional_string("description");
  if (description && description->size() > kLongestText) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("'description' must have at most {} bytes", kLongestText),
        "description");
  }
  return description;
}

// What cannot be pulled is not registered.
Response register_and_pull(hub::Hub& hub, const registry::NewModel& model, const Commit& commit) {
  hub::PullRequest pull;
  pull.repository = model.base_model;
  const hub::PullPlan plan = hub.pulls.plan(pull.repository, pull.revision);
  plan.refuse_unless_fits();
  pull.commit = plan.snapshot.commit;
  return commit([&] {
    Json answer;
    hub.database.write([&](db::Connection&) {
      const registry::Model made = hub.models.add_model(model, registry::NewVersion());
      const auto version = hub::version_to_pull(hub.models, made);
      const jobs::Job job = hub::join_pull(hub.queue, made, version.value(), pull);
      answer = model_json(hub, made);
      answer["pull_job_id"] = job.id;
    });
    return json_answer(201, answer);
  });
}

Response create_model(hub::Hub& hub, const Request& request, const Commit& commit) {
  const Json json = request_json(request);
  const JsonReader body(json);
  body.refuse_unknown({"name", "base_model", "description", "tags", "storage", "base", "pull"});
  registry::NewModel model;
  model.name = body.string("name");
  base::check_name(model.name, "name");
  model.base_model = body.string("base_model");
  model.description = read_description(body).value_or("");
  model.tags_json = read_tags(body).value_or("{}");
  const Storage storage = read_storage(body);
  const bool pull = body.optional_bool("pull").value_or(false);
  if (pull && !hf::is_repository(model.base_model)) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "'pull' is only for repositories of the Hugging Face Hub (organisation/name)",
        "pull");
  }
  // Before gigabytes are copied; the insert checks again.
  if (hub.models.find_model(model.name)) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format("a model named '{}' is registered already", model.name),
        "name",
        "model_exists");
  }
  const VersionPlace place{base::new_id(), 1};
  model.id = place.model_id;
  if (pull) {
    return register_and_pull(hub, model, commit);
  }
  hub::ImportTable::Entry entry(hub.imports, request.request_id, model.name, model.base_model);
  const registry::NewVersion version = version_of_base_model(
      hub,
      model.base_model,
      storage,
      place,
      body.optional_string("base"),
      entry.watch(*request.cancelled));
  try {
    return commit([&] {
      Json answer = model_json(hub, hub.models.add_model(model, version));
      const Json config = stored_json(version.config_json);
      if (const auto source = config.find("source");
          source != config.end() && source->contains("note")) {
        answer["notes"] = Json::array({source->at("note")});
      }
      return json_answer(201, answer);
    });
  } catch (...) {
    discard(hub, version, place);
    throw;
  }
}

Response list_models(hub::Hub& hub, const Request& request) {
  const auto page = hub.catalog.models(read_model_query(request));
  Json data = Json::array();
  for (const registry::ModelEntry& entry : page.entries) {
    data.push_back(model_json(hub, entry));
  }
  return list_response(std::move(data), page.next);
}

Response update_model(hub::Hub& hub, const Request& request) {
  const Json json = request_json(request);
  const JsonReader body(json);
  body.refuse_unknown({"description", "tags"});
  const auto model =
      hub.models.update_model(request.params.at("id"), read_description(body), read_tags(body));
  return json_answer(200, model_json(hub, model));
}

Response delete_model(hub::Hub& hub, const Request& request) {
  for (const registry::Version& version : hub.models.remove_model(request.params.at("id"))) {
    hub.pool.unload(version.id);
    if (!version.by_reference && !version.folder.empty()) {
      hub.artifacts.remove(version.model_id, fmt::format("v{}", version.number));
    }
  }
  hub.artifacts.collect_garbage();
  hub.remove_stale_prefixes();
  return no_content();
}

// A number, "3" or "v3", or the version's id.
std::int64_t read_version_number(
    hub::Hub& hub, const JsonReader& body, const registry::Model& model) {
  const Json& value = body.value("version");
  if (value.is_number()) {
    return body.optional_int("version", 1, INT64_MAX).value();
  }
  const std::string text = body.string("version");
  if (base::is_id(text)) {
    const registry::Version version = hub.models.get_version(text);
    if (version.model_id == model.id) {
      return version.number;
    }
  }
  const auto ref = registry::parse_model_value("x:" + text);
  if (!ref || !ref->model.number) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'version' must be the number or id of a version of '{}', got \"{}\"",
            model.name,
            text.substr(0, 60)),
        "version");
  }
  return *ref->model.number;
}

Response set_alias(hub::Hub& hub, const Request& request) {
  const Json json = request_json(request);
  const JsonReader body(json);
  body.refuse_unknown({"version", "require"});
  const registry::Model model = hub.models.get_model(request.params.at("id"));
  const std::int64_t number = read_version_number(hub, body, model);
  std::optional<registry::AliasGate> gate;
  if (const Json* require = body.optional_object("require")) {
    const JsonReader reader(*require, "require");
    reader.refuse_unknown({"metric", "not_worse_than"});
    gate = registry::AliasGate{reader.string("metric"), reader.string("not_worse_than")};
  }
  const std::string& name = request.params.at("alias");
  hub.aliases.check(model.id, name, number, gate);
  hub::load_successor(hub, model, name, number);
  const auto alias = hub.aliases.set(model.id, name, number, gate);
  return json_answer(200, alias_json(model, alias));
}

Response list_aliases(hub::Hub& hub, const Request& request) {
  const registry::Model model = hub.models.get_model(request.params.at("id"));
  Json data = Json::array();
  for (const registry::Alias& alias : hub.aliases.list(model.id)) {
    data.push_back(alias_json(model, alias));
  }
  return list_response(data, std::nullopt);
}

}  // namespace

std::vector<Route> model_routes(const RouteContext& context) {
  hub::Hub& hub = context.hub;
  return {
      {"POST",
       "/models",
       idempotent(
           context.idempotency,
           [&hub](const Request& request, const Commit& commit) {
             return create_model(hub, request, commit);
           })},
      {"GET", "/models", [&hub](const Request& request) { return list_models(hub, request); }},
      {"GET",
       "/models/{id}",
       [&hub](const Request& request) {
         return json_answer(200, model_json(hub, hub.catalog.model(request.params.at("id"))));
       }},
      {"PATCH",
       "/models/{id}",
       [&hub](const Request& request) { return update_model(hub, request); }},
      {"DELETE",
       "/models/{id}",
       [&hub](const Request& request) { return delete_model(hub, request); }},
      {"GET",
       "/models/{id}/aliases",
       [&hub](const Request& request) { return list_aliases(hub, request); }},
      {"PUT",
       "/models/{id}/aliases/{alias}",
       [&hub](const Request& request) { return set_alias(hub, request); }},
      {"DELETE",
       "/models/{id}/aliases/{alias}",
       [&hub](const Request& request) {
         hub.aliases.remove(request.params.at("id"), request.params.at("alias"));
         return no_content();
       }},
  };
}

}  // namespace hub::api
