#include "api/handlers/record_json.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/handlers/capabilities.h"
#include "api/handlers/mlflow.h"
#include "api/handlers/request_json.h"
#include "core/base/clock.h"
#include "core/base/error.h"

namespace hub::api {
namespace {

using base::Json;
using base::rfc3339;

Json field(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? Json(nullptr) : *found;
}

// These two field by field: an initializer list copies every value twice, and lists of models are
// long.
Json version_summary(const registry::Version& version) {
  Json json = Json::object();
  json.get_ref<Json::object_t&>().reserve(6);
  json["id"] = version.id;
  json["version"] = version.number;
  json["kind"] = registry::to_string(version.kind);
  json["state"] = registry::to_string(version.state);
  json["digest"] = version.digest.empty() ? Json(nullptr) : Json(version.digest);
  json["created_at"] = rfc3339(version.created_at_ms);
  return json;
}

// {"id","model","version"} of a version that another one names; null when it is gone.
Json version_ref(hub::Hub& hub, const std::optional<std::string>& version_id) {
  if (!version_id) {
    return nullptr;
  }
  try {
    const registry::Version version = hub.models.get_version(*version_id);
    return {{"id", version.id}, {"model", version.model_name}, {"version", version.number}};
  } catch (const base::Error&) {
    return nullptr;
  }
}

Json name_json(const std::optional<registry::VersionName>& name) {
  return name ? Json{{"id", name->id}, {"model", name->model}, {"version", name->number}}
              : Json(nullptr);
}

Json dataset_ref(hub::Hub& hub, const std::optional<std::string>& id) {
  if (!id) {
    return nullptr;
  }
  const auto dataset = hub.datasets.find(*id);
  Json ref = {{"id", *id}, {"name", nullptr}, {"digest", nullptr}};
  if (dataset) {
    ref["name"] = dataset->name;
    ref["digest"] = dataset->digest;
  }
  return ref;
}

Json progress_json(const jobs::Job& job) {
  if (!job.progress) {
    return {{"step", 0}, {"total", nullptr}, {"percent", 0.0}, {"eta_seconds", nullptr}};
  }
  const jobs::Progress& progress = *job.progress;
  const double percent =
      progress.total > 0
          ? std::min(
                100.0,
                100.0 * static_cast<double>(progress.step) / static_cast<double>(progress.total))
          : 0.0;
  return {
      {"step", progress.step},
      {"total", progress.total},
      {"percent", percent},
      {"eta_seconds", progress.eta_seconds ? Json(*progress.eta_seconds) : Json(nullptr)}};
}

}  // namespace

Json model_json(const registry::ModelEntry& entry) {
  const registry::Model& model = entry.model;
  const auto& current = entry.current;
  const Json config = current ? stored_json(current->config_json) : Json::object();
  Json json = Json::object();
  json.get_ref<Json::object_t&>().reserve(19);
  json["id"] = model.id;
  json["name"] = model.name;
  json["base_model"] = model.base_model;
  json["description"] = model.description;
  json["kind"] = current ? Json(registry::to_string(current->kind)) : Json(nullptr);
  json["state"] = current ? Json(registry::to_string(current->state)) : Json("pending");
  json["size_bytes"] = current ? current->size_bytes : 0;
  for (const char* name :
       {"memory_required_bytes",
        "architecture",
        "quantization",
        "context_length",
        "chat_template"}) {
    json[name] = field(config, name);
  }
  json["capabilities"] = capabilities_json(config);
  json["tags"] = stored_json(model.tags_json);
  Json list = Json::array();
  for (const registry::Version& version : entry.versions) {
    list.push_back(version_summary(version));
  }
  json["versions"] = std::move(list);
  Json aliases = Json::object();
  for (const registry::Alias& alias : entry.aliases) {
    aliases[alias.alias] = alias.number;
  }
  json["aliases"] = std::move(aliases);
  json["mlflow"] = nullptr;
  json["created_at"] = rfc3339(model.created_at_ms);
  json["updated_at"] = rfc3339(model.updated_at_ms);
  return json;
}

Json model_json(hub::Hub& hub, const registry::ModelEntry& entry) {
  Json json = model_json(entry);
  json["mlflow"] = mlflow_json(hub, entry.model.id);
  return json;
}

Json model_json(hub::Hub& hub, const registry::Model& model) {
  return model_json(hub, hub.catalog.model(model.id));
}

Json version_json(hub::Hub& hub, const registry::VersionEntry& entry, bool with_files) {
  const registry::Version& version = entry.version;
  const Json config = stored_json(version.config_json);
  Json json = {
      {"id", version.id},
      {"model_id", version.model_id},
      {"model", version.model_name},
      {"version", version.number},
      {"tag", fmt::format("v{}", version.number)},
      {"kind", registry::to_string(version.kind)},
      {"state", registry::to_string(version.state)},
      {"reason", version.state_reason.empty() ? Json(nullptr) : Json(version.state_reason)},
      {"digest", version.digest.empty() ? Json(nullptr) : Json(version.digest)},
      {"size_bytes", version.size_bytes},
      {"memory_required_bytes", field(config, "memory_required_bytes")},
      {"architecture", field(config, "architecture")},
      {"quantization", field(config, "quantization")},
      {"context_length", field(config, "context_length")},
      {"chat_template", field(config, "chat_template")},
      {"capabilities", capabilities_json(config)},
      {"by_reference", version.by_reference},
      {"source", field(config, "source")},
      {"folder",
       version.folder.empty() ? Json(nullptr)
                              : Json(hub.artifacts.absolute(version.folder).string())},
      {"base", name_json(entry.base)},
      {"lineage",
       {{"parent", name_json(entry.parent)},
        {"job_id", or_null(version.job_id)},
        {"dataset_id", or_null(version.dataset_id)},
        {"dataset_digest",
         version.dataset_digest.empty() ? Json(nullptr) : Json(version.dataset_digest)}}},
      {"metrics", stored_json(version.metrics_json)},
      {"aliases", entry.aliases},
      {"created_at", rfc3339(version.created_at_ms)},
      {"verified_at", time_or_null(version.verified_at_ms)}};
  if (with_files) {
    Json files = Json::array();
    for (const registry::VersionFile& file : version.files) {
      files.push_back(
          {{"name", file.name}, {"size_bytes", file.size_bytes}, {"sha256", file.sha256}});
    }
    json["files"] = std::move(files);
  }
  return json;
}

Json version_json(hub::Hub& hub, const registry::Version& version, bool with_files) {
  return version_json(hub, hub.catalog.version(version.id), with_files);
}

Json alias_json(const registry::Model& model, const registry::Alias& alias) {
  return {
      {"model", model.name},
      {"model_id", model.id},
      {"alias", alias.alias},
      {"version", alias.number},
      {"version_id", alias.version_id},
      {"updated_at", rfc3339(alias.updated_at_ms)}};
}

Json dataset_json(const registry::Dataset& dataset) {
  Json report = stored_json(dataset.report_json);
  Json origin = Json::object();  // absent of data sets that older programs registered
  for (const char* name : {"source", "split", "parts"}) {
    origin[name] = report.value(name, Json(nullptr));
    report.erase(name);
  }
  return {
      {"id", dataset.id},
      {"name", dataset.name},
      {"digest", dataset.digest},
      {"rows", dataset.rows},
      {"format", dataset.format},
      {"size_bytes", dataset.size_bytes},
      {"source", origin["source"]},
      {"split", origin["split"]},
      {"parts", origin["parts"]},
      {"report", std::move(report)},
      {"created_at", rfc3339(dataset.created_at_ms)}};
}

namespace {

// What a job that would have its turn waits for is the queue, while that is paused.
Json reason_json(hub::Hub& hub, const jobs::Job& job) {
  if (job.state == jobs::JobState::kQueued && job.reason == jobs::kWaitPosition &&
      hub.queue.paused()) {
    return jobs::kWaitPaused;
  }
  return job.reason.empty() ? Json(nullptr) : Json(job.reason);
}

}  // namespace

Json job_json(hub::Hub& hub, const jobs::Job& job) {
  const Json spec = stored_json(job.spec_json);
  Json json = {
      {"id", job.id},
      {"type", job.kind},
      {"state", jobs::to_string(job.state)},
      {"reason", reason_json(hub, job)},
      {"last_error", job.last_error.empty() ? Json(nullptr) : Json(job.last_error)},
      {"attempt", job.attempt},
      {"not_before", time_or_null(job.not_before_ms)},
      {"queue_position", or_null(hub.queue.position(job.id))},
      {"priority", job.priority},
      {"cancel_requested", job.cancel_requested},
      {"created_at", rfc3339(job.created_at_ms)},
      {"started_at", time_or_null(job.started_at_ms)},
      {"ended_at", time_or_null(job.ended_at_ms)},
      {"timeout_seconds", or_null(job.timeout_seconds)},
      {"model", job.model},
      {"model_version", version_ref(hub, job.version_id)},
      {"dataset", dataset_ref(hub, job.dataset_id)},
      {"params", field(spec, "params")},
      {"output", field(spec, "output")},
      {"progress", progress_json(job)},
      {"metrics", stored_json(job.metrics_json)},
      {"memory",
       {{"estimated_bytes", or_null(job.estimated_bytes)},
        {"peak_bytes", or_null(job.peak_bytes)}}},
      {"worker_pid", or_null(job.worker_pid)},
      {"reproduces", or_null(job.reproduces)},
      {"result", nullptr},
      {"details", stored_json(job.result_json)}};
  if (job.result) {
    json["result"] = {
        {"model", job.result->model},
        {"version", job.result->version},
        {"version_id", job.result->version_id}};
  }
  return json;
}

Json evaluation_json(hub::Hub& hub, const registry::Evaluation& evaluation) {
  Json json = {
      {"id", evaluation.id},
      {"job_id", evaluation.job_id},
      {"state", nullptr},
      {"reason", nullptr},
      {"model", evaluation.model},
      {"model_version", version_ref(hub, evaluation.version_id)},
      {"dataset", dataset_ref(hub, evaluation.dataset_id)},
      {"params", stored_json(evaluation.params_json)},
      {"metrics", stored_json(evaluation.metrics_json)},
      {"created_at", rfc3339(evaluation.created_at_ms)},
      {"ended_at", time_or_null(evaluation.ended_at_ms)}};
  try {
    const jobs::Job job = hub.queue.get(evaluation.job_id);
    json["state"] = jobs::to_string(job.state);
    json["reason"] = job.reason.empty() ? Json(nullptr) : Json(job.reason);
    json["ended_at"] = time_or_null(job.ended_at_ms);
  } catch (const base::Error&) {
    // The job was removed; only jobs that have ended can be.
    json["state"] = evaluation.ended_at_ms ? Json("COMPLETED") : Json(nullptr);
  }
  return json;
}

}  // namespace hub::api
