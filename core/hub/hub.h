#pragma once

#include <filesystem>
#include <memory>

#include "core/artifacts/allowed_roots.h"
#include "core/artifacts/artifact_store.h"
#include "core/base/clock.h"
#include "core/db/pool.h"
#include "core/hub/config.h"
#include "core/hub/engine_metrics.h"
#include "core/hub/event_follower.h"
#include "core/hub/folders.h"
#include "core/hub/garbage.h"
#include "core/hub/host_runner.h"
#include "core/hub/housekeeper.h"
#include "core/hub/import_progress.h"
#include "core/hub/integrity.h"
#include "core/hub/job_environment.h"
#include "core/hub/job_metrics.h"
#include "core/hub/job_runner.h"
#include "core/hub/key_metrics.h"
#include "core/hub/machine_metrics.h"
#include "core/hub/memory_ledger.h"
#include "core/hub/mlflow_sync.h"
#include "core/hub/model_pool.h"
#include "core/hub/pull_plan.h"
#include "core/hub/rank_hosts.h"
#include "core/hub/settings.h"
#include "core/hub/trace_feed.h"
#include "core/hub/worker_device.h"
#include "core/jobs/event_log.h"
#include "core/jobs/job_queue.h"
#include "core/jobs/peak_memory.h"
#include "core/obs/metrics.h"
#include "core/registry/alias_registry.h"
#include "core/registry/audit_log.h"
#include "core/registry/dataset_registry.h"
#include "core/registry/evaluation_registry.h"
#include "core/registry/key_meter.h"
#include "core/registry/key_registry.h"
#include "core/registry/model_catalog.h"
#include "core/registry/model_registry.h"
#include "core/registry/model_resolver.h"
#include "core/registry/pin_store.h"
#include "core/registry/response_store.h"

namespace hub::hub {

// Name under which the prepared default model is registered at the first start.
inline constexpr const char* kDefaultModelName = "smollm2-135m-instruct";

// Everything a server is made of, in construction order. Knows processes, files and tables; never
// HTTP.
class Hub {
 public:
  // Takes the data folder, migrates the database. Throws Error when the folder is taken or
  // unusable.
  // `build` is that of the program, for the environment of jobs.
  explicit Hub(Config config, const base::BuildInfo& build = {});
  ~Hub();  // stop()

  // Registers the default model where it is missing, takes up the job queue.
  void start();
  // Drains engines; the running job writes a checkpoint and goes on at the next start. Idempotent.
  void stop();

  // What the server answers with 200 at /readyz; throws kUnavailable saying what is missing.
  void check_ready();

  // A pinned version's engine is never unloaded to make room or for being idle; kept over a
  // restart.
  void pin(const std::string& base_version_id, bool pinned);

  // Files of kept prefixes whose version is gone or whose key is no longer one are removed. Called
  // at the start, and by whoever removes a version or a key, after its engine has ended.
  void remove_stale_prefixes();

  // The engine and adapter of a resolved `model` value.
  // Throws kUnprocessable when the adapter's configuration cannot be read.
  [[nodiscard]] ServedModel served_model(const registry::ResolvedModel& resolved) const;

  // Folders made at construction.
  [[nodiscard]] std::filesystem::path jobs_folder() const { return config.data_dir / "jobs"; }
  [[nodiscard]] std::filesystem::path uploads_folder() const { return config.data_dir / "uploads"; }

  const Config config;
  const base::SystemClock clock;
  const DataFolderLock lock;
  db::Pool database;
  artifacts::ArtifactStore artifacts;
  artifacts::AllowedRoots roots;  // of client-given paths
  ImportTable imports{clock};     // that run now
  registry::ModelRegistry models;
  registry::ModelCatalog catalog;
  registry::AliasRegistry aliases;
  registry::DatasetRegistry datasets;
  registry::EvaluationRegistry evaluations;
  registry::ModelResolver resolver;
  Integrity integrity;
  registry::KeyRegistry keys;
  registry::KeyMeter key_meter;
  registry::AuditLog audit;
  Settings settings;
  registry::PinStore pins;
  registry::ResponseStore responses;  // of POST /v1/responses
  jobs::EventLog events;
  jobs::JobQueue queue;
  Garbage garbage;
  const RankHosts rank_hosts;  // of data-parallel jobs
  obs::Metrics metrics;
  EngineMetrics engine_metrics{metrics};
  JobMetrics job_metrics{metrics};
  KeyMetrics key_metrics{metrics};
  EventFollower job_events{
      events, "job metrics", [this](const jobs::Event& event) { job_metrics.add(event); }};
  MachineMetrics machine;
  MemoryLedger ledger;
  const ServerEnvironment environment;  // of jobs
  WorkerDevice device;
  jobs::PeakMemory peaks;
  ModelPool pool;
  JobRunner runner;
  PullPlanner pulls;
  HostRunner host_runner;
  Housekeeper housekeeper;
  TraceFeed traces;
  MlflowSync mlflow;

 private:
  void check_settings();
  void take_usage(const base::EngineUsage& usage);  // an engine's reading thread
  void register_default_model();
};

}  // namespace hub::hub
