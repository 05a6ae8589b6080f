#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/hub/mlflow_runs.h"
#include "core/hub/mlflow_sync.h"
#include "core/registry/records.h"

namespace hub::hub {

// Models as MLflow's registered models, their versions as logged models with artifacts and model
// versions. Every function may be repeated after a failure at any point.
class MlflowModels {
 public:
  // All outlive it. One thread.
  MlflowModels(
      const MlflowSources& sources,
      mlflow::Client& client,
      jobs::MlflowOutbox& outbox,
      MlflowRuns& runs,
      std::uint64_t artifact_limit_bytes);

  // Tells what is new of a model: itself, its ready versions, its aliases. What was deleted here is
  // marked there (tag hub.deleted), not deleted. Throws as mlflow::Client.
  void send(const std::string& model_id);
  // Tells the figures of an evaluation that ended, for its job's run and beside the version that
  // they are about. Nothing for other jobs. Call after MlflowRuns::send(). Throws as
  // mlflow::Client.
  void send_figures(const std::string& job_id);

 private:
  base::Json send_model(const registry::Model& model, base::Json link);
  // Returns the number there.
  std::string send_version(const std::string& name, const registry::Version& version);
  void log_model(const registry::Version& version, base::Json& link);
  void send_files(const registry::Version& version, base::Json& link);
  void send_aliases(const registry::Model& model, base::Json& link, const base::Json& numbers);
  // nullopt: the version is gone.
  std::optional<std::string> logged_model_of(const std::string& version_id);
  void mark_deleted(const std::string& name, base::Json& link, const base::Json& numbers);
  mlflow::Tags tags_of(const registry::Version& version);

  const MlflowSources& sources_;
  mlflow::Client& client_;
  jobs::MlflowOutbox& outbox_;
  MlflowRuns& runs_;
  const std::uint64_t artifact_limit_bytes_;
};

}  // namespace hub::hub
