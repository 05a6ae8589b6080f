#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "core/artifacts/artifact_store.h"
#include "core/base/clock.h"
#include "core/hub/mlflow_options.h"
#include "core/jobs/event_log.h"
#include "core/jobs/job_queue.h"
#include "core/jobs/mlflow_outbox.h"
#include "core/mlflow/client.h"
#include "core/registry/alias_registry.h"
#include "core/registry/dataset_registry.h"
#include "core/registry/evaluation_registry.h"
#include "core/registry/model_registry.h"

namespace hub::hub {

// What is told comes from these; all outlive it.
struct MlflowSources {
  registry::ModelRegistry& models;
  registry::AliasRegistry& aliases;
  registry::DatasetRegistry& datasets;
  registry::EvaluationRegistry& evaluations;
  jobs::JobQueue& queue;
  const artifacts::ArtifactStore& artifacts;
};

// Tells an MLflow 3 server of models, versions, aliases and jobs, on a thread of its own: nobody
// else waits for it, and a server that is down, slow or refuses costs nothing but time. What it has
// to tell is in the database (core/jobs/mlflow_outbox.h), so a crash loses nothing. Thread-safe.
class MlflowSync {
 public:
  enum class State : std::uint8_t { kOff, kStarting, kConnected, kUnreachable };
  struct Status {
    State state = State::kOff;
    std::string uri;
    bool verified = true;        // its certificate is looked at, where it has one
    std::string server_version;  // "" until it answered
    std::string error;           // why it is unreachable
    std::optional<std::int64_t> last_sent_ms;
    std::uint64_t delivered = 0;  // objects, since start()
    jobs::MlflowOutbox::Counts outbox;
  };
  // How an object stands; `error`: why it was refused.
  struct ObjectState {
    bool waiting = false;
    std::string error;
    std::string link;  // to MLflow's page of it; "" before it is there
  };

  // Does nothing at all without options.
  MlflowSync(
      db::Pool& pool,
      jobs::EventLog& events,
      const base::Clock& clock,
      const MlflowSources& sources,
      std::optional<MlflowOptions> options);
  ~MlflowSync();  // stop()

  void start();
  // Ends a call that is under way. Idempotent.
  void stop();

  [[nodiscard]] bool enabled() const { return options_.has_value(); }
  Status status();  // with all that was changed before the call
  ObjectState model_state(const std::string& model_id);
  // What waits, the oldest first.
  std::vector<jobs::MlflowOutbox::Entry> entries(int limit) { return outbox_.entries(limit); }
  // Tries everything at once, also what was refused.
  void retry();

 private:
  void work();
  struct Session;
  // How long to wait afterwards; nullopt: there is more to do.
  std::optional<std::int64_t> turn(Session& session);
  void connect(Session& session);
  void wait(std::uint64_t seen, std::int64_t longest_ms);
  void unreachable(const std::string& error);
  void send(Session& session, const std::string& object);
  void refused(const jobs::MlflowOutbox::Entry& entry, const std::string& error);

  jobs::EventLog& events_;
  const base::Clock& clock_;
  const MlflowSources sources_;
  const std::optional<MlflowOptions> options_;
  jobs::MlflowOutbox outbox_;

  std::mutex mutex_;
  std::condition_variable wake_;
  Status status_;                 // guarded by mutex_
  std::int64_t retry_at_ms_ = 0;  // guarded by mutex_: the server is left alone until then
  int failures_ = 0;              // guarded by mutex_: in a row
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

std::string_view to_string(MlflowSync::State state);

}  // namespace hub::hub
