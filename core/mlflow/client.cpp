#include "core/mlflow/client.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/encoding.h"
#include "core/base/error.h"
#include "core/mlflow/wire.h"

namespace hub::mlflow {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;

Run run_of(const Json& run) {
  const Json& info = object_of(run, "info");
  return {text_of(info, "run_id"), text_of(info, "experiment_id"), text_of(info, "artifact_uri")};
}

Json metric_json(const Metric& metric, const std::optional<MetricSubject>& subject) {
  Json json = {
      {"key", metric.key},
      {"value", number(metric.value)},
      {"timestamp", metric.time_ms},
      {"step", metric.step}};
  if (subject) {
    json["model_id"] = subject->logged_model_id;
    if (!subject->dataset_name.empty()) {
      json["dataset_name"] = subject->dataset_name;
      json["dataset_digest"] = cut(subject->dataset_digest, kLongestDigest);
    }
  }
  return json;
}

}  // namespace

Client::Client(Settings settings, const std::atomic<bool>* cancelled)
    : settings_(std::move(settings)), cancelled_(cancelled) {}

net::HttpRequest Client::request(const std::string& method, const std::string& path) const {
  net::HttpRequest request;
  request.method = method;
  request.url = settings_.uri + path;
  if (!settings_.token.empty()) {
    request.headers.emplace_back("Authorization", "Bearer " + settings_.token);
  } else if (!settings_.username.empty()) {
    request.headers.emplace_back(
        "Authorization", "Basic " + base::base64(settings_.username + ":" + settings_.password));
  }
  request.connect_timeout = settings_.connect_timeout;
  request.timeout = settings_.timeout;
  request.ca_file = settings_.ca_file;
  request.verify_tls = settings_.verify_tls;
  request.cancelled = cancelled_;
  return request;
}

net::HttpResponse Client::exchange(const net::HttpRequest& request) {
  try {
    return http_.send(request);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kUnavailable) {
      throw Error(ErrorCode::kUnavailable, error.what(), {}, "mlflow_unreachable");
    }
    throw;
  }
}

net::HttpResponse Client::send(const net::HttpRequest& request, const std::string& what) {
  net::HttpResponse response = exchange(request);
  if (response.status >= 400) {
    refuse(response, what);
  }
  return response;
}

Json Client::call(const std::string& method, const std::string& call, const Json& body) {
  net::HttpRequest asked = request(method, "/api/2.0/mlflow/" + call);
  if (!body.is_null()) {
    asked.headers.emplace_back("Content-Type", "application/json");
    asked.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  const net::HttpResponse response = send(asked, call.substr(0, call.find('?')));
  const Json answer = Json::parse(response.body, nullptr, false);
  if (!answer.is_object()) {
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format("{} answers no JSON: is it an MLflow server?", settings_.uri),
        {},
        "mlflow_unavailable");
  }
  return answer;
}

std::string Client::server_version() {
  return send(request("GET", "/version"), "/version").body;
}

std::string Client::experiment(const std::string& name) {
  const std::string query = "experiments/get-by-name?experiment_name=" + base::percent_encode(name);
  for (const bool last : {false, true}) {
    try {
      return text_of(object_of(call("GET", query, {}), "experiment"), "experiment_id");
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound || last) {
        throw;
      }
    }
    try {
      return text_of(call("POST", "experiments/create", {{"name", name}}), "experiment_id");
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kConflict) {  // somebody else made it meanwhile: look again
        throw;
      }
    }
  }
  return {};  // not reached
}

std::optional<Run> Client::find_run(
    const std::string& experiment_id, const std::string& tag, const std::string& value) {
  const Json answer = call(
      "POST",
      "runs/search",
      {{"experiment_ids", Json::array({experiment_id})},
       {"filter", tag_filter(tag, value)},
       {"max_results", 1}});
  const Json found = first_of(answer, "runs");
  return found.is_null() ? std::nullopt : std::optional(run_of(found));
}

Run Client::create_run(
    const std::string& experiment_id,
    const std::string& name,
    std::int64_t start_ms,
    const Tags& tags) {
  return run_of(object_of(
      call(
          "POST",
          "runs/create",
          {{"experiment_id", experiment_id},
           {"run_name", name},
           {"start_time", start_ms},
           {"tags", pairs(tags, kLongestTag)}}),
      "run"));
}

void Client::log(
    const std::string& run_id,
    const std::vector<Metric>& metrics,
    const Tags& params,
    const Tags& tags,
    const std::optional<MetricSubject>& subject) {
  std::size_t metric = 0;
  std::size_t param = 0;
  std::size_t tag = 0;
  while (metric < metrics.size() || param < params.size() || tag < tags.size()) {
    Json body = {
        {"run_id", run_id},
        {"metrics", Json::array()},
        {"params", Json::array()},
        {"tags", Json::array()}};
    for (; param < params.size() && body["params"].size() < kMostParams; ++param) {
      body["params"].push_back(
          {{"key", params[param].first}, {"value", cut(params[param].second, kLongestParam)}});
    }
    for (; tag < tags.size() && body["tags"].size() < kMostParams; ++tag) {
      body["tags"].push_back(
          {{"key", tags[tag].first}, {"value", cut(tags[tag].second, kLongestTag)}});
    }
    const std::size_t room = kMostItems - body["params"].size() - body["tags"].size();
    for (; metric < metrics.size() && body["metrics"].size() < room; ++metric) {
      body["metrics"].push_back(metric_json(metrics[metric], subject));
    }
    call("POST", "runs/log-batch", body);
  }
}

void Client::log_input(const std::string& run_id, const DatasetInput& dataset) {
  call(
      "POST",
      "runs/log-inputs",
      {{"run_id", run_id},
       {"datasets",
        Json::array(
            {{{"tags", Json::array({{{"key", "mlflow.data.context"}, {"value", dataset.context}}})},
              {"dataset",
               {{"name", dataset.name},
                {"digest", dataset.digest.substr(0, kLongestDigest)},
                {"source_type", dataset.source_type},
                {"source", dataset.source}}}}})}});
}

void Client::add_output(
    const std::string& run_id, const std::string& logged_model_id, std::int64_t step) {
  const Json run = call("GET", "runs/get?run_id=" + base::percent_encode(run_id), {});
  if (const auto outputs = object_of(run, "run").find("outputs");
      outputs != object_of(run, "run").end() && outputs->is_object()) {
    for (const Json& model : outputs->value("model_outputs", Json::array())) {
      if (model.is_object() && model.value("model_id", "") == logged_model_id) {
        return;  // a second time is an error there
      }
    }
  }
  call(
      "POST",
      "runs/outputs",
      {{"run_id", run_id},
       {"models", Json::array({{{"model_id", logged_model_id}, {"step", step}}})}});
}

void Client::update_run(
    const std::string& run_id, const std::string& status, std::optional<std::int64_t> end_ms) {
  Json body = {{"run_id", run_id}, {"status", status}};
  if (end_ms) {
    body["end_time"] = *end_ms;
  }
  call("POST", "runs/update", body);
}

}  // namespace hub::mlflow
