#include "api/handlers/reproduction_request.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/handlers/dataset_source.h"
#include "api/handlers/request_json.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/ids.h"
#include "core/data/dataset.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;

constexpr std::array<std::string_view, 4> kKinds{"finetune", "evaluate", "merge", "quantize"};
constexpr std::string_view kMark = "-repro-";
constexpr std::size_t kIdDigits = 8;
constexpr std::size_t kLongestName = 100;

[[noreturn]] void refuse(const std::string& message, std::string_view reason) {
  throw Error(ErrorCode::kConflict, message, "id", std::string(reason));
}

// What the job's inputs were when it ran; null where that was not recorded.
Json recorded_inputs(hub::Hub& hub, const jobs::Job& job) {
  const auto environments = hub.queue.environments(job.id);
  return environments.empty() ? Json()
                              : stored_json(environments.back().json).value("inputs", Json());
}

// Throws unless what is there now is what was recorded, where something was.
void check_same(
    const Json& inputs,
    const char* field,
    const std::string& now,
    const std::string& what,
    std::string_view reason) {
  const Json then = inputs.is_object() ? inputs.value(field, Json()) : Json();
  if (then.is_string() && then.get<std::string>() != now) {
    refuse(
        fmt::format(
            "{} is not what the job had: its digest was {} and is {}",
            what,
            then.get<std::string>(),
            now),
        reason);
  }
}

registry::Version same_version(
    hub::Hub& hub, const std::string& id, const Json& inputs, const char* field) {
  registry::Version version;
  try {
    version = hub.models.get_version(id);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) {
      throw;
    }
    refuse(fmt::format("the version {} that the job worked on was removed", id), "model_gone");
  }
  const std::string name = fmt::format("{}:{}", version.model_name, version.number);
  if (version.state != registry::VersionState::kReady) {
    refuse(
        fmt::format(
            "version {} that the job worked on must be ready, it is {}",
            name,
            registry::to_string(version.state)),
        "model_changed");
  }
  check_same(inputs, field, version.digest, "version " + name, "model_changed");
  hub.integrity.check_before_load(version.id);
  return version;
}

void check_model(hub::Hub& hub, const jobs::Job& original, const Json& inputs) {
  const std::string id = original.version_id.value_or("");
  const bool on_adapter = inputs.is_object() && inputs.value("adapter_digest", Json()).is_string();
  const registry::Version version =
      same_version(hub, id, inputs, on_adapter ? "adapter_digest" : "base_digest");
  if (version.base_version_id) {
    static_cast<void>(same_version(hub, *version.base_version_id, inputs, "base_digest"));
  }
}

void check_dataset(hub::Hub& hub, const jobs::Job& original, const Json& inputs) {
  if (!original.dataset_id) {
    return;
  }
  const auto dataset = hub.datasets.find(*original.dataset_id);
  if (!dataset) {
    const std::string name =
        stored_json(original.spec_json).value("dataset", Json(*original.dataset_id)).dump();
    refuse(fmt::format("the data set {} that the job used was removed", name), "dataset_gone");
  }
  const std::string what = fmt::format("data set '{}'", dataset->name);
  check_same(inputs, "dataset_digest", dataset->digest, what, "dataset_changed");
  const auto path = dataset_path(hub, *dataset);
  if (!std::filesystem::exists(path)) {
    refuse(fmt::format("the files of {} are gone", what), "dataset_gone");
  }
  const std::string now = base::sha256_file(data::dataset_files(path).train);
  if (now != dataset->digest) {
    refuse(
        fmt::format(
            "{} changed since it was registered: its SHA-256 was {} and is {}",
            what,
            dataset->digest,
            now),
        "dataset_changed");
  }
}

// "facts-repro-89abcdef", of a reproduction, too.
std::string output_name(std::string original, const std::string& id) {
  const std::size_t suffix = kMark.size() + kIdDigits;
  if (original.size() > suffix &&
      original.compare(original.size() - suffix, kMark.size(), kMark) == 0) {
    original.resize(original.size() - suffix);
  }
  return fmt::format(
      "{}{}{}",
      original.substr(0, kLongestName - suffix),
      kMark,
      id.substr(id.size() - kIdDigits));  // its beginning is the time
}

Json reproduction_spec(const jobs::Job& original, const std::string& id) {
  Json spec = stored_json(original.spec_json);
  if (spec.contains("output")) {
    const std::string name =
        original.result ? original.result->model : spec["output"].value("name", original.model);
    spec["output"] = {{"name", output_name(name, id)}, {"alias", nullptr}};
  }
  const Json result = stored_json(original.result_json);
  if (original.kind == "finetune" && result.contains("batch_size")) {
    spec["settled_batch_size"] = result["batch_size"];
  }
  return spec;
}

}  // namespace

JobRequest read_reproduction(hub::Hub& hub, const jobs::Job& original, int priority) {
  if (std::ranges::find(kKinds, original.kind) == kKinds.end()) {
    refuse(
        fmt::format(
            "only jobs of type finetune, evaluate, merge and quantize can be reproduced; job {} is "
            "of type {}",
            original.id,
            original.kind),
        "not_reproducible");
  }
  if (original.state != jobs::JobState::kCompleted) {
    refuse(
        fmt::format(
            "only a COMPLETED job has a result to compare with; job {} is {}",
            original.id,
            jobs::to_string(original.state)),
        "job_state");
  }
  const Json inputs = recorded_inputs(hub, original);
  check_model(hub, original, inputs);
  check_dataset(hub, original, inputs);

  JobRequest request;
  jobs::NewJob& job = request.job;
  job.id = base::new_id();
  job.kind = original.kind;
  job.lane = original.lane;
  job.spec_json = reproduction_spec(original, *job.id).dump();
  job.model = original.model;
  job.model_id = original.model_id;
  job.version_id = original.version_id;
  job.dataset_id = original.dataset_id;
  job.priority = priority;
  job.timeout_seconds = original.timeout_seconds;
  job.estimated_bytes = original.estimated_bytes;
  job.reproduces = original.id;
  if (auto evaluation = hub.evaluations.find_by_job(original.id)) {
    evaluation->job_id = *job.id;
    evaluation->metrics_json = "{}";
    evaluation->ended_at_ms.reset();
    request.evaluation = std::move(evaluation);
  }
  return request;
}

}  // namespace hub::api
