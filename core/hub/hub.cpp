#include "core/hub/hub.h"

#include <cstdlib>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "core/base/error.h"
#include "core/db/migrations.h"
#include "core/hub/draft_models.h"
#include "core/hub/local_model.h"
#include "core/hub/log_files.h"
#include "core/hub/prefix_folder.h"
#include "core/hub/process_info.h"
#include "core/hub/pull_job.h"
#include "core/hub/push_job.h"
#include "core/hub/state_metrics.h"
#include "core/obs/log.h"

namespace hub::hub {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;

// Makes the folders and brings the database to this program's schema; returns the database's file.
fs::path prepare(const Config& config, const base::Clock& clock) {
  for (const char* name : {"imports", "jobs", "uploads", kLogFolder, "workers"}) {
    std::error_code error;
    fs::create_directories(config.data_dir / name, error);
    if (error) {
      throw Error(
          ErrorCode::kUnavailable,
          fmt::format("cannot create {}: {}", (config.data_dir / name).string(), error.message()));
    }
  }
  const fs::path file = config.data_dir / "hub.db";
  const db::MigrationReport report = db::migrate(file, clock.now_ms());
  if (report.from != report.to) {
    obs::log::info(
        "database_migrated",
        {{"from", report.from}, {"to", report.to}, {"backup", report.backup.string()}});
  }
  return file;
}

std::vector<fs::path> allowed_roots(const Config& config) {
  std::vector<fs::path> roots = {config.data_dir / "imports", config.data_dir};
  roots.insert(roots.end(), config.allow_paths.begin(), config.allow_paths.end());
  // Only a person at a terminal means "here" by a relative path.
  if (::isatty(STDIN_FILENO) != 0) {
    roots.push_back(fs::current_path());
  }
  return roots;
}

std::uint64_t memory_budget(const Config& config) {
  return config.memory_budget_bytes > 0
             ? config.memory_budget_bytes
             : static_cast<std::uint64_t>(
                   static_cast<double>(machine_memory_bytes()) * config.memory_fraction);
}

std::optional<std::string> environment_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

PullPlanner::Options pull_options(const Config& config, const MemoryLedger& ledger) {
  const hf::Overrides overrides{config.hf_endpoint, config.hf_token, config.hf_cache};
  return {
      .downloads_folder = config.data_dir / "downloads",
      .memory_budget_bytes = [&ledger] { return ledger.budget_bytes(); },
      .settings = [overrides] { return hf::read_settings(overrides, environment_variable); }};
}

HostJobKinds host_kinds(
    const PullPlanner& pulls,
    registry::ModelRegistry& models,
    registry::ModelResolver& resolver,
    jobs::JobQueue& queue,
    artifacts::ArtifactStore& artifacts) {
  HostJobKinds kinds;
  kinds["push"] = make_push_kind(
      [&pulls] { return pulls.settings(); }, models, queue, artifacts, pulls.downloads_folder());
  kinds[std::string(jobs::kPullKind)] = make_pull_kind(pulls, models, resolver, artifacts);
  return kinds;
}

ModelPool::Options pool_options(
    const Config& config,
    Integrity& integrity,
    EngineMetrics& metrics,
    std::function<void(const base::EngineUsage&)> on_usage,
    std::function<std::optional<DraftFolder>(const ServedModel&)> draft_for) {
  return {
      .worker_executable = config.worker_executable,
      .runtime_folder = make_runtime_folder(config.data_dir),
      .log_folder = config.data_dir / kLogFolder,
      .record_folder = config.data_dir / "workers",
      .kv_budget_bytes = config.kv_budget_bytes,
      .kv_bits = config.kv_bits,
      .kv_window = config.kv_window,
      .kv_sinks = config.kv_sinks,
      .activation_bits = config.activation_bits,
      .batch_invariant = config.batch_invariant,
      .prefix_folder = config.data_dir / kPrefixFolder,
      .prefix_disk_bytes = config.prefix_disk_bytes,
      .max_running = config.max_running,
      .speculative_tokens = config.speculative_tokens,
      .draft_for = std::move(draft_for),
      .max_waiting = config.max_waiting,
      .threads = config.threads,
      .load_timeout_seconds = config.load_timeout_seconds,
      .job_patience_seconds = config.job_patience_seconds,
      .idle_unload_seconds = config.idle_unload_seconds,
      .stall_seconds = config.engine_stall_seconds,
      .slow_step_seconds = config.engine_slow_step_seconds > 0 ? config.engine_slow_step_seconds
                                                               : config.engine_stall_seconds / 2,
      .check_files = [&integrity](const std::string& id) { integrity.check_before_load(id); },
      .metrics = config.telemetry ? &metrics : nullptr,
      .on_usage = std::move(on_usage)};
}

JobRunner::Options runner_options(
    const Config& config,
    const RankHosts& hosts,
    const fs::path& jobs_folder,
    std::function<base::Json()> server_facts) {
  return {
      .worker_executable = config.worker_executable,
      .jobs_folder = jobs_folder,
      .record_folder = config.data_dir / "workers",
      .log_bytes = config.log_file_bytes,
      .threads = config.threads,
      .server_facts = std::move(server_facts),
      .hosts = hosts,
      .ssh = config.ssh,
      .device_jobs = config.device_jobs,
      .max_attempts = config.job_max_attempts,
      .retry_seconds = config.job_retry_seconds,
      .stall_seconds = config.job_stall_seconds,
      .yield_seconds = config.job_patience_seconds};
}

std::optional<MlflowOptions> told_to(TraceFeed& traces, std::optional<MlflowOptions> options) {
  if (options) {
    options->on_told = [&traces](const MlflowTold& told) { traces.mlflow_told(told); };
  }
  return options;
}

std::unique_ptr<Thermometer> make_thermometer(const Config& config) {
  return config.temperature_sensor.empty() ? make_system_thermometer()
                                           : make_file_thermometer(config.temperature_sensor);
}

}  // namespace

Hub::Hub(Config given, const base::BuildInfo& build)
    : config(std::move(given)),
      lock(config.data_dir),
      database(prepare(config, clock)),
      artifacts(config.data_dir),
      roots(allowed_roots(config)),
      models(database, clock),
      catalog(database),
      aliases(database, clock),
      datasets(database, clock),
      evaluations(database, clock),
      resolver(database, models, aliases),
      integrity(models, artifacts),
      keys(database, clock),
      key_meter(database, clock),
      audit(database, clock),
      settings(database, clock),
      pins(database, clock),
      responses(database, clock, {config.response_store_bytes, config.response_store_seconds}),
      events(database),
      queue(database, clock, {.most_queued = config.queue_limit}),
      garbage(config.data_dir, queue, artifacts, models, datasets),
      rank_hosts(config.hostfile.empty() ? RankHosts() : RankHosts::load(config.hostfile)),
      machine(config.data_dir, machine::make_gpu_reader()),
      ledger(memory_budget(config), available_memory_bytes),
      environment(build, config.settings_file),
      peaks(database, clock),
      pool(
          pool_options(
              config,
              integrity,
              engine_metrics,
              // Engines start after what this calls is made, and end before it does.
              [this](const base::EngineUsage& usage) { take_usage(usage); },
              [this](const ServedModel& model) {
                return find_draft(config.draft_models, model, resolver, artifacts);
              }),
          ledger),
      runner(
          runner_options(
              config,
              rank_hosts,
              jobs_folder(),
              [this] { return environment.facts(ledger.budget_bytes()); }),
          {.database = database,
           .queue = queue,
           .events = events,
           .pool = pool,
           .peaks = peaks,
           .clock = clock},
          make_job_kinds(
              {.models = models,
               .aliases = aliases,
               .datasets = datasets,
               .evaluations = evaluations,
               .artifacts = artifacts,
               .integrity = integrity,
               .ledger = ledger,
               .device = device})),
      pulls(pull_options(config, ledger), artifacts),
      host_runner(
          {.database = database, .queue = queue, .events = events, .clock = clock},
          host_kinds(pulls, models, resolver, queue, artifacts)),
      housekeeper(
          {.pool = pool, .runner = runner, .events = events, .clock = clock, .meter = key_meter},
          make_thermometer(config),
          CoolingRule(config.temperature_limit_celsius, config.temperature_resume_celsius),
          {.folder = config.data_dir / kLogFolder, .most_bytes = config.log_file_bytes}),
      traces(events, exporter_options(config), sample_ratio(config)),
      mlflow(
          database,
          events,
          clock,
          {.models = models,
           .aliases = aliases,
           .datasets = datasets,
           .evaluations = evaluations,
           .queue = queue,
           .artifacts = artifacts},
          told_to(traces, mlflow_options(config, environment_variable))) {
  // Workers of a server that was killed end with their pipes; those that hang are ended here.
  end_recorded_workers(config.data_dir / "workers");
  for (const std::string& version_id : pins.all()) {
    pool.pin(version_id, true);
  }
  pool.on_memory_needed([this] { return runner.yield(); });
  // Files that a crash left without a row would be in the way of the next version's.
  for (const std::string& folder : artifacts.set_aside(models.stored_folders())) {
    obs::log::warning(
        "orphaned_files_set_aside", {{"folder", folder}, {"hint", "mlx-hub gc lists them"}});
  }
  remove_stale_prefixes();
  check_settings();
  metrics.on_scrape([this](obs::MetricSnapshot& snapshot) { tell_state(*this, snapshot); });
  metrics.on_scrape([this](obs::MetricSnapshot& snapshot) { machine.tell(snapshot); });
}

Hub::~Hub() {
  stop();
}

// What a setting's type and range do not say.
void Hub::check_settings() {
  settings.add_check([this](const Settings::Values& next) {
    const bool required = std::get<bool>(next.find(kRequireKeys)->second);
    if (required && !keys.has_live_admin()) {
      throw Error(
          ErrorCode::kConflict,
          "'require_keys' needs a key with scope admin first, or nobody could change it back: "
          "mlx-hub keys create --name admin --scope admin",
          std::string(kRequireKeys),
          "no_admin_key");
    }
    const std::string model = std::get<std::string>(next.find(kDefaultModel)->second);
    if (model != kDefaultModelName) {
      static_cast<void>(resolver.resolve(model));
    }
  });
  constexpr std::int64_t ms_of_day = 86'400'000;
  audit.prune(clock.now_ms() - settings.integer(kAuditKeepDays) * ms_of_day);
}

void Hub::start() {
  device.ask(config.worker_executable, config.threads);
  register_default_model();
  if (config.telemetry) {
    job_events.start();
  }
  host_runner.recover();  // before orphans of the device lane are failed
  runner.start();
  host_runner.start();
  housekeeper.start();
  traces.start();
  mlflow.start();
}

void Hub::stop() {
  events.close();
  host_runner.stop();
  housekeeper.stop();
  runner.stop();
  pool.close(config.drain_timeout_seconds);
  traces.stop();
  mlflow.stop();
  job_events.stop();
  try {
    key_meter.flush();
    audit.flush();
  } catch (const Error& error) {
    obs::log::error("last_counts_not_written", {{"error", error.what()}});
  }
}

void Hub::register_default_model() {
  if (models.find_model(kDefaultModelName)) {
    return;
  }
  if (!fs::exists(config.default_model / "config.json")) {
    obs::log::warning("default_model_missing", {{"folder", config.default_model.string()}});
    return;
  }
  const double begin = base::steady_seconds();
  models.add_model(
      {.name = kDefaultModelName,
       .base_model = config.default_model.string(),
       .description = "SmolLM2-135M-Instruct, 4 bit; the model that comes with the hub",
       .tags_json = "{}",
       .id = std::nullopt},
      describe_local_model(config.default_model));
  obs::log::info(
      "default_model_registered",
      {{"name", kDefaultModelName}, {"seconds", base::steady_seconds() - begin}});
}

void Hub::check_ready() {
  database.write([](db::Connection&) {});  // takes the write lock: the disk and the file are usable
  if (::access(config.worker_executable.c_str(), X_OK) != 0) {
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format(
            "the worker program {} is missing; install the hub again, or run scripts/setup",
            config.worker_executable.string()));
  }
  const std::string model = settings.text(kDefaultModel);
  try {
    static_cast<void>(resolver.resolve(model));
  } catch (const Error& error) {
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format(
            "the default model '{}' cannot be served: {}; install mlx-model-hub[default-model] or "
            "run "
            "scripts/setup (looked in {}), or change the setting default_model",
            model,
            error.what(),
            config.default_model.string()));
  }
}

void Hub::remove_stale_prefixes() {
  std::set<std::string> scopes{""};  // of requests without a key
  for (const registry::ApiKey& key : keys.list()) {
    if (key.is_live(clock.now_ms())) {
      scopes.insert(key.id);
    }
  }
  const fs::path root = config.data_dir / kPrefixFolder;
  remove_prefixes(stale_prefix_folders(root, models.digests()));
  remove_prefixes(stale_prefix_files(root, scopes));
}

void Hub::pin(const std::string& base_version_id, bool pinned) {
  pins.set(base_version_id, pinned);
  pool.pin(base_version_id, pinned);
}

}  // namespace hub::hub
