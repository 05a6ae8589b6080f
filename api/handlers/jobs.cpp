#include "api/handlers/jobs.h"

#include <array>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/handlers/evaluation_comparison.h"
#include "api/handlers/idempotency.h"
#include "api/handlers/job_request.h"
#include "api/handlers/metric_files.h"
#include "api/handlers/record_json.h"
#include "api/handlers/request_json.h"
#include "api/handlers/request_spans.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/hub/job_kind.h"
#include "core/hub/log_files.h"
#include "core/hub/rank_processes.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

Response create_job(hub::Hub& hub, const Request& request, const Commit& commit) {
  Json body = request_json(request);
  if (body.is_object() && body.contains("dry_run")) {
    const bool only_plan = JsonReader(body).optional_bool("dry_run").value_or(false);
    body.erase("dry_run");
    if (only_plan) {
      return json_answer(200, dry_run(hub, body));
    }
  }
  JobRequest job = read_job_request(hub, body);
  return commit([&] {
    const jobs::Job made = enqueue(hub, job);
    link_job(hub, made.id, request);
    return json_answer(202, job_json(hub, made));
  });
}

Response list_jobs(hub::Hub& hub, const Request& request) {
  refuse_unknown_query(request, {"state", "type", "limit", "cursor"});
  const Page page = read_page(request);
  jobs::JobFilter filter;
  filter.limit = page.limit + 1;
  if (!page.cursor.empty()) {
    filter.before_sequence = number_cursor(page, 0);
  }
  if (const std::string state = request.query_value("state"); !state.empty()) {
    filter.state = jobs::job_state_from(state);
    if (!filter.state) {
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format(
              "query parameter 'state' must be one of QUEUED, RUNNING, COMPLETED, FAILED, "
              "CANCELLED, got \"{}\"",
              state.substr(0, 60)),
          "state");
    }
  }
  if (const std::string type = request.query_value("type"); !type.empty()) {
    filter.kind = type;
  }
  return list_page(
      page,
      hub.queue.list(filter),
      [](const auto& row) { return std::to_string(row.sequence); },
      [&hub](const jobs::Job& job) { return job_json(hub, job); });
}

Response update_job(hub::Hub& hub, const Request& request) {
  const Json json = request_json(request);
  const JsonReader body(json);
  body.refuse_unknown({"priority"});
  static_cast<void>(body.value("priority"));
  const auto priority = body.optional_int("priority", -1000, 1000).value();
  const auto job = hub.queue.set_priority(request.params.at("id"), static_cast<int>(priority));
  return json_answer(200, job_json(hub, job));
}

// Back into the queue, from its last checkpoint.
Response resume_job(hub::Hub& hub, const Request& request) {
  const jobs::Job job = hub.queue.get(request.params.at("id"));
  const bool may_go_on =
      job.state == jobs::JobState::kFailed || job.state == jobs::JobState::kCancelled;
  if (may_go_on && !std::filesystem::exists(hub::training_state_file(hub.jobs_folder(), job.id))) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format(
            "job {} of type {} has no checkpoint to go on from: send it as a new job",
            job.id,
            job.kind),
        "id",
        "no_checkpoint");
  }
  return json_answer(200, job_json(hub, hub.queue.resume(job.id)));
}

// All reports in a file that other tools read.
Response metric_file(hub::Hub& hub, const std::string& job_id, const std::string& format) {
  if (format != "csv" && format != "tensorboard") {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "query parameter 'format' must be json, csv or tensorboard, got \"{}\"",
            format.substr(0, 60)),
        "format");
  }
  std::vector<Json> reports;
  for (const std::string& text : hub.queue.metrics(job_id, 0, INT32_MAX)) {
    reports.push_back(stored_json(text));
  }
  Response response;
  const bool csv = format == "csv";
  response.headers["Content-Type"] = csv ? "text/csv; charset=utf-8" : "application/octet-stream";
  response.headers["Content-Disposition"] = fmt::format(
      "attachment; filename=\"{}\"",
      csv ? std::string("metrics.csv") : "events.out.tfevents.0." + job_id);
  response.body = csv ? metrics_csv(reports) : metrics_tfevents(reports);
  return response;
}

Response job_metrics(hub::Hub& hub, const Request& request) {
  refuse_unknown_query(request, {"format", "limit", "cursor"});
  if (const std::string format = request.query_value("format");
      !format.empty() && format != "json") {
    return metric_file(hub, request.params.at("id"), format);
  }
  const Page page = read_page(request, 1000, 10'000);
  auto reports = hub.queue.metrics(request.params.at("id"), number_cursor(page, 0), page.limit + 1);
  const bool more = reports.size() > static_cast<std::size_t>(page.limit);
  if (more) {
    reports.pop_back();
  }
  Json data = Json::array();
  std::optional<std::string> next;
  for (const std::string& text : reports) {
    const Json report = stored_json(text);
    // Every report has the same fields, so that a table or a chart needs no special cases.
    Json entry = Json::object();
    for (const char* name :
         {"step",
          "train_loss",
          "eval_loss",
          "learning_rate",
          "tokens_per_second",
          "iterations_per_second",
          "grad_norm",
          "peak_memory_bytes"}) {
      entry[name] = nullptr;
    }
    std::int64_t ordinal = 0;
    for (const auto& [name, value] : report.items()) {
      if (name == "ordinal") {
        ordinal = value.get<std::int64_t>();
      } else {
        entry[name] = value;
      }
    }
    data.push_back(std::move(entry));
    if (more) {
      next = std::to_string(ordinal);
    }
  }
  return list_response(data, next);
}

// From the events, so for as long as those are kept.
Response job_samples(hub::Hub& hub, const Request& request) {
  refuse_unknown_query(request, {"limit", "cursor"});
  const jobs::Job job = hub.queue.get(request.params.at("id"));
  const Page page = read_page(request, 200, 1000);
  auto events = hub.events.after(number_cursor(page, 0), job.id, page.limit + 1, "job.sample");
  std::optional<std::string> next;
  if (events.size() > static_cast<std::size_t>(page.limit)) {
    events.pop_back();
    next = std::to_string(events.back().seq);
  }
  Json data = Json::array();
  for (const jobs::Event& event : events) {
    Json sample = stored_json(event.data_json);
    sample["time"] = base::rfc3339(event.time_ms);
    data.push_back(std::move(sample));
  }
  return list_response(data, next);
}

int read_rank(const Request& request) {
  refuse_unknown_query(request, {"rank"});
  return static_cast<int>(whole_query(request, "rank", 0, 0, 63));
}

Response job_logs(hub::Hub& hub, const Request& request) {
  const jobs::Job job = hub.queue.get(request.params.at("id"));
  const auto file =
      hub::RankProcesses::log_file_of(hub.jobs_folder() / job.id / "log.txt", read_rank(request));
  return text_answer(hub::readable(hub::tail(file, INT64_MAX, hub::kMostLogBytes)));
}

Response delete_job(hub::Hub& hub, const Request& request) {
  const jobs::Job job = hub.queue.get(request.params.at("id"));
  hub.queue.remove(job.id);
  std::error_code ignored;
  std::filesystem::remove_all(hub.jobs_folder() / job.id, ignored);
  return no_content();
}

Response create_evaluation(hub::Hub& hub, const Request& request, const Commit& commit) {
  JobRequest job = read_evaluation_request(hub, request_json(request));
  return commit([&] {
    link_job(hub, enqueue(hub, job).id, request);
    return json_answer(202, evaluation_json(hub, job.evaluation.value()));
  });
}

Response list_evaluations(hub::Hub& hub, const Request& request) {
  refuse_unknown_query(request, {"version_id", "dataset", "compare", "limit", "cursor"});
  if (const std::string ids = request.query_value("compare"); !ids.empty()) {
    return list_response(compared_evaluations(hub, ids), std::nullopt);
  }
  const Page page = read_page(request);
  registry::EvaluationFilter filter;
  filter.after_id = id_cursor(page);
  filter.limit = page.limit + 1;
  if (const std::string version = request.query_value("version_id"); !version.empty()) {
    filter.version_id = version;
  }
  if (const std::string dataset = request.query_value("dataset"); !dataset.empty()) {
    filter.dataset_id = hub.datasets.get(dataset).id;
  }
  return list_page(
      page,
      hub.evaluations.list(filter),
      [](const auto& row) { return row.id; },
      [&hub](const registry::Evaluation& evaluation) { return evaluation_json(hub, evaluation); });
}

Response queue_state(hub::Hub& hub) {
  return json_answer(200, {{"paused", hub.queue.paused()}});
}

std::vector<Route> evaluation_routes(const RouteContext& context) {
  hub::Hub& hub = context.hub;
  return {
      {"POST",
       "/evaluations",
       idempotent(
           context.idempotency,
           [&hub](const Request& request, const Commit& commit) {
             return create_evaluation(hub, request, commit);
           })},
      {"GET",
       "/evaluations",
       [&hub](const Request& request) { return list_evaluations(hub, request); }},
      {"GET",
       "/evaluations/{id}",
       [&hub](const Request& request) {
         return json_answer(
             200, evaluation_json(hub, hub.evaluations.get(request.params.at("id"))));
       }},
  };
}

}  // namespace

std::vector<Route> job_routes(const RouteContext& context) {
  hub::Hub& hub = context.hub;
  std::vector<Route> routes = {
      {"POST",
       "/jobs",
       idempotent(
           context.idempotency,
           [&hub](const Request& request, const Commit& commit) {
             return create_job(hub, request, commit);
           })},
      {"GET", "/jobs", [&hub](const Request& request) { return list_jobs(hub, request); }},
      {"GET",
       "/jobs/{id}",
       [&hub](const Request& request) {
         return json_answer(200, job_json(hub, hub.queue.get(request.params.at("id"))));
       }},
      {"PATCH", "/jobs/{id}", [&hub](const Request& request) { return update_job(hub, request); }},
      {"DELETE", "/jobs/{id}", [&hub](const Request& request) { return delete_job(hub, request); }},
      {"POST",
       "/jobs/{id}/cancel",
       [&hub](const Request& request) {
         return json_answer(200, job_json(hub, hub.queue.cancel(request.params.at("id"))));
       }},
      {"POST",
       "/jobs/{id}/resume",
       [&hub](const Request& request) { return resume_job(hub, request); }},
      {"GET",
       "/jobs/{id}/metrics",
       [&hub](const Request& request) { return job_metrics(hub, request); }},
      {"GET",
       "/jobs/{id}/samples",
       [&hub](const Request& request) { return job_samples(hub, request); }},
      {"GET", "/jobs/{id}/logs", [&hub](const Request& request) { return job_logs(hub, request); }},
      {"POST",
       "/jobs/queue/pause",
       [&hub](const Request&) {
         hub.queue.pause();
         return queue_state(hub);
       }},
      {"POST",
       "/jobs/queue/resume",
       [&hub](const Request&) {
         hub.queue.unpause();
         return queue_state(hub);
       }},
  };
  for (Route& route : evaluation_routes(context)) {
    routes.push_back(std::move(route));
  }
  return routes;
}

}  // namespace hub::api
