#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/artifacts/artifact_store.h"
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/hub/integrity.h"
#include "core/hub/memory_ledger.h"
#include "core/hub/worker_device.h"
#include "core/jobs/job.h"
#include "core/registry/alias_registry.h"
#include "core/registry/dataset_registry.h"
#include "core/registry/evaluation_registry.h"
#include "core/registry/model_registry.h"

namespace hub::hub {

// What job kinds work with. All members outlive the kinds.
struct JobServices {
  registry::ModelRegistry& models;
  registry::AliasRegistry& aliases;
  registry::DatasetRegistry& datasets;
  registry::EvaluationRegistry& evaluations;
  artifacts::ArtifactStore& artifacts;
  Integrity& integrity;
  const MemoryLedger& ledger;
  const WorkerDevice& device;
};

// What a worker needs to run a job (api/worker/job_worker.h) and what that takes.
struct JobPlan {
  std::string
      worker_spec;  // JSON; the runner adds "memory_limit_bytes", what was granted to arrays
  int ranks = 1;    // workers that do it together; the bytes are for each
  std::uint64_t estimated_bytes = 0;
  // With room to keep freed arrays for the next step it runs faster; 0: as much as estimated.
  std::uint64_t preferred_bytes = 0;
  std::string memory_key;  // PeakMemory: what decides the peak; "" where nothing is learned
};

// One kind of job in terms of the registry: before its worker starts, and after it succeeded.
// Called on the job runner's thread.
class JobKind {
 public:
  virtual ~JobKind() = default;
  // Throws Error: the job fails with its message.
  virtual JobPlan plan(const jobs::Job& job, const std::filesystem::path& output_folder) = 0;
  // Stores what the worker made. Returns the version, where the kind makes one. Throws Error. Runs
  // in the transaction that completes the job, as does what store() returns.
  virtual std::optional<jobs::JobResult> finish(const jobs::Job& job, const base::Json& result) = 0;
  // Before that transaction: what takes long, such as reading gigabytes. Returns what is left for
  // it.
  using WriteRows = std::function<std::optional<jobs::JobResult>()>;
  virtual WriteRows store(const jobs::Job& job, const base::Json& result) {
    return [this, &job, &result] { return finish(job, result); };
  }
};

// Every kind by the name it has in POST /jobs.
std::map<std::string, std::unique_ptr<JobKind>> make_job_kinds(const JobServices& services);

std::unique_ptr<JobKind> make_finetune_job(const JobServices& services);
std::unique_ptr<JobKind> make_evaluate_job(const JobServices& services);
std::unique_ptr<JobKind> make_merge_job(const JobServices& services);
std::unique_ptr<JobKind> make_quantize_job(const JobServices& services);

// The base and, when `version` is an adapter, its folder, as the worker's specification names them.
// Throws kConflict when one is not ready, kUnprocessable when its files are not what was recorded.
struct JobModel {
  registry::Version base;
  std::optional<registry::Version> adapter;
};
JobModel job_model(const JobServices& services, const jobs::Job& job);
// Fields "protocol", "job_id", "kind", "base", "adapter", "dataset" (null where the job has none).
base::Json worker_spec_head(
    const JobServices& services, const jobs::Job& job, const JobModel& model);

// Where a fine-tuning job's worker keeps what it needs to go on.
std::filesystem::path training_state_file(
    const std::filesystem::path& jobs_folder, const std::string& job_id);

}  // namespace hub::hub
