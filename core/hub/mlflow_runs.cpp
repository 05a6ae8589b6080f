#include "core/hub/mlflow_runs.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace hub::hub {
namespace {

using base::Json;
using jobs::Job;
using jobs::JobState;

constexpr std::array<std::string_view, 4> kKinds{"finetune", "evaluate", "merge", "quantize"};
constexpr int kReportsAtOnce = 500;
constexpr const char* kJobTag = "hub.job_id";

std::string_view status_of(JobState state) {
  switch (state) {
    case JobState::kQueued:
    case JobState::kRunning:
      return "RUNNING";
    case JobState::kCompleted:
      return "FINISHED";
    case JobState::kFailed:
      return "FAILED";
    case JobState::kCancelled:
      return "KILLED";
  }
  return "RUNNING";
}

std::string as_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// {"params":{"rank":8}} -> rank 8; deeper ones with dots. What is not set is left out.
void flatten(const std::string& prefix, const Json& value, mlflow::Tags& params) {
  if (value.is_object()) {
    for (const auto& [key, inner] : value.items()) {
      flatten(prefix.empty() ? key : prefix + "." + key, inner, params);
    }
  } else if (!value.is_null()) {
    params.emplace_back(prefix, as_text(value));
  }
}

mlflow::Tags params_of(const Job& job) {
  mlflow::Tags params;
  const Json spec = Json::parse(job.spec_json);
  for (const auto& [key, value] : spec.items()) {
    flatten(key == "params" ? "" : key, value, params);
  }
  return params;
}

}  // namespace

MlflowRuns::MlflowRuns(
    const MlflowSources& sources,
    mlflow::Client& client,
    jobs::MlflowOutbox& outbox,
    std::string experiment)
    : sources_(sources),
      client_(client),
      outbox_(outbox),
      experiment_name_(std::move(experiment)) {}

std::string MlflowRuns::experiment() {
  if (experiment_id_.empty()) {
    experiment_id_ = client_.experiment(experiment_name_);
  }
  return experiment_id_;
}

std::optional<std::string> MlflowRuns::send(const std::string& job_id) {
  const auto found = sources_.queue.find(job_id);
  if (!found || std::ranges::find(kKinds, found->kind) == kKinds.end() || !found->started_at_ms) {
    return std::nullopt;
  }
  const Job& job = *found;
  const std::string object = "job:" + job.id;
  Json link = outbox_.link(object);
  if (!link.is_object() || !link.contains("run")) {
    link = begin(job, object);
  }
  const auto run = link.at("run").get<std::string>();
  if (!link.value("inputs", false)) {
    client_.log(run, {}, params_of(job), {});
    send_inputs(job, run);
    link["inputs"] = true;
    outbox_.set_link(object, link);
  }
  const auto after = link.value("reports", std::int64_t{0});
  if (const auto last = send_reports(job, run, after); last > after) {
    link["reports"] = last;
    outbox_.set_link(object, link);
  }
  const std::string status(status_of(job.state));
  if (link.value("status", "RUNNING") != status) {
    if (!job.reason.empty()) {
      client_.log(run, {}, {}, {{"hub.reason", job.reason}});
    }
    client_.update_run(run, status, job.ended_at_ms);
    link["status"] = status;
    outbox_.set_link(object, link);
  }
  return run;
}

// A crash between the call and its answer leaves a run that nobody knows of: it is found by its
// tag.
Json MlflowRuns::begin(const Job& job, const std::string& object) {
  const bool tried = outbox_.link(object).is_object();
  outbox_.set_link(object, {{"tried", true}});
  std::optional<mlflow::Run> run;
  if (tried) {
    run = client_.find_run(experiment(), kJobTag, job.id);
  }
  if (!run) {
    run = client_.create_run(
        experiment(),
        job.kind + " " + job.model,
        job.started_at_ms.value_or(job.created_at_ms),
        {{kJobTag, job.id},
         {"hub.kind", job.kind},
         {"hub.model", job.model},
         {"mlflow.source.name", "mlx-hub"},
         {"mlflow.source.type", "JOB"}});
  }
  Json link = {{"run", run->id}};
  outbox_.set_link(object, link);
  return link;
}

void MlflowRuns::send_inputs(const Job& job, const std::string& run) {
  const auto dataset = job.dataset_id ? sources_.datasets.find(*job.dataset_id) : std::nullopt;
  if (dataset) {
    client_.log_input(
        run,
        {.name = dataset->name,
         .digest = dataset->digest,
         .source_type = "local",
         .source = Json({{"uri", dataset->path}, {"sha256", dataset->digest}}).dump(),
         .context = job.kind == "evaluate" ? "evaluation" : "training"});
  }
}

std::int64_t MlflowRuns::send_reports(const Job& job, const std::string& run, std::int64_t after) {
  while (true) {
    const auto reports = sources_.queue.reports(job.id, after, kReportsAtOnce);
    std::vector<mlflow::Metric> metrics;
    for (const auto& report : reports) {
      const Json data = Json::parse(report.data_json);
      const auto step = data.value("step", report.ordinal);
      for (const auto& [key, value] : data.items()) {
        if (key != "step" && value.is_number()) {
          metrics.push_back({key, value.get<double>(), report.time_ms, step});
        }
      }
      after = report.ordinal;
    }
    if (!metrics.empty()) {
      client_.log(run, metrics, {}, {});
    }
    if (reports.size() < static_cast<std::size_t>(kReportsAtOnce)) {
      return after;
    }
  }
}

}  // namespace hub::hub
