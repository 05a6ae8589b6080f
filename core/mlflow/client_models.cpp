// Models of client.h.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "core/base/encoding.h"
#include "core/base/error.h"
#include "core/mlflow/client.h"
#include "core/mlflow/wire.h"

namespace hub::mlflow {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;

LoggedModel logged_model_of(const Json& model) {
  const Json& info = object_of(model, "info");
  return {text_of(info, "model_id"), text_of(info, "artifact_uri")};
}

std::string without(std::string_view name, std::string_view characters) {
  std::string out(name);
  std::ranges::replace_if(
      out, [&](char c) { return characters.find(c) != std::string_view::npos; }, '_');
  return out;
}

}  // namespace

std::string registered_name(std::string_view name) {
  return without(name, "/:");
}

std::string logged_name(std::string_view name) {
  return without(name, "/:.%\"'");
}

std::optional<LoggedModel> Client::find_logged_model(
    const std::string& experiment_id, const std::string& tag, const std::string& value) {
  const Json answer = call(
      "POST",
      "logged-models/search",
      {{"experiment_ids", Json::array({experiment_id})},
       {"filter", tag_filter(tag, value)},
       {"max_results", 1}});
  const Json found = first_of(answer, "models");
  return found.is_null() ? std::nullopt : std::optional(logged_model_of(found));
}

LoggedModel Client::create_logged_model(
    const std::string& experiment_id,
    const std::string& name,
    const std::string& type,
    const std::optional<std::string>& run_id,
    const Tags& params,
    const Tags& tags) {
  Json body = {
      {"experiment_id", experiment_id},
      {"name", logged_name(name)},
      {"model_type", type},
      {"params", pairs(params, kLongestParam)},
      {"tags", pairs(tags, kLongestTag)}};
  if (run_id) {
    body["source_run_id"] = *run_id;
  }
  return logged_model_of(object_of(call("POST", "logged-models", body), "model"));
}

void Client::make_logged_model_ready(const std::string& id) {
  call(
      "PATCH",
      "logged-models/" + base::percent_encode(id),
      {{"model_id", id}, {"status", "LOGGED_MODEL_READY"}});
}

void Client::create_registered_model(
    const std::string& name, const std::string& description, const Tags& tags) {
  try {
    call(
        "POST",
        "registered-models/create",
        {{"name", name}, {"description", description}, {"tags", pairs(tags, kLongestTag)}});
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kConflict) {
      throw;
    }
  }
}

void Client::update_registered_model(const std::string& name, const std::string& description) {
  call("PATCH", "registered-models/update", {{"name", name}, {"description", description}});
}

void Client::tag_registered_model(
    const std::string& name, const std::string& key, const std::string& value) {
  call(
      "POST",
      "registered-models/set-tag",
      {{"name", name}, {"key", key}, {"value", cut(value, kLongestTag)}});
}

std::optional<std::string> Client::find_version(
    const std::string& name, const std::string& tag, const std::string& value) {
  std::string page;
  do {
    const Json answer = call(
        "GET",
        "model-versions/search?max_results=200&filter=" +
            base::percent_encode("name=" + in_quotes(name)) +
            (page.empty() ? "" : "&page_token=" + base::percent_encode(page)),
        {});
    for (const Json& version : answer.value("model_versions", Json::array())) {
      for (const Json& one : version.value("tags", Json::array())) {
        if (one.value("key", "") == tag && one.value("value", "") == value) {
          return text_of(version, "version");
        }
      }
    }
    page = answer.value("next_page_token", "");
  } while (!page.empty());
  return std::nullopt;
}

std::string Client::create_version(
    const std::string& name,
    const std::string& logged_model_id,
    const std::optional<std::string>& run_id,
    const Tags& tags) {
  Json body = {
      {"name", name},
      {"source", "models:/" + logged_model_id},
      {"model_id", logged_model_id},
      {"tags", pairs(tags, kLongestTag)}};
  if (run_id) {
    body["run_id"] = *run_id;
  }
  const Json answer = call("POST", "model-versions/create", body);
  return text_of(object_of(answer, "model_version"), "version");
}

void Client::tag_version(
    const std::string& name,
    const std::string& number,
    const std::string& key,
    const std::string& value) {
  call(
      "POST",
      "model-versions/set-tag",
      {{"name", name}, {"version", number}, {"key", key}, {"value", cut(value, kLongestTag)}});
}

void Client::set_alias(
    const std::string& name, const std::string& alias, const std::string& number) {
  call("POST", "registered-models/alias", {{"name", name}, {"alias", alias}, {"version", number}});
}

void Client::remove_alias(const std::string& name, const std::string& alias) {
  try {
    call("DELETE", "registered-models/alias", {{"name", name}, {"alias", alias}});
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) {
      throw;
    }
  }
}

}  // namespace hub::mlflow
