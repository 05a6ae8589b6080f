#pragma once

#include <optional>
#include <string>

#include "core/hub/mlflow_sync.h"

namespace hub::hub {

// Jobs as MLflow runs. Every function may be repeated after a failure at any point.
class MlflowRuns {
 public:
  // All outlive it. One thread.
  MlflowRuns(
      const MlflowSources& sources,
      mlflow::Client& client,
      jobs::MlflowOutbox& outbox,
      std::string experiment);

  // Tells what is new of a job; its run. nullopt: it has none, since it never ran, is gone, or is
  // of a kind that computes nothing. Throws as mlflow::Client.
  std::optional<std::string> send(const std::string& job_id);
  // The experiment's id.
  std::string experiment();

 private:
  base::Json begin(const jobs::Job& job, const std::string& object);
  void send_inputs(const jobs::Job& job, const std::string& run);
  // Returns the ordinal of the last report that was sent.
  std::int64_t send_reports(const jobs::Job& job, const std::string& run, std::int64_t after);

  const MlflowSources& sources_;
  mlflow::Client& client_;
  jobs::MlflowOutbox& outbox_;
  const std::string experiment_name_;
  std::string experiment_id_;
};

}  // namespace hub::hub
