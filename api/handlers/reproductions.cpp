#include "api/handlers/reproductions.h"

#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/handlers/idempotency.h"
#include "api/handlers/record_json.h"
#include "api/handlers/reproduction_request.h"
#include "api/handlers/request_json.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/hub/run_comparison.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

// Of a loss, whose unit is nats. docs/training.md says where it comes from.
constexpr double kTolerance = 0.02;
constexpr int kMostPriority = 1000;

Response job_environments(hub::Hub& hub, const Request& request) {
  refuse_unknown_query(request, {});
  const jobs::Job job = hub.queue.get(request.params.at("id"));
  Json data = Json::array();
  for (const auto& environment : hub.queue.environments(job.id)) {
    Json entry = {{"attempt", environment.attempt}, {"time", base::rfc3339(environment.time_ms)}};
    entry.update(stored_json(environment.json));
    data.push_back(std::move(entry));
  }
  return list_response(std::move(data), std::nullopt);
}

// What the next job of one rank would run in; null where the worker did not say.
Json environment_now(hub::Hub& hub) {
  const Json worker = hub.device.environment();
  return worker.is_object() ? hub::job_environment(
                                  hub.environment.facts(hub.ledger.budget_bytes()), worker, nullptr)
                            : Json();
}

// Threads and GPUs are shared out among the ranks of a job: one of a single rank does not foretell
// them.
Json without_shares(Json environment) {
  for (const auto& [part, field] :
       {std::pair("cpu", "threads"),
        std::pair("blas", "threads"),
        std::pair("variables", "CUDA_VISIBLE_DEVICES")}) {
    if (environment.is_object() && environment.contains(part)) {
      environment[part].erase(field);
    }
  }
  return environment;
}

hub::RunFacts facts_of(hub::Hub& hub, const jobs::Job& job) {
  hub::RunFacts facts;
  const auto environments = hub.queue.environments(job.id);
  facts.environments = static_cast<int>(environments.size());
  if (!environments.empty()) {
    facts.environment_json = environments.back().json;
  }
  for (const auto& report : hub.queue.reports(job.id, 0, INT32_MAX)) {
    facts.reports_json.push_back(report.data_json);
  }
  facts.result_json = job.result_json;
  if (job.result) {
    try {
      facts.digest = hub.models.get_version(job.result->version_id).digest;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound) {  // it was removed: losses are left to compare
        throw;
      }
    }
  }
  return facts;
}

// How the environment of `original` differs from that of a job that would run now.
Json foreseen_differences(hub::Hub& hub, const jobs::Job& original) {
  const auto environments = hub.queue.environments(original.id);
  Json then = environments.empty() ? Json() : stored_json(environments.back().json);
  const Json params = stored_json(original.spec_json).value("params", Json::object());
  const bool shares = params.value("data_parallel", 1) > 1;
  Json now = environment_now(hub);
  Json found = shares ? hub::environment_differences(
                            without_shares(std::move(then)), without_shares(std::move(now)))
                      : hub::environment_differences(then, now);
  found["same"] = found["same"].get<bool>() && environments.size() <= 1;
  return found;
}

Response reproduce(hub::Hub& hub, const Request& request, const Commit& commit) {
  const Json json = request.body.empty() ? Json::object() : request_json(request);
  const JsonReader body(json);
  body.refuse_unknown({"dry_run", "priority"});
  const auto priority =
      static_cast<int>(body.optional_int("priority", -kMostPriority, kMostPriority).value_or(0));
  const jobs::Job original = hub.queue.get(request.params.at("id"));
  JobRequest job = read_reproduction(hub, original, priority);
  if (body.optional_bool("dry_run").value_or(false)) {
    return json_answer(
        200,
        {{"reproduces", original.id},
         {"environment", foreseen_differences(hub, original)},
         {"output", stored_json(job.job.spec_json).value("output", Json())}});
  }
  return commit([&] { return json_answer(202, job_json(hub, enqueue(hub, job))); });
}

double read_tolerance(const Request& request) {
  refuse_unknown_query(request, {"tolerance"});
  const std::string text = request.query_value("tolerance");
  if (text.empty()) {
    return kTolerance;
  }
  double tolerance = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), tolerance);
  if (error != std::errc() || end != text.data() + text.size() || !(tolerance >= 0) ||
      !std::isfinite(tolerance)) {
    refuse_query("tolerance", "a number of at least 0", text);
  }
  return tolerance;
}

Response comparison(hub::Hub& hub, const Request& request) {
  const double tolerance = read_tolerance(request);
  const jobs::Job job = hub.queue.get(request.params.at("id"));
  if (!job.reproduces) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format(
            "job {} reproduces no other: POST /jobs/{}/reproduce makes one that does",
            job.id,
            job.id),
        "id",
        "not_a_reproduction");
  }
  const auto original = hub.queue.find(*job.reproduces);
  if (!original) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format("job {}, which job {} reproduces, was removed", *job.reproduces, job.id),
        "id",
        "original_gone");
  }
  Json answer = {
      {"job_id", job.id}, {"reproduces", original->id}, {"state", jobs::to_string(job.state)}};
  if (job.state == jobs::JobState::kCompleted) {
    answer.update(hub::compare_runs(facts_of(hub, *original), facts_of(hub, job), tolerance));
    return json_answer(200, answer);
  }
  answer["environment"] = foreseen_differences(hub, *original);
  answer["digest"] = nullptr;
  answer["reports"] = Json::array();
  answer["metrics"] = Json::array();
  answer["deviation"] = nullptr;
  answer["tolerance"] = tolerance;
  answer["verdict"] = jobs::is_ended(job.state) ? "failed" : "pending";
  return json_answer(200, answer);
}

}  // namespace

std::vector<Route> reproduction_routes(const RouteContext& context) {
  hub::Hub& hub = context.hub;
  return {
      {"GET",
       "/jobs/{id}/environment",
       [&hub](const Request& request) { return job_environments(hub, request); }},
      {"POST",
       "/jobs/{id}/reproduce",
       idempotent(
           context.idempotency,
           [&hub](const Request& request, const Commit& commit) {
             return reproduce(hub, request, commit);
           })},
      {"GET",
       "/jobs/{id}/comparison",
       [&hub](const Request& request) { return comparison(hub, request); }},
  };
}

}  // namespace hub::api
