#include "core/hub/job_kind.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/worker_protocol.h"

namespace hub::hub {
namespace {

using base::Error;
using base::ErrorCode;

registry::Version ready_version(const JobServices& services, const std::string& id) {
  registry::Version version = services.models.get_version(id);
  if (version.state != registry::VersionState::kReady) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format(
            "version {} of model '{}' must be ready, it is {}",
            version.number,
            version.model_name,
            registry::to_string(version.state)),
        "model",
        "model_not_ready");
  }
  services.integrity.check_before_load(version.id);
  return version;
}

}  // namespace

JobModel job_model(const JobServices& services, const jobs::Job& job) {
  if (!job.version_id) {
    throw Error(ErrorCode::kInternal, "the job names no version");
  }
  registry::Version version = ready_version(services, *job.version_id);
  if (version.kind != registry::VersionKind::kAdapter) {
    return {std::move(version), std::nullopt};
  }
  registry::Version base = ready_version(services, version.base_version_id.value_or(""));
  return {std::move(base), std::move(version)};
}

base::Json worker_spec_head(
    const JobServices& services, const jobs::Job& job, const JobModel& model) {
  base::Json spec = {
      {"protocol", base::kWorkerProtocolVersion},
      {"job_id", job.id},
      {"kind", job.kind},
      {"base",
       {{"folder", services.artifacts.absolute(model.base.folder).string()},
        {"digest", model.base.digest},
        {"name", model.base.model_name}}},
      {"adapter", nullptr},
      {"dataset", nullptr}};
  if (job.dataset_id) {
    const registry::Dataset dataset = services.datasets.get(*job.dataset_id);
    spec["dataset"] = {
        {"path", services.artifacts.absolute(dataset.path).string()}, {"digest", dataset.digest}};
  }
  if (model.adapter) {
    spec["adapter"] = {
        {"folder", services.artifacts.absolute(model.adapter->folder).string()},
        {"digest", model.adapter->digest}};
  }
  return spec;
}

std::map<std::string, std::unique_ptr<JobKind>> make_job_kinds(const JobServices& services) {
  std::map<std::string, std::unique_ptr<JobKind>> kinds;
  kinds["finetune"] = make_finetune_job(services);
  kinds["evaluate"] = make_evaluate_job(services);
  kinds["merge"] = make_merge_job(services);
  kinds["quantize"] = make_quantize_job(services);
  return kinds;
}

}  // namespace hub::hub
